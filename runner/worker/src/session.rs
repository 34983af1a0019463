//! What the Python shim sees of us: one object that talks to the agent and gathers facts. The interpreter's lock
//! is released before the channel's is taken, so that threads that print cannot block each other.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nbvet_protocol::{
    CellResult, CellStatus, CommAction, Display, FromWorker, InstallPolicy, PROTOCOL_VERSION, StreamName,
    ToWorker, WorkerInfo, message_id,
};
use nbvet_report::{AfterCellOrigin, CellError, CommandKind, Fact, InstallAction, ValueFacts};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use rustc_hash::FxHashSet;
use serde_json::Value;

use crate::channel::{Broken, Channel, Task};
use crate::convert::{bundle, shorten, string, texts_of};
use crate::namespace::Namespace;
use crate::recorder::Recorder;
use crate::types::{Kind, Known};
use crate::{answers, installs, requirements, values};

/// Exit status of a worker that lost its channel.
const CHANNEL_LOST: i32 = 88;
/// Longest message, command or value kept, in bytes.
const MAX_TEXT: usize = 20_000;
/// Longest traceback kept, in bytes.
const MAX_TRACEBACK: usize = 1 << 20;
/// Text larger than this is written in parts.
const MAX_WRITE: usize = 1 << 20;

/// The worker's end of the conversation with the agent.
#[pyclass(frozen, module = "nbvet_worker")]
pub(crate) struct Session {
    channel: Channel,
    /// `os._exit`, taken before the notebook could replace it.
    exit: Py<PyAny>,
    /// We look at values ourselves: warnings that this causes are nobody's.
    quiet: AtomicBool,
    recorder: Mutex<Recorder>,
    view: Mutex<View>,
}

/// What we know of the notebook's values.
struct View {
    namespace: Namespace,
    known: Known,
}

/// How a cell ended, as the shim tells it: `ok`, `raised` or `exit`; the exception; whether it was an
/// interrupt; the exit code.
type Ending = (String, Option<ErrorParts>, bool, Option<String>);

/// What is to be done, the cell's index, its source or the questions, what its messages are called, widgets.
type NextTask = (&'static str, u32, String, String, Option<String>);

/// Name, value, traceback and line of an exception.
type ErrorParts = (String, String, Vec<String>, Option<u32>);

#[pymethods]
impl Session {
    /// Takes duplicates of the inherited descriptors.
    #[new]
    fn new(py: Python<'_>, socket: RawFd) -> PyResult<Self> {
        Ok(Self {
            channel: Channel::new(socket)?,
            exit: py.import("os")?.getattr("_exit")?.unbind(),
            quiet: AtomicBool::new(false),
            recorder: Mutex::default(),
            view: Mutex::new(View {
                namespace: Namespace::default(),
                known: Known::new(py)?,
            }),
        })
    }

    /// This process is a child of the worker's.
    #[getter]
    fn forked(&self) -> bool {
        self.channel.is_forked()
    }

    /// Values are being looked at.
    #[getter]
    fn quiet(&self) -> bool {
        self.quiet.load(Ordering::Relaxed)
    }

    /// Waits for the agent's first message; the policy for installs. From then on the kernel ends this process when
    /// the agent ends, however that comes about: not before, since a forked worker has another parent at first.
    fn hello(&self, py: Python<'_>) -> PyResult<&'static str> {
        let message = self.talk(py, Channel::receive);
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
            .map_err(std::io::Error::from)?;
        match message {
            ToWorker::Hello {
                protocol: PROTOCOL_VERSION,
                installs,
            } => Ok(match installs {
                InstallPolicy::Check => "check",
                InstallPolicy::Run => "run",
                InstallPolicy::Refuse => "refuse",
            }),
            other => Err(PyValueError::new_err(format!(
                "expected hello {PROTOCOL_VERSION}, not {other:?}"
            ))),
        }
    }

    /// Ready for the first cell.
    fn ready(
        &self,
        py: Python<'_>,
        names: &Bound<'_, PyDict>,
        executable: String,
        version: String,
        ipython: String,
        ipython_from_kit: bool,
    ) {
        lock(&self.view).namespace = Namespace::before_first_cell(names);
        let info = WorkerInfo {
            executable,
            version,
            ipython,
            ipython_from_kit,
        };
        let message = FromWorker::Ready {
            protocol: PROTOCOL_VERSION,
            info,
        };
        self.talk(py, |channel| channel.send(&message));
    }

    /// Waits for the next task: a cell's index, source, what its messages are called and what the front end made of
    /// widgets, as JSON, if anything; or a cell's index and questions about its values in JSON. `None` at the end.
    fn next_task(&self, py: Python<'_>) -> Option<NextTask> {
        match self.talk(py, Channel::next_task) {
            Task::Cell(cell, code, widgets) => {
                let widgets = (!widgets.is_empty()).then(|| Value::Object(widgets).to_string());
                Some(("cell", cell, code, message_id(cell), widgets))
            }
            Task::Questions(cell, questions) => {
                self.quiet.store(true, Ordering::Relaxed);
                Some(("ask", cell, answers::asked(&questions), String::new(), None))
            }
            Task::End => None,
        }
    }

    /// The answers to the questions about a cell's values, one after the other.
    fn answer(&self, py: Python<'_>, cell: u32, given: &Bound<'_, PyList>, asked: usize) {
        let answers = answers::given(given, asked);
        self.quiet.store(false, Ordering::Relaxed);
        let message = FromWorker::Answers { cell, answers };
        self.talk(py, |channel| channel.done(&message));
    }

    /// Writes text to stdout (1) or stderr (2).
    fn write(&self, py: Python<'_>, stream: u8, text: &Bound<'_, PyString>) {
        let name = if stream == 1 {
            StreamName::Stdout
        } else {
            StreamName::Stderr
        };
        match text.to_cow() {
            Ok(text) => self.write_text(py, name, &text),
            Err(_) => self.write_text(py, name, &string(text)),
        }
    }

    /// Shows a value: `data`, `update` (with a display id) or `result` (with its number).
    fn display(
        &self,
        py: Python<'_>,
        kind: &str,
        data: &Bound<'_, PyAny>,
        metadata: &Bound<'_, PyAny>,
        id: Option<&Bound<'_, PyString>>,
        count: u32,
    ) {
        let (data, metadata) = (bundle(data), bundle(metadata));
        let id = id.map(|id| shorten(string(id), MAX_TEXT));
        let display = match (kind, id) {
            ("update", Some(display_id)) => Display::Update {
                data,
                metadata,
                display_id,
            },
            ("result", display_id) => Display::Result {
                data,
                metadata,
                execution_count: count,
                display_id,
            },
            (_, display_id) => Display::Data {
                data,
                metadata,
                display_id,
            },
        };
        self.talk(py, |channel| channel.display(display));
    }

    /// Shows a traceback.
    fn error(&self, py: Python<'_>, name: String, value: &Bound<'_, PyString>, traceback: Vec<String>) {
        let CellError {
            name,
            value,
            traceback,
            ..
        } = cell_error((name, string(value), traceback, None));
        let display = Display::Error {
            name,
            value,
            traceback,
        };
        self.talk(py, |channel| channel.display(display));
    }

    /// A widget speaks to the front end: `comm_open`, `comm_msg` or `comm_close`.
    fn comm(
        &self,
        py: Python<'_>,
        action: &str,
        id: &Bound<'_, PyString>,
        target: Option<&Bound<'_, PyString>>,
        data: &Bound<'_, PyAny>,
        buffers: &Bound<'_, PyList>,
    ) {
        let action = match action {
            "comm_open" => CommAction::Open,
            "comm_close" => CommAction::Close,
            _ => CommAction::Message,
        };
        let display = Display::Comm {
            id: shorten(string(id), MAX_TEXT),
            action,
            target: target.map(|target| shorten(string(target), MAX_TEXT)),
            data: bundle(data),
            buffers: texts_of(buffers),
        };
        self.talk(py, |channel| channel.display(display));
    }

    /// `clear_output`.
    fn clear(&self, py: Python<'_>, wait: bool) {
        self.talk(py, |channel| channel.display(Display::Clear { wait }));
    }

    /// A warning was issued. `bases`: the names of the category's classes, its own first.
    fn warning(
        &self,
        bases: Vec<String>,
        message: &Bound<'_, PyString>,
        line: Option<u32>,
        in_notebook: bool,
    ) {
        let mut bases = bases.into_iter().map(|name| shorten(name, MAX_TEXT));
        let fact = Fact::Warning {
            category: bases.next().unwrap_or_default(),
            bases: bases.take(20).collect(),
            message: shorten(string(message), MAX_TEXT),
            line,
            in_notebook,
            count: 1,
        };
        lock(&self.recorder).warn(fact);
    }

    /// A command ended.
    fn command(
        &self,
        how: &str,
        command: &Bound<'_, PyString>,
        status: i32,
        line: Option<u32>,
        hidden: bool,
    ) -> PyResult<()> {
        let how = match how {
            "shell" => CommandKind::Shell,
            "script-cell" => CommandKind::ScriptCell,
            "os-system" => CommandKind::OsSystem,
            "subprocess" => CommandKind::Subprocess,
            _ => return Err(PyValueError::new_err("no such kind of command")),
        };
        let command = shorten(string(command), MAX_TEXT);
        lock(&self.recorder).add(Fact::Command {
            command,
            how,
            status,
            line,
            hidden,
        });
        Ok(())
    }

    /// A statement of the cell is about to put another value in the place of one that the cell made.
    fn replaced(&self, py: Python<'_>, names: &Bound<'_, PyDict>, name: &str, line: u32) {
        let Ok(Some(value)) = names.get_item(name) else {
            return;
        };
        self.quiet.store(true, Ordering::Relaxed);
        let mut view = lock(&self.view);
        view.known.refresh(py);
        let is_table = view.known.kind(&value).is_some_and(Kind::is_table);
        let value = is_table.then(|| values::describe(&value, &view.known));
        drop(view);
        self.quiet.store(false, Ordering::Relaxed);
        if let Some(value) = value {
            let name = name.to_owned();
            lock(&self.recorder).add(Fact::Replaced { name, line, value });
        }
    }

    /// A handler of the notebook took an exception. `bases`: the names of its classes, its own first.
    fn swallowed(
        &self,
        cell: u32,
        line: u32,
        raised: Option<u32>,
        bases: Vec<String>,
        text: Option<String>,
        count: u64,
    ) {
        let mut bases = bases.into_iter().map(|name| shorten(name, MAX_TEXT));
        let fact = Fact::Swallowed {
            cell,
            line,
            raised,
            name: bases.next().unwrap_or_default(),
            bases: bases.collect(),
            text: text.map(|text| shorten(text, MAX_TEXT)),
            count,
        };
        lock(&self.recorder).add(fact);
    }

    /// Assertions of a cell that are watched from now on, and that ran for the first time.
    fn assertions(&self, cell: u32, watched: Vec<u32>, reached: Vec<u32>) {
        lock(&self.recorder).add(Fact::Assertions {
            cell,
            watched,
            reached,
        });
    }

    /// A function of the notebook returned its first value from one of its returns.
    fn returned(&self, cell: u32, line: u32, name: &str, value: &Bound<'_, PyAny>) {
        lock(&self.recorder).add(Fact::Returned {
            cell,
            line,
            name: shorten(name.to_owned(), MAX_TEXT),
            value: values::describe_type(value),
        });
    }

    /// A figure was shown with axes that hold nothing.
    fn figure(&self, axes: u32, empty: u32) {
        lock(&self.recorder).add(Fact::Figure { axes, empty });
    }

    /// Something failed after the cell or beside it.
    /// `cell`: the one that it comes from, where that has ended.
    #[pyo3(signature = (origin, error, cell = None))]
    fn after_cell(&self, origin: &str, error: ErrorParts, cell: Option<u32>) -> PyResult<()> {
        let origin = match origin {
            "thread" => AfterCellOrigin::Thread,
            "task" => AfterCellOrigin::Task,
            "hook" => AfterCellOrigin::Hook,
            "shown" => AfterCellOrigin::Shown,
            "unraisable" => AfterCellOrigin::Unraisable,
            _ => return Err(PyValueError::new_err("no such origin")),
        };
        let fact = Fact::AfterCell {
            origin,
            error: cell_error(error),
        };
        lock(&self.recorder).add_of(cell, fact);
        Ok(())
    }

    /// The notebook is over: what came up since its last cell, and the threads that Python will wait for.
    fn leaving(&self, py: Python<'_>, threads: Vec<String>) {
        let facts = lock(&self.recorder).take_late();
        if !facts.is_empty() || !threads.is_empty() {
            let message = FromWorker::Leaving { facts, threads };
            self.talk(py, |channel| channel.done(&message));
        }
    }

    /// Looks for requests to install in a command line, and records them. The line without them, and what is
    /// missing for each; `None` if there is none.
    fn installs(
        &self,
        py: Python<'_>,
        written: String,
        command: &str,
        execute: bool,
        line: Option<u32>,
    ) -> Option<(String, Vec<Vec<String>>)> {
        let requests = installs::requests(command);
        if requests.is_empty() {
            return None;
        }
        let mut rest = command.to_owned();
        let mut missing = Vec::new();
        for request in requests.iter().rev() {
            // What is left of the line must stay a valid command that succeeds.
            rest.replace_range(request.range.clone(), ":");
            missing.insert(0, requirements::missing(py, &request.wanted));
        }
        let all: Vec<String> = missing.iter().flatten().cloned().collect();
        self.record_install(written, execute, all, line);
        Some((rest, missing))
    }

    /// The same for the words of one command.
    fn installs_words(
        &self,
        py: Python<'_>,
        written: String,
        words: &Bound<'_, PyList>,
        execute: bool,
        line: Option<u32>,
    ) -> PyResult<Option<Vec<String>>> {
        let Some(wanted) = installs::wanted(&words.extract::<Vec<String>>()?) else {
            return Ok(None);
        };
        let missing = requirements::missing(py, &wanted);
        self.record_install(written, execute, missing.clone(), line);
        Ok(Some(missing))
    }

    /// The cell is over: looks at what it left behind and tells the agent. `result` holds the value of its last
    /// expression, if it ended in one.
    #[expect(
        clippy::too_many_arguments,
        reason = "called from one place, with what that place knows"
    )]
    fn done(
        &self,
        py: Python<'_>,
        cell: u32,
        execution_count: Option<u32>,
        names: &Bound<'_, PyDict>,
        source: &str,
        assigned: Vec<String>,
        result: &Bound<'_, PyList>,
        ending: Ending,
    ) {
        self.quiet.store(true, Ordering::Relaxed);
        let seen = self.look(names, source, &FxHashSet::from_iter(assigned), result);
        self.quiet.store(false, Ordering::Relaxed);
        let mut facts = seen;
        facts.extend(lock(&self.recorder).take());
        let result = CellResult {
            status: cell_status(ending),
            execution_count,
            facts,
        };
        let message = FromWorker::CellDone { cell, result };
        self.talk(py, |channel| channel.done(&message));
    }
}

impl Session {
    fn look(
        &self,
        names: &Bound<'_, PyDict>,
        source: &str,
        assigned: &FxHashSet<String>,
        result: &Bound<'_, PyList>,
    ) -> Vec<Fact> {
        let mut view = lock(&self.view);
        let View { namespace, known } = &mut *view;
        known.refresh(names.py());
        let mut facts = Vec::new();
        if let Ok(value) = result.get_item(0) {
            // The columns of a frame are told where a name holds it.
            let columns = Vec::new();
            let value = values::describe(&value, known);
            facts.push(Fact::Result {
                value: ValueFacts { columns, ..value },
            });
        }
        facts.extend(namespace.changes(names, known, source, assigned));
        facts
    }

    fn record_install(&self, command: String, execute: bool, missing: Vec<String>, line: Option<u32>) {
        let action = match (execute, missing.is_empty()) {
            (true, _) => InstallAction::Executed,
            (false, true) => InstallAction::Satisfied,
            (false, false) => InstallAction::Skipped,
        };
        let missing = missing.into_iter().map(|text| shorten(text, MAX_TEXT)).collect();
        let command = shorten(command, MAX_TEXT);
        lock(&self.recorder).add(Fact::Install {
            command,
            action,
            missing,
            line,
        });
    }

    fn write_text(&self, py: Python<'_>, name: StreamName, text: &str) {
        for part in text.as_bytes().chunks(MAX_WRITE) {
            self.talk(py, |channel| channel.write(name, part));
        }
    }

    /// Uses the channel without the interpreter's lock. A worker without a channel is of no use: it ends.
    fn talk<T: Send>(&self, py: Python<'_>, act: impl Send + FnOnce(&Channel) -> Result<T, Broken>) -> T {
        match py.detach(|| act(&self.channel)) {
            Ok(value) => value,
            Err(broken) => self.end(py, &broken),
        }
    }

    fn end(&self, py: Python<'_>, broken: &Broken) -> ! {
        let text = format!("nbvet: the notebook's process lost its channel to nbvet: {broken}\n");
        self.channel.complain(text.as_bytes());
        // `os._exit` does not return; if a call into Python is no longer possible, abort.
        let _ = self.exit.call1(py, (CHANNEL_LOST,));
        std::process::abort()
    }
}

fn cell_status((status, error, interrupted, code): Ending) -> CellStatus {
    match (status.as_str(), error.map(cell_error)) {
        ("raised", Some(error)) => CellStatus::Raised { error, interrupted },
        ("exit", Some(error)) => CellStatus::Exit {
            code: code.map(|code| shorten(code, MAX_TEXT)),
            error,
        },
        _ => CellStatus::Ok,
    }
}

fn cell_error((name, value, traceback, line): ErrorParts) -> CellError {
    let mut left = MAX_TRACEBACK;
    let mut kept = Vec::new();
    for entry in traceback {
        if left == 0 {
            break;
        }
        let entry = shorten(entry, left);
        left = left.saturating_sub(entry.len());
        kept.push(entry);
    }
    CellError {
        name: shorten(name, MAX_TEXT),
        value: shorten(value, MAX_TEXT),
        traceback: kept,
        line,
    }
}

/// A panic elsewhere must not make facts impossible.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
