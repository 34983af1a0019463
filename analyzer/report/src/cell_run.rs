//! What happened to each cell, and how the run of a notebook ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// One cell's part of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellRun {
    /// Index of the cell, 0-based over all cells.
    pub cell: u32,
    /// The cell's id, where the file has ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_id: Option<String>,
    /// How it ended.
    pub outcome: CellOutcome,
    /// Wall-clock seconds from sending the cell to its end, as the host measures them.
    pub seconds: f64,
    /// The execution count shown as `In [n]`, if the cell ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_count: Option<u32>,
    /// The exception that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<CellError>,
    /// Bytes of output that were cut because the cell printed more than the limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output_bytes_cut: u64,
    /// The last lines that the cell printed (stdout and stderr together), kept where it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_output: Option<String>,
    /// What the worker saw; judged by run rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CellOutcome {
    /// It ran to its end; also a `raises-exception` cell that raised.
    Ok,
    /// It raised, or its process died.
    Error,
    /// It ran past its limit.
    Timeout,
    /// Tagged `skip-execution`, or nothing to run in it.
    Skipped,
    /// The run had ended before it.
    NotRun,
}

/// An exception as the notebook raised it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellError {
    /// The class's name: `ValueError`.
    pub name: String,
    /// `str()` of the exception.
    pub value: String,
    /// The traceback as IPython shows it, with ANSI colours, one entry a line or block.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traceback: Vec<String>,
    /// Line of the cell (1-based) in which the exception passed through, if the traceback shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// How the run of a notebook ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum RunEnd {
    /// The last cell was done.
    Completed,
    /// The notebook stopped itself with `sys.exit()` of 0 or None in this cell.
    Exited {
        /// The cell that stopped it.
        cell: u32,
    },
    /// `sys.exit()` with something else.
    ExitedWith {
        /// The cell that stopped it.
        cell: u32,
        /// The code, or the message given in its place.
        code: String,
    },
    /// A cell raised and was not tagged `raises-exception`.
    Raised {
        /// The cell that raised.
        cell: u32,
    },
    /// The notebook's process ended by itself, whatever the status.
    Died {
        /// The cell that ran, if one did.
        cell: Option<u32>,
        /// Exit status, if it exited.
        status: Option<i32>,
        /// Signal, if one killed it.
        signal: Option<i32>,
    },
    /// It was killed for memory.
    OutOfMemory {
        /// The cell that ran, if one did.
        cell: Option<u32>,
        /// The limit in bytes, where known.
        limit: Option<u64>,
        /// The highest resident size seen, in bytes.
        peak: Option<u64>,
    },
    /// A cell ran past its own limit.
    CellTimedOut {
        /// The cell.
        cell: u32,
        /// The limit in seconds.
        limit: f64,
    },
    /// The notebook ran past its limit.
    NotebookTimedOut {
        /// The cell that ran then; none where Python was still starting.
        cell: Option<u32>,
        /// The limit in seconds.
        limit: f64,
    },
    /// The user stopped the run (Ctrl-C).
    Cancelled,
}
