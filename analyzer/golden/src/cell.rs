//! Two notebooks' code cells, each with its outputs, and the comparison of all.

use std::borrow::Cow;

use nbvet_notebook::{Cell, CellKind, Language, Markers, Notebook, Output};
use nbvet_report::{
    CellOutcome, CellRun, Comparison, ComparisonResult, DiffType, NormalisedCount, OutputDiff,
};

use crate::{
    align::{Key, align},
    masks::{Counts, Mask},
    options::Options,
    outputs::{self, Differing},
};

/// Differences that a report lists.
const MOST_DIFFS: usize = 200;

/// Why a notebook cannot be a golden one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GoldenUnusable {
    /// Nothing was ever run in it.
    #[error("no cell of it has outputs or was run, so there is nothing to compare with")]
    NeverRun,
    /// It holds other code.
    #[error("it is written in {0}, and the notebook in Python")]
    OtherLanguage(String),
    /// It has no code.
    #[error("it has no code cells")]
    NoCells,
}

/// One of the notebooks: its code cells, with what they put out.
#[derive(Debug)]
pub struct Side<'a> {
    cells: Vec<SideCell<'a>>,
}

#[derive(Debug)]
struct SideCell<'a> {
    index: u32,
    id: Option<&'a str>,
    source: &'a str,
    outputs: Cow<'a, [Output]>,
    execution_count: Option<u32>,
    ran: bool,
    /// Whether its outputs are to be compared, where it says, in nbval's words.
    is_checked: Option<bool>,
}

impl<'a> Side<'a> {
    /// A notebook with the outputs that its file stores.
    pub fn golden(notebook: &'a Notebook) -> Result<Self, GoldenUnusable> {
        if let Language::Other(language) = notebook.language() {
            return Err(GoldenUnusable::OtherLanguage(language));
        }
        let mut cells: Vec<SideCell<'a>> = code(notebook)
            .map(|cell| SideCell::new(cell, Cow::Owned(notebook.outputs(cell.index))))
            .collect();
        if cells.is_empty() {
            return Err(GoldenUnusable::NoCells);
        }
        let has_counts = cells.iter().any(|cell| cell.execution_count.is_some());
        if !has_counts && cells.iter().all(|cell| cell.outputs.is_empty()) {
            return Err(GoldenUnusable::NeverRun);
        }
        // Some tools take all counts out; where others have one, a cell without any was not run.
        for cell in &mut cells {
            cell.ran = !has_counts || cell.execution_count.is_some() || !cell.outputs.is_empty();
        }
        Ok(Self { cells })
    }

    /// A notebook with the outputs of a run.
    pub fn executed(notebook: &'a Notebook, runs: &[CellRun], outputs: impl Fn(u32) -> &'a [Output]) -> Self {
        let cells = code(notebook).map(|cell| {
            let run = runs.iter().find(|run| run.cell == cell.index);
            let ended = |run: &CellRun| matches!(run.outcome, CellOutcome::Ok | CellOutcome::Error);
            SideCell {
                ran: run.is_some_and(ended),
                execution_count: run.and_then(|run| run.execution_count),
                ..SideCell::new(cell, Cow::Borrowed(outputs(cell.index)))
            }
        });
        Self {
            cells: cells.collect(),
        }
    }

    fn keys(&self) -> Vec<Key<'_>> {
        let key = |cell: &SideCell<'a>| Key {
            id: cell.id,
            source: cell.source,
        };
        self.cells.iter().map(key).collect()
    }
}

fn code(notebook: &Notebook) -> impl Iterator<Item = &Cell> {
    notebook.cells().iter().filter(|cell| cell.kind == CellKind::Code)
}

impl<'a> SideCell<'a> {
    fn new(cell: &'a Cell, outputs: Cow<'a, [Output]>) -> Self {
        Self {
            index: cell.index,
            id: cell.id.as_deref(),
            source: &cell.source,
            outputs,
            execution_count: cell.execution_count,
            ran: false,
            is_checked: Markers::of(cell).check_output,
        }
    }

    fn is_left_out(&self, options: &Options) -> bool {
        self.is_checked
            .map_or(options.only_marked, |is_checked| !is_checked)
    }
}

/// Holds the outputs of a run against those of a golden notebook. `name`: what the report calls it.
pub fn compare(golden: &Side<'_>, executed: &Side<'_>, name: &str, options: &Options) -> Comparison {
    let pairs = align(&golden.keys(), &executed.keys());
    let mut found = Found::default();
    for (cell, pair) in executed.cells.iter().zip(&pairs) {
        found.cell(pair.map(|position| &golden.cells[position]), cell, options);
    }
    let taken: Vec<usize> = pairs.into_iter().flatten().collect();
    let gone = golden
        .cells
        .iter()
        .enumerate()
        .filter(|(position, _)| !taken.contains(position));
    for (_, cell) in gone {
        found.missing(cell, options);
    }
    found.into_comparison(name, options)
}

#[derive(Default)]
struct Found {
    matched: u32,
    mismatched: u32,
    skipped: u32,
    counts: Counts,
    diffs: Vec<OutputDiff>,
    left_out: u32,
}

impl Found {
    fn cell(&mut self, golden: Option<&SideCell<'_>>, cell: &SideCell<'_>, options: &Options) {
        let Some(golden) = golden else {
            if cell.ran {
                self.push(whole(None, Some(cell), DiffType::ExtraCell));
            }
            self.skipped += 1;
            return;
        };
        let is_left_out =
            cell.is_left_out(options) || (golden.is_left_out(options) && cell.is_checked.is_none());
        if !cell.ran || !golden.ran || is_left_out {
            self.skipped += 1;
            return;
        }
        let mut differing = outputs::compare(&golden.outputs, &cell.outputs, options, &mut self.counts);
        differing.extend(counted(golden, cell, options));
        if differing.is_empty() {
            self.matched += 1;
            return;
        }
        self.mismatched += 1;
        for one in differing {
            self.push(listed(golden, cell, one));
        }
    }

    /// A cell that only the golden notebook has: its outputs are results that are gone.
    fn missing(&mut self, golden: &SideCell<'_>, options: &Options) {
        if golden.outputs.is_empty() || golden.is_left_out(options) {
            self.skipped += 1;
            return;
        }
        self.mismatched += 1;
        self.push(whole(Some(golden), None, DiffType::MissingCell));
    }

    fn push(&mut self, diff: OutputDiff) {
        if self.diffs.len() < MOST_DIFFS {
            self.diffs.push(diff);
        } else {
            self.left_out += 1;
        }
    }

    fn into_comparison(self, name: &str, options: &Options) -> Comparison {
        let result = match (self.mismatched, self.matched) {
            (0, 0) => ComparisonResult::Skipped,
            (0, _) => ComparisonResult::Matched,
            _ => ComparisonResult::Failed,
        };
        let normalised = |(mask, count): (&Mask, &u64)| NormalisedCount {
            rule: mask.as_str().to_owned(),
            count: *count,
        };
        Comparison {
            golden: name.to_owned(),
            strategy: options.strategy,
            result,
            total_cells: self.matched + self.mismatched,
            matched_cells: self.matched,
            mismatched_cells: self.mismatched,
            skipped_cells: self.skipped,
            normalised: self.counts.iter().map(normalised).collect(),
            diffs: self.diffs,
            diffs_left_out: self.left_out,
        }
    }
}

fn counted(golden: &SideCell<'_>, cell: &SideCell<'_>, options: &Options) -> Option<Differing> {
    let (wanted, given) = (golden.execution_count, cell.execution_count);
    if !options.execution_counts || wanted == given {
        return None;
    }
    let told = |count: Option<u32>| count.map(|count| format!("In [{count}]"));
    let line =
        |sign: char, text: Option<String>| text.map_or_else(String::new, |text| format!("{sign} {text}\n"));
    Some(Differing {
        kind: DiffType::ExecutionCount,
        output: String::new(),
        difference: crate::difference::Difference {
            diff: line('-', told(wanted)) + &line('+', told(given)),
            expected: told(wanted),
            actual: told(given),
            ..crate::difference::Difference::default()
        },
    })
}

fn listed(golden: &SideCell<'_>, cell: &SideCell<'_>, one: Differing) -> OutputDiff {
    OutputDiff {
        output: one.output,
        place: one.difference.place,
        expected: one.difference.expected,
        actual: one.difference.actual,
        detail: one.difference.detail,
        diff: one.difference.diff,
        ..whole(Some(golden), Some(cell), one.kind)
    }
}

/// A difference that says nothing yet of what differs within its cell.
fn whole(golden: Option<&SideCell<'_>>, cell: Option<&SideCell<'_>>, diff_type: DiffType) -> OutputDiff {
    OutputDiff {
        cell_index: cell.map(|cell| cell.index),
        golden_cell_index: golden.map(|cell| cell.index),
        cell_type: "code".to_owned(),
        diff_type,
        output: String::new(),
        place: None,
        expected: None,
        actual: None,
        detail: None,
        diff: String::new(),
    }
}
