//! Expectations brought to cells: what is asked after which cell, and what came of each.

use std::collections::BTreeMap;

use nbvet_notebook::{Cell, CellKind, Notebook};
use nbvet_report::{
    Answer, Aspect, CellOutcome, CellRun, Equals, Expectation, ExpectationResult, ExpectationStatus, Literal,
    Question,
};

use crate::{
    judge::{Exactness, judge},
    words::words,
    written::{Place, Written},
};

/// Numbers that differ by less are equal where nobody says how far they may be apart.
const USUAL_TOLERANCE: f64 = 1e-9;
/// Longest text of a result.
const MAX_TEXT: usize = 1000;

/// All expectations of one notebook.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    written: Written,
    /// The cell after which it is asked, or why there is none.
    cell: Result<u32, String>,
}

/// What came of a question, in the order in which they were asked.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The cell after which it was asked.
    pub cell: u32,
    /// What was answered, if anything.
    pub answer: Option<Answer>,
}

impl Plan {
    /// Finds the cell of each.
    pub fn new(notebook: &Notebook, written: Vec<Written>) -> Self {
        let entries = written
            .into_iter()
            .flat_map(|written| {
                cells_of(notebook, &written).into_iter().map(move |cell| Entry {
                    written: written.clone(),
                    cell,
                })
            })
            .collect();
        Self { entries }
    }

    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is asked after which cell.
    pub fn questions(&self) -> BTreeMap<u32, Vec<Question>> {
        let mut questions: BTreeMap<u32, Vec<Question>> = BTreeMap::new();
        for entry in &self.entries {
            if let Ok(cell) = entry.cell {
                let question = question(entry.written.checked.expectation());
                questions.entry(cell).or_default().push(question);
            }
        }
        questions
    }

    /// What came of each, by what was answered in a run with these cells.
    pub fn results(
        &self,
        cells: &[CellRun],
        replies: impl IntoIterator<Item = Reply>,
        exactness: Exactness,
    ) -> Vec<ExpectationResult> {
        let mut by_cell: BTreeMap<u32, Vec<Option<Answer>>> = BTreeMap::new();
        for reply in replies {
            by_cell.entry(reply.cell).or_default().push(reply.answer);
        }
        let mut by_cell: BTreeMap<u32, _> = by_cell
            .into_iter()
            .map(|(cell, answers)| (cell, answers.into_iter()))
            .collect();
        self.entries
            .iter()
            .map(|entry| {
                let answer = entry
                    .cell
                    .as_ref()
                    .ok()
                    .and_then(|cell| by_cell.get_mut(cell)?.next().flatten());
                entry.result(cells, answer.as_ref(), exactness)
            })
            .collect()
    }
}

impl Entry {
    fn result(&self, cells: &[CellRun], answer: Option<&Answer>, exactness: Exactness) -> ExpectationResult {
        let expectation = self.written.checked.expectation();
        let subject = match &expectation.name {
            Some(name) => format!("`{name}`"),
            None if is_only_expression(expectation) => "the expression".to_owned(),
            None => "the result".to_owned(),
        };
        let (status, reasons) = match (&self.cell, answer) {
            (Err(reason), _) => (ExpectationStatus::NotChecked, vec![reason.clone()]),
            (Ok(_), Some(answer)) => {
                let reasons = judge(&self.written.checked, answer, exactness);
                if reasons.is_empty() {
                    (ExpectationStatus::Met, reasons)
                } else {
                    (ExpectationStatus::Unmet, reasons)
                }
            }
            (Ok(cell), None) => (ExpectationStatus::NotChecked, vec![unanswered(*cell, cells)]),
        };
        let line = match self.written.place {
            Place::Comment { line, .. } => Some(line),
            Place::File(_) | Place::Metadata { .. } => None,
        };
        ExpectationResult {
            written: self.written.place.shown(),
            cell: self
                .cell
                .as_ref()
                .ok()
                .copied()
                .or_else(|| self.written.place.cell()),
            line,
            subject,
            expected: cut(words(expectation)),
            status,
            reasons: reasons.into_iter().map(cut).collect(),
        }
    }
}

fn is_only_expression(expectation: &Expectation) -> bool {
    let only = Expectation {
        expression: expectation.expression.clone(),
        ..Expectation::default()
    };
    expectation.expression.is_some() && words(&only) == words(expectation)
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push('…');
    }
    text
}

/// Why nothing was answered.
fn unanswered(cell: u32, cells: &[CellRun]) -> String {
    let run = cells.iter().find(|run| run.cell == cell);
    match run.map(|run| (run.outcome, run.error.as_ref())) {
        Some((CellOutcome::Error, Some(error))) => format!("cell {cell} raised {}", error.name),
        Some((CellOutcome::Error, None)) => format!("the process ended in cell {cell}"),
        Some((CellOutcome::Timeout, _)) => format!("cell {cell} ran out of time"),
        Some((CellOutcome::Skipped, _)) => format!("cell {cell} is skipped"),
        Some((CellOutcome::NotRun, _)) | None => format!("cell {cell} was not run"),
        Some((CellOutcome::Ok, _)) => "another expectation of the same cell took too long".to_owned(),
    }
}

/// The cells that an expectation speaks of; one reason where there is none.
fn cells_of(notebook: &Notebook, written: &Written) -> Vec<Result<u32, String>> {
    if let Some(cell) = written.place.cell() {
        return vec![Ok(cell)];
    }
    let Expectation {
        cell, cell_id, tag, ..
    } = written.checked.expectation();
    let cells = notebook.cells();
    let code = |cell: &&Cell| cell.kind == CellKind::Code;
    if let Some(index) = cell {
        let count = cells.len();
        return vec![match cells.get(*index as usize) {
            None => Err(format!(
                "there is no cell {index}: the notebook has {count}, counted from 0"
            )),
            Some(found) => of_code(found, &format!("cell {index}")),
        }];
    }
    if let Some(id) = cell_id {
        let found = cells.iter().find(|cell| cell.id.as_deref() == Some(id));
        return vec![match found {
            None => Err(format!("there is no cell with the id `{id}`")),
            Some(found) => of_code(found, &format!("the cell with the id `{id}`")),
        }];
    }
    if let Some(tag) = tag {
        let tagged = cells.iter().filter(code).filter(|cell| cell.has_tag(tag));
        let found: Vec<_> = tagged.map(|cell| Ok(cell.index)).collect();
        if found.is_empty() {
            return vec![Err(format!("no code cell has the tag `{tag}`"))];
        }
        return found;
    }
    let last = cells
        .iter()
        .filter(code)
        .rfind(|cell| !cell.source.trim().is_empty());
    vec![last.map_or_else(
        || Err("the notebook has no code".to_owned()),
        |cell| Ok(cell.index),
    )]
}

fn of_code(cell: &Cell, named: &str) -> Result<u32, String> {
    if cell.kind == CellKind::Code {
        Ok(cell.index)
    } else {
        Err(format!("{named} is no code cell"))
    }
}

/// What has to be asked to judge an expectation.
fn question(expectation: &Expectation) -> Question {
    let Expectation {
        name,
        min_value,
        max_value,
        range,
        not_empty,
        no_nan,
        columns,
        dtypes,
        equals,
        contains,
        matches,
        length,
        monotone,
        unique,
        expression,
        tolerance,
        ..
    } = expectation;
    let wanted = [
        (length.is_some() || *not_empty == Some(true), Aspect::Length),
        (columns.is_some() || dtypes.is_some(), Aspect::Columns),
        (
            min_value.is_some() || max_value.is_some() || range.is_some(),
            Aspect::Range,
        ),
        (*no_nan == Some(true), Aspect::Missing),
        (monotone.is_some(), Aspect::Order),
        (*unique == Some(true), Aspect::Repeated),
        (matches.is_some(), Aspect::Text),
    ];
    let contains = match contains {
        None => Vec::new(),
        Some(Literal::List(parts)) => parts.clone(),
        Some(part) => vec![part.clone()],
    };
    Question {
        name: name.clone(),
        aspects: wanted
            .into_iter()
            .filter_map(|(wanted, aspect)| wanted.then_some(aspect))
            .collect(),
        equals: equals.clone().map(|to| Equals { to }),
        contains,
        tolerance: tolerance.map_or(USUAL_TOLERANCE, |tolerance| tolerance.0),
        expression: expression.clone(),
    }
}
