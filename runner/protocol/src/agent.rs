//! Between host and agent.

use std::collections::BTreeMap;

use nbvet_report::{Answer, InstallPolicy, Interpreter, Question};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::worker::{CellResult, LateFact};

/// What the host asks of the agent. A `session` is one notebook's life, numbered by the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ToAgent {
    /// First message.
    Hello {
        /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the host.
        protocol: u32,
    },
    /// Find a Python and start a worker. Answered by `started` or `start-failed`.
    Start {
        /// The new session's number.
        session: u32,
        /// How.
        spec: StartSpec,
    },
    /// Run one cell. One cell at a time; answered by `cell-done`, unless the process ends first.
    Execute {
        /// The session.
        session: u32,
        /// Index of the cell, 0-based over all cells.
        cell: u32,
        /// Its source as stored, magics and all.
        code: String,
        /// New state of widgets that the front end keeps, by comm id; the notebook sees it before the cell runs.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        widgets: Map<String, Value>,
    },
    /// Say something about values that the last cell left. Answered by `answers`, unless the process ends first.
    Ask {
        /// The session.
        session: u32,
        /// The cell that was done last.
        cell: u32,
        /// What is asked.
        questions: Vec<Question>,
    },
    /// Interrupt the running cell, as Ctrl-C would.
    Interrupt {
        /// The session.
        session: u32,
    },
    /// End the session's processes now. Answered by `exited`.
    Kill {
        /// The session.
        session: u32,
    },
    /// No more cells: end in good order. Answered by `exited`.
    Finish {
        /// The session.
        session: u32,
    },
}

/// How to start a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartSpec {
    /// Which Python.
    pub python: PythonRequest,
    /// The folder that the notebook lives in, a path on the agent's side; `None`: the agent's own folder.
    /// Environments are looked for here and above.
    pub notebook_directory: Option<String>,
    /// The folder that the notebook runs in, a path on the agent's side; `None`: `notebook_directory`.
    pub working_directory: Option<String>,
    /// What to do with `pip install` lines.
    pub installs: InstallPolicy,
    /// Where the notebook's process comes from.
    #[serde(default)]
    pub isolation: Isolation,
    /// Modules, by their dotted names, that may be imported once for all notebooks that are forked; each is one that the
    /// notebook imports itself. Left out where a file beside the notebook would stand for any module that they load, and
    /// where importing them warns, prints or fails.
    #[serde(default)]
    pub preload: Vec<String>,
    /// End the session as out of memory when its processes hold more bytes than this.
    pub memory_limit: Option<u64>,
    /// Variables added to the environment.
    pub env: BTreeMap<String, String>,
}

/// Which Python to use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PythonRequest {
    /// A path or command given by the user: used, or an error.
    pub explicit: Option<String>,
    /// Name of the notebook's kernelspec, tried after the virtual environments.
    pub kernelspec: Option<String>,
}

/// Where a notebook's process comes from. It is one of its own either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// A fresh interpreter.
    #[default]
    Spawn,
    /// Forked from an interpreter that has imported IPython and done nothing else; cheaper from the second notebook
    /// on. All share one hash seed. Where forking is not safe, a fresh interpreter.
    Fork,
}

/// What the agent tells the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum FromAgent {
    /// First message.
    Hello {
        /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the agent.
        protocol: u32,
        /// Version of the agent's binary.
        version: String,
    },
    /// The worker is ready for its first cell.
    Started {
        /// The session.
        session: u32,
        /// The Python that was chosen, and why.
        interpreter: Interpreter,
    },
    /// No worker could be started.
    StartFailed {
        /// The session.
        session: u32,
        /// What kind of failure.
        kind: StartFailureKind,
        /// What happened, with the paths looked at.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Bytes came from the notebook's stdout or stderr, in order within one stream.
    Stream {
        /// The session.
        session: u32,
        /// The cell that was running; `None` before the first and after the last.
        cell: Option<u32>,
        /// Which stream.
        name: StreamName,
        /// The text; bytes that are not UTF-8 are replaced.
        text: String,
    },
    /// A cell printed more than [`MAX_CELL_OUTPUT`](crate::MAX_CELL_OUTPUT): the rest was left out. Comes before
    /// the cell's `cell-done`, or before `exited`.
    OutputCut {
        /// The session.
        session: u32,
        /// The cell.
        cell: Option<u32>,
        /// Bytes left out.
        bytes: u64,
        /// The end of what was left out, at most 4 KiB: where a process dies, its last words count.
        tail: String,
    },
    /// A rich output, in order with the streams.
    Display {
        /// The session.
        session: u32,
        /// The cell that made it.
        cell: u32,
        /// The output.
        display: Display,
    },
    /// A cell is done.
    CellDone {
        /// The session.
        session: u32,
        /// The cell.
        cell: u32,
        /// How it went.
        result: CellResult,
    },
    /// The notebook is over and its process is about to end; may come more than once, before `exited`.
    Leaving {
        /// The session.
        session: u32,
        /// What came up since the last cell was done.
        facts: Vec<LateFact>,
        /// Names of threads that Python waits for before it ends.
        threads: Vec<String>,
    },
    /// What was asked about values after a cell.
    Answers {
        /// The session.
        session: u32,
        /// The cell.
        cell: u32,
        /// One a question, in their order.
        answers: Vec<Answer>,
    },
    /// The session's process has ended and its children are gone. The last message of a session.
    Exited {
        /// The session.
        session: u32,
        /// Exit status, if it exited.
        status: Option<i32>,
        /// Signal, if one ended it.
        signal: Option<i32>,
        /// Set where the process was killed for memory, by the agent or by the kernel.
        out_of_memory: bool,
        /// Highest resident size seen, in bytes, all processes of the session together.
        peak_memory: u64,
        /// User and system seconds of the session's processes, as far as they were waited for.
        cpu_seconds: f64,
        /// Why the worker's channel could not be read further, if that came first.
        unreadable: Option<String>,
    },
}

/// Why a session did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StartFailureKind {
    /// No Python was found, or the one named does not exist or does not start.
    NoInterpreter,
    /// It is no CPython 3.9 or newer with the GIL.
    UnsupportedInterpreter,
    /// The folder does not exist on the agent's side.
    NoDirectory,
    /// This build of nbvet carries no worker for the interpreter's platform.
    NoWorker,
    /// The interpreter started, but the worker did not come up.
    WorkerFailed,
}

/// The notebook's standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StreamName {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// A rich output, with the names of nbformat and the Jupyter messaging protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Display {
    /// `display(…)`: output type `display_data`.
    Data {
        /// By mime type.
        data: Map<String, Value>,
        /// By mime type.
        metadata: Map<String, Value>,
        /// Given by the notebook for later updates.
        display_id: Option<String>,
    },
    /// New content for every earlier output with this display id.
    Update {
        /// By mime type.
        data: Map<String, Value>,
        /// By mime type.
        metadata: Map<String, Value>,
        /// The id.
        display_id: String,
    },
    /// The value of the cell's last expression: output type `execute_result`.
    Result {
        /// By mime type.
        data: Map<String, Value>,
        /// By mime type.
        metadata: Map<String, Value>,
        /// The `n` of `Out[n]`.
        execution_count: u32,
        /// Given by a notebook that sends its result by hand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display_id: Option<String>,
    },
    /// A traceback, where it was shown: output type `error`.
    Error {
        /// The exception's class.
        name: String,
        /// What it says.
        value: String,
        /// The lines shown.
        traceback: Vec<String>,
    },
    /// `clear_output`.
    Clear {
        /// Wait for the next output before clearing.
        wait: bool,
    },
    /// A widget's word to the front end.
    Comm {
        /// The comm's id.
        id: String,
        /// What about it.
        action: CommAction,
        /// What kind of front end it wants to talk to; when it opens.
        target: Option<String>,
        /// What it says.
        data: Map<String, Value>,
        /// Bytes that belong to the data, in base64.
        buffers: Vec<String>,
    },
}

/// What happens to a comm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CommAction {
    /// It begins.
    Open,
    /// Something is said.
    Message,
    /// It ends.
    Close,
}
