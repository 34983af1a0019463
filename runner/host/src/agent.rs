//! The connection to an agent, shared by any number of runs at once: one thread reads and hands each session its
//! messages. When the connection ends or cannot be believed any more, every session hears so.

use std::{
    collections::HashMap,
    env, fs, io,
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use nbvet_protocol::{FrameError, FromAgent, PROTOCOL_VERSION, ToAgent, finished, read_frame, write_frame};
use nbvet_report::{FailureKind, RunFailure};
use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid},
};

/// The environment variable by which all processes of an agent that died are found.
const MARK: &str = "NBVET_AGENT";
/// Messages that may wait for one session. A full queue makes the agent wait, and the notebook in turn.
const QUEUE: usize = 64;
/// How long an agent may take to say hello.
const HELLO: Duration = Duration::from_secs(30);

/// Why there is no agent to talk to.
#[derive(Debug, thiserror::Error)]
pub enum AgentUnavailable {
    /// It could not be started.
    #[error("the agent could not be started ({program}): {error}")]
    NotStarted {
        /// The program.
        program: String,
        /// What the system said.
        error: io::Error,
    },
    /// Nobody listens there.
    #[error("no agent answers at {path}: {error}")]
    NotConnected {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It did not say hello.
    #[error("the agent did not say hello: {0}")]
    NoHello(String),
    /// It is of another version.
    #[error("the agent (nbvet {version}) speaks protocol {protocol}, this is {PROTOCOL_VERSION}")]
    OtherProtocol {
        /// Its protocol.
        protocol: u32,
        /// Its version.
        version: String,
    },
}

impl From<&AgentUnavailable> for RunFailure {
    fn from(error: &AgentUnavailable) -> Self {
        let hint = match error {
            AgentUnavailable::NotStarted { .. } => {
                "see whether the nbvet program is still where it was started from"
            }
            AgentUnavailable::NotConnected { .. } => {
                "whatever runs beside the notebook has to listen there: `nbvet agent --listen PATH`, or, in a cluster, the \
                 container `notebook`"
            }
            AgentUnavailable::NoHello(_) => "see what the agent printed",
            AgentUnavailable::OtherProtocol { .. } => "use the same version of nbvet on both sides",
        };
        Self {
            kind: FailureKind::AgentLost,
            message: error.to_string(),
            hint: Some(hint.to_owned()),
        }
    }
}

/// A connected agent. Ends everything that it runs when it is dropped.
#[derive(Debug)]
pub struct Agent {
    shared: Arc<Shared>,
    child: Option<LocalAgent>,
}

/// Tells an agent at a socket, when it goes, that its host has ended, whether that agent listens already or not: one that
/// nobody has come to ends then.
#[derive(Debug)]
pub struct Finished(PathBuf);

impl Finished {
    /// Of a socket, in whose folder this process may write.
    pub fn of(socket: &Path) -> Self {
        Self(finished(socket))
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        // What somebody else put there says the same, and is not followed. Where it cannot be written, whoever started the
        // agent has to end it.
        let _ = fs::File::create_new(&self.0);
    }
}

/// What a session hears.
#[derive(Debug, Clone)]
pub(crate) enum Heard {
    Said(FromAgent),
    /// Nothing will come any more.
    Lost(RunFailure),
    /// The user wants the run to stop.
    Cancelled,
}

#[derive(Debug)]
struct Shared {
    writer: Mutex<UnixStream>,
    sessions: Mutex<Sessions>,
    next: AtomicU32,
}

#[derive(Debug, Default)]
struct Sessions {
    open: HashMap<u32, SyncSender<Heard>>,
    /// Why no session can be opened any more.
    lost: Option<RunFailure>,
    cancelled: bool,
}

impl Agent {
    /// Starts an agent of this machine: `command` is to serve the socket that is its standard input.
    pub fn spawn(mut command: Command) -> Result<Self, AgentUnavailable> {
        let program = command.get_program().to_string_lossy().into_owned();
        let not_started = |error| AgentUnavailable::NotStarted {
            program: program.clone(),
            error,
        };
        let (ours, theirs) = UnixStream::pair().map_err(not_started)?;
        let mark = mark().map_err(not_started)?;
        // In a group of its own Ctrl-C reaches only the host, which ends the agent in good order.
        let command = command
            .stdin(OwnedFd::from(theirs))
            .env(MARK, &mark)
            .process_group(0);
        let child = command.spawn().map_err(not_started)?;
        // The command holds the agent's end; while it is open here the agent's death would go unseen.
        command.stdin(std::process::Stdio::null());
        let adopts = false;
        Self::over(ours, Some(LocalAgent { child, mark, adopts }))
    }

    /// Connects to an agent that listens, or will within `patience`, at a Unix socket.
    pub fn connect(path: &Path, patience: Duration) -> Result<Self, AgentUnavailable> {
        let since = Instant::now();
        loop {
            match UnixStream::connect(path) {
                Ok(stream) => return Self::over(stream, None),
                Err(_) if since.elapsed() < patience => thread::sleep(Duration::from_millis(20)),
                Err(error) => {
                    return Err(AgentUnavailable::NotConnected {
                        path: path.to_owned(),
                        error,
                    });
                }
            }
        }
    }

    fn over(stream: UnixStream, child: Option<LocalAgent>) -> Result<Self, AgentUnavailable> {
        let broken = |error: io::Error| AgentUnavailable::NoHello(error.to_string());
        let mut reader = stream.try_clone().map_err(broken)?;
        let shared = Arc::new(Shared {
            writer: Mutex::new(stream),
            sessions: Mutex::default(),
            next: AtomicU32::new(1),
        });
        // From here on dropping it ends a child.
        let agent = Self {
            shared: Arc::clone(&shared),
            child,
        };
        agent.shared.send(&ToAgent::Hello {
            protocol: PROTOCOL_VERSION,
        });
        reader.set_read_timeout(Some(HELLO)).map_err(broken)?;
        match read_frame(&mut reader) {
            Ok(FromAgent::Hello {
                protocol: PROTOCOL_VERSION,
                ..
            }) => {}
            Ok(FromAgent::Hello { protocol, version }) => {
                return Err(AgentUnavailable::OtherProtocol { protocol, version });
            }
            Ok(_) => {
                return Err(AgentUnavailable::NoHello(
                    "it said something else first".to_owned(),
                ));
            }
            Err(error) => return Err(AgentUnavailable::NoHello(error.to_string())),
        }
        reader.set_read_timeout(None).map_err(broken)?;
        thread::Builder::new()
            .name("nbvet-agent-reader".to_owned())
            .spawn(move || shared.read_all(reader))
            .map_err(broken)?;
        Ok(agent)
    }

    /// Ends all runs over this agent, now and later, as cancelled. May be called from any thread.
    pub fn cancel(&self) {
        self.shared
            .close(|sessions| sessions.cancelled = true, &Heard::Cancelled);
    }

    /// Whether nothing more can be run over this agent.
    pub fn is_lost(&self) -> bool {
        self.shared.sessions().lost.is_some()
    }

    /// It does not answer: whatever runs over it is lost.
    pub(crate) fn give_up(&self) {
        let failure = lost(&FrameError::Closed);
        self.shared.close(
            |sessions| sessions.lost = Some(failure.clone()),
            &Heard::Lost(failure.clone()),
        );
    }

    /// A new session: its number, and what it will hear.
    pub(crate) fn open(&self) -> (u32, Receiver<Heard>) {
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = sync_channel(QUEUE);
        let mut sessions = self.shared.sessions();
        // A new queue has room for one message.
        if let Some(failure) = &sessions.lost {
            let _ = sender.try_send(Heard::Lost(failure.clone()));
        } else if sessions.cancelled {
            let _ = sender.try_send(Heard::Cancelled);
        }
        sessions.open.insert(number, sender);
        (number, receiver)
    }

    /// Nobody listens to this session any more.
    pub(crate) fn close(&self, number: u32) {
        self.shared.sessions().open.remove(&number);
    }

    /// Tells the agent something. A connection that is broken is noticed by the reader.
    pub(crate) fn send(&self, message: &ToAgent) {
        self.shared.send(message);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.shared.writer().shutdown(Shutdown::Both);
        if let Some(child) = &mut self.child {
            child.end();
        }
    }
}

impl Shared {
    fn writer(&self) -> MutexGuard<'_, UnixStream> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, message: &ToAgent) {
        // A failure is the end of the connection, which the reader sees too.
        let _ = write_frame(&mut *self.writer(), message);
    }

    /// Hands out messages until the connection ends.
    fn read_all(&self, reader: UnixStream) {
        let mut reader = io::BufReader::with_capacity(64 * 1024, reader);
        let failure = loop {
            match read_frame::<FromAgent>(&mut reader) {
                Ok(message) => {
                    if let Err(failure) = self.hand_out(message) {
                        break failure;
                    }
                }
                Err(error) => break lost(&error),
            }
        };
        // Nothing it says from now on would be heard: it is to end everything.
        let _ = reader.get_ref().shutdown(Shutdown::Both);
        self.close(
            |sessions| sessions.lost = Some(failure.clone()),
            &Heard::Lost(failure.clone()),
        );
    }

    fn hand_out(&self, message: FromAgent) -> Result<(), RunFailure> {
        let Some(number) = session_of(&message) else {
            return Err(unreadable("a second hello"));
        };
        let sender = self.sessions().open.get(&number).cloned();
        if let Some(sender) = sender {
            // A session that does not listen any more has ended.
            let _ = sender.send(Heard::Said(message));
        }
        Ok(())
    }

    /// Notes why nothing more will come, and tells all sessions that are open.
    fn close(&self, note: impl FnOnce(&mut Sessions), heard: &Heard) {
        let senders: Vec<_> = {
            let mut sessions = self.sessions();
            note(&mut sessions);
            sessions.open.values().cloned().collect()
        };
        for sender in senders {
            // As above.
            let _ = sender.send(heard.clone());
        }
    }
}

fn session_of(message: &FromAgent) -> Option<u32> {
    match message {
        FromAgent::Hello { .. } => None,
        FromAgent::Started { session, .. }
        | FromAgent::StartFailed { session, .. }
        | FromAgent::Stream { session, .. }
        | FromAgent::OutputCut { session, .. }
        | FromAgent::Display { session, .. }
        | FromAgent::CellDone { session, .. }
        | FromAgent::Answers { session, .. }
        | FromAgent::Leaving { session, .. }
        | FromAgent::Exited { session, .. } => Some(*session),
    }
}

fn lost(error: &FrameError) -> RunFailure {
    match error {
        FrameError::Closed | FrameError::Io(_) => RunFailure {
            kind: FailureKind::AgentLost,
            message: "the agent that runs the notebook went away".to_owned(),
            hint: Some("it was killed, or its machine or container ended; run the notebook again".to_owned()),
        },
        FrameError::TooLarge(_) | FrameError::Unreadable { .. } => unreadable(&error.to_string()),
    }
}

pub(crate) fn unreadable(what: &str) -> RunFailure {
    RunFailure {
        kind: FailureKind::ReportLost,
        message: format!("what the agent reports cannot be believed: {what}"),
        hint: None,
    }
}

/// An agent that is a child of this process.
#[derive(Debug)]
struct LocalAgent {
    child: Child,
    mark: String,
    /// This process takes over what loses its parent below it, and has no other children than agents.
    adopts: bool,
}

impl LocalAgent {
    /// The connection is closed, so it ends everything and then itself. Where it was killed, what it left is
    /// killed here: its workers die with it, but not what notebooks started.
    fn end(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(8);
        let since = Instant::now();
        let status = loop {
            match self.child.try_wait() {
                Ok(None) if since.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(1)),
                Ok(None) => {
                    // It hangs; its number is still its own, since nobody has waited for it.
                    let _ = self.child.kill();
                    break self.child.wait().ok();
                }
                Ok(status) => break status,
                Err(_) => break None,
            }
        };
        if !status.is_some_and(|status| status.success()) {
            kill_marked(&self.mark);
            if self.adopts {
                kill_adopted();
            }
        }
    }
}

fn mark() -> io::Result<String> {
    let mut bytes = [0; 12];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(bytes
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")))
}

/// Kills every process whose environment has the agent's mark, until there is none.
fn kill_marked(mark: &str) {
    let variable = format!("{MARK}={mark}").into_bytes();
    for _ in 0..100 {
        let found: Vec<_> = pids().filter(|pid| has(*pid, &variable)).collect();
        if found
            .iter()
            .all(|pid| kill_process(*pid, Signal::KILL) == Err(Errno::SRCH))
        {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Kills every process that became a child of this one when its parents died: what a notebook started in a session
/// of its own and without our environment, if the agent was killed before it could end it.
fn kill_adopted() {
    let me = std::process::id().to_string();
    for _ in 0..100 {
        let adopted: Vec<_> = pids()
            .filter(|pid| parent_of_living(*pid).as_deref() == Some(&me))
            .filter(|pid| !is_agent(*pid))
            .collect();
        if adopted.is_empty() {
            break;
        }
        for pid in adopted {
            // It may have ended; what it leaves becomes ours, and is seen in the next round.
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// proc(5): the state and the parent follow the program's name, which stands in parentheses.
fn parent_of_living(pid: Pid) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let living = fields.next() != Some("Z");
    fields.next().filter(|_| living).map(str::to_owned)
}

/// Another agent of this process, which ends what is its own.
fn is_agent(pid: Pid) -> bool {
    let same = |name: &str| fs::read_link(format!("/proc/{name}/exe")).ok();
    same(&pid.as_raw_nonzero().to_string()).is_some_and(|program| Some(program) == same("self"))
}

fn pids() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.ok()?.file_name().to_str()?.parse().ok()?))
}

/// Whether the process was started with this variable. A zombie has no environment any more.
fn has(pid: Pid, variable: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|one| one == variable)
}

impl Agent {
    /// Starts this very program as its agent, with the arguments `agent --stdin-socket`. From then on whatever
    /// loses its parent below this process becomes its child: for programs whose only children are agents.
    pub fn local() -> Result<Self, AgentUnavailable> {
        let program = env::current_exe().map_err(|error| AgentUnavailable::NotStarted {
            program: "nbvet".to_owned(),
            error,
        })?;
        let mut command = Command::new(program);
        command.args(["agent", "--stdin-socket"]);
        // Where that is not allowed, what an agent that was killed leaves is found by its environment alone.
        let adopts = set_child_subreaper(Some(getpid())).is_ok();
        let mut agent = Self::spawn(command)?;
        if let Some(local) = &mut agent.child {
            local.adopts = adopts;
        }
        Ok(agent)
    }
}
