//! What is to be run, and for how long at most.

use std::{collections::BTreeMap, time::Duration};

use nbvet_notebook::{
    Execution, Markers, Notebook, after_cell,
    magics::{CellCode, cell_code},
};
use nbvet_protocol::StartSpec;
use nbvet_report::Question;
use regex::RegexSet;

/// One notebook to run.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// The code cells, in order.
    pub cells: Vec<JobCell>,
    /// Values that are given to the notebook.
    pub parameters: Option<Parameters>,
    /// A cell that ran past its limit and let itself be interrupted does not keep the others from being run. The
    /// notebook has run past its limit all the same.
    pub run_on: bool,
    /// How to start its process.
    pub spec: StartSpec,
    /// How long it may take.
    pub limits: Limits,
    /// Keep all outputs for the executed notebook; else only the last lines of a cell that did not end well.
    pub keep_outputs: bool,
    /// What is asked about values after its cells.
    pub questions: Questions,
    /// Lines of stderr that match one of these are none that anybody is told of.
    pub stderr_allow: RegexSet,
}

/// What is asked after each cell that came to its end.
#[derive(Debug, Clone, Default)]
pub enum Questions {
    /// Nothing.
    #[default]
    None,
    /// These, by the cell's index.
    Given(BTreeMap<u32, Vec<Question>>),
    /// What can be known about the cell's value and every name that it bound or changed.
    Everything,
}

/// Code that gives values to the notebook, run as a cell that the file does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Assignments.
    pub code: String,
    /// Index of the cell that they come after; `None`: before all.
    pub after: Option<u32>,
}

/// One code cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobCell {
    /// Its index, 0-based over all cells.
    pub index: u32,
    /// Its id, where the file has ids.
    pub id: Option<String>,
    /// Its source as stored.
    pub code: String,
    /// Marked as one to skip, or nothing in it to run.
    pub skip: bool,
    /// Marked as one that raises: an exception in it ends nothing.
    pub may_raise: bool,
    /// What is run after it, where it ended well: nbmake's mocks.
    pub after: Option<String>,
}

impl JobCell {
    /// The code cells of a notebook.
    pub fn all_of(notebook: &Notebook) -> Vec<Self> {
        let Execution { allow_errors, .. } = Execution::of(notebook);
        let cells = notebook.code_cells().map(|cell| {
            let markers = Markers::of(cell);
            Self {
                index: cell.index,
                id: cell.id.clone(),
                code: cell.source.clone(),
                skip: markers.skip || matches!(cell_code(&cell.source), CellCode::Empty),
                may_raise: markers.raises || allow_errors,
                after: after_cell(&notebook.cell_metadata(cell.index)),
            }
        });
        cells.collect()
    }
}

/// How long things may take, by the host's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the first request to the last cell's end; `None`: no limit.
    pub notebook: Option<Duration>,
    /// One cell; `None`: no limit.
    pub cell: Option<Duration>,
    /// Between an interrupt and the kill.
    pub grace: Duration,
    /// For the process to end by itself when all is done; on a loaded machine that takes one with pandas seconds.
    pub end: Duration,
    /// For the notebook's process to become ready.
    pub start: Duration,
    /// For answers about the values that a cell left; a shorter limit of cells holds for them too.
    pub questions: Duration,
    /// For the agent to say that what was killed is gone.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            notebook: Some(Duration::from_mins(30)),
            cell: None,
            grace: Duration::from_secs(5),
            end: Duration::from_secs(15),
            start: Duration::from_mins(2),
            questions: Duration::from_mins(1),
            silence: Duration::from_secs(10),
        }
    }
}
