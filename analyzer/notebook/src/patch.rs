//! Single edits as changes to the file's text: a place in a cell's source is followed into the JSON strings that make
//! it up, so that the strings around it, their escapes included, stay as they were written.

use std::ops::Range;

use nbvet_report::Edit;

use crate::{
    edit::Replacement,
    model::{Cell, Notebook},
    style::Style,
};

pub(crate) struct Patcher<'a> {
    notebook: &'a Notebook,
    text: &'a str,
    style: Style,
}

impl<'a> Patcher<'a> {
    pub(crate) fn new(notebook: &'a Notebook) -> Self {
        let text = notebook.text();
        let style = Style::of(text);
        Self {
            notebook,
            text,
            style,
        }
    }

    /// The change to the file's text.
    ///
    /// # Panics
    ///
    /// If the edit's place is none of the notebook's.
    pub(crate) fn patch(&self, edit: &Edit) -> Replacement {
        let place = self.notebook.range_of(&edit.location);
        let range = place.expect("an edit's place is one of the notebook's");
        let cell = edit.location.cell.and_then(|cell| self.notebook.cell(cell));
        match cell {
            Some(cell) => self.in_source(cell, &range, &edit.replacement),
            None => (range, edit.replacement.clone()),
        }
    }

    fn in_source(&self, cell: &Cell, range: &Range<usize>, replacement: &str) -> Replacement {
        let map = self.notebook.map_of(cell);
        let place = |offset| {
            map.exact_file_offset(self.text, offset)
                .expect("a source with places in it stands in the file")
        };
        let span = place(range.start)..place(range.end);
        let value = cell.parts.source.clone().map_or("", |span| &self.text[span]);
        if !value.starts_with('[') {
            return (span, self.style.escaped(replacement));
        }
        let new_line = format!("\"{}\"", separator(value, &self.style));
        let at_string_end = self.text[span.end..].starts_with('"');
        let mut new = String::new();
        let mut lines = replacement.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            new.push_str(&self.style.escaped(line));
            let more = lines.peek().is_some() || !at_string_end;
            if line.ends_with('\n') && more {
                new.push_str(&new_line);
            }
        }
        (span, new)
    }
}

/// What stands between two lines of a source that is a list.
fn separator(list: &str, style: &Style) -> String {
    let inner = &list[1..];
    let gap = &inner[..inner.len() - inner.trim_start().len()];
    if gap.contains('\n') {
        format!(",{gap}")
    } else {
        style.comma().to_owned()
    }
}
