//! What a run tells whoever shows its progress.

use nbvet_report::{CellRun, Interpreter, RunEnd, RunFailure};

/// One step of a run.
#[derive(Debug, Clone, Copy)]
pub enum RunEvent<'a> {
    /// The notebook's process is ready.
    Started {
        /// The Python that runs it.
        interpreter: &'a Interpreter,
    },
    /// A cell was sent.
    CellStarted {
        /// Its index.
        cell: u32,
    },
    /// A cell ended, was skipped, or will not run any more.
    CellFinished {
        /// All about it.
        run: &'a CellRun,
    },
    /// The run is over; the last event.
    Ended {
        /// How, where the notebook was run.
        end: Option<&'a RunEnd>,
        /// What kept it from being run or judged.
        failure: Option<&'a RunFailure>,
    },
}
