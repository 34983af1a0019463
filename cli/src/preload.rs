//! Which modules are imported once for many notebooks of a batch. Only such as these notebooks import themselves, before
//! anything that could change them; only what is known to do nothing but define names when it is imported.

use std::{collections::BTreeSet, fs};

use nbvet_engine::early_imports;
use nbvet_protocol::Isolation;
use nbvet_report::Level;

use crate::{
    batch::{Item, with_stack},
    guard,
};

/// Modules that may be imported before a fork: they compute nothing and start nothing that a fork would break. Measured
/// with their threads (those of `OpenBLAS`) there; polars deadlocks in a child once its parent has used it, torch and tensorflow
/// may hold a device.
const SAFE: &[&str] = &[
    "matplotlib",
    "matplotlib.pyplot",
    "numpy",
    "pandas",
    "scipy",
    "scipy.stats",
    "seaborn",
    "sklearn",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.preprocessing",
];
/// Interpreters that are kept with modules imported; each holds some 130 MB.
const MOST: usize = 3;
/// Notebooks whose own sets of modules are weighed against each other.
const SAMPLE: usize = 200;

type Modules = BTreeSet<&'static str>;

/// For each notebook the modules that are imported for it. Nothing at staging and production: what is published has seen
/// its own imports.
pub(crate) fn plan(items: &[Item], isolation: Isolation) -> Vec<Vec<String>> {
    let may = |item: &Item| {
        isolation == Isolation::Fork && items.len() > 1 && item.settings.engine.level <= Level::Development
    };
    let of_item = |item: &Item| if may(item) { wishes(item) } else { Modules::new() };
    // Where reading one panics, that is told when its turn comes.
    let guarded = |item: &Item| guard::catch(|| of_item(item)).unwrap_or_default();
    let wishes: Vec<Modules> = with_stack(|| items.iter().map(guarded).collect());
    let chosen = choose(&wishes);
    let of = |wishes: &Modules| {
        let best = chosen
            .iter()
            .filter(|set| set.is_subset(wishes))
            .max_by_key(|set| set.len());
        best.map_or_else(Vec::new, |set| set.iter().map(|&name| name.to_owned()).collect())
    };
    wishes.iter().map(of).collect()
}

/// What a notebook allows; nothing where it cannot be read, which is told when its turn comes.
fn wishes(item: &Item) -> Modules {
    let ordinary = fs::metadata(&item.path).is_ok_and(|found| found.is_file());
    let bytes = if ordinary { fs::read(&item.path).ok() } else { None };
    let notebook = bytes.and_then(|bytes| nbvet_notebook::read(&bytes).notebook);
    notebook.map_or_else(Modules::new, |notebook| {
        early_imports(&notebook, SAFE).into_iter().collect()
    })
}

/// Sets of modules, each worth an interpreter of its own: what it saves its notebooks is more than its start costs, in
/// modules imported.
fn choose(wishes: &[Modules]) -> Vec<Modules> {
    let distinct: BTreeSet<&Modules> = wishes.iter().filter(|set| !set.is_empty()).take(SAMPLE).collect();
    let pairs = distinct
        .iter()
        .flat_map(|left| distinct.iter().map(|right| *left & *right));
    let candidates: BTreeSet<Modules> = pairs.filter(|set| !set.is_empty()).collect();
    let mut chosen: Vec<Modules> = Vec::new();
    let mut served = vec![0; wishes.len()];
    while chosen.len() < MOST {
        let gain = |set: &Modules| {
            let saved = wishes.iter().zip(&served).filter(|(wish, _)| set.is_subset(wish));
            saved
                .map(|(_, served)| set.len().saturating_sub(*served))
                .sum::<usize>()
        };
        let best = candidates.iter().max_by_key(|set| gain(set));
        let Some(best) = best.filter(|set| gain(set) > set.len()) else {
            break;
        };
        for (wish, served) in wishes.iter().zip(&mut served) {
            if best.is_subset(wish) {
                *served = (*served).max(best.len());
            }
        }
        chosen.push(best.clone());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wishes: &[&[&'static str]], expected: &[&[&'static str]]) {
        let wishes: Vec<Modules> = wishes.iter().map(|set| set.iter().copied().collect()).collect();
        let expected: Vec<Modules> = expected.iter().map(|set| set.iter().copied().collect()).collect();
        assert_eq!(choose(&wishes), expected);
    }

    #[test]
    fn one_notebook_is_not_worth_an_interpreter() {
        check(&[&["numpy", "pandas"], &[], &[]], &[]);
    }

    #[test]
    fn what_notebooks_share_is_imported_for_them() {
        check(
            &[&["numpy", "pandas"], &["numpy", "seaborn"], &["numpy", "scipy"]],
            &[&["numpy"]],
        );
    }

    #[test]
    fn many_notebooks_that_import_more_get_an_interpreter_of_their_own() {
        let (few, many): (&[&str], &[&str]) = (&["numpy"], &["numpy", "pandas", "scipy", "sklearn"]);
        check(&[few, few, few, many, many], &[many, few]);
    }
}
