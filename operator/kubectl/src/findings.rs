//! What is wrong with a notebook, as a job's status has room for it: checks that failed, cells that failed, and findings
//! with what mends them. The whole of it is in the report.

use std::collections::BTreeSet;

use nbvet_operator_api::{
    NotebookValidationJobStatus,
    status::{CellResult, CellStatus, Check, CheckStatus, Difference, Feedback},
    text,
};
use nbvet_report::Severity;

use crate::{
    condition::wrapped,
    output::{BOLD, CYAN, DIM, RED, YELLOW, paint},
};

/// Cells that are shown.
const MOST_CELLS: usize = 10;
/// Bytes of a text that are shown, and lines.
const MOST_TEXT: usize = 400;
const MOST_LINES: usize = 8;
/// Differences from a golden notebook that are shown.
const MOST_DIFFERENCES: usize = 4;

/// Checks that failed.
pub(crate) fn checks(status: &NotebookValidationJobStatus, width: usize) -> String {
    let failed = status.validation_checks.iter();
    let failed: Vec<&Check> = failed
        .filter(|check| check.status == CheckStatus::Failed)
        .collect();
    if failed.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n", paint(BOLD, "Checks that failed"));
    for check in failed {
        let message = check.message.as_deref().unwrap_or("-");
        let line = format!("  {:?}: {}", check.kind, text::one_line(message, MOST_TEXT));
        out += &wrapped(&line, 4, width);
    }
    out
}

/// Cells that failed or have findings of weight, in their order.
pub(crate) fn cells(status: &NotebookValidationJobStatus, width: usize) -> String {
    let failed: Vec<&CellResult> = status
        .results
        .iter()
        .filter(|result| result.status == CellStatus::Failure)
        .collect();
    let found: Vec<&Feedback> = status
        .educational_feedback
        .iter()
        .filter(|found| found.severity > Severity::Note)
        .collect();
    let mut cells: BTreeSet<i64> = failed.iter().map(|result| result.cell_index).collect();
    cells.extend(found.iter().filter_map(|found| found.cell));
    let nowhere: Vec<&&Feedback> = found.iter().filter(|found| found.cell.is_none()).collect();
    if cells.is_empty() && nowhere.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n", paint(BOLD, "Cells"));
    for cell in cells.iter().take(MOST_CELLS) {
        let result = failed.iter().find(|result| result.cell_index == *cell);
        out += &headline(*cell, result.copied());
        out += &result.map_or_else(String::new, |result| said(result));
        for found in found.iter().filter(|found| found.cell == Some(*cell)) {
            out += &finding(found, width);
        }
    }
    if cells.len() > MOST_CELLS {
        let more = format!("  and {} more cells: see the report\n", cells.len() - MOST_CELLS);
        out += &paint(DIM, &more);
    }
    if !nowhere.is_empty() {
        out += "  the notebook\n";
    }
    for found in nowhere.into_iter().take(MOST_CELLS) {
        out += &finding(found, width);
    }
    out
}

fn headline(cell: i64, result: Option<&CellResult>) -> String {
    let Some(result) = result else {
        return format!("  cell {cell}\n");
    };
    let time = result.execution_time.as_deref();
    let time = time.map_or_else(String::new, |time| format!(" after {}", text::one_line(time, 32)));
    format!("  cell {cell} {}{time}\n", paint(RED, "failed"))
}

/// What a cell raised, else the end of what it put out.
fn said(result: &CellResult) -> String {
    let said = result.error_message.as_deref().or(result.output.as_deref());
    let said = text::cut(text::clean(said.unwrap_or_default()).trim(), MOST_TEXT);
    let lines = said.lines().take(MOST_LINES);
    lines.flat_map(|line| ["    ", line.trim_end(), "\n"]).collect()
}

fn finding(found: &Feedback, width: usize) -> String {
    let (word, colour) = match found.severity {
        Severity::Error => ("error", RED),
        _ => ("warning", YELLOW),
    };
    let (rule, issue) = (
        text::one_line(&found.rule, 32),
        text::one_line(&found.issue, MOST_TEXT),
    );
    let line = wrapped(&format!("    {word}[{rule}]: {issue}"), 6, width);
    let mut out = line.replacen(word, &paint(colour, word), 1);
    if let Some(suggestion) = &found.suggestion {
        let line = format!("      help: {}", text::one_line(suggestion, MOST_TEXT));
        out += &wrapped(&line, 8, width).replacen("help", &paint(CYAN, "help"), 1);
    }
    out
}

/// What differs from the golden notebook.
pub(crate) fn differences(status: &NotebookValidationJobStatus) -> String {
    let Some(found) = status
        .comparison_result
        .as_ref()
        .filter(|found| found.mismatched_cells > 0)
    else {
        return String::new();
    };
    let mut out = format!(
        "{}\n  {} of {} cells differ\n",
        paint(BOLD, "Golden notebook"),
        found.mismatched_cells,
        found.total_cells
    );
    out.extend(found.diffs.iter().take(MOST_DIFFERENCES).map(difference));
    out
}

fn difference(found: &Difference) -> String {
    let mut out = format!(
        "  cell {}: {}\n",
        found.cell_index,
        text::one_line(&found.diff_type, 32)
    );
    let short = |text: &Option<String>| text.as_deref().map(|text| text::one_line(text, MOST_TEXT));
    for (word, text) in [
        ("expected", short(&found.expected)),
        ("got", short(&found.actual)),
    ] {
        out.extend(text.map(|text| format!("    {word}: {text}\n")));
    }
    out
}
