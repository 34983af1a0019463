//! A code cell that is put into a notebook's file, written in the file's own way and format.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{
    json,
    model::Notebook,
    outputs::{self, Lines, Output},
    style::Style,
};

/// A code cell to be put into a notebook.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewCell {
    /// Its source.
    pub source: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// What it put out.
    pub outputs: Vec<Output>,
    /// The `n` of `In [n]`.
    pub execution_count: Option<u32>,
}

impl NewCell {
    /// In the shapes of the notebook's format.
    pub(crate) fn value(&self, notebook: &Notebook, lines: Lines) -> Value {
        let outputs: Value = self
            .outputs
            .iter()
            .map(|output| outputs::to_value(output, notebook.format(), lines))
            .collect();
        let source = lines.value(&self.source);
        if notebook.format().0 < 4 {
            return json!({
                "cell_type": "code",
                "collapsed": false,
                "input": source,
                "language": "python",
                "metadata": {"tags": self.tags},
                "outputs": outputs,
                "prompt_number": self.execution_count,
            });
        }
        let mut cell = json!({
            "cell_type": "code",
            "execution_count": self.execution_count,
            "metadata": {"tags": self.tags},
            "outputs": outputs,
            "source": source,
        });
        if notebook.format() >= (4, 5) {
            cell["id"] = self.free_id(notebook).into();
        }
        cell
    }

    /// An id that tells what the cell is, and that no other cell has.
    fn free_id(&self, notebook: &Notebook) -> String {
        let taken: HashSet<&str> = notebook
            .cells()
            .iter()
            .filter_map(|cell| cell.id.as_deref())
            .collect();
        let base = self.tags.first().map_or("new-cell", String::as_str);
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        std::iter::once(base.to_owned())
            .chain(numbered)
            .find(|id| !taken.contains(id.as_str()))
            .unwrap_or_default()
    }
}

/// The new text, and where it goes: before the cell of that index, or after the last one.
pub(crate) fn replacement(
    file: &str,
    objects: &[&str],
    before: u32,
    cell: &Value,
    style: &Style,
    indent: impl Fn(&str) -> String,
) -> Option<(std::ops::Range<usize>, String)> {
    let before = usize::try_from(before).unwrap_or(usize::MAX);
    if let Some(object) = objects.get(before) {
        let (start, indent) = (json::span(file, object).start, indent(object));
        let text = style.write(cell, &indent) + &style.separator(&indent);
        return Some((start..start, text));
    }
    if let Some(object) = objects.last() {
        let (end, indent) = (json::span(file, object).end, indent(object));
        let text = style.separator(&indent) + &style.write(cell, &indent);
        return Some((end..end, text));
    }
    let cells = json::member(file, "cells")?;
    let text = style.write(&json!([cell]), &indent(cells));
    Some((json::span(file, cells), text))
}
