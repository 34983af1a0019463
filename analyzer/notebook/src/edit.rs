//! Changes to a notebook's file. Only the values that change are written anew; every other byte stays.

use std::{collections::BTreeMap, ops::Range};

use serde_json::Value;

use nbvet_report::Edit;

use crate::{
    insert::{self, NewCell},
    json, lenient,
    model::{Cell, CellKind, Notebook},
    outputs::{self, Lines, Output},
    patch::Patcher,
    style::Style,
};

/// Changes to be made to a notebook's file.
#[derive(Debug)]
pub struct Editor<'a> {
    notebook: &'a Notebook,
    changes: BTreeMap<u32, Change>,
    metadata: Vec<(&'static str, Value)>,
    /// A new cell, and the index of the one that it comes before.
    inserted: Option<(u32, NewCell)>,
    edits: Vec<Edit>,
}

#[derive(Debug, Default)]
struct Change {
    source: Option<String>,
    outputs: Option<(Vec<Output>, Option<u32>)>,
}

/// New text for a span of the old.
pub(crate) type Replacement = (Range<usize>, String);

impl<'a> Editor<'a> {
    pub(crate) fn new(notebook: &'a Notebook) -> Self {
        Self {
            notebook,
            changes: BTreeMap::new(),
            metadata: Vec::new(),
            inserted: None,
            edits: Vec::new(),
        }
    }

    /// Makes one edit of a fix: in a cell's source, or in the text of the file itself. Every byte outside of it stays
    /// as it is, in the same cell too. Edits must not overlap, nor meet a cell that is given another source.
    ///
    /// # Panics
    ///
    /// If the edit's place is none of this notebook's.
    pub fn apply(&mut self, edit: &Edit) -> &mut Self {
        assert!(
            self.notebook.range_of(&edit.location).is_some(),
            "an edit's place is one of the notebook's: {edit:?}"
        );
        self.edits.push(edit.clone());
        self
    }

    /// Gives a cell another source. A malformed cell that is no object in the file has no place for one and stays.
    ///
    /// # Panics
    ///
    /// If the notebook has no such cell.
    pub fn set_source(&mut self, cell: u32, source: &str) -> &mut Self {
        self.change(cell).source = Some(source.to_owned());
        self
    }

    /// Gives a code cell other outputs, in the shapes of the file's own format.
    ///
    /// # Panics
    ///
    /// If the notebook has no such cell, or if it is no code cell.
    pub fn set_outputs(&mut self, cell: u32, outputs: &[Output], execution_count: Option<u32>) -> &mut Self {
        let kind = self.notebook.cell(cell).map(|cell| cell.kind);
        assert!(
            kind.is_none_or(|kind| kind == CellKind::Code),
            "only code cells have outputs; cell {cell} is none"
        );
        self.change(cell).outputs = Some((outputs.to_vec(), execution_count));
        self
    }

    /// Says which language, and which version of it, the notebook ran with. A file without metadata has no place
    /// for it, and formats before 4 do not know it: both stay.
    pub fn set_language_info(&mut self, info: Value) -> &mut Self {
        self.metadata.push(("language_info", info));
        self
    }

    /// Says what state the notebook's widgets are in. As with the language, some files have no place for it.
    pub fn set_widgets(&mut self, states: Value) -> &mut Self {
        self.metadata.push(("widgets", states));
        self
    }

    /// Puts in a code cell before the cell of that index, or after the last one. Other cells keep the indexes by
    /// which this editor knows them. Formats before 4 have no place for it where there are no cells.
    pub fn insert(&mut self, before: u32, cell: NewCell) -> &mut Self {
        self.inserted = Some((before, cell));
        self
    }

    fn change(&mut self, cell: u32) -> &mut Change {
        assert!(
            self.notebook.cell(cell).is_some(),
            "cell {cell} is one of the notebook's"
        );
        self.changes.entry(cell).or_default()
    }

    /// The file with the changes made; without changes, the file as it was.
    pub fn finish(&self) -> Vec<u8> {
        let text = self.notebook.text();
        let mut result = String::with_capacity(text.len());
        let mut done = 0;
        for (span, new) in self.replacements() {
            result.push_str(&text[done..span.start]);
            result.push_str(&new);
            done = span.end;
        }
        result.push_str(&text[done..]);
        result.into_bytes()
    }

    fn replacements(&self) -> Vec<Replacement> {
        let mut replacements = self.changed_values();
        if !self.edits.is_empty() {
            let patcher = Patcher::new(self.notebook);
            replacements.extend(self.edits.iter().map(|edit| patcher.patch(edit)));
        }
        replacements.sort_by_key(|(span, _)| (span.start, span.end));
        replacements
    }

    fn changed_values(&self) -> Vec<Replacement> {
        if self.changes.is_empty() && self.metadata.is_empty() && self.inserted.is_none() {
            return Vec::new();
        }
        let text = self.notebook.text();
        let masked = self.notebook.is_nonstandard().then(|| masked(text));
        let writer = Writer::new(self.notebook, masked.as_deref().unwrap_or(text));
        let inserted = self
            .inserted
            .iter()
            .filter_map(|(before, cell)| writer.insert(*before, cell));
        self.changes
            .iter()
            .flat_map(|(cell, change)| writer.change(*cell, change))
            .chain(inserted)
            .chain(writer.metadata(&self.metadata))
            .collect()
    }
}

fn masked(text: &str) -> String {
    let mut places = lenient::not_finite(text);
    places.extend(lenient::lone_surrogates(text));
    places.sort_unstable_by_key(|place| place.span.start);
    lenient::masked(text, &places)
}

struct Writer<'a> {
    notebook: &'a Notebook,
    /// The file's text, standard JSON at the same offsets.
    json: &'a str,
    /// The text of each cell.
    objects: Vec<&'a str>,
    style: Style,
    lines: Lines,
}

impl<'a> Writer<'a> {
    fn new(notebook: &'a Notebook, json: &'a str) -> Self {
        let is_list = |cell: &Cell| {
            cell.parts
                .source
                .clone()
                .map(|span| notebook.text()[span].starts_with('['))
        };
        let lines = match notebook.cells().iter().find_map(is_list) {
            Some(false) => Lines::Joined,
            Some(true) | None => Lines::List,
        };
        let objects = objects(json, notebook.format());
        Self {
            notebook,
            json,
            objects,
            style: Style::of(notebook.text()),
            lines,
        }
    }

    fn metadata(&self, members: &[(&'static str, Value)]) -> Vec<Replacement> {
        let metadata = json::member(self.json, "metadata").filter(|object| object.starts_with('{'));
        match metadata {
            Some(metadata) if self.notebook.format().0 >= 4 => self.set_members(metadata, members),
            _ => Vec::new(),
        }
    }

    fn insert(&self, before: u32, cell: &NewCell) -> Option<Replacement> {
        let cell = cell.value(self.notebook, self.lines);
        let indent = |value: &str| self.indent(value).to_owned();
        insert::replacement(self.json, &self.objects, before, &cell, &self.style, indent)
    }

    fn change(&self, cell: u32, change: &Change) -> Vec<Replacement> {
        let cell = self
            .notebook
            .cell(cell)
            .expect("changes are only taken for cells of the notebook");
        let is_old = self.notebook.format().0 < 4;
        let mut members = Vec::new();
        if let Some((outputs, count)) = &change.outputs {
            let outputs = outputs
                .iter()
                .map(|output| outputs::to_value(output, self.notebook.format(), self.lines));
            members.push((
                if is_old {
                    "prompt_number"
                } else {
                    "execution_count"
                },
                Value::from(*count),
            ));
            members.push(("outputs", outputs.collect()));
        }
        if let Some(source) = &change.source {
            let key = if is_old && cell.kind == CellKind::Code {
                "input"
            } else {
                "source"
            };
            members.push((key, self.source_value(cell, source)));
        }
        self.set_members(self.objects[cell.index as usize], &members)
    }

    /// A text where the cell has a text, a list where it has a list.
    fn source_value(&self, cell: &Cell, source: &str) -> Value {
        let lines = match cell
            .parts
            .source
            .clone()
            .map(|span| self.json.as_bytes()[span.start])
        {
            Some(b'"') => Lines::Joined,
            Some(b'[') => Lines::List,
            _ => self.lines,
        };
        lines.value(source)
    }

    fn set_members(&self, object: &str, members: &[(&str, Value)]) -> Vec<Replacement> {
        let present = json::members(object);
        let one_line = !object.contains('\n');
        let style = if one_line {
            self.style.inline()
        } else {
            self.style.clone()
        };
        let mut replacements = Vec::new();
        let mut added = String::new();
        let indent = present.first().map_or("", |(_, value)| self.indent(value));
        for (key, value) in members {
            let old = present
                .iter()
                .rev()
                .find(|(present, _)| present == key)
                .map(|(_, value)| *value);
            if let Some(old) = old {
                let keeps_line = old.starts_with('[') && old.len() > 2 && !old.contains('\n');
                let style = if keeps_line { style.inline() } else { style.clone() };
                replacements.push((json::span(self.json, old), style.write(value, indent)));
            } else {
                let separator = if present.is_empty() && added.is_empty() {
                    String::new()
                } else {
                    style.separator(indent)
                };
                added.push_str(&separator);
                added.push_str(&style.member(key, &style.write(value, indent)));
            }
        }
        if !added.is_empty() && object.starts_with('{') {
            let end = present
                .last()
                .map_or(json::span(self.json, object).start + 1, |(_, value)| {
                    json::span(self.json, value).end
                });
            replacements.push((end..end, added));
        }
        replacements
    }

    /// The white space that the value's line begins with.
    fn indent(&self, value: &str) -> &'a str {
        let start = json::span(self.json, value).start;
        let line = self.json[..start].rfind('\n').map_or(0, |end| end + 1);
        let line = &self.json[line..start];
        &line[..line.len() - line.trim_start().len()]
    }
}

/// The text of every cell, in order.
fn objects(json: &str, format: (u32, u32)) -> Vec<&str> {
    let list = |raw, key| json::member(raw, key).and_then(json::items).unwrap_or_default();
    if format.0 >= 4 {
        return list(json, "cells");
    }
    list(json, "worksheets")
        .into_iter()
        .flat_map(|worksheet| list(worksheet, "cells"))
        .collect()
}
