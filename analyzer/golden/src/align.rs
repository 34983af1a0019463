//! Which cell of the golden notebook stands for which cell of the notebook: by id, then by source, so that a cell put
//! in between is one cell more and not another one everywhere below it.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use similar::{Algorithm, DiffOp, TextDiff, capture_diff_slices_deadline};

/// How alike two sources must be for their cells to be one and the same.
const ALIKE: f32 = 0.6;
/// Pairs of cells whose sources are compared in one gap; larger gaps are matched by position.
const MOST_PAIRS: usize = 10_000;
/// Bytes of a source that are looked at.
const MOST_SOURCE: usize = 4_000;
/// How long the longest common sequence may be looked for.
const PATIENCE: Duration = Duration::from_millis(500);

/// What alignment knows of a cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) source: &'a str,
}

/// For each actual cell the position of its golden cell. No golden cell stands for two.
pub(crate) fn align(golden: &[Key<'_>], actual: &[Key<'_>]) -> Vec<Option<usize>> {
    let mut pairs = Pairs {
        of: vec![None; actual.len()],
        taken: vec![false; golden.len()],
    };
    let by_id = same_ids(golden, actual);
    for (of_golden, of_actual) in &by_id {
        if alike(golden[*of_golden].source, actual[*of_actual].source) >= ALIKE {
            pairs.pair(*of_golden, *of_actual);
        }
    }
    by_equal_source(golden, actual, &mut pairs);
    by_similar_source(golden, actual, &mut pairs);
    // The same id is the same cell, however much of it was written anew.
    for (of_golden, of_actual) in by_id {
        pairs.pair(of_golden, of_actual);
    }
    pairs.of
}

struct Pairs {
    of: Vec<Option<usize>>,
    taken: Vec<bool>,
}

impl Pairs {
    fn pair(&mut self, golden: usize, actual: usize) {
        if self.of[actual].is_none() && !self.taken[golden] {
            self.of[actual] = Some(golden);
            self.taken[golden] = true;
        }
    }
}

/// Pairs of golden and actual cells that have one id; an id that is used twice names nothing.
fn same_ids(golden: &[Key<'_>], actual: &[Key<'_>]) -> Vec<(usize, usize)> {
    let golden = unique_ids(golden);
    let mut pairs: Vec<(usize, usize)> = unique_ids(actual)
        .into_iter()
        .filter_map(|(id, actual)| Some((*golden.get(id)?, actual)))
        .collect();
    pairs.sort_unstable();
    pairs
}

fn unique_ids<'a>(keys: &[Key<'a>]) -> HashMap<&'a str, usize> {
    let (mut ids, mut twice) = (HashMap::new(), HashSet::new());
    for (position, key) in keys.iter().enumerate() {
        if let Some(id) = key.id
            && ids.insert(id, position).is_some()
        {
            twice.insert(id);
        }
    }
    ids.retain(|id, _| !twice.contains(id));
    ids
}

/// The longest common sequence of equal sources among the cells that have no pair yet.
fn by_equal_source(golden: &[Key<'_>], actual: &[Key<'_>], pairs: &mut Pairs) {
    let (open_golden, open_actual) = open(pairs);
    let source = |keys: &[Key<'_>], positions: &[usize]| -> Vec<String> {
        positions
            .iter()
            .map(|position| keys[*position].source.trim_end().to_owned())
            .collect()
    };
    let (left, right) = (source(golden, &open_golden), source(actual, &open_actual));
    let deadline = Some(Instant::now() + PATIENCE);
    for op in capture_diff_slices_deadline(Algorithm::Myers, &left, &right, deadline) {
        if let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = op
        {
            for step in 0..len {
                pairs.pair(open_golden[old_index + step], open_actual[new_index + step]);
            }
        }
    }
}

fn open(pairs: &Pairs) -> (Vec<usize>, Vec<usize>) {
    let golden = (0..pairs.taken.len()).filter(|position| !pairs.taken[*position]);
    let actual = (0..pairs.of.len()).filter(|position| pairs.of[*position].is_none());
    (golden.collect(), actual.collect())
}

/// The most alike first; but not across cells that have a pair already.
fn by_similar_source(golden: &[Key<'_>], actual: &[Key<'_>], pairs: &mut Pairs) {
    let (open_golden, open_actual) = open(pairs);
    if open_golden.len().saturating_mul(open_actual.len()) > MOST_PAIRS {
        return;
    }
    let mut candidates = Vec::new();
    for of_actual in &open_actual {
        for of_golden in &open_golden {
            let share = alike(golden[*of_golden].source, actual[*of_actual].source);
            if share >= ALIKE && keeps_order(*of_golden, *of_actual, pairs) {
                candidates.push((share, *of_golden, *of_actual));
            }
        }
    }
    candidates.sort_by(|left, right| right.0.total_cmp(&left.0));
    for (_, of_golden, of_actual) in candidates {
        if keeps_order(of_golden, of_actual, pairs) {
            pairs.pair(of_golden, of_actual);
        }
    }
}

fn keeps_order(golden: usize, actual: usize, pairs: &Pairs) -> bool {
    let before = pairs.of[..actual].iter().rev().flatten().next();
    let after = pairs.of[actual..].iter().flatten().next();
    before.is_none_or(|before| *before < golden) && after.is_none_or(|after| golden < *after)
}

/// How alike two sources are, from 0 to 1.
fn alike(left: &str, right: &str) -> f32 {
    if left.trim_end() == right.trim_end() {
        return 1.0;
    }
    let short = |text: &'_ str| text[..text.floor_char_boundary(MOST_SOURCE)].to_owned();
    let (left, right) = (short(left), short(right));
    TextDiff::configure()
        .timeout(Duration::from_millis(20))
        .diff_words(&left, &right)
        .ratio()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(sources: &[String]) -> Vec<Key<'_>> {
        sources.iter().map(|source| Key { id: None, source }).collect()
    }

    fn key<'a>(cell: &&'a str) -> Key<'a> {
        match cell.split_once(':') {
            Some((id, source)) => Key { id: Some(id), source },
            None => Key {
                id: None,
                source: cell,
            },
        }
    }

    /// Cells as `id:source`, or `source` alone.
    fn check(golden: &[&'static str], actual: &[&'static str], expected: &[Option<usize>]) {
        let all = |cells: &[&'static str]| -> Vec<Key<'static>> { cells.iter().map(key).collect() };
        assert_eq!(align(&all(golden), &all(actual)), expected);
    }

    #[test]
    fn a_cell_put_in_between_moves_the_others_and_changes_none() {
        check(
            &["a = 1", "print(a)"],
            &["a = 1", "b = 2", "print(a)"],
            &[Some(0), None, Some(1)],
        );
        check(
            &["a = 1", "b = 2", "print(a)"],
            &["a = 1", "print(a)"],
            &[Some(0), Some(2)],
        );
    }

    #[test]
    fn an_id_is_followed_to_where_its_cell_went() {
        check(
            &["x:a = 1", "y:print(a)"],
            &["y:print(a)", "x:a = 1"],
            &[Some(1), Some(0)],
        );
    }

    #[test]
    fn ids_that_only_count_cells_do_not_outvote_the_sources() {
        check(
            &["0:import pandas", "1:df.head()", "2:df.tail()"],
            &[
                "0:import pandas",
                "1:new_cell(1, 2)",
                "2:df.head()",
                "3:df.tail()",
            ],
            &[Some(0), None, Some(1), Some(2)],
        );
    }

    #[test]
    fn a_cell_that_was_edited_is_still_that_cell() {
        check(
            &["a = load('x.csv')\nprint(a.sum())", "other()"],
            &["a = load('y.csv')\nprint(a.sum())", "other()"],
            &[Some(0), Some(1)],
        );
        check(&["x:a = 1"], &["x:something quite different"], &[Some(0)]);
    }

    #[test]
    fn ids_that_are_used_twice_name_nothing() {
        check(
            &["x:a = 1", "x:b = 2"],
            &["x:b = 2", "x:zzz(0)"],
            &[Some(1), None],
        );
    }

    #[test]
    fn thousands_of_cells_are_aligned_in_seconds() {
        let sources =
            |name: &str| -> Vec<String> { (0..3000).map(|n| format!("{name}_{n} = {name}({n})")).collect() };
        let (golden, actual) = (sources("value"), sources("other_one"));
        let since = Instant::now();
        assert_eq!(align(&keys(&golden), &keys(&actual)).len(), 3000);
        assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    }
}
