//! Texts: prepared as a terminal shows them, compared line by line, and their differing lines.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use crate::{
    difference::{DiffLine, Difference, around, shown},
    masks::{Counts, Flavour, Mask, count, spans},
    options::Options,
    token::{Kind, Token, equal_lines},
};

/// Lines on each side that a whole diff is made of; of longer texts the first difference is shown.
const MOST_LINES: usize = 5_000;
/// How long a diff may be looked for.
const PATIENCE: Duration = Duration::from_millis(300);
/// Stands for what the user's own patterns match.
const PLACEHOLDER: &str = "⟨…⟩";

/// Compares two texts; `None` where they are equal.
pub(crate) fn compare(
    expected: &str,
    actual: &str,
    flavour: Flavour,
    options: &Options,
    counts: &mut Counts,
) -> Option<Difference> {
    if expected == actual {
        return None;
    }
    let mut accepted = Counts::new();
    let expected = prepared(expected, options, &mut accepted);
    let actual = prepared(actual, options, &mut accepted);
    let found = if options.is_exact() {
        exactly(&expected, &actual, options)
    } else {
        by_lines(&expected, &actual, flavour, options, &mut accepted)
    };
    if found.is_none() {
        for (mask, times) in accepted {
            count(counts, mask, times);
        }
    }
    found
}

/// What the user asked to replace is replaced; unless told to be exact, what a terminal would not show is taken out.
fn prepared<'t>(text: &'t str, options: &Options, counts: &mut Counts) -> Cow<'t, str> {
    let mut text = Cow::Borrowed(text);
    if let Cow::Owned(sanitized) = options.sanitizer.apply(&text) {
        text = Cow::Owned(sanitized);
        count(counts, Mask::Sanitized, 1);
    }
    for pattern in &options.patterns {
        if let Cow::Owned(replaced) = pattern.0.replace_all(&text, PLACEHOLDER) {
            text = Cow::Owned(replaced);
            count(counts, Mask::Patterns, 1);
        }
    }
    if options.is_exact() {
        return text;
    }
    if text.contains('\u{1b}') {
        text = Cow::Owned(without_escapes(&text));
        count(counts, Mask::Ansi, 1);
    }
    if text.contains('\r') {
        text = Cow::Owned(as_overwritten(&text));
        count(counts, Mask::OverwrittenLines, 1);
    }
    text
}

/// Takes out the sequences that set colours and move the cursor (`ESC [ … letter`), and titles (`ESC ] … BEL`).
fn without_escapes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('\u{1b}') {
        kept.push_str(&rest[..start]);
        let sequence = &rest[start + 1..];
        rest = match sequence.as_bytes().first() {
            Some(b'[') => {
                let end = sequence[1..].find(|c: char| ('@'..='~').contains(&c));
                end.map_or("", |end| &sequence[end + 2..])
            }
            Some(b']') => sequence
                .find(['\u{7}', '\u{1b}'])
                .map_or("", |end| &sequence[end..])
                .trim_start_matches('\u{7}'),
            _ => sequence,
        };
    }
    kept + rest
}

/// What stands in each line after the last carriage return that something follows.
fn as_overwritten(text: &str) -> String {
    let last = |line: &str| -> String {
        let line = line.trim_end_matches('\r');
        line.rsplit('\r').next().unwrap_or_default().to_owned()
    };
    text.split('\n').map(last).collect::<Vec<_>>().join("\n")
}

fn exactly(expected: &str, actual: &str, options: &Options) -> Option<Difference> {
    if expected == actual {
        return None;
    }
    let (left, right): (Vec<&str>, Vec<&str>) = (
        expected.split_inclusive('\n').collect(),
        actual.split_inclusive('\n').collect(),
    );
    let first = left
        .iter()
        .zip(&right)
        .take_while(|(left, right)| left == right)
        .count();
    Some(different(&left, &right, first, None, options, &|left, right| {
        left == right
    }))
}

fn by_lines(
    expected: &str,
    actual: &str,
    flavour: Flavour,
    options: &Options,
    counts: &mut Counts,
) -> Option<Difference> {
    let ends = [expected, actual].map(|text| &text[text.trim_end().len()..]);
    count(counts, Mask::Whitespace, u64::from(ends[0] != ends[1]));
    let (left, right): (Vec<&str>, Vec<&str>) = (
        expected.trim_end().lines().collect(),
        actual.trim_end().lines().collect(),
    );
    let mut equal = |left: &str, right: &str| equal_lines(left, right, flavour, options, counts).is_ok();
    let first = left
        .iter()
        .zip(&right)
        .take_while(|(left, right)| equal(left, right))
        .count();
    if first == left.len() && first == right.len() {
        return None;
    }
    let unequal = left
        .get(first)
        .zip(right.get(first))
        .and_then(|(left, right)| equal_lines(left, right, flavour, options, &mut Counts::new()).err());
    let equal =
        |left: &str, right: &str| equal_lines(left, right, flavour, options, &mut Counts::new()).is_ok();
    Some(different(&left, &right, first, unequal, options, &equal))
}

/// The report of two lists of lines that differ from a line on.
fn different(
    left: &[&str],
    right: &[&str],
    first: usize,
    unequal: Option<(Option<Token<'_>>, Option<Token<'_>>)>,
    options: &Options,
    equal: &dyn Fn(&str, &str) -> bool,
) -> Difference {
    let (expected, actual) = (left.get(first), right.get(first));
    let offset = |line: &str, token: Option<Token<'_>>| {
        token.map_or(0, |token| token.text.as_ptr().addr() - line.as_ptr().addr())
    };
    let (of_expected, of_actual) = unequal.unwrap_or_default();
    let numbers = match (
        of_expected.map(|token| token.kind),
        of_actual.map(|token| token.kind),
    ) {
        (Some(Kind::Number(wanted)), Some(Kind::Number(given))) => {
            Some(options.tolerance.told(wanted, given))
        }
        _ => None,
    };
    let told = |line: Option<&&str>, token| line.map(|line| around(line, offset(line, token), options));
    Difference {
        place: (left.len() > 1 || right.len() > 1).then(|| format!("line {}", first + 1)),
        expected: told(expected, of_expected),
        actual: told(actual, of_actual),
        detail: numbers,
        diff: shown(&diff(left, right, first, equal), options),
    }
}

/// The lines that differ, with a line before each group of them.
fn diff<'t>(
    left: &[&'t str],
    right: &[&'t str],
    first: usize,
    equal: &dyn Fn(&str, &str) -> bool,
) -> Vec<DiffLine<'t>> {
    if left.len().max(right.len()) > MOST_LINES {
        let mut lines = Vec::new();
        lines.extend(left.get(first).map(|line| DiffLine::Expected(line)));
        lines.extend(right.get(first).map(|line| DiffLine::Actual(line)));
        return lines;
    }
    let mut whole = Vec::new();
    // What the rules accept must not look like a difference here: it is compared under one name.
    let names = |lines: &[&str]| lines.iter().map(|line| canonical(line)).collect::<Vec<_>>();
    let deadline = Some(Instant::now() + PATIENCE);
    for op in capture_diff_slices_deadline(Algorithm::Myers, &names(left), &names(right), deadline) {
        match op {
            DiffOp::Equal { new_index, len, .. } => {
                whole.extend(
                    right[new_index..new_index + len]
                        .iter()
                        .map(|line| DiffLine::Same(line)),
                );
            }
            DiffOp::Delete {
                old_index, old_len, ..
            } => {
                whole.extend(
                    left[old_index..old_index + old_len]
                        .iter()
                        .map(|line| DiffLine::Expected(line)),
                );
            }
            DiffOp::Insert {
                new_index, new_len, ..
            } => {
                whole.extend(
                    right[new_index..new_index + new_len]
                        .iter()
                        .map(|line| DiffLine::Actual(line)),
                );
            }
            DiffOp::Replace {
                old_index,
                old_len,
                new_index,
                new_len,
            } => replaced(
                &left[old_index..old_index + old_len],
                &right[new_index..new_index + new_len],
                equal,
                &mut whole,
            ),
        }
    }
    folded(&whole)
}

/// Lines in the place of others: those that are equal by tolerance are the same.
fn replaced<'t>(
    left: &[&'t str],
    right: &[&'t str],
    equal: &dyn Fn(&str, &str) -> bool,
    whole: &mut Vec<DiffLine<'t>>,
) {
    if left.len() != right.len() {
        whole.extend(left.iter().map(|line| DiffLine::Expected(line)));
        whole.extend(right.iter().map(|line| DiffLine::Actual(line)));
        return;
    }
    for (left, right) in left.iter().zip(right) {
        if equal(left, right) {
            whole.push(DiffLine::Same(right));
        } else {
            whole.extend([DiffLine::Expected(left), DiffLine::Actual(right)]);
        }
    }
}

fn canonical(line: &str) -> String {
    let mut out = String::new();
    let mut at = 0;
    for span in spans(line, Flavour::Markup) {
        out.push_str(&line[at..span.start]);
        if span.mask == Mask::Timestamps {
            out.push_str(&line[span.start..span.end]);
        } else {
            out.push_str(PLACEHOLDER);
        }
        at = span.end;
    }
    out.push_str(&line[at..]);
    out.trim_end().to_owned()
}

/// Leaves out equal lines but one before each difference.
fn folded<'t>(lines: &[DiffLine<'t>]) -> Vec<DiffLine<'t>> {
    let is_same = |line: Option<&DiffLine<'_>>| matches!(line, Some(DiffLine::Same(_)));
    let mut out = Vec::new();
    let mut gap = 0;
    for (position, line) in lines.iter().enumerate() {
        let is_near = position + 1 < lines.len() && !is_same(lines.get(position + 1));
        if is_same(Some(line)) && !is_near {
            gap += 1;
            continue;
        }
        if gap > 0 {
            out.push(DiffLine::Gap(gap));
            gap = 0;
        }
        out.push(*line);
    }
    out
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(expected: &str, actual: &str, told: &Expect) {
        told.assert_eq(&tell(expected, actual, &Options::default()));
    }

    fn tell(expected: &str, actual: &str, options: &Options) -> String {
        let mut counts = Counts::new();
        match compare(expected, actual, Flavour::Plain, options, &mut counts) {
            None => {
                let counts = counts
                    .iter()
                    .map(|(mask, times)| format!("{} {times}\n", mask.as_str()));
                format!("equal\n{}", counts.collect::<String>())
            }
            Some(Difference {
                place,
                expected,
                actual,
                detail,
                diff,
            }) => {
                let parts = [place, expected, actual, detail];
                let parts: Vec<String> = parts
                    .into_iter()
                    .map(|part| part.unwrap_or_else(|| "-".to_owned()))
                    .collect();
                format!("{}\n{diff}", parts.join(" | "))
            }
        }
    }

    #[test]
    fn a_line_that_differs_is_shown_with_the_one_above() {
        check(
            "a\nb\nloss 0.50\nend\n",
            "a\nb\nloss 0.57\nend\n",
            &expect![[r#"
                line 3 | loss 0.50 | loss 0.57 | 14 % apart, 0.01 % allowed
                … 1 equal line
                  b
                - loss 0.50
                + loss 0.57
            "#]],
        );
    }

    #[test]
    fn a_line_more_is_one_difference_and_not_all_lines_after_it() {
        check(
            "a\nb\nc\nd\n",
            "a\nnew\nb\nc\nd\n",
            &expect![[r#"
                line 2 | b | new | -
                  a
                + new
            "#]],
        );
    }

    #[test]
    fn lines_that_are_equal_by_rule_are_not_shown() {
        check(
            "<a at 0x7f0001>\n0.5\nx\n",
            "<a at 0x7f0002>\n0.50001\ny\n",
            &expect![[r#"
                line 3 | x | y | -
                … 1 equal line
                  0.50001
                - x
                + y
            "#]],
        );
    }

    #[test]
    fn colours_and_overwritten_lines_are_as_a_terminal_shows_them() {
        check(
            "\u{1b}[31mred\u{1b}[0m\r\n10%\r100%\n",
            "red\n100%\n",
            &expect![[r#"
                equal
                terminal colours 1
                overwritten lines 1
            "#]],
        );
    }

    #[test]
    fn a_difference_far_in_a_long_line_is_in_what_is_shown() {
        let line = "x ".repeat(5000);
        let told = tell(
            &format!("{line}1{line}"),
            &format!("{line}2{line}"),
            &Options::default(),
        );
        assert!(told.contains("x 1x") && told.contains("x 2x"), "{told}");
    }

    #[test]
    fn the_strategy_exact_accepts_nothing_but_own_patterns() {
        let exact = Options {
            strategy: nbvet_report::ComparisonStrategy::Exact,
            patterns: vec![crate::Pattern::new(r"run \d+").unwrap()],
            ..Options::default()
        };
        assert_eq!(tell("run 1", "run 2", &exact), "equal\nown patterns 2\n");
        for (expected, actual) in [
            ("<a at 0x7f0001>", "<a at 0x7f0002>"),
            ("1.00005", "1.00004"),
            ("a ", "a"),
        ] {
            assert!(!tell(expected, actual, &exact).starts_with("equal"), "{expected}");
        }
    }

    #[test]
    fn texts_of_many_megabytes_are_compared_in_seconds() {
        let lines = |end: &str| "0.5 <a at 0x7f0001> 2024-01-01 text\n".repeat(300_000) + end;
        let since = Instant::now();
        let told = tell(
            &lines("1\n"),
            &lines("2\n").replace("0001>", "0002>"),
            &Options::default(),
        );
        assert!(told.starts_with("line 300001 | 1 | 2"), "{}", &told[..100]);
        assert!(since.elapsed() < Duration::from_mins(1), "{:?}", since.elapsed());
    }
}
