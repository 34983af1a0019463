//! The descriptors that lead to the agent, and the order of what goes through them: raw text into the two
//! pipes, messages over the socket. Knows nothing of Python; never called with the interpreter's lock held.

use std::fmt;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nbvet_protocol::{Display, FrameError, FromWorker, StreamName, ToWorker, read_frame, write_frame};
use nbvet_report::Question;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Pid, getpid};
use serde_json::{Map, Value};

/// Lowest numbers tried for our descriptors, out of reach of notebooks that close "all" small ones.
const HIGH_DESCRIPTORS: [RawFd; 4] = [1000, 240, 60, 10];
/// Displays of threads kept while no cell runs.
const MAX_WAITING_DISPLAYS: usize = 1000;

/// What the agent wants next.
pub(crate) enum Task {
    /// A cell to run: its index, its source, and what the front end made of widgets.
    Cell(u32, String, Map<String, Value>),
    /// Questions about values that this cell left.
    Questions(u32, Vec<Question>),
    /// Nothing more.
    End,
}

/// The channel can no longer be used: the process ends.
#[derive(Debug)]
pub(crate) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<FrameError> for Broken {
    fn from(error: FrameError) -> Self {
        Self(error.to_string())
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Socket and private duplicates of descriptors 1 and 2, so that closing those does no harm.
pub(crate) struct Channel {
    socket: UnixStream,
    out: OwnedFd,
    err: OwnedFd,
    owner: Pid,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The stream written last since both were drained.
    last: Option<StreamName>,
    /// A cell runs: the agent answers barriers and displays.
    running: bool,
    /// Displays made while no cell ran.
    waiting: Vec<Display>,
}

impl Channel {
    /// Takes duplicates of the inherited socket and of descriptors 1 and 2.
    pub(crate) fn new(socket: RawFd) -> io::Result<Self> {
        #[expect(
            unsafe_code,
            reason = "the agent passes the socket by number; it is only borrowed to duplicate it"
        )]
        // SAFETY: the descriptor was opened by the agent for this purpose and stays open during the call.
        let inherited = unsafe { BorrowedFd::borrow_raw(socket) };
        Ok(Self {
            socket: UnixStream::from(duplicate(inherited)?),
            out: duplicate(rustix::stdio::stdout())?,
            err: duplicate(rustix::stdio::stderr())?,
            owner: getpid(),
            state: Mutex::default(),
        })
    }

    /// This process is a child of the one that the channel belongs to.
    pub(crate) fn is_forked(&self) -> bool {
        getpid() != self.owner
    }

    /// Sends a message that needs no answer.
    pub(crate) fn send(&self, message: &FromWorker) -> Result<(), Broken> {
        Ok(write_frame(&mut &self.socket, message)?)
    }

    /// Waits for the next message.
    pub(crate) fn receive(&self) -> Result<ToWorker, Broken> {
        Ok(read_frame(&mut Patient(&self.socket))?)
    }

    /// Waits for the next thing to do, and sends what threads displayed meanwhile.
    pub(crate) fn next_task(&self) -> Result<Task, Broken> {
        match self.receive()? {
            ToWorker::Execute { cell, code, widgets } => {
                self.begin()?;
                Ok(Task::Cell(cell, code, widgets))
            }
            ToWorker::Ask { cell, questions } => {
                self.begin()?;
                Ok(Task::Questions(cell, questions))
            }
            ToWorker::Finish => Ok(Task::End),
            other => Err(Broken(format!("expected a task or finish, not {other:?}"))),
        }
    }

    fn begin(&self) -> Result<(), Broken> {
        let mut state = self.lock();
        state.running = true;
        state.last = None;
        for display in std::mem::take(&mut state.waiting) {
            self.ask(&FromWorker::Display { display })?;
        }
        Ok(())
    }

    /// Ends the cell, or the questions about it.
    pub(crate) fn done(&self, message: &FromWorker) -> Result<(), Broken> {
        let mut state = self.lock();
        state.running = false;
        self.send(message)
    }

    /// Writes text to a stream. Where the streams change places, both are drained first.
    pub(crate) fn write(&self, name: StreamName, bytes: &[u8]) -> Result<(), Broken> {
        if self.is_forked() {
            self.write_raw(name, bytes);
            return Ok(());
        }
        let mut state = self.lock();
        if state.running && state.last.is_some_and(|last| last != name) {
            self.ask(&FromWorker::Barrier)?;
        }
        state.last = Some(name);
        self.write_raw(name, bytes);
        Ok(())
    }

    /// Sends a display and waits until it is taken in. A forked child's displays are nobody's.
    pub(crate) fn display(&self, display: Display) -> Result<(), Broken> {
        if self.is_forked() {
            return Ok(());
        }
        let mut state = self.lock();
        if state.running {
            state.last = None;
            return self.ask(&FromWorker::Display { display });
        }
        if state.waiting.len() < MAX_WAITING_DISPLAYS {
            state.waiting.push(display);
        }
        Ok(())
    }

    fn ask(&self, message: &FromWorker) -> Result<(), Broken> {
        self.send(message)?;
        match self.receive()? {
            ToWorker::GoOn => Ok(()),
            other => Err(Broken(format!("expected go-on, not {other:?}"))),
        }
    }

    /// Says something on stderr, by whichever descriptor still leads there.
    pub(crate) fn complain(&self, text: &[u8]) {
        if rustix::io::write(&self.err, text).is_err() {
            // Nobody is left to tell if this fails too.
            let _ = rustix::io::write(rustix::stdio::stderr(), text);
        }
    }

    /// What cannot be written is lost, as for any process whose reader went away.
    fn write_raw(&self, name: StreamName, mut bytes: &[u8]) {
        let descriptor = match name {
            StreamName::Stdout => &self.out,
            StreamName::Stderr => &self.err,
        };
        while !bytes.is_empty() {
            match rustix::io::write(descriptor, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait_until_writable(descriptor.as_fd()),
                Err(_) => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The notebook may have made the shared pipe non-blocking.
fn wait_until_writable(descriptor: BorrowedFd<'_>) {
    // A failed wait only means that the write is tried again at once.
    let _ = poll(&mut [PollFd::new(&descriptor, PollFlags::OUT)], None);
}

fn duplicate(descriptor: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut result = Err(Errno::BADF);
    for minimum in HIGH_DESCRIPTORS {
        result = fcntl_dupfd_cloexec(descriptor, minimum);
        if result.is_ok() {
            break;
        }
    }
    Ok(result?)
}

/// Reads on when a signal interrupts: the interpreter looks at signals itself, between its instructions.
struct Patient<'a>(&'a UnixStream);

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}
