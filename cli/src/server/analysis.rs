//! A snapshot of a document to diagnostics: the same notebook, settings and rules as on the command line.

use std::path::{Path, PathBuf};

use nbvet_engine::{Beside, Settings, check};
use nbvet_report::Diagnostic;
use serde_json::{Value, json};

use super::{
    documents::{Snapshot, Text},
    protocol::{Cell, Position},
};
use crate::{
    args::{JudgeArgs, RunArgs},
    beside,
    settings::{Further, Resolver},
};

/// A document as it was judged.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// What the editor calls the texts that diagnostics lie in: those of the cells, or the one of the document.
    pub(crate) texts: Vec<Judgement>,
    /// Diagnostics whose lines are those of the file, not of a cell.
    pub(crate) in_file: bool,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The notebook's file, as it was made from the cells.
    pub(crate) bytes: Vec<u8>,
    /// What files bind that the notebook runs.
    pub(crate) beside: Beside,
    pub(crate) settings: Settings,
    /// What kept the settings from being read.
    pub(crate) remark: Option<String>,
}

/// One text of a judged document.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) uri: String,
    pub(crate) text: String,
    /// Where each line begins, as the editor counts lines.
    line_starts: Vec<usize>,
    is_ascii: bool,
}

impl Judgement {
    pub(crate) fn new(uri: String, text: String) -> Self {
        let after_breaks = text.match_indices('\n').map(|(end, _)| end + 1);
        let line_starts = std::iter::once(0).chain(after_breaks).collect();
        Self {
            is_ascii: text.is_ascii(),
            uri,
            text,
            line_starts,
        }
    }

    /// A 1-based line and column (in characters) as the protocol counts.
    pub(crate) fn position(&self, line: u32, column: u32) -> Position {
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = self.line_starts.get(index).copied().unwrap_or(self.text.len());
        let next = self.line_starts.get(index.saturating_add(1));
        let end = next.map_or(self.text.len(), |next| next - 1);
        let content = &self.text[start..end];
        let content = content.strip_suffix('\r').unwrap_or(content);
        let before = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        let units = if self.is_ascii {
            // A notebook's file may be one line.
            before.min(content.len())
        } else {
            content.chars().take(before).map(char::len_utf16).sum()
        };
        Position {
            line: line.saturating_sub(1),
            character: u32::try_from(units).unwrap_or(u32::MAX),
        }
    }

    /// The position behind the last character.
    pub(crate) fn end(&self) -> Position {
        self.position(
            u32::try_from(self.line_starts.len()).unwrap_or(u32::MAX),
            u32::MAX,
        )
    }
}

impl Judged {
    pub(crate) fn new(uri: &str, snapshot: Snapshot) -> Self {
        let (texts, bytes, in_file) = match snapshot {
            Snapshot::Notebook(metadata, cells) => {
                let bytes = file(metadata.as_ref(), &cells);
                let texts = (cells.into_iter()).map(|(cell, text)| Judgement::new(cell.document, text.text));
                (texts.collect(), bytes, false)
            }
            Snapshot::Text(text) if is_notebook(uri) => {
                // The file itself, or what JupyterLab makes of it: the code of all cells joined.
                let in_file = text.language != "python";
                let bytes = if in_file {
                    text.text.clone().into_bytes()
                } else {
                    file(None, &[(code_cell(uri), text.clone())])
                };
                (vec![Judgement::new(uri.to_owned(), text.text)], bytes, in_file)
            }
            Snapshot::Text(_) => return Self::default(),
        };
        let (settings, remark) = settings(uri);
        let reading = nbvet_notebook::read(&bytes);
        let beside = path(uri).map_or_else(Beside::default, |path| {
            beside::find(&reading, beside::folder_of(&path))
        });
        Self {
            diagnostics: check(&reading, &beside, None, nbvet_rules::ALL, &settings),
            texts,
            beside,
            in_file,
            bytes,
            settings,
            remark,
        }
    }
}

fn is_notebook(uri: &str) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "ipynb")
}

fn code_cell(uri: &str) -> Cell {
    const CODE: u32 = 2;
    Cell {
        kind: CODE,
        document: uri.to_owned(),
        metadata: None,
        execution_summary: None,
    }
}

/// What the notebook's file would hold. Editors keep the file's own metadata one level down.
fn file(metadata: Option<&Value>, cells: &[(Cell, Text)]) -> Vec<u8> {
    let own = |metadata: Option<&Value>| {
        let inner = metadata.and_then(|outer| outer.get("metadata")).or(metadata);
        inner
            .filter(|value| value.is_object())
            .cloned()
            .unwrap_or_else(|| json!({}))
    };
    let cells: Vec<Value> = cells
        .iter()
        .map(|(cell, text)| {
            let mut metadata = own(cell.metadata.as_ref());
            if cell.kind == 1 {
                return json!({ "cell_type": "markdown", "metadata": metadata, "source": text.text });
            }
            if !matches!(text.language.as_str(), "" | "python") {
                metadata["vscode"] = json!({ "languageId": text.language });
            }
            let count = cell
                .execution_summary
                .as_ref()
                .and_then(|summary| summary.execution_order);
            json!({
                "cell_type": "code", "metadata": metadata, "source": text.text, "outputs": [],
                "execution_count": count,
            })
        })
        .collect();
    let notebook = json!({ "nbformat": 4, "nbformat_minor": 4, "metadata": own(metadata), "cells": cells });
    notebook.to_string().into_bytes()
}

/// The settings that apply where the notebook lies; the defaults where they cannot be read, and why.
fn settings(uri: &str) -> (Settings, Option<String>) {
    let (judge, run) = (JudgeArgs::default(), RunArgs::default());
    let path = path(uri).unwrap_or_default();
    let found =
        Resolver::new(&judge, &run, Further::default()).and_then(|mut resolver| resolver.for_notebook(&path));
    match found {
        Ok(settings) => (settings.engine, None),
        Err(error) => (Settings::default(), Some(error.to_string())),
    }
}

/// The path of a `file:` URI.
fn path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let path = &rest[rest.find('/')?..];
    let path = path.split(['?', '#']).next()?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let escaped = digits
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = &after[if escaped.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_found_without_walking_the_text() {
        let lines = 200_000;
        let text = Judgement::new(String::new(), "😀 = 1\r\n".repeat(200_000));
        let started = std::time::Instant::now();
        for line in 1..=lines {
            let at = text.position(line, 3);
            assert_eq!((at.line, at.character), (line - 1, 3));
        }
        assert_eq!(text.position(1, u32::MAX).character, 6);
        assert_eq!((text.end().line, text.end().character), (lines, 0));
        assert_eq!(text.position(u32::MAX, 9).character, 0);
        let text = Judgement::new(String::new(), "x = 1; ".repeat(200_000));
        for column in 1..=lines {
            assert_eq!(text.position(1, column).character, column - 1);
        }
        assert_eq!(text.end().character, 1_400_000);
        // It took minutes when each began at the first line.
        assert!(started.elapsed().as_secs() < 20);
    }

    #[test]
    fn a_uri_is_the_path_that_it_escapes() {
        assert_eq!(
            path("file:///a%20b/%C3%A9.ipynb"),
            Some(PathBuf::from("/a b/é.ipynb"))
        );
        assert_eq!(path("file://host/a.ipynb"), Some(PathBuf::from("/a.ipynb")));
        assert_eq!(path("untitled:Untitled-1.ipynb"), None);
    }
}
