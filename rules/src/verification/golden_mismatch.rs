//! NB112 golden-mismatch.

use std::fmt::Write as _;

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::{Comparison, DiffType, Hint, Location, OutputDiff, Severity};

use crate::macros::rule;

rule! {
    /// A cell whose output is another one than that of the golden notebook.
    ///
    /// ## Why it matters
    ///
    /// A golden notebook holds the outputs that somebody has looked at and found right. A run that gives others has
    /// found a regression, or the golden notebook is out of date; either way somebody has to look.
    ///
    /// Compared are the outputs of each cell, by stream (stdout, stderr) and by MIME type, when nbvet is called with
    /// `--golden OTHER.ipynb`, `--golden FOLDER`, or `--golden stored` for the outputs in the notebook's own file, as
    /// nbval does. Cells are matched by id, then by their source: a new cell in between makes no difference in the
    /// others. A cell that the golden notebook does not have is a note.
    ///
    /// ## What is equal
    ///
    /// Numbers with a point or an exponent are equal within a share of 0.0001 of the expected one (`--rtol`) or, near
    /// zero, within 1e-12 (`--atol`). Whole numbers, ids and versions are compared digit by digit. Tables of HTML are
    /// compared by cell, JSON by structure, images by their bytes and pixels, exceptions by class and message.
    ///
    /// What differs from run to run is accepted by rules that the report names and counts: addresses (`at 0x7f…`),
    /// temporary names, the timings of `%time`, `%timeit`, tqdm, Keras and test runners, moments within a day of the
    /// run, random ids in HTML and JSON, terminal colours, overwritten lines, blanks. A time that the notebook prints
    /// itself (`took 1.5s`) is an output like any other. `--comparison exact` accepts none of these.
    ///
    /// ## How to mend it
    ///
    /// Read the difference. If the new output is wrong, mend the code. If it is right, write the golden notebook anew:
    /// `nbvet run NOTEBOOK -o GOLDEN`. If it differs in every run, make it deterministic (a seed, a sorted list), or
    /// mark the cell with `# NBVAL_IGNORE_OUTPUT` or the tag `nbval-ignore-output`, or take the part that differs out
    /// with a sanitize file (`--sanitize FILE`).
    "NB112" "golden-mismatch",
    group: Verification,
    row: Row::Expectation,
    since: "0.1.0",
    check: Check::Run(&GoldenMismatch),
}

struct GoldenMismatch;

impl RunRule for GoldenMismatch {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let Some(comparison) = run.comparison else {
            return;
        };
        for cell in run.cells {
            let diffs: Vec<&OutputDiff> = comparison
                .diffs
                .iter()
                .filter(|diff| diff.cell_index == Some(cell.cell))
                .collect();
            if let Some(first) = diffs.first() {
                let at = cx.at_line(cell.cell, None);
                cx.report(of_cell(at, first, diffs.len(), comparison));
            }
        }
        for diff in comparison.diffs.iter().filter(|diff| diff.cell_index.is_none()) {
            cx.report(of_missing_cell(diff, comparison));
        }
        if comparison.diffs_left_out > 0 {
            let message = format!(
                "{} more outputs differ from the golden notebook's and are not listed",
                comparison.diffs_left_out
            );
            cx.report(Finding::new(Location::file_start(), message));
        }
    }
}

fn of_cell(at: Location, first: &OutputDiff, number: usize, comparison: &Comparison) -> Finding {
    if first.diff_type == DiffType::ExtraCell {
        return Finding::new(
            at,
            "the golden notebook does not have this cell: nothing is known of its output",
        )
        .at_most(Severity::Note)
        .help(renewed(comparison));
    }
    let mut message = told(first);
    match number - 1 {
        0 => {}
        1 => message += "; another output of this cell differs too",
        more => {
            let _ = write!(message, "; {more} more outputs of this cell differ too");
        }
    }
    Finding::new(at, message)
        .because("Somebody has found the outputs of the golden notebook right; these are others.")
        .help(renewed(comparison))
}

fn told(diff: &OutputDiff) -> String {
    let output = if diff.output.is_empty() {
        "execution count"
    } else {
        &diff.output
    };
    let place = diff
        .place
        .as_ref()
        .map_or_else(String::new, |place| format!(", {place}"));
    let detail = diff
        .detail
        .as_ref()
        .map_or_else(String::new, |detail| format!(" ({detail})"));
    let quoted = |text: &Option<String>| match text.as_deref() {
        Some("") => "an empty line".to_owned(),
        Some(text) if text.contains('`') => text.to_owned(),
        Some(text) => format!("`{text}`"),
        None => "nothing".to_owned(),
    };
    let (expected, actual) = (quoted(&diff.expected), quoted(&diff.actual));
    match diff.diff_type {
        DiffType::MissingOutput => {
            format!("the output {output} of the golden notebook is missing: it has {expected}")
        }
        DiffType::ExtraOutput => {
            format!("the golden notebook does not have the output {output}, which begins with {actual}")
        }
        _ => format!(
            "{output}{place} differs from the golden notebook: expected {expected}, got {actual}{detail}"
        ),
    }
}

fn of_missing_cell(diff: &OutputDiff, comparison: &Comparison) -> Finding {
    let cell = diff.golden_cell_index.unwrap_or_default();
    let message =
        format!("the golden notebook's cell {cell} has outputs, and no cell of this notebook stands for it");
    Finding::new(Location::file_start(), message)
        .because("A result that somebody has found right is not computed any more.")
        .help(renewed(comparison))
}

fn renewed(comparison: &Comparison) -> Hint {
    if comparison.golden == "stored" {
        Hint::from(
            "if the new output is right, store it: run the notebook in Jupyter and save it, or \
             `nbvet run NOTEBOOK -o NOTEBOOK`",
        )
        .in_cluster("if the new output is right, store it: run the notebook in Jupyter and save it")
    } else {
        Hint::from(format!(
            "if the new output is right, write the golden notebook anew: `nbvet run NOTEBOOK -o {}`",
            comparison.golden
        ))
        .in_cluster(
            "if the new output is right, write the notebook of `spec.goldenNotebook` anew: run it in Jupyter and save it",
        )
    }
}
