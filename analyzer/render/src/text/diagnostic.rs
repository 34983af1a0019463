//! One diagnostic: what was seen, the cell's lines with the places marked, why it matters and how to mend it.

use std::{collections::BTreeMap, fmt::Write as _};

use ariadne::{Cache, Color, Config, Fmt as _, IndexType, Label, Report as Drawing, ReportKind, Source};
use nbvet_report::{Applicability, Diagnostic, Fix, Location, NotebookReport, Severity};

use super::{
    TextOptions,
    excerpt::Excerpt,
    golden,
    style::{self, DIM, paint},
    traceback,
};
use crate::{NotebookSource, harmless, harmless_block, place::heading};

/// The block of one diagnostic.
pub(super) fn block(
    notebook: &NotebookReport,
    source: Option<&NotebookSource>,
    found: &Diagnostic,
    options: &TextOptions,
) -> String {
    let mut out = drawing(notebook, source, found).unwrap_or_else(|| undrawn(notebook, source, found));
    if found.fault {
        out += &traceback::block(notebook, found);
    }
    out += &golden::block(notebook, found);
    if let Some(explanation) = &found.explanation {
        out += &style::remark("why", explanation, options.width);
    }
    if let Some(help) = &found.help {
        out += &style::remark("help", help, options.width);
    }
    if let Some(fix) = &found.fix {
        out += &style::remark("fix", &offered(fix), options.width);
    }
    if let Some(example) = &found.example {
        out += &style::code("mended", example);
    }
    out
}

/// What a fix does, and how it is had.
fn offered(fix: &Fix) -> String {
    match fix.applicability {
        Applicability::Safe => format!("{} (`nbvet lint --fix`)", fix.title),
        Applicability::Unsafe => format!("{} (`nbvet lint --fix --unsafe-fixes`)", fix.title),
        Applicability::DisplayOnly => fix.title.clone(),
    }
}

/// The diagnostic with lines of the notebook; `None` where there are none to show.
fn drawing(notebook: &NotebookReport, source: Option<&NotebookSource>, found: &Diagnostic) -> Option<String> {
    let marks = marks(found);
    let mut excerpts = Excerpts::default();
    for (order, mark) in marks.iter().enumerate() {
        let places: Vec<&Location> = marks
            .iter()
            .map(|mark| mark.at)
            .filter(|at| shown_with(at) == shown_with(mark.at))
            .collect();
        let text = text_of(source?, mark.at).filter(|text| !text.is_empty());
        if let Some(text) = text {
            excerpts
                .by_text
                .entry(shown_with(mark.at))
                .or_insert_with(|| Drawn::new(text, &places, drawn_heading(notebook, source, mark.at)));
        } else if order == 0 && mark.primary {
            return None;
        }
    }
    let span = |at: &Location| {
        Some((
            shown_with(at),
            excerpts.by_text.get(&shown_with(at))?.excerpt.span(at),
        ))
    };
    let head = format!("{}[{}]", found.severity, found.rule.id);
    let colour = colour(found.severity);
    let mut drawing = Drawing::build(ReportKind::Custom(&head, colour), span(&found.location)?)
        .with_message(harmless_block(&found.message))
        .with_config(Config::new().with_index_type(IndexType::Char).with_tab_width(4));
    for (order, mark) in marks.iter().enumerate() {
        let Some(span) = span(mark.at) else { continue };
        let colour = if mark.primary { colour } else { Color::Blue };
        let order = i32::try_from(order).unwrap_or(i32::MAX);
        drawing.add_label(
            Label::new(span)
                .with_message(&mark.text)
                .with_color(colour)
                .with_order(order),
        );
    }
    let mut bytes = Vec::new();
    drawing.finish().write(&mut excerpts, &mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    Some(
        text.lines()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect(),
    )
}

/// One underlined place.
struct Mark<'a> {
    at: &'a Location,
    text: String,
    primary: bool,
}

/// All places, those of the diagnostic's own cell first and each cell's by line, so that a cell is drawn once.
fn marks(found: &Diagnostic) -> Vec<Mark<'_>> {
    let here = |at: &Location| (at.line, at.column, at.end_line, at.end_column);
    let own = found.labels.iter().find(|label| {
        is_shown_with(&label.location, found) && here(&label.location) == here(&found.location)
    });
    let name = harmless(&found.rule.name);
    let text = own.map_or_else(
        || name.clone(),
        |label| format!("{name}: {}", harmless(&label.message)),
    );
    let mut marks = vec![Mark {
        at: &found.location,
        text,
        primary: true,
    }];
    marks.extend(
        found
            .labels
            .iter()
            .filter(|label| own.is_none_or(|own| !std::ptr::eq(own, *label)))
            .map(|label| Mark {
                at: &label.location,
                text: harmless(&label.message),
                primary: false,
            }),
    );
    marks.sort_by_key(|mark| {
        (
            !is_shown_with(mark.at, found),
            shown_with(mark.at),
            mark.at.line,
            mark.at.column,
        )
    });
    marks
}

/// What one drawing shows: a cell, the notebook's file, or a file beside it.
type Shown = (Option<String>, Option<u32>);

fn shown_with(at: &Location) -> Shown {
    (at.file.clone(), at.cell)
}

fn is_shown_with(at: &Location, found: &Diagnostic) -> bool {
    shown_with(at) == shown_with(&found.location)
}

/// What a drawing is headed with; it puts line and column of a file behind it.
fn drawn_heading(notebook: &NotebookReport, source: Option<&NotebookSource>, at: &Location) -> String {
    at.file
        .as_ref()
        .map_or_else(|| heading(notebook, source, at), |file| harmless(file))
}

/// The text that a location points into: its cell's, or the file's own.
fn text_of<'a>(source: &'a NotebookSource, at: &Location) -> Option<&'a str> {
    match at.cell {
        Some(cell) => source
            .cells
            .get(usize::try_from(cell).ok()?)
            .map(|cell| cell.source.as_str()),
        None => match &at.file {
            Some(file) => source.beside.get(file).map(String::as_str),
            None => source.file.as_deref(),
        },
    }
}

/// The same in words, for a diagnostic of the whole file or without a source.
fn undrawn(notebook: &NotebookReport, source: Option<&NotebookSource>, found: &Diagnostic) -> String {
    let head = format!("{}[{}]:", found.severity, found.rule.id);
    let mut out = format!(
        "{} {}\n",
        head.fg(colour(found.severity)),
        harmless_block(&found.message)
    );
    let at = &found.location;
    let place = match at.cell {
        Some(_) => format!("{}, line {}", heading(notebook, source, at), at.line),
        None if at.file.is_some() => heading(notebook, source, at),
        None => format!("{}:{}:{}", heading(notebook, source, at), at.line, at.column),
    };
    let _ = writeln!(
        out,
        "  {} {}",
        paint(DIM, &format!("at {place} ·")),
        harmless(&found.rule.name)
    );
    for label in &found.labels {
        let mut place = heading(notebook, source, &label.location);
        if label.location.file.is_none() {
            let _ = write!(place, ", line {}", label.location.line);
        }
        let _ = writeln!(
            out,
            "  {} {}",
            paint(DIM, &format!("{place}:")),
            harmless(&label.message)
        );
    }
    out
}

fn colour(severity: Severity) -> Color {
    match severity {
        Severity::Error => Color::Red,
        Severity::Warning => Color::Yellow,
        Severity::Note | Severity::Off => Color::Cyan,
    }
}

/// What one drawing shows.
#[derive(Default)]
struct Excerpts {
    by_text: BTreeMap<Shown, Drawn>,
}

/// One cell of a drawing.
struct Drawn {
    excerpt: Excerpt,
    source: Source<String>,
    heading: String,
}

impl Drawn {
    fn new(text: &str, places: &[&Location], heading: String) -> Self {
        let excerpt = Excerpt::new(text, places);
        let source = Source::from(excerpt.text.clone());
        Self {
            excerpt,
            source,
            heading,
        }
    }
}

impl Cache<Shown> for &mut Excerpts {
    type Storage = String;

    fn fetch(&mut self, id: &Shown) -> Result<&Source<String>, impl std::fmt::Debug> {
        self.by_text
            .get(id)
            .map(|drawn| &drawn.source)
            .ok_or("every marked text was drawn")
    }

    fn display<'a>(&self, id: &'a Shown) -> Option<impl std::fmt::Display + 'a> {
        self.by_text.get(id).map(|drawn| drawn.heading.clone())
    }
}
