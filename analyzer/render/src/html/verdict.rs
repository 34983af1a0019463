//! What is read in ten seconds: the verdict on a notebook, in words and numbers, and what it rests on, with a link to
//! each place.

use nbvet_report::{
    CellOutcome, Diagnostic, ExpectationResult, ExpectationStatus, NotebookReport, Outcome, RunEnd, Strength,
};

use super::{
    Anchors,
    cell::{NextFailure, capital, state},
    code::beginning,
    finding::badge,
    markup::{Markup, link, paragraphs, prose, tag, text},
};
use crate::{
    place::beside,
    text::golden_sums,
    words::{count, seconds},
};

/// Diagnostics of one list.
const MOST_LISTED: usize = 200;
/// Cells on the map; more would be no map.
const MOST_MAPPED: usize = 400;

/// How the page shows an outcome: class, word, and what the icon draws.
pub(super) const fn outcome(outcome: Outcome) -> (&'static str, &'static str, &'static str) {
    const CROSS: &str = "M6 6l8 8M14 6l-8 8";
    match outcome {
        Outcome::Passed => ("passed", "Passed", "M5 10.5l3.5 3.5L15 7"),
        Outcome::Failed => ("failed", "Failed", CROSS),
        Outcome::TimedOut => ("failed", "Timed out", "M10 5v5.5l3.5 2"),
        Outcome::Error => ("unknown", "No verdict", "M10 5v6M10 14v.5"),
    }
}

/// A round sign; it says nothing that the word beside it does not.
pub(super) fn icon(outcome_of: Outcome) -> Markup {
    let (_, _, path) = outcome(outcome_of);
    Markup::trusted(format!(
        "<svg class=\"icon\" viewBox=\"0 0 20 20\" aria-hidden=\"true\"><circle cx=\"10\" cy=\"10\" r=\"9\"/><path d=\"{path}\"/></svg>"
    ))
}

/// The verdict of one notebook. `failing`: the cells that keep it from passing, in order.
pub(super) fn section(notebook: &NotebookReport, anchors: &Anchors, failing: &[u32]) -> Markup {
    let verdict = &notebook.verdict;
    let (class, word, _) = outcome(verdict.outcome);
    let id = anchors.verdict();
    let title = format!("{id}-h");
    let head = Markup::from([
        icon(verdict.outcome),
        tag("span", &[("class", "outcome-word")], text(word)),
        tag(
            "span",
            &[("class", "level")],
            text(&format!("level {}", verdict.level)),
        ),
    ]);
    let mut inner = Markup::from([
        tag("p", &[("class", "outcome")], head),
        tag("h2", &[("id", &title)], text(beginning(&notebook.path, 500))),
        tag("p", &[("class", "because")], prose(&because(notebook, anchors))),
        failure(notebook),
        numbers(notebook),
        map(notebook, anchors, failing),
        golden(notebook),
        lists(notebook, anchors),
        expectations(&notebook.expectations, anchors),
        strengths(&notebook.strengths, anchors),
    ]);
    inner.push(interpreter(notebook));
    let class = format!("verdict {class}");
    tag(
        "section",
        &[("class", &class), ("id", &id), ("aria-labelledby", &title)],
        inner,
    )
}

/// Why the verdict is what it is, in one sentence.
pub(super) fn because(notebook: &NotebookReport, anchors: &Anchors) -> String {
    let verdict = &notebook.verdict;
    let level = verdict.level;
    if notebook.failure.is_some() {
        return "Something other than the notebook kept it from being judged.".to_owned();
    }
    let at = |cell: u32| capital(&anchors.name(cell));
    let stopped = match &notebook.end {
        None | Some(RunEnd::Completed) => None,
        Some(RunEnd::Exited { cell }) => {
            return format!("{} ended the notebook by `exit`; {}", at(*cell), judged(notebook));
        }
        Some(RunEnd::Raised { cell }) => {
            let name = notebook
                .cells
                .iter()
                .find(|run| run.cell == *cell)
                .and_then(|run| run.error.as_ref());
            let name = name.map_or_else(
                || "an exception".to_owned(),
                |error| format!("`{}`", beginning(&error.name, 100)),
            );
            Some(format!("{} raised {name}", at(*cell)))
        }
        Some(RunEnd::ExitedWith { cell, code }) => Some(format!(
            "{} ended the notebook with `exit({})`",
            at(*cell),
            beginning(code, 100)
        )),
        Some(RunEnd::Died { cell, .. }) => Some(in_cell("Its process died", *cell, anchors)),
        Some(RunEnd::OutOfMemory { cell, .. }) => Some(in_cell("It ran out of memory", *cell, anchors)),
        Some(RunEnd::CellTimedOut { cell, limit }) => Some(format!(
            "{} ran longer than its limit of {}",
            at(*cell),
            seconds(*limit)
        )),
        Some(RunEnd::NotebookTimedOut { cell, limit }) => Some(in_cell(
            &format!("It ran longer than its limit of {}", seconds(*limit)),
            *cell,
            anchors,
        )),
        Some(RunEnd::Cancelled) => Some("The run was interrupted".to_owned()),
    };
    let not_run = verdict.cells.map_or(0, |cells| cells.not_run);
    match stopped {
        Some(stopped) if not_run > 0 => {
            format!("{stopped}; {} after it did not run.", count(not_run, "cell"))
        }
        Some(stopped) => format!("{stopped}."),
        None if notebook.end.is_none() => format!("It was read and not run; {}", judged(notebook)),
        None if verdict.outcome == Outcome::Failed => {
            format!(
                "It ran to its end without an exception, and is wrong all the same: {}",
                fails(notebook)
            )
        }
        None => format!("It ran to its end; {} {level}.", passes(notebook)),
    }
}

fn in_cell(what: &str, cell: Option<u32>, anchors: &Anchors) -> String {
    cell.map_or_else(
        || what.to_owned(),
        |cell| format!("{what} in {}", anchors.name(cell)),
    )
}

fn judged(notebook: &NotebookReport) -> String {
    if notebook.verdict.outcome == Outcome::Failed {
        fails(notebook)
    } else {
        format!("{} {}.", passes(notebook), notebook.verdict.level)
    }
}

fn passes(notebook: &NotebookReport) -> &'static str {
    let verdict = &notebook.verdict;
    if verdict.errors + verdict.warnings + verdict.notes == 0 {
        "nothing was found at level"
    } else {
        "nothing of what was found fails it at level"
    }
}

/// `2 findings fail it at level production.`
fn fails(notebook: &NotebookReport) -> String {
    let level = notebook.verdict.level;
    let failing = notebook
        .diagnostics
        .iter()
        .filter(|found| level.fails(found))
        .count();
    let verb = if failing == 1 { "fails" } else { "fail" };
    format!(
        "{} {verb} it at level {level}.",
        count(u32::try_from(failing).unwrap_or(u32::MAX), "finding")
    )
}

/// What kept the notebook from being judged.
fn failure(notebook: &NotebookReport) -> Markup {
    let Some(failure) = &notebook.failure else {
        return Markup::default();
    };
    let mut inner = paragraphs(beginning(&failure.message, 4_000));
    if let Some(hint) = &failure.hint {
        inner.push(paragraphs(&format!("What to do: {}", beginning(hint, 4_000))));
    }
    tag("div", &[("class", "failure")], inner)
}

fn numbers(notebook: &NotebookReport) -> Markup {
    let verdict = &notebook.verdict;
    let number = |value: String, name: &str, class: &str| {
        let inner = Markup::from([tag("dt", &[], text(name)), tag("dd", &[], text(&value))]);
        tag("div", &[("class", class)], inner)
    };
    let severity = |value: u32, name: &str, class: &'static str| {
        let class = if value == 0 { "zero" } else { class };
        number(value.to_string(), name, class)
    };
    let mut tiles = Markup::from([
        severity(verdict.errors, "errors", "error"),
        severity(verdict.warnings, "warnings", "warning"),
        severity(verdict.notes, "notes", "note"),
    ]);
    if let Some(cells) = verdict.cells {
        tiles.push(number(
            format!("{} of {}", cells.ran(), cells.to_run()),
            "cells ran",
            "plain",
        ));
        // The sum of nothing is -0.0.
        let sum = notebook.cells.iter().map(|run| run.seconds).sum::<f64>() + 0.0;
        tiles.push(number(seconds(sum), "in cells", "plain"));
    }
    if let Some(interpreter) = &notebook.interpreter {
        tiles.push(number(
            beginning(&interpreter.version, 40).to_owned(),
            "Python",
            "plain",
        ));
    }
    tag("dl", &[("class", "numbers")], tiles)
}

/// Each code cell as a small square that leads to it.
fn map(notebook: &NotebookReport, anchors: &Anchors, failing: &[u32]) -> Markup {
    if notebook.cells.len() < 2 {
        return Markup::default();
    }
    let squares = notebook.cells.iter().take(MOST_MAPPED).map(|run| {
        let (class, word) = state(Some(run), failing.binary_search(&run.cell).is_ok());
        let title = format!("{}: {word}", anchors.name(run.cell));
        let square = tag("span", &[("class", "hidden")], text(&title));
        let target = format!("#{}", anchors.cell(run.cell));
        let attributes = [("href", target.as_str()), ("class", class), ("title", &title)];
        tag("li", &[], tag("a", &attributes, square))
    });
    let label = "Code cells, in order";
    tag(
        "nav",
        &[("class", "map"), ("aria-label", label)],
        tag("ol", &[], squares.collect()),
    )
}

/// What fails the notebook, then what else was found, then what does not count.
fn lists(notebook: &NotebookReport, anchors: &Anchors) -> Markup {
    let level = notebook.verdict.level;
    let all = || notebook.diagnostics.iter().enumerate();
    let mut failing: Vec<_> = all().filter(|(_, found)| level.fails(found)).collect();
    failing.sort_by_key(|(_, found)| std::cmp::Reverse((found.fault, found.severity)));
    let mut others: Vec<_> = all()
        .filter(|(_, found)| found.counts() && !level.fails(found))
        .collect();
    others.sort_by_key(|(_, found)| std::cmp::Reverse(found.severity));
    let silent: Vec<_> = all().filter(|(_, found)| found.suppression.is_some()).collect();
    let mut out = Markup::default();
    if !failing.is_empty() {
        out.push(tag("h3", &[], text("What fails it")));
        out.push(list(&failing, anchors));
    }
    out.push(stopped_cells(notebook, anchors, &failing));
    if !others.is_empty() {
        let name = if failing.is_empty() {
            "What was found"
        } else {
            "Also found"
        };
        // Without a failure this is what one came to read.
        out.push(folded(
            name,
            &others,
            anchors,
            failing.is_empty() && others.len() <= 12,
        ));
    }
    if !silent.is_empty() {
        out.push(folded(
            "Switched off by the notebook or the baseline",
            &silent,
            anchors,
            false,
        ));
    }
    out
}

/// Cells that did not end well and that no diagnostic points at.
fn stopped_cells(notebook: &NotebookReport, anchors: &Anchors, listed: &[(usize, &Diagnostic)]) -> Markup {
    let items: Markup = notebook
        .cells
        .iter()
        .filter(|run| matches!(run.outcome, CellOutcome::Error | CellOutcome::Timeout))
        .filter(|run| {
            !listed
                .iter()
                .any(|(_, found)| found.location.cell == Some(run.cell))
        })
        .take(MOST_LISTED)
        .map(|run| {
            let (_, word) = state(Some(run), true);
            let said = format!("{} {word}", capital(&anchors.name(run.cell)));
            tag("li", &[], link(&anchors.cell(run.cell), text(&said)))
        })
        .collect();
    if items.is_empty() {
        items
    } else {
        tag("ol", &[("class", "list")], items)
    }
}

fn folded(name: &str, found: &[(usize, &Diagnostic)], anchors: &Anchors, open: bool) -> Markup {
    let summary = tag("summary", &[], text(&format!("{name} ({})", found.len())));
    let inner = Markup::from([summary, list(found, anchors)]);
    let attributes: &[(&str, &str)] = if open {
        &[("open", ""), ("class", "more")]
    } else {
        &[("class", "more")]
    };
    tag("details", attributes, inner)
}

fn list(found: &[(usize, &Diagnostic)], anchors: &Anchors) -> Markup {
    let mut items: Markup = found
        .iter()
        .take(MOST_LISTED)
        .map(|(position, found)| item(*position, found, anchors))
        .collect();
    if found.len() > MOST_LISTED {
        let left = found.len() - MOST_LISTED;
        items.push(tag(
            "li",
            &[],
            text(&format!("and {left} more, each at its cell")),
        ));
    }
    tag("ol", &[("class", "list")], items)
}

fn item(position: usize, found: &Diagnostic, anchors: &Anchors) -> Markup {
    let place = match found.location.cell {
        Some(cell) => format!("{}, line {}", anchors.name(cell), found.location.line),
        None => beside(&found.location).unwrap_or_else(|| "the whole notebook".to_owned()),
    };
    let message = tag(
        "span",
        &[("class", "message")],
        prose(beginning(&found.message, 400)),
    );
    let place = tag("span", &[("class", "place")], text(&place));
    let reason = found
        .suppression
        .as_ref()
        .and_then(|suppression| suppression.reason.as_deref());
    let reason = reason.map_or_else(Markup::default, |reason| {
        tag(
            "span",
            &[("class", "place")],
            text(&format!("reason: {}", beginning(reason, 400))),
        )
    });
    let inner = Markup::from([badge(found), message, place]);
    // What does not count has no card beside its cell.
    let target = match (found.suppression.is_some(), found.location.cell) {
        (true, Some(cell)) => anchors.cell(cell),
        _ => anchors.finding(position),
    };
    tag("li", &[], Markup::from([link(&target, inner), reason]))
}

/// `golden outputs (stored): 3 of 5 cells equal`.
fn golden(notebook: &NotebookReport) -> Markup {
    let Some(comparison) = &notebook.comparison else {
        return Markup::default();
    };
    let golden = beginning(&comparison.golden, 500);
    let said = format!("Golden outputs ({golden}): {}.", golden_sums(comparison));
    tag("p", &[("class", "remark")], text(&said))
}

/// What was expected of values, those first that do not hold.
fn expectations(results: &[ExpectationResult], anchors: &Anchors) -> Markup {
    if results.is_empty() {
        return Markup::default();
    }
    let mut sorted: Vec<&ExpectationResult> = results.iter().collect();
    sorted.sort_by_key(|result| result.status == ExpectationStatus::Met);
    let items = sorted
        .iter()
        .take(MOST_LISTED)
        .map(|result| tag("li", &[], expectation(result, anchors)));
    let met = results
        .iter()
        .filter(|result| result.status == ExpectationStatus::Met);
    let summary = format!("What was expected ({} of {} met)", met.count(), results.len());
    let list = tag("ul", &[("class", "expectations")], items.collect());
    let inner = Markup::from([tag("summary", &[], text(&summary)), list]);
    tag("details", &[("class", "more")], inner)
}

fn expectation(result: &ExpectationResult, anchors: &Anchors) -> Markup {
    let (class, word) = match result.status {
        ExpectationStatus::Met => ("badge good", "met"),
        ExpectationStatus::Unmet => ("badge error", "not met"),
        ExpectationStatus::NotChecked => ("badge", "not checked"),
    };
    let said = format!(" {}: {}", result.subject, result.expected);
    let mut out = Markup::from([
        tag("span", &[("class", class)], text(word)),
        prose(beginning(&said, 600)),
    ]);
    if let Some(cell) = result.cell {
        out.push(text(" · "));
        out.push(link(&anchors.cell(cell), text(&anchors.name(cell))));
    }
    for reason in result.reasons.iter().take(5) {
        out.push(tag("div", &[("class", "place")], prose(beginning(reason, 600))));
    }
    out
}

fn strengths(strengths: &[Strength], anchors: &Anchors) -> Markup {
    if strengths.is_empty() {
        return Markup::default();
    }
    let items = strengths.iter().map(|found| {
        let noun = found.kind.noun(found.count > 1);
        let first = if found.count > 1 { "first in " } else { "" };
        let cell = found.first.cell.unwrap_or_default();
        let place = link(&anchors.cell(cell), text(&anchors.name(cell)));
        let head = text(&format!("{} {noun}: {first}", found.count));
        tag("li", &[], Markup::from([head, place]))
    });
    let head = tag("h3", &[], text("Done well"));
    let list = tag("ul", &[], items.collect());
    tag("div", &[("class", "strengths")], Markup::from([head, list]))
}

fn interpreter(notebook: &NotebookReport) -> Markup {
    let Some(interpreter) = &notebook.interpreter else {
        return Markup::default();
    };
    let kit = if interpreter.ipython_from_kit {
        ", which nbvet brought along"
    } else {
        ""
    };
    let preloaded = match interpreter.preloaded.as_slice() {
        [] => String::new(),
        modules => format!(
            " Its process began with {} imported.",
            beginning(&modules.join(", "), 500)
        ),
    };
    let said = format!(
        "Run by `{}` (Python {}; chosen by {}) with IPython {}{kit}.{preloaded}",
        beginning(&interpreter.path, 500),
        beginning(&interpreter.version, 40),
        beginning(&interpreter.chosen, 500),
        beginning(&interpreter.ipython, 40),
    );
    tag("p", &[("class", "remark")], prose(&said))
}

/// The cells that keep a notebook from passing, in order, each with the next.
pub(super) fn failing_cells(notebook: &NotebookReport) -> Vec<u32> {
    let level = notebook.verdict.level;
    let found = notebook.diagnostics.iter().filter(|found| level.fails(found));
    let mut cells: Vec<u32> = found.filter_map(|found| found.location.cell).collect();
    let stopped = notebook
        .cells
        .iter()
        .filter(|run| matches!(run.outcome, CellOutcome::Error | CellOutcome::Timeout));
    cells.extend(stopped.map(|run| run.cell));
    cells.sort_unstable();
    cells.dedup();
    cells
}

/// Whether a cell is one of those, and which is the next.
pub(super) fn next_failure(failing: &[u32], cell: u32) -> Option<NextFailure> {
    let position = failing.binary_search(&cell).ok()?;
    Some(
        failing
            .get(position + 1)
            .map_or(NextFailure::None, |next| NextFailure::Cell(*next)),
    )
}
