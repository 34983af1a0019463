//! One page for people who review or grade: the verdict first, then the cells with what was found beside them. The
//! page stands for itself: it asks no network, runs no script and lets nothing of a notebook act.

mod ansi;
mod cell;
mod code;
mod finding;
mod markup;
mod output;
mod python;
mod rich;
mod verdict;

use std::collections::BTreeMap;

use nbvet_notebook::CellKind;
use nbvet_report::{Diagnostic, NotebookReport, Outcome, Report};

use self::{
    cell::Cell,
    code::{beginning, remark},
    markup::{Markup, link, tag, text, void_tag},
    output::Room,
};
use crate::{CellSource, NotebookSource, RuleInfo, words::count};

/// Bytes of sources and outputs in one notebook's part.
const ROOM: usize = 6_000_000;
/// Bytes of the whole page, after which notebooks get their verdict alone.
const WHOLE_ROOM: usize = 30_000_000;
/// Diagnostics of a notebook that get a card.
const MOST_CARDS: usize = 400;
/// Cells of a notebook that are shown, but for those that fail it.
const MOST_CELLS: usize = 1_500;

/// Nothing is fetched and nothing runs, whatever else went wrong. Pictures are data in the page; its style stands in
/// it.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The report as one page. `sources` stand in the order of the report's notebooks; `made`: when, for people.
pub fn html(
    report: &Report,
    sources: &[NotebookSource],
    rules: &[RuleInfo<'_>],
    made: Option<&str>,
) -> String {
    let mut page = HtmlPage::new();
    for (position, notebook) in report.notebooks.iter().enumerate() {
        page.add(
            notebook,
            sources.get(position).unwrap_or(&NotebookSource::default()),
        );
    }
    page.finish(report, rules, made)
}

/// A page in the making. It grows notebook by notebook, so that no outputs need to be kept for it.
#[derive(Debug, Default)]
pub struct HtmlPage {
    notebooks: Vec<Markup>,
    written: usize,
    /// How often each rule was found.
    rules: BTreeMap<String, u32>,
}

impl HtmlPage {
    /// A page without notebooks.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next notebook.
    pub fn add(&mut self, notebook: &NotebookReport, source: &NotebookSource) {
        for found in notebook.diagnostics.iter().filter(|found| found.counts()) {
            *self.rules.entry(found.rule.id.to_string()).or_default() += 1;
        }
        let left = WHOLE_ROOM.saturating_sub(self.written).min(ROOM);
        let part = part(notebook, source, self.notebooks.len(), Room::new(left));
        self.written += part.len();
        self.notebooks.push(part);
    }

    /// The whole page. `rules` explains those that were found; `made`: when, for people.
    pub fn finish(self, report: &Report, rules: &[RuleInfo<'_>], made: Option<&str>) -> String {
        let title = title(report);
        let mut main = Markup::default();
        if report.notebooks.len() == 1 {
            main.push(tag("h1", &[("class", "hidden")], text(&title)));
        } else {
            main.push(index(report));
        }
        main.push(self.notebooks.into_iter().collect());
        main.push(explained(&self.rules, rules));
        let body = Markup::from([
            tag(
                "a",
                &[("class", "skip"), ("href", "#main")],
                text("To the verdict"),
            ),
            top(report),
            tag("main", &[("id", "main")], main),
            foot(report, made),
        ]);
        let html = Markup::from([head(&title), tag("body", &[("id", "top")], body)]);
        let html = tag("html", &[("lang", "en")], html);
        format!("<!DOCTYPE html>\n{}\n", html.into_string())
    }
}

/// The names by which places of one notebook are reached, and what its cells are called.
pub(crate) struct Anchors {
    position: usize,
    counts: BTreeMap<u32, u32>,
}

impl Anchors {
    fn new(position: usize, notebook: &NotebookReport, source: &NotebookSource) -> Self {
        let mut counts: BTreeMap<u32, u32> = (0..)
            .zip(&source.cells)
            .filter_map(|(index, cell)| Some((index, cell.execution_count?)))
            .collect();
        for run in &notebook.cells {
            counts.remove(&run.cell);
            counts.extend(run.execution_count.map(|count| (run.cell, count)));
        }
        Self { position, counts }
    }

    fn verdict(&self) -> String {
        format!("n{}", self.position)
    }

    fn cell(&self, cell: u32) -> String {
        format!("n{}-c{cell}", self.position)
    }

    fn finding(&self, position: usize) -> String {
        format!("n{}-f{position}", self.position)
    }

    /// `cell 3, In [2]`.
    fn name(&self, cell: u32) -> String {
        match self.counts.get(&cell) {
            Some(count) => format!("cell {cell}, In [{count}]"),
            None => format!("cell {cell}"),
        }
    }
}

fn part(notebook: &NotebookReport, source: &NotebookSource, position: usize, mut room: Room) -> Markup {
    let anchors = Anchors::new(position, notebook, source);
    let failing = verdict::failing_cells(notebook);
    let carded = carded(notebook);
    let mut inner = verdict::section(notebook, &anchors, &failing);
    let whole: Vec<_> = carded
        .iter()
        .filter(|(_, found)| found.location.cell.is_none())
        .collect();
    if !whole.is_empty() {
        let cards = whole
            .iter()
            .map(|(position, found)| finding::card(notebook, found, *position, source, &anchors));
        let head = tag("h3", &[], text("The whole notebook"));
        inner.push(tag(
            "section",
            &[("class", "whole")],
            Markup::from([head, cards.collect()]),
        ));
    }
    inner.push(cells(notebook, source, &anchors, &failing, &carded, &mut room));
    tag("div", &[("class", "notebook")], inner)
}

/// The diagnostics that get a card, those that fail the notebook before the rest.
fn carded(notebook: &NotebookReport) -> Vec<(usize, &Diagnostic)> {
    let level = notebook.verdict.level;
    let mut found: Vec<(usize, &Diagnostic)> = notebook
        .diagnostics
        .iter()
        .enumerate()
        .filter(|(_, found)| found.counts() || found.fault)
        .collect();
    found.sort_by_key(|(_, found)| std::cmp::Reverse((level.fails(found), found.severity)));
    found.truncate(MOST_CARDS);
    found
}

fn cells(
    notebook: &NotebookReport,
    source: &NotebookSource,
    anchors: &Anchors,
    failing: &[u32],
    carded: &[(usize, &Diagnostic)],
    room: &mut Room,
) -> Markup {
    let runs: BTreeMap<u32, _> = notebook.cells.iter().map(|run| (run.cell, run)).collect();
    let mut by_cell: BTreeMap<u32, Vec<(usize, &Diagnostic)>> = BTreeMap::new();
    for (position, found) in carded {
        if let Some(cell) = found.location.cell {
            by_cell.entry(cell).or_default().push((*position, *found));
        }
    }
    let empty = CellSource::new(String::new(), None);
    let sources: BTreeMap<u32, &CellSource> = (0..).zip(&source.cells).collect();
    // A report without sources has cells that ran, or that something was found in.
    let mut indexes: Vec<u32> = sources
        .keys()
        .chain(runs.keys())
        .chain(by_cell.keys())
        .copied()
        .collect();
    indexes.sort_unstable();
    indexes.dedup();
    let mut out = Markup::default();
    let mut left_out = 0;
    for (shown, index) in indexes.into_iter().enumerate() {
        let fails = verdict::next_failure(failing, index);
        let found = by_cell.remove(&index).unwrap_or_default();
        if fails.is_none() && found.is_empty() && (shown >= MOST_CELLS || room.is_full()) {
            left_out += 1;
            continue;
        }
        let cell = Cell {
            index,
            source: sources.get(&index).copied().unwrap_or(&empty),
            run: runs.get(&index).copied(),
            found,
            fails,
        };
        if is_shown(&cell) {
            out.push(cell::section(&cell, notebook, source, anchors, room));
        }
    }
    if left_out > 0 {
        out.push(remark(&format!(
            "{} are left out: the page is full.",
            count(left_out, "cell")
        )));
    }
    if out.is_empty() {
        return out;
    }
    let head = tag("h3", &[("class", "hidden")], text("Cells"));
    tag("section", &[("class", "cells")], Markup::from([head, out]))
}

/// Cells without anything in them say nothing.
fn is_shown(cell: &Cell<'_>) -> bool {
    let is_empty = cell.source.source.trim().is_empty() && cell.source.kind != CellKind::Code;
    !is_empty || !cell.found.is_empty()
}

fn title(report: &Report) -> String {
    let word = |notebook: &NotebookReport| verdict::outcome(notebook.verdict.outcome).1;
    match report.notebooks.as_slice() {
        [one] => format!("{}: {}", word(one), beginning(&one.path, 200)),
        many => format!("{} of {} notebooks passed", passed(report), many.len()),
    }
}

fn passed(report: &Report) -> usize {
    let passed = |notebook: &&NotebookReport| notebook.verdict.outcome == Outcome::Passed;
    report.notebooks.iter().filter(passed).count()
}

fn head(title: &str) -> Markup {
    let inner = Markup::from([
        void_tag("meta", &[("charset", "utf-8")]),
        void_tag(
            "meta",
            &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)],
        ),
        void_tag(
            "meta",
            &[
                ("name", "viewport"),
                ("content", "width=device-width, initial-scale=1"),
            ],
        ),
        void_tag("meta", &[("name", "color-scheme"), ("content", "light dark")]),
        void_tag("meta", &[("name", "referrer"), ("content", "no-referrer")]),
        void_tag("meta", &[("name", "robots"), ("content", "noindex")]),
        tag("title", &[], text(&format!("{title} · nbvet"))),
        tag("style", &[], Markup::trusted(include_str!("html/page.css"))),
    ]);
    tag("head", &[], inner)
}

/// The bar that stays in sight, with the way back to the verdict.
fn top(report: &Report) -> Markup {
    let worst = report
        .notebooks
        .iter()
        .max_by_key(|notebook| notebook.verdict.exit_code);
    let said = match report.notebooks.as_slice() {
        [one] => format!(
            "{} · {}",
            verdict::outcome(one.verdict.outcome).1,
            file_name(&one.path)
        ),
        many => format!("{} of {} passed", passed(report), many.len()),
    };
    let mut inner = tag("span", &[("class", "brand")], text("nbvet"));
    if let Some(worst) = worst {
        let sign = Markup::from([verdict::icon(worst.verdict.outcome), text(&said)]);
        let class = format!("now {}", verdict::outcome(worst.verdict.outcome).0);
        inner.push(tag("a", &[("class", &class), ("href", "#top")], sign));
    }
    inner.push(tag(
        "span",
        &[("class", "level")],
        text(&format!("level {}", report.level)),
    ));
    tag("header", &[("class", "top")], inner)
}

fn file_name(path: &str) -> &str {
    beginning(path.rsplit('/').next().unwrap_or(path), 100)
}

/// Many notebooks: a line each, as a table of contents.
fn index(report: &Report) -> Markup {
    let rows = report.notebooks.iter().enumerate().map(|(position, notebook)| {
        let verdict = &notebook.verdict;
        let (class, word, _) = verdict::outcome(verdict.outcome);
        let number = |value: u32| {
            tag(
                "td",
                &[("class", if value == 0 { "zero" } else { "number" })],
                text(&value.to_string()),
            )
        };
        let name = link(&format!("n{position}"), text(beginning(&notebook.path, 500)));
        let sign = Markup::from([verdict::icon(verdict.outcome), text(word)]);
        let cells = [
            tag("td", &[("class", class)], sign),
            tag("th", &[("scope", "row")], name),
            number(verdict.errors),
            number(verdict.warnings),
            number(verdict.notes),
        ];
        tag("tr", &[], Markup::from(cells))
    });
    let names = ["Outcome", "Notebook", "Errors", "Warnings", "Notes"];
    let names = names.map(|name| tag("th", &[("scope", "col")], text(name)));
    let table = Markup::from([
        tag("thead", &[], tag("tr", &[], Markup::from(names))),
        tag("tbody", &[], rows.collect()),
    ]);
    let inner = Markup::from([
        tag("h1", &[], text(&title(report))),
        tag(
            "div",
            &[("class", "scroll")],
            tag("table", &[("class", "index")], table),
        ),
    ]);
    tag("section", &[("class", "verdicts")], inner)
}

/// The pages of the rules that were found: why each matters, with code.
fn explained(found: &BTreeMap<String, u32>, rules: &[RuleInfo<'_>]) -> Markup {
    let pages: Markup = rules
        .iter()
        .filter(|rule| found.contains_key(rule.id))
        .map(|rule| {
            let times = count(found[rule.id], "finding");
            let summary = format!("{} {} ({times})", rule.id, rule.name);
            let page = tag(
                "div",
                &[("id", &format!("rule-{}", rule.id)), ("class", "rich")],
                rich::rule_page(&rule.page),
            );
            tag(
                "details",
                &[("class", "rule-page")],
                Markup::from([tag("summary", &[], text(&summary)), page]),
            )
        })
        .collect();
    if pages.is_empty() {
        return pages;
    }
    let head = tag("h2", &[], text("The rules behind it"));
    tag("section", &[("class", "rules")], Markup::from([head, pages]))
}

fn foot(report: &Report, made: Option<&str>) -> Markup {
    let made = made.map_or_else(String::new, |made| format!(", {made}"));
    let said = format!(
        "Written by {} {}{made}. Cells count from 0, text cells too. Nothing in this page is fetched from anywhere, and nothing of a notebook runs in it.",
        report.tool.name, report.tool.version
    );
    tag("footer", &[], tag("p", &[], text(&said)))
}
