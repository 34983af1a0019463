//! One cell of the page: what it is called, how it ended, its source with what was found beside it, and what it put
//! out.

use nbvet_notebook::CellKind;
use nbvet_report::{CellOutcome, CellRun, Diagnostic, NotebookReport};

use super::{
    Anchors,
    code::{self, Mark, bytes, remark},
    finding,
    markup::{Markup, link, tag, text},
    output::{self, Room},
    rich,
};
use crate::{CellSource, NotebookSource, words::seconds};

/// A cell with everything that belongs to it.
pub(super) struct Cell<'a> {
    pub(super) index: u32,
    pub(super) source: &'a CellSource,
    pub(super) run: Option<&'a CellRun>,
    /// Diagnostics in it, with their place in the notebook's list.
    pub(super) found: Vec<(usize, &'a Diagnostic)>,
    /// The next cell that keeps the notebook from passing, for one that does.
    pub(super) fails: Option<NextFailure>,
}

/// Where a reader of failures goes on.
#[derive(Debug, Clone, Copy)]
pub(super) enum NextFailure {
    Cell(u32),
    None,
}

/// How a cell looks in the page and on its map.
pub(super) fn state(run: Option<&CellRun>, fails: bool) -> (&'static str, &'static str) {
    match run.map(|run| run.outcome) {
        Some(CellOutcome::Error) => ("failed", "failed"),
        Some(CellOutcome::Timeout) => ("failed", "timed out"),
        Some(CellOutcome::NotRun) => ("not-run", "not run"),
        Some(CellOutcome::Skipped) if !fails => ("skipped", "skipped"),
        Some(CellOutcome::Ok) if fails => ("found", "ran, and is at fault"),
        _ if fails => ("found", "at fault"),
        Some(CellOutcome::Ok) => ("ok", "ran"),
        Some(CellOutcome::Skipped) | None => ("plain", "not run"),
    }
}

/// The whole cell.
pub(super) fn section(
    cell: &Cell<'_>,
    notebook: &NotebookReport,
    source: &NotebookSource,
    anchors: &Anchors,
    room: &mut Room,
) -> Markup {
    let id = anchors.cell(cell.index);
    if cell.source.kind != CellKind::Code && cell.found.is_empty() {
        return prose_cell(cell, &id, room);
    }
    let (state, _) = state(cell.run, cell.fails.is_some());
    let class = format!(
        "cell {state}{}",
        if cell.found.is_empty() {
            ""
        } else {
            " with-findings"
        }
    );
    let marks: Vec<Mark<'_>> = cell
        .found
        .iter()
        .map(|(_, found)| Mark {
            at: &found.location,
            severity: found.severity,
        })
        .collect();
    let is_python = cell.source.kind == CellKind::Code;
    let lines = code::numbered(&cell.source.source, is_python, &marks, &id);
    let cards = cell
        .found
        .iter()
        .map(|(position, found)| finding::card(notebook, found, *position, source, anchors))
        .collect::<Markup>();
    let mut inner = Markup::from([
        heading(cell, anchors),
        tag("div", &[("class", "source")], room.admit(lines)),
    ]);
    if !cards.is_empty() {
        inner.push(tag("div", &[("class", "findings")], cards));
    }
    let put_out = put_out(cell, room);
    if !put_out.is_empty() {
        inner.push(tag("div", &[("class", "outputs")], put_out));
    }
    let label = format!("{id}-h");
    tag(
        "section",
        &[("class", &class), ("id", &id), ("aria-labelledby", &label)],
        inner,
    )
}

/// Text for people, as they are meant to read it.
fn prose_cell(cell: &Cell<'_>, id: &str, room: &mut Room) -> Markup {
    let sanitized = if cell.source.kind == CellKind::Markdown {
        rich::markdown(&cell.source.source).markup
    } else {
        tag("pre", &[], text(code::beginning(&cell.source.source, 20_000)))
    };
    let rendered = tag("div", &[("class", "rich")], room.admit(sanitized));
    tag("div", &[("class", "cell prose"), ("id", id)], rendered)
}

fn heading(cell: &Cell<'_>, anchors: &Anchors) -> Markup {
    let id = format!("{}-h", anchors.cell(cell.index));
    let name = tag("h3", &[("id", &id)], text(&capital(&anchors.name(cell.index))));
    let mut facts = Vec::new();
    let (_, word) = state(cell.run, cell.fails.is_some());
    if cell.run.is_some() || cell.fails.is_some() {
        facts.push(word.to_owned());
    }
    if let Some(run) = cell
        .run
        .filter(|run| !matches!(run.outcome, CellOutcome::NotRun | CellOutcome::Skipped))
    {
        facts.push(seconds(run.seconds));
    }
    let facts = tag("span", &[("class", "facts")], text(&facts.join(" · ")));
    tag("header", &[], Markup::from([name, facts, go_on(cell, anchors)]))
}

/// From one failure to the next, and back to the verdict.
fn go_on(cell: &Cell<'_>, anchors: &Anchors) -> Markup {
    let Some(next) = cell.fails else {
        return Markup::default();
    };
    let mut links = link(&anchors.verdict(), text("verdict"));
    if let NextFailure::Cell(next) = next {
        links.push(link(&anchors.cell(next), text("next failure")));
    }
    tag("span", &[("class", "go-on")], links)
}

fn put_out(cell: &Cell<'_>, room: &mut Room) -> Markup {
    let mut out = output::outputs(&cell.source.outputs, room);
    let Some(run) = cell.run else { return out };
    // Without its outputs, as from a report alone, the report still has the traceback and the last lines.
    if cell.source.outputs.is_empty() {
        if let Some(printed) = &run.last_output {
            out.push(room.admit(output::terminal(printed, "out stdout", "last output")));
        }
        if let Some(error) = run.error.as_ref().filter(|error| !error.traceback.is_empty()) {
            let told = error.traceback.join("\n");
            out.push(room.admit(output::terminal(&told, "out raised", "traceback")));
        }
    }
    if run.output_bytes_cut > 0 {
        let cut = usize::try_from(run.output_bytes_cut).unwrap_or(usize::MAX);
        out.push(remark(&format!(
            "The cell printed {} more than is kept: its output was cut while it ran.",
            bytes(cut)
        )));
    }
    out
}

pub(super) fn capital(any: &str) -> String {
    let mut chars = any.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + chars.as_str()
    })
}
