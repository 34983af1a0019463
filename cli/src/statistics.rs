//! `nbvet lint --statistics`: how often each rule was found, and how often readers found it right.

use std::{cmp::Reverse, collections::BTreeMap, fmt::Write as _};

use anstyle::Style;
use nbvet_report::{Report, Severity};

const HEAD: Style = Style::new().bold();

/// How often a rule was found at one severity.
#[derive(Default)]
struct Count {
    found: usize,
    notebooks: usize,
    last: Option<usize>,
}

/// A table, the gravest and then the most frequent first; an empty line ends it.
pub(crate) fn table(report: &Report) -> String {
    let mut counts: BTreeMap<(Severity, &str, &str), Count> = BTreeMap::new();
    for (index, notebook) in report.notebooks.iter().enumerate() {
        for found in &notebook.diagnostics {
            let rule = (found.severity, &*found.rule.id, &*found.rule.name);
            let count = counts.entry(rule).or_default();
            count.found += 1;
            if count.last.replace(index) != Some(index) {
                count.notebooks += 1;
            }
        }
    }
    if counts.is_empty() {
        return String::new();
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|((severity, ..), count)| (Reverse(*severity), Reverse(count.found)));
    let width = rows.iter().map(|((_, _, name), _)| name.len()).max().unwrap_or(0);
    let mut out = format!(
        "{HEAD}{:<5}  {:<width$}  {:<8}  {:>7}  {:>9}  judged harmful by readers{HEAD:#}\n",
        "id", "name", "severity", "found", "notebooks",
    );
    for ((severity, id, name), count) in rows {
        let _ = writeln!(
            out,
            "{id:<5}  {name:<width$}  {severity:<8}  {:>7}  {:>9}  {}",
            count.found,
            count.notebooks,
            right(name, severity),
        );
    }
    out + "\n"
}

/// `48 of 50 (96 %)`: of the hits at this severity in real notebooks that people have read.
fn right(name: &str, severity: Severity) -> String {
    let figures = nbvet_rules::measured(name).find(|figures| figures.severity == severity);
    figures.map_or_else(
        || "-".to_owned(),
        |figures| {
            let share = format!("{} of {}", figures.right, figures.labelled);
            // Of a few hits a share says little.
            match figures.labelled {
                0..10 => share,
                labelled => format!("{share} ({} %)", 100 * figures.right / labelled),
            }
        },
    )
}
