//! An expectation that makes sense, and where it is written. What makes none is told where it is read, and never when
//! the notebook has run.

use std::ops::Range;

use nbvet_notebook::{Cell, CellKind, Notebook};
use nbvet_report::{Decimal, Expectation};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::{
    comment::{in_comment, is_name},
    fault::Fault,
    read, types,
};

/// Bytes that a compiled regular expression may take.
const REGEX_SIZE: usize = 1 << 20;
/// Where cells' metadata hold expectations: `"nbvet": {"expect": …}`.
const MEMBER: &str = "nbvet";

/// An expectation whose fields make sense together.
#[derive(Debug, Clone)]
pub struct Checked {
    pub(crate) expectation: Expectation,
    pub(crate) pattern: Option<Regex>,
}

/// By what was written: a pattern follows from it.
impl PartialEq for Checked {
    fn eq(&self, other: &Self) -> bool {
        self.expectation == other.expectation
    }
}

impl Eq for Checked {}

impl Checked {
    /// What was written.
    pub fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// Fails where it does not say of which value it speaks, or says so twice.
    pub fn addressed(&self) -> Result<(), Fault> {
        let Expectation {
            cell,
            cell_id,
            tag,
            name,
            ..
        } = &self.expectation;
        let said = [cell.is_some(), cell_id.is_some(), tag.is_some()];
        match said.iter().filter(|said| **said).count() {
            0 if name.is_none() => Err(Fault::new(
                "",
                "of which value? write `cell` (its index, counted from 0), `cellId`, `tag` or `name`",
            )),
            0 | 1 => Ok(()),
            _ => Err(Fault::new("", "write one of `cell`, `cellId` and `tag`")),
        }
    }
}

/// An expectation and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What.
    pub checked: Checked,
    /// Where.
    pub place: Place,
}

/// Where an expectation is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file beside the notebook or of settings, in words: `nbvet.toml:12`.
    File(String),
    /// A comment, on a line (1-based) of a cell.
    Comment {
        /// The cell.
        cell: u32,
        /// The line.
        line: u32,
    },
    /// A cell's metadata.
    Metadata {
        /// The cell.
        cell: u32,
    },
}

impl Place {
    /// The cell that it stands in.
    pub(crate) fn cell(&self) -> Option<u32> {
        match self {
            Self::File(_) => None,
            Self::Comment { cell, .. } | Self::Metadata { cell } => Some(*cell),
        }
    }

    /// In words.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File(label) => label.clone(),
            Self::Comment { cell, line } => format!("a comment in cell {cell}, line {line}"),
            Self::Metadata { cell } => format!("the metadata of cell {cell}"),
        }
    }
}

/// Something in a notebook that looks like an expectation and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    /// The cell.
    pub cell: u32,
    /// Bytes of the cell's source, for a comment.
    pub range: Option<Range<usize>>,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Comments of a cell: where each stands in its source.
pub type Comments<'a> = &'a dyn Fn(&Cell) -> Vec<Range<usize>>;

/// The expectations that stand in a notebook itself, and what is none though it looks like one.
pub fn in_notebook(
    notebook: &Notebook,
    comments: Comments<'_>,
    is_expression: &dyn Fn(&str) -> bool,
) -> (Vec<Written>, Vec<Misread>) {
    let (mut written, mut misread) = (Vec::new(), Vec::new());
    for cell in notebook.cells().iter().filter(|cell| cell.kind == CellKind::Code) {
        let index = cell.index;
        for found in in_metadata(notebook, index, is_expression) {
            match found {
                Ok(checked) => written.push(Written {
                    checked,
                    place: Place::Metadata { cell: index },
                }),
                Err(fault) => misread.push(Misread {
                    cell: index,
                    range: None,
                    fault,
                }),
            }
        }
        if !cell.source.contains("expect:") {
            continue;
        }
        for range in comments(cell) {
            let Some(found) = in_comment(&cell.source[range.clone()], is_expression) else {
                continue;
            };
            let line = notebook.location(index, range.clone()).line;
            match found.and_then(|found| check(found, is_expression)) {
                Ok(checked) => written.push(Written {
                    checked,
                    place: Place::Comment { cell: index, line },
                }),
                Err(fault) => misread.push(Misread {
                    cell: index,
                    range: Some(range),
                    fault,
                }),
            }
        }
    }
    (written, misread)
}

fn in_metadata(
    notebook: &Notebook,
    cell: u32,
    is_expression: &dyn Fn(&str) -> bool,
) -> Vec<Result<Checked, Fault>> {
    if !notebook.cell_metadata_text(cell).contains("\"expect\"") {
        return Vec::new();
    }
    let mut metadata = notebook.cell_metadata(cell);
    let Some(mut own) = metadata.remove(MEMBER) else {
        return Vec::new();
    };
    let (path, all) = match own.as_object_mut().and_then(|own| own.remove("expect")) {
        None => return Vec::new(),
        Some(Value::Array(all)) => ("nbvet.expect[]", all),
        Some(one) => ("nbvet.expect", vec![one]),
    };
    let read = |value| {
        let expectation = read::expectation(value)?;
        let elsewhere =
            expectation.cell.is_some() || expectation.cell_id.is_some() || expectation.tag.is_some();
        if elsewhere {
            return Err(Fault::new(
                "",
                "here the cell is the one that this stands in; leave `cell`, `cellId` and `tag` out",
            ));
        }
        check(expectation, is_expression)
    };
    all.into_iter()
        .map(|value| read(value).map_err(|fault| fault.within(path)))
        .collect()
}

/// Whether the fields make sense, each and together.
pub fn check(expectation: Expectation, is_expression: &dyn Fn(&str) -> bool) -> Result<Checked, Fault> {
    let told = |path: &str, message: String| Err(Fault::new(path, message));
    if let Some(name) = expectation.name.as_deref().filter(|name| !is_name(name)) {
        return told(
            "name",
            format!("`{name}` is no name of Python; for a part of a value write an `expression`"),
        );
    }
    if let Some(written) = expectation
        .type_name
        .as_deref()
        .filter(|name| !types::is_name(name))
    {
        return told(
            "type",
            format!("`{written}` is no type: write its name, such as `DataFrame` or `int | None`"),
        );
    }
    bounds(&expectation)?;
    if expectation.tolerance.is_some_and(|tolerance| tolerance.0 < 0.0) {
        return told("tolerance", "a tolerance is not negative".to_owned());
    }
    if expectation.tolerance.is_some() && expectation.equals.is_none() && expectation.contains.is_none() {
        return told(
            "tolerance",
            "a tolerance is for `equals` and `contains`".to_owned(),
        );
    }
    if let Some(expression) = expectation.expression.as_deref()
        && !is_expression(expression.trim())
    {
        return told("expression", format!("`{expression}` is no expression of Python"));
    }
    if crate::words(&expectation).is_empty() {
        return told(
            "",
            "nothing is expected: add what, such as `shape`, `notEmpty: true` or `equals`".to_owned(),
        );
    }
    let pattern = expectation.matches.as_deref().map(pattern).transpose()?;
    Ok(Checked { expectation, pattern })
}

fn bounds(expectation: &Expectation) -> Result<(), Fault> {
    let Expectation {
        min_value,
        max_value,
        range,
        not_empty,
        length,
        ..
    } = expectation;
    if range.is_some() && (min_value.is_some() || max_value.is_some()) {
        return Err(Fault::new(
            "range",
            "write either `range` or `minValue` and `maxValue`",
        ));
    }
    if let Some([low, high]) = range {
        ordered(*low, *high).map_err(|message| Fault::new("range", message))?;
    }
    if let (Some(low), Some(high)) = (min_value, max_value) {
        ordered(*low, *high).map_err(|message| Fault::new("minValue", message))?;
    }
    if *not_empty == Some(true) && *length == Some(0) {
        return Err(Fault::new("length", "what is not empty has no length of 0"));
    }
    Ok(())
}

fn ordered(low: Decimal, high: Decimal) -> Result<(), String> {
    if low.0 <= high.0 {
        Ok(())
    } else {
        Err(format!("no number is at least {low} and at most {high}"))
    }
}

fn pattern(text: &str) -> Result<Regex, Fault> {
    let compiled = RegexBuilder::new(text)
        .size_limit(REGEX_SIZE)
        .dfa_size_limit(REGEX_SIZE)
        .build();
    compiled.map_err(|error| {
        let told = match error {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            // The last line says what; those before it draw where.
            other => other
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned(),
        };
        Fault::new("matches", format!("`{text}` is no regular expression: {told}"))
    })
}
