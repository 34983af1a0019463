//! Between agent and worker, over a socket that the worker inherits. stdout and stderr are pipes that the agent
//! reads: what was written before a message was sent has arrived when the message is read, so the agent drains
//! them first, and the worker waits for `go-on` after each display. That keeps all outputs in order and loses
//! none when the process dies.

use nbvet_report::{Answer, CellError, Fact, InstallPolicy, Question};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::agent::Display;

/// What the agent tells the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ToWorker {
    /// First message.
    Hello {
        /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the agent.
        protocol: u32,
        /// What to do with `pip install` lines.
        installs: InstallPolicy,
    },
    /// Run a cell.
    Execute {
        /// Index of the cell.
        cell: u32,
        /// Its source.
        code: String,
        /// New state of widgets, by comm id, to be seen before the cell runs.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        widgets: Map<String, Value>,
    },
    /// Say something about values that the last cell left.
    Ask {
        /// The cell.
        cell: u32,
        /// What is asked.
        questions: Vec<Question>,
    },
    /// The display or barrier was taken in.
    GoOn,
    /// End in good order.
    Finish,
}

/// What the worker tells the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum FromWorker {
    /// Ready for the first cell.
    Ready {
        /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the worker.
        protocol: u32,
        /// What it runs in.
        info: WorkerInfo,
    },
    /// A rich output; waits for `go-on`.
    Display {
        /// The output.
        display: Display,
    },
    /// Streams changed place: drain both before going on; waits for `go-on`.
    Barrier,
    /// The cell is done.
    CellDone {
        /// The cell.
        cell: u32,
        /// How it went.
        result: CellResult,
    },
    /// What was asked about values.
    Answers {
        /// The cell.
        cell: u32,
        /// One a question, in their order.
        answers: Vec<Answer>,
    },
    /// The notebook is over and its process is about to end; may come more than once.
    Leaving {
        /// What came up since the last cell was done.
        facts: Vec<LateFact>,
        /// Names of threads that Python waits for before it ends.
        threads: Vec<String>,
    },
}

/// A fact that came up after the last cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LateFact {
    /// The cell whose code it comes from, where known.
    pub cell: Option<u32>,
    /// The fact; lines are those of that cell.
    pub fact: Fact,
}

/// The interpreter as the worker sees it from inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerInfo {
    /// `sys.executable`.
    pub executable: String,
    /// `3.11.7`.
    pub version: String,
    /// IPython's version.
    pub ipython: String,
    /// IPython came from the kit that nbvet ships.
    pub ipython_from_kit: bool,
}

/// How a cell went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellResult {
    /// Its end.
    pub status: CellStatus,
    /// The `n` of `In [n]`; `None` if IPython stored nothing.
    pub execution_count: Option<u32>,
    /// What was seen.
    pub facts: Vec<Fact>,
}

/// How a cell ended. The worker does not know tags: whether a raised exception was meant is the host's to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum CellStatus {
    /// It ran to its end.
    Ok,
    /// It raised.
    Raised {
        /// What.
        error: CellError,
        /// It was `KeyboardInterrupt`: an interrupt by the host looks like this.
        interrupted: bool,
    },
    /// `sys.exit`, `exit()` or `quit()`.
    Exit {
        /// `None` or 0: a clean stop. Else the number, or the text that was given in its place.
        code: Option<String>,
        /// The exception as an error output.
        error: CellError,
    },
}
