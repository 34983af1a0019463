//! Bytes to a notebook: decides what is fatal, what is recovered, and what is said about it.

use crate::{
    faults, json,
    lenient::{self, Nonstandard},
    model::{Cell, CellKind, Language, Notebook, Parts},
    problem::{Problem, ProblemKind},
    refusal,
    skim::{List, RawCell, RawNotebook, Shape},
    source,
};

/// What was read: a notebook, unless one of the problems is fatal, and what is wrong with the file.
#[derive(Debug)]
pub struct Reading {
    /// The notebook.
    pub notebook: Option<Notebook>,
    /// What is wrong with the file, in its order.
    pub problems: Vec<Problem>,
}

/// Reads a notebook from the bytes of its file. Takes any bytes, in linear time.
pub fn read(bytes: &[u8]) -> Reading {
    let text = match refusal::text(bytes) {
        Ok(text) => text,
        Err(problem) => {
            return Reading {
                notebook: None,
                problems: vec![problem],
            };
        }
    };
    match skim_and_build(text) {
        Ok(reading) => reading,
        Err(problem) => Reading {
            notebook: None,
            problems: vec![problem],
        },
    }
}

/// Reads a Python script as a notebook of one cell.
pub fn read_script(text: &str) -> Reading {
    let cell = serde_json::json!({"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [],
        "source": text});
    let notebook = serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]});
    read(notebook.to_string().as_bytes())
}

fn skim_and_build(text: &str) -> Result<Reading, Problem> {
    match serde_json::from_str(text) {
        Ok(raw) => build(text, text, raw, &lenient::lone_surrogates(text)),
        Err(error) => {
            let mut places = lenient::not_finite(text);
            places.extend(lenient::lone_surrogates(text));
            places.sort_unstable_by_key(|place| place.span.start);
            if places.is_empty() {
                return Err(refusal::not_json(text, &error));
            }
            let masked = lenient::masked(text, &places);
            let raw = serde_json::from_str(&masked).map_err(|error| refusal::not_json(text, &error))?;
            build(text, &masked, raw, &places)
        }
    }
}

/// `json`: the text, or the text made standard at the same offsets.
fn build(
    text: &str,
    json: &str,
    raw: Shape<RawNotebook<'_>>,
    nonstandard: &[Nonstandard],
) -> Result<Reading, Problem> {
    let raw = match raw {
        Shape::Good(raw) => raw,
        Shape::Wrong(kind) => return Err(refusal::top_level(kind)),
    };
    let format = refusal::format(text, &raw)?;
    let metadata = raw.metadata.map(|metadata| json::span(json, metadata.get()));
    let raw_cells = refusal::cells(format, raw)?;
    let mut reader = CellReader {
        json,
        format,
        cells: Vec::with_capacity(raw_cells.len()),
        faults: Vec::new(),
    };
    for cell in raw_cells {
        reader.cell(cell);
    }
    let faults = reader.faults;
    let notebook = Notebook::new(
        text,
        json,
        format,
        metadata,
        reader.cells,
        !nonstandard.is_empty(),
    );
    let mut problems: Vec<Problem> = faults::nonstandard_json(&notebook, nonstandard)
        .into_iter()
        .collect();
    problems.extend(
        faults
            .into_iter()
            .map(|(kind, cell, message)| faults::of_cell(&notebook, kind, cell, message)),
    );
    problems.extend(faults::duplicate_ids(&notebook));
    Ok(Reading {
        notebook: Some(notebook),
        problems,
    })
}

struct CellReader<'a> {
    json: &'a str,
    format: (u32, u32),
    cells: Vec<Cell>,
    /// Cell, and what is wrong with it.
    faults: Vec<(ProblemKind, u32, String)>,
}

impl CellReader<'_> {
    fn cell(&mut self, raw: Shape<RawCell<'_>>) {
        let (raw, is_object) = match raw {
            Shape::Good(raw) => (raw, true),
            Shape::Wrong(kind) => {
                self.unread(format!(
                    "cell is {kind}, where an object belongs: if it is code, it does not run"
                ));
                (RawCell::default(), false)
            }
        };
        let anchor = raw.anchor.map_or_else(
            || self.last_offset(),
            |anchor| json::span(self.json, anchor).start,
        );
        let kind = if is_object { self.kind(&raw) } else { CellKind::Raw };
        let raw_source = if is_object {
            self.raw_source(&raw, kind)
        } else {
            None
        };
        let source = raw_source.map_or_else(String::new, |raw| self.source(raw, kind));
        let (tags, language) = self.metadata(&raw);
        let cell = Cell {
            index: self.index(),
            kind,
            id: self.id(&raw),
            source,
            tags,
            execution_count: self.execution_count(&raw),
            language,
            parts: Parts {
                source: raw_source.map(|raw| json::span(self.json, raw)),
                metadata: raw.metadata.map(|raw| json::span(self.json, raw.get())),
                outputs: self.outputs(&raw),
                id: raw.id.map(|raw| json::span(self.json, raw.get())),
                anchor,
            },
            map: std::sync::OnceLock::new(),
        };
        self.cells.push(cell);
    }

    fn index(&self) -> u32 {
        u32::try_from(self.cells.len()).unwrap_or(u32::MAX)
    }

    fn fault(&mut self, message: String) {
        self.faults
            .push((ProblemKind::MalformedCell, self.index(), message));
    }

    /// Code that may be in this cell does not run.
    fn unread(&mut self, message: String) {
        self.faults.push((ProblemKind::UnreadCell, self.index(), message));
    }

    /// Of the source: what is left out of code does not run.
    fn source_fault(&mut self, kind: CellKind, message: String) {
        match kind {
            CellKind::Code => self.unread(message),
            CellKind::Markdown | CellKind::Raw => self.fault(message),
        }
    }

    fn last_offset(&self) -> usize {
        self.cells.last().map_or(0, |cell| cell.parts.anchor)
    }

    fn kind(&mut self, raw: &RawCell<'_>) -> CellKind {
        let word = raw.cell_type.and_then(|raw| json::string(raw.get()));
        match word.as_deref() {
            Some("code") => CellKind::Code,
            Some("markdown") => CellKind::Markdown,
            Some("raw") => CellKind::Raw,
            Some("heading" | "html" | "plaintext") if self.format.0 < 4 => CellKind::Markdown,
            None => {
                self.unread("cell has no `cell_type`: if it is code, it does not run".to_owned());
                CellKind::Raw
            }
            Some(other) => {
                self.unread(format!(
                    "cell has the unknown `cell_type` {other:?}: if it is code, it does not run"
                ));
                CellKind::Raw
            }
        }
    }

    /// The JSON of the source: `input` of code cells before nbformat 4.
    fn raw_source<'a>(&mut self, raw: &RawCell<'a>, kind: CellKind) -> Option<&'a str> {
        let is_old_code = self.format.0 < 4 && kind == CellKind::Code;
        let found = if is_old_code {
            raw.input.or(raw.source)
        } else {
            raw.source
        };
        if found.is_none() {
            let name = if is_old_code { "input" } else { "source" };
            self.source_fault(kind, format!("cell has no `{name}`; it was read as empty"));
        }
        found.map(serde_json::value::RawValue::get)
    }

    fn source(&mut self, raw: &str, cell: CellKind) -> String {
        let (source, wrong) = source::decode(raw);
        if wrong {
            let message = match json::kind(raw) {
                "a list" => "the cell's source is a list with something other than texts in it".to_owned(),
                kind => format!("the cell's source is {kind}, where a text or a list of texts belongs"),
            };
            self.source_fault(cell, message);
        }
        source
    }

    fn id(&mut self, raw: &RawCell<'_>) -> Option<String> {
        let raw = raw.id?.get();
        let id = json::string(raw);
        if id.is_none() {
            self.fault(format!(
                "the cell's id is {}, where a text belongs",
                json::kind(raw)
            ));
        }
        id
    }

    fn execution_count(&mut self, raw: &RawCell<'_>) -> Option<u32> {
        let raw = if self.format.0 < 4 {
            raw.prompt_number
        } else {
            raw.execution_count
        }?
        .get();
        let count = raw.parse().ok();
        if count.is_none() && raw != "null" {
            self.fault(format!("the cell's execution count is {}", shortened(raw)));
        }
        count
    }

    fn outputs(&mut self, raw: &RawCell<'_>) -> Option<std::ops::Range<usize>> {
        let raw = raw.outputs?.get();
        if !raw.starts_with('[') {
            self.fault(format!(
                "the cell's outputs are {}, where a list belongs",
                json::kind(raw)
            ));
            return None;
        }
        Some(json::span(self.json, raw))
    }

    /// Tags, and the language of this cell alone.
    fn metadata(&mut self, raw: &RawCell<'_>) -> (Vec<String>, Option<Language>) {
        let old_language = raw.language.and_then(|raw| json::string(raw.get()));
        let mut language = old_language.map(|name| Language::named(&name));
        let mut tags = Vec::new();
        let Some(raw) = raw
            .metadata
            .map(serde_json::value::RawValue::get)
            .filter(|raw| *raw != "{}")
        else {
            return (tags, language);
        };
        if !raw.starts_with('{') {
            self.fault(format!(
                "the cell's metadata are {}, where an object belongs",
                json::kind(raw)
            ));
        }
        for (key, value) in json::members(raw) {
            match key.as_ref() {
                "tags" => tags = self.tags(value),
                "vscode" => {
                    let id = json::member(value, "languageId").and_then(json::string);
                    language = id.map(|name| Language::named(&name)).or(language);
                }
                _ => {}
            }
        }
        (tags, language)
    }

    fn tags(&mut self, raw: &str) -> Vec<String> {
        let items = json::items(raw);
        let tags: Option<Vec<String>> = items
            .as_ref()
            .and_then(|items| items.iter().map(|item| json::string(item)).collect());
        tags.unwrap_or_else(|| {
            self.fault(format!(
                "the cell's tags are {}, where a list of texts belongs",
                json::kind(raw)
            ));
            items
                .unwrap_or_default()
                .into_iter()
                .filter_map(json::string)
                .collect()
        })
    }
}

fn shortened(raw: &str) -> String {
    const MOST: usize = 40;
    if raw.chars().count() <= MOST {
        raw.to_owned()
    } else if json::kind(raw) != "a number" {
        // A part of a secret would no longer be known for what it is, and shown.
        json::kind(raw).to_owned()
    } else {
        raw.chars().take(MOST).chain(['…']).collect()
    }
}

/// All cells of a list, or what is there instead of one.
pub(crate) type RawCells<'a> = Shape<List<Shape<RawCell<'a>>>>;
