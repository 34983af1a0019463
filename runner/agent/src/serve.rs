//! The agent's loop: one thread, any number of sessions, never blocked by any of them. When the host goes away
//! everything is ended.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env, io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            fs::PermissionsExt as _,
            net::{UnixListener, UnixStream},
        },
    },
    time::{Duration, Instant},
};

use nbvet_protocol::{FrameError, FromAgent, Isolation, PROTOCOL_VERSION, StartSpec, ToAgent, finished};
use nbvet_report::Readers;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{Signal, getpid, set_child_subreaper},
};
use signal_hook::consts::{SIGHUP, SIGTERM};

use crate::{
    channel::{Channel, Read},
    fork_server::{Born, ForkServers},
    oom::OomCount,
    processes::{Census, Process, Scan, memory},
    session::Session,
    start::{self, Plan, StartFailure, Worker},
};

/// Bytes for the host above which nothing more is read from notebooks: they wait, as at a full terminal.
const CONGESTION: usize = 1024 * 1024;
/// How often processes are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How often while some are being ended.
const ENDING_TICK: Duration = Duration::from_millis(2);
/// Looking at processes may take this share of the agent's time, where there are thousands of them.
const SHARE: u32 = 20;
/// How long what is left of all sessions may take to go when the host is gone.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often the mark of a host that ended without coming is looked for.
const MARK_TICK: Duration = Duration::from_millis(200);

/// Why the agent could not serve.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A system call that cannot fail did.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// The host is of another version.
    #[error(
        "the host speaks protocol {0}, this agent {PROTOCOL_VERSION}: use the same version of nbvet on both sides"
    )]
    OtherProtocol(u32),
    /// The host said something else.
    #[error("the host's message could not be read: {0}")]
    Unreadable(#[from] FrameError),
    /// The host did not say hello.
    #[error("the host's first message was not `hello`")]
    NoHello,
}

fn system(what: &'static str) -> impl Fn(io::Error) -> AgentError {
    move |error| AgentError::System { what, error }
}

/// Serves one host over a connected Unix socket until it goes away or a SIGTERM comes; then ends every process of
/// every session. To be called by a process of its own that has no other thread and no other child: it becomes
/// the reaper of all orphans below it.
pub fn serve(connection: impl AsFd, home: Home) -> Result<(), AgentError> {
    set_child_subreaper(Some(getpid()))
        .map_err(|error| system("becoming the reaper of orphans")(error.into()))?;
    let mut agent = Agent::new(connection, home)?;
    let result = agent.run();
    agent.end_everything();
    result
}

/// Where an agent lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// A child of the command whose notebooks it runs.
    Command,
    /// The first process of a container of a cluster: what notebooks print goes to the container's log as well, and what is
    /// told is told in words for a cluster.
    Container,
}

impl Home {
    pub(crate) const fn readers(self) -> Readers {
        match self {
            Self::Command => Readers::Terminal,
            Self::Container => Readers::Cluster,
        }
    }
}

struct Agent<F> {
    home: Home,
    host: Channel<F>,
    sessions: BTreeMap<u32, Session>,
    /// Names this agent's sessions among all on the machine.
    mark: String,
    census: Census,
    fork_servers: ForkServers,
    oom: OomCount,
    terminated: UnixStream,
    greeted: bool,
    next_tick: Instant,
    /// Processes without a session were there at the last look.
    strangers: bool,
}

/// What was ready.
#[derive(Clone, Copy)]
enum Source {
    Host,
    Terminated,
    Channel(u32),
    Stream(u32, usize),
    Exit(u32),
    ForkServer(usize),
}

impl<F: AsFd> Agent<F> {
    fn new(connection: F, home: Home) -> Result<Self, AgentError> {
        let (terminated, ours) = UnixStream::pair().map_err(system("making a socket"))?;
        for signal in [SIGTERM, SIGHUP] {
            let ours = ours.try_clone().map_err(system("copying a socket"))?;
            signal_hook::low_level::pipe::register(signal, ours).map_err(system("listening to signals"))?;
        }
        let mark = env::var("NBVET_AGENT").unwrap_or_else(|_| format!("{:x}", seed()));
        let mut host = Channel::new(connection).map_err(system("preparing the connection"))?;
        host.send(&FromAgent::Hello {
            protocol: PROTOCOL_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })?;
        Ok(Self {
            home,
            host,
            sessions: BTreeMap::new(),
            census: Census::new(&mark),
            mark,
            fork_servers: ForkServers::default(),
            oom: OomCount::here(),
            terminated,
            greeted: false,
            next_tick: Instant::now(),
            strangers: false,
        })
    }

    fn run(&mut self) -> Result<(), AgentError> {
        loop {
            self.host.flush();
            for (source, events) in self.wait().map_err(system("waiting"))? {
                match source {
                    Source::Terminated => return Ok(()),
                    Source::Host if !self.read_host()? => return Ok(()),
                    Source::Host => {}
                    Source::Channel(number) => self.on_channel(number, events),
                    Source::Stream(number, index) => self.on_stream(number, index),
                    Source::Exit(number) => self.on_exit(number),
                    Source::ForkServer(index) => self.on_fork_server(index)?,
                }
            }
            self.take_messages();
            if self.has_work() && Instant::now() >= self.next_tick {
                self.fork_servers.end_overdue();
                self.spawn_unforked()?;
                self.tick();
            }
        }
    }

    fn has_work(&self) -> bool {
        !self.sessions.is_empty() || self.strangers || self.fork_servers.is_busy()
    }

    fn wait(&self) -> io::Result<Vec<(Source, PollFlags)>> {
        let (sources, mut fds): (Vec<_>, Vec<_>) = self.interests().into_iter().unzip();
        let left = self
            .has_work()
            .then(|| self.next_tick.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| left.try_into().unwrap_or_default());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = sources.into_iter().zip(fds.iter().map(PollFd::revents));
        Ok(ready.filter(|(_, events)| !events.is_empty()).collect())
    }

    /// What to wait for. Descriptors that are not to be read now are left out: poll would tell of their end again
    /// and again.
    fn interests(&self) -> Vec<(Source, PollFd<'_>)> {
        let mut fds = Vec::new();
        let host = if self.host.waiting() > 0 {
            PollFlags::IN | PollFlags::OUT
        } else {
            PollFlags::IN
        };
        fds.push((Source::Host, PollFd::from_borrowed_fd(self.host.fd(), host)));
        fds.push((Source::Terminated, PollFd::new(&self.terminated, PollFlags::IN)));
        let servers = self.fork_servers.sockets();
        fds.extend(servers.map(|(index, socket)| {
            (
                Source::ForkServer(index),
                PollFd::from_borrowed_fd(socket, PollFlags::IN),
            )
        }));
        let congested = self.host.waiting() > CONGESTION;
        for (&number, session) in self.sessions.iter().filter(|(_, session)| !session.is_ending()) {
            fds.push((Source::Exit(number), PollFd::new(session.pidfd(), PollFlags::IN)));
            let mut flags = if congested {
                PollFlags::empty()
            } else {
                PollFlags::IN
            };
            flags.set(PollFlags::OUT, session.channel().waiting() > 0);
            if !flags.is_empty() && !session.channel().has_ended() {
                fds.push((
                    Source::Channel(number),
                    PollFd::from_borrowed_fd(session.channel().fd(), flags),
                ));
            }
            let pipes = session.streams().iter().enumerate().filter(|_| !congested);
            fds.extend(pipes.filter_map(|(index, stream)| {
                Some((
                    Source::Stream(number, index),
                    PollFd::new(stream.pipe()?, PollFlags::IN),
                ))
            }));
        }
        fds
    }

    fn on_channel(&mut self, number: u32, events: PollFlags) {
        if let Some(session) = self.sessions.get_mut(&number) {
            if events.contains(PollFlags::OUT) {
                session.flush();
            }
            if events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                session.read_channel(&mut self.host);
            }
        }
    }

    fn on_stream(&mut self, number: u32, index: usize) {
        if let Some(session) = self.sessions.get_mut(&number) {
            session.read_stream(index, &mut self.host);
        }
    }

    fn on_exit(&mut self, number: u32) {
        if let Some(session) = self.sessions.get_mut(&number) {
            session.on_exit(&mut self.host, &mut self.oom);
            // Most sessions leave nothing behind and are closed at once.
            self.next_tick = Instant::now();
        }
    }

    /// Messages that were read while the host was slow.
    fn take_messages(&mut self) {
        for session in self.sessions.values_mut().filter(|session| !session.is_ending()) {
            session.take_messages(&mut self.host, CONGESTION);
        }
    }
}

/// What the host says.
impl<F: AsFd> Agent<F> {
    /// Takes in what the host said; `false`: it is gone.
    fn read_host(&mut self) -> Result<bool, AgentError> {
        let read = self.host.read();
        while let Some(message) = self.host.next_message()? {
            self.obey(message)?;
        }
        Ok(read != Read::End)
    }

    fn obey(&mut self, message: ToAgent) -> Result<(), AgentError> {
        match message {
            ToAgent::Hello {
                protocol: PROTOCOL_VERSION,
            } => self.greeted = true,
            ToAgent::Hello { protocol } => return Err(AgentError::OtherProtocol(protocol)),
            _ if !self.greeted => return Err(AgentError::NoHello),
            ToAgent::Start { session, spec } => self.start(session, &spec)?,
            ToAgent::Execute {
                session,
                cell,
                code,
                widgets,
            } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.execute(cell, code, widgets, &mut self.host);
                }
            }
            ToAgent::Ask {
                session,
                cell,
                questions,
            } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.ask(cell, questions, &mut self.host);
                }
            }
            ToAgent::Interrupt { session } => self.with(session, |session| session.interrupt()),
            ToAgent::Kill { session } => self.kill(session)?,
            ToAgent::Finish { session } => self.with(session, Session::finish),
        }
        Ok(())
    }

    /// A session that is not there has ended meanwhile, and the host will read so.
    fn with(&mut self, number: u32, act: impl FnOnce(&mut Session)) {
        if let Some(session) = self.sessions.get_mut(&number) {
            act(session);
        }
    }

    fn kill(&mut self, number: u32) -> Result<(), AgentError> {
        if self.fork_servers.cancel(number) {
            self.host.send(&FromAgent::Exited {
                session: number,
                status: None,
                signal: Some(Signal::KILL.as_raw()),
                out_of_memory: false,
                peak_memory: 0,
                cpu_seconds: 0.0,
                unreadable: None,
            })?;
        }
        self.with(number, Session::kill);
        Ok(())
    }
}

/// Sessions come to life.
impl<F: AsFd> Agent<F> {
    fn start(&mut self, number: u32, spec: &StartSpec) -> Result<(), AgentError> {
        if self.sessions.is_empty() {
            // Kills of the time before concern nobody here.
            self.oom.has_risen();
        }
        match (
            start::plan(spec, start::marker(&self.mark, number)),
            spec.isolation,
        ) {
            (Ok(plan), Isolation::Spawn) => self.spawn(number, &plan),
            (Ok(plan), Isolation::Fork) => {
                self.fork_servers.ask(number, plan);
                self.spawn_unforked()
            }
            (Err(failure), _) => self.start_failed(number, failure),
        }
    }

    fn on_fork_server(&mut self, index: usize) -> Result<(), AgentError> {
        match self.fork_servers.read(index) {
            Some(Born::Forked(number, plan, worker)) => self.begin(number, worker, &plan)?,
            Some(Born::ToSpawn(number, plan)) => self.spawn(number, &plan)?,
            None => {}
        }
        self.spawn_unforked()
    }

    fn spawn_unforked(&mut self) -> Result<(), AgentError> {
        while let Some((number, plan)) = self.fork_servers.next_to_spawn() {
            self.spawn(number, &plan)?;
        }
        Ok(())
    }

    fn spawn(&mut self, number: u32, plan: &Plan) -> Result<(), AgentError> {
        match plan.spawn() {
            Ok(worker) => self.begin(number, worker, plan),
            Err(failure) => self.start_failed(number, failure),
        }
    }

    fn begin(&mut self, number: u32, worker: Worker, plan: &Plan) -> Result<(), AgentError> {
        let session = Session::new(number, worker, plan, self.home).map_err(system("preparing a session"))?;
        self.sessions.insert(number, session);
        self.next_tick = Instant::now() + TICK;
        Ok(())
    }

    fn start_failed(&mut self, number: u32, failure: StartFailure) -> Result<(), AgentError> {
        Ok(self.host.send(&failure.told(number, self.home.readers()))?)
    }
}

/// Looking after processes.
impl<F: AsFd> Agent<F> {
    fn tick(&mut self) {
        let begun = Instant::now();
        let scan = self.scan();
        for (number, session) in &mut self.sessions {
            let processes = scan.sessions.get(number).map_or(&[][..], Vec::as_slice);
            let held = memory(processes, session.memory_limit());
            session.tick(processes, held, &mut self.host);
        }
        self.sessions.retain(|_, session| !session.is_gone());
        // Orphans of nobody known: once no session is left, they belonged to one that is over.
        let idle = self.sessions.is_empty() && !self.fork_servers.is_busy();
        self.strangers = idle && !scan.strangers.is_empty();
        if self.strangers {
            scan.strangers.iter().for_each(Process::kill);
        }
        let ending = self.strangers || self.sessions.values().any(Session::is_ending);
        let interval = if ending { ENDING_TICK } else { TICK };
        self.next_tick = Instant::now() + interval.max(begun.elapsed() * SHARE);
    }

    fn scan(&mut self) -> Scan {
        let living = self.sessions.iter().filter(|(_, session)| !session.is_ending());
        let workers: HashMap<i32, u32> = living.map(|(&number, session)| (session.pid(), number)).collect();
        let helpers = self.fork_servers.pids().collect();
        let scan = self.census.scan(&workers, &helpers);
        for (number, seconds) in &scan.reaped {
            self.with(*number, |session| session.add_cpu(*seconds));
        }
        scan
    }

    /// Kills whatever lives below the agent, until nothing does.
    fn end_everything(&mut self) {
        let since = Instant::now();
        self.sessions.values_mut().for_each(Session::kill);
        // The workers are orphans like all others now: nobody asks for their status any more.
        while since.elapsed() < FAREWELL {
            let scan = self.census.scan(&HashMap::new(), &HashSet::new());
            let mut left = scan.sessions.values().flatten().chain(&scan.strangers).peekable();
            if left.peek().is_none() {
                break;
            }
            left.for_each(Process::kill);
            std::thread::sleep(ENDING_TICK);
        }
    }
}

fn seed() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness the pid has to do: the mark only tells agents apart.
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(8) => u64::from_ne_bytes(bytes),
        _ => u64::from(std::process::id()),
    }
}

/// Waits for one host at a Unix socket, which is gone once it came. Nobody else can come after it. The host may be another
/// user of the same group: in a pod, each container may run as its image says. `None`: the host ended without coming, before
/// this listened or after.
pub fn accept(path: &std::path::Path) -> io::Result<Option<OwnedFd>> {
    let listener = UnixListener::bind(path)?;
    // Until then whoever may not connect tries again.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    let connection = first(&listener, &finished(path));
    std::fs::remove_file(path)?;
    connection
}

/// Who connects first, unless the mark says that nobody will.
fn first(listener: &UnixListener, finished: &std::path::Path) -> io::Result<Option<OwnedFd>> {
    let tick = rustix::event::Timespec::try_from(MARK_TICK).map_err(io::Error::other)?;
    loop {
        match poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&tick)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return listener.accept().map(|(stream, _)| Some(stream.into())),
            Err(error) => return Err(error.into()),
        }
        if finished.exists() {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    #[test]
    fn the_socket_is_for_the_user_and_their_group_and_goes_with_the_first_who_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let waiting = {
            let path = path.clone();
            thread::spawn(move || accept(&path).map(|came| came.is_some()))
        };
        let mode = || fs::metadata(&path).map(|found| found.permissions().mode() & 0o777);
        while !mode().is_ok_and(|mode| mode == 0o660) {
            thread::sleep(Duration::from_millis(5));
        }
        UnixStream::connect(&path).expect("somebody listens");
        assert!(waiting.join().expect("it ends").expect("it is accepted"));
        assert!(!path.exists());
    }
}
