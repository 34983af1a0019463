//! The report for a person at a terminal: per notebook a verdict, its diagnostics with the cell's own lines,
//! and one summary line. Always coloured; the caller takes the colours out where they are not wanted.

mod dependencies;
mod diagnostic;
mod excerpt;
mod golden;
mod style;
mod summary;
mod traceback;

use std::fmt::Write as _;

use nbvet_report::{Level, NotebookReport, Outcome, Report, RunEnd, RunFailure, Severity, Strength};

pub(crate) use self::golden::sums as golden_sums;
use self::style::{BOLD, DIM, GREEN, RED, YELLOW, paint};
use crate::{NotebookSource, bytes, harmless, harmless_block};

/// How much is shown, and how wide.
#[derive(Debug, Clone, Copy)]
pub struct TextOptions {
    /// Columns of the terminal; explanations are wrapped to it.
    pub width: usize,
    /// What becomes of notes.
    pub notes: Notes,
    /// Wall-clock seconds of the whole command, for the summary line.
    pub seconds: Option<f64>,
    /// Whether what notebooks need is shown whole.
    pub dependencies: bool,
}

/// What becomes of diagnostics of severity note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notes {
    /// Counted.
    Folded,
    /// Shown like the others.
    Shown,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            width: 100,
            notes: Notes::Folded,
            seconds: None,
            dependencies: false,
        }
    }
}

/// The whole report as text. `sources` stand in the order of the report's notebooks; without them the lines of
/// the cells are not shown.
pub fn text(report: &Report, sources: &[NotebookSource], options: &TextOptions) -> String {
    let mut out = String::new();
    for (position, notebook) in report.notebooks.iter().enumerate() {
        out += &notebook_text(notebook, sources.get(position), options);
    }
    if !report.notebooks.is_empty() {
        out += &summary(report, options);
    }
    out
}

/// The last lines of [`text`].
pub fn summary(report: &Report, options: &TextOptions) -> String {
    summary::summary(report, options)
}

/// Diagnostics of one notebook that are drawn with their lines; further ones name their place. A drawing costs as much
/// as its cell is long, and nobody reads thousands.
const MOST_DRAWN: usize = 500;

/// One notebook's part of [`text`]: its headline, and a block for each thing to say, set off by empty lines.
pub fn notebook_text(
    notebook: &NotebookReport,
    source: Option<&NotebookSource>,
    options: &TextOptions,
) -> String {
    let mut out = headline(notebook);
    out.extend(done_well(notebook));
    out.extend(left_out(notebook));
    out.extend(golden::line(notebook));
    let dependencies = notebook.dependencies.iter().filter(|_| options.dependencies);
    out.extend(dependencies.map(|found| dependencies::section(found, options.width)));
    let failure = notebook
        .failure
        .iter()
        .map(|failure| failure_block(failure, options));
    let shown = notebook
        .diagnostics
        .iter()
        .filter(|found| found.counts())
        .filter(|found| found.severity > Severity::Note || options.notes == Notes::Shown)
        .enumerate()
        .map(|(index, found)| {
            let source = source.filter(|_| index < MOST_DRAWN);
            diagnostic::block(notebook, source, found, options)
        });
    let blocks: Vec<String> = failure.chain(shown).collect();
    for block in &blocks {
        let _ = write!(out, "\n{block}");
    }
    if !blocks.is_empty() || (options.dependencies && notebook.dependencies.is_some()) {
        out.push('\n');
    }
    out
}

/// `✗ Failed work/a.ipynb · at production · 3 of 7 cells ran · Python 3.11.2`.
fn headline(notebook: &NotebookReport) -> String {
    let verdict = &notebook.verdict;
    let (sign, word, colour) = match verdict.outcome {
        Outcome::Passed => ("✓", "Passed", GREEN),
        Outcome::Failed => ("✗", "Failed", RED),
        Outcome::TimedOut => ("✗", "Timed out", RED),
        Outcome::Error => ("!", "No verdict", YELLOW),
    };
    let mut facts = vec![format!("at {}", verdict.level)];
    facts.push(cells_ran(notebook));
    facts.extend(stopped_itself(notebook));
    facts.extend(python(notebook));
    facts.extend(fails_by_warnings(notebook).then(|| "warnings fail here".to_owned()));
    format!(
        "{} {}  {}\n",
        paint(colour, &format!("{sign} {word:<6}")),
        paint(BOLD, &harmless(&notebook.path)),
        paint(DIM, &facts.join(" · ")),
    )
}

/// `done well: 3 assertions (first in cell 4) · 1 seed for random numbers (cell 0)`.
fn done_well(notebook: &NotebookReport) -> Option<String> {
    let parts: Vec<String> = notebook.strengths.iter().map(strength).collect();
    (!parts.is_empty()).then(|| format!("  {}: {}\n", paint(GREEN, "done well"), parts.join(" · ")))
}

fn strength(found: &Strength) -> String {
    let noun = found.kind.noun(found.count > 1);
    let first = if found.count > 1 { "first in " } else { "" };
    let cell = found.first.cell.unwrap_or_default();
    format!("{} {noun} ({first}cell {cell})", found.count)
}

/// `output left out: cell 4 (21.4 MB)`.
fn left_out(notebook: &NotebookReport) -> Option<String> {
    let cut = notebook.cells.iter().filter(|cell| cell.output_bytes_cut > 0);
    let cut: Vec<String> = cut
        .map(|cell| format!("cell {} ({})", cell.cell, bytes(cell.output_bytes_cut)))
        .collect();
    (!cut.is_empty()).then(|| {
        format!(
            "  {}: {}: more than is kept of a cell\n",
            paint(YELLOW, "output left out"),
            cut.join(", ")
        )
    })
}

/// `5 cells ran in 1.2 s`, or `3 of 5 cells ran in 1.2 s`, or `not run`.
fn cells_ran(notebook: &NotebookReport) -> String {
    let Some(counts) = notebook.verdict.cells else {
        return "not run".to_owned();
    };
    let (ran, of) = (counts.ran(), counts.to_run());
    // The sum of nothing is -0.0.
    let seconds = notebook.cells.iter().map(|cell| cell.seconds).sum::<f64>() + 0.0;
    if of == 0 {
        return "nothing to run: no cell with code".to_owned();
    }
    let cells = if ran == of {
        style::count(ran, "cell")
    } else {
        format!("{ran} of {}", style::count(of, "cell"))
    };
    format!("{cells} ran in {}", style::seconds(seconds))
}

/// A notebook that ends early by its own wish passes: that nobody runs the rest must be seen all the same.
fn stopped_itself(notebook: &NotebookReport) -> Option<String> {
    match notebook.end {
        Some(RunEnd::Exited { cell }) => Some(format!("cell {cell} ended the notebook (`exit`)")),
        _ => None,
    }
}

fn python(notebook: &NotebookReport) -> Option<String> {
    let interpreter = notebook.interpreter.as_ref()?;
    let chosen = harmless(&interpreter.chosen);
    Some(format!("Python {} ({chosen})", harmless(&interpreter.version)))
}

fn fails_by_warnings(notebook: &NotebookReport) -> bool {
    let verdict = &notebook.verdict;
    verdict.level == Level::Production
        && verdict.outcome == Outcome::Failed
        && verdict.errors == 0
        && verdict.warnings > 0
}

fn failure_block(failure: &RunFailure, options: &TextOptions) -> String {
    let mut out = format!(
        "{}: {}\n",
        paint(RED.bold(), "error"),
        harmless_block(&failure.message)
    );
    if let Some(hint) = &failure.hint {
        out += &style::remark("hint", hint, options.width);
    }
    out
}
