//! `nbvet lint --statistics`: how often each rule was found, and how often readers found it right.

use std::{cmp::Reverse, collections::BTreeMap, fmt::Write as _};

use anstyle::Style;
use nbvet_engine::Standing;
use nbvet_report::{Level, Report, Severity};

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
    // Readers saw what is found at development: elsewhere the same finding has another severity.
    let is_measured = (report.notebooks.iter()).all(|notebook| notebook.verdict.level == Level::Development);
    let readers = if is_measured {
        "judged harmful by readers"
    } else {
        "judged by readers at level development"
    };
    let mut out = format!(
        "{HEAD}{:<5}  {:<width$}  {:<8}  {:>7}  {:>9}  {readers}{HEAD:#}\n",
        "id", "name", "severity", "found", "notebooks",
    );
    for ((severity, id, name), count) in rows {
        let _ = writeln!(
            out,
            "{id:<5}  {name:<width$}  {severity:<8}  {:>7}  {:>9}  {}",
            count.found,
            count.notebooks,
            if is_measured {
                right(name, severity)
            } else {
                "-".to_owned()
            },
        );
    }
    out + "\n"
}

/// `48 of 50 (96 %)`: of the hits at this severity in real notebooks that people have read.
fn right(name: &str, severity: Severity) -> String {
    // Of a rule that stands lower, the notes are what would be warnings in its row, too.
    let stands_lower = nbvet_rules::find(name).is_some_and(|rule| rule.meta.standing == Standing::Lower);
    let (right, labelled) = nbvet_rules::measured(name)
        .filter(|figures| stands_lower || figures.severity == severity)
        .fold((0, 0), |(right, labelled), figures| {
            (right + figures.right, labelled + figures.labelled)
        });
    match labelled {
        0 => "-".to_owned(),
        // Of a few hits a share says little.
        1..10 => format!("{right} of {labelled}"),
        _ => format!("{right} of {labelled} ({} %)", 100 * right / labelled),
    }
}
