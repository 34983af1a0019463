//! The comparison with a golden notebook: one line on all cells, and the lines that differ in one.

use std::fmt::Write as _;

use nbvet_report::{Comparison, Diagnostic, NotebookReport, OutputDiff};

use super::style::{self, DIM, GREEN, RED, paint};
use crate::{harmless, harmless_block};

/// Outputs of one cell whose lines are shown.
const OUTPUTS: usize = 5;

/// `golden outputs (stored): 3 of 5 cells equal · accepted: addresses (2), timings (1)`.
pub(super) fn line(notebook: &NotebookReport) -> Option<String> {
    let comparison = notebook.comparison.as_ref()?;
    let colour = if comparison.mismatched_cells == 0 {
        GREEN
    } else {
        RED
    };
    Some(format!(
        "  {}: {}\n",
        paint(
            colour,
            &format!("golden outputs ({})", harmless(&comparison.golden))
        ),
        sums(comparison)
    ))
}

/// `3 of 5 cells equal · 1 not compared · accepted: addresses (2)`.
pub(crate) fn sums(comparison: &Comparison) -> String {
    let mut parts = vec![if comparison.total_cells == 0 {
        "nothing to compare".to_owned()
    } else {
        let cells = style::count(comparison.total_cells, "cell");
        format!("{} of {cells} equal", comparison.matched_cells)
    }];
    if comparison.skipped_cells > 0 {
        parts.push(format!("{} not compared", comparison.skipped_cells));
    }
    let accepted: Vec<String> = comparison
        .normalised
        .iter()
        .map(|rule| format!("{} ({})", harmless(&rule.rule), rule.count))
        .collect();
    if !accepted.is_empty() {
        parts.push(format!("accepted: {}", accepted.join(", ")));
    }
    parts.join(" · ")
}

/// What differs in the cell of a diagnostic; empty where it tells of something else.
pub(super) fn block(notebook: &NotebookReport, found: &Diagnostic) -> String {
    let mut out = String::new();
    let diffs = crate::place::diffs_of(notebook, found);
    for diff in diffs.iter().filter(|diff| !diff.diff.is_empty()).take(OUTPUTS) {
        let _ = writeln!(out, "  {}", paint(DIM, &format!("{}:", title(diff))));
        for line in harmless_block(&diff.diff).lines() {
            let coloured = match line.as_bytes().first() {
                Some(b'-') => paint(RED, line),
                Some(b'+') => paint(GREEN, line),
                _ => paint(DIM, line),
            };
            let _ = writeln!(out, "  {} {coloured}", paint(DIM, "│"));
        }
    }
    if diffs.len() > OUTPUTS {
        let _ = writeln!(
            out,
            "  {}",
            paint(DIM, &format!("… {} more outputs differ", diffs.len() - OUTPUTS))
        );
    }
    out
}

/// `stdout, - golden, + this run`.
fn title(diff: &OutputDiff) -> String {
    let output = if diff.output.is_empty() {
        "execution count"
    } else {
        &diff.output
    };
    format!("{}, - golden, + this run", harmless(output))
}
