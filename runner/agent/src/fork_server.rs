//! Interpreters that have imported what every worker needs and fork one for each notebook: the first costs as much
//! as a fresh interpreter, each further one a fraction. Whatever goes wrong with one, its workers are started
//! afresh instead: a fork server is never the reason why a notebook does not run.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use nbvet_protocol::{FromForkServer, ToForkServer};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketType, recv, sendmsg},
    pipe::{PipeFlags, pipe_with},
    process::{Pid, PidfdFlags, Signal, getpid, kill_process, kill_process_group, pidfd_open},
};

use crate::{
    processes::Process,
    start::{Plan, Worker, socket},
};

/// How long a fork may take.
const FORK: Duration = Duration::from_secs(3);
/// How long a server may take to become ready.
const START: Duration = Duration::from_secs(30);
/// The longest answer.
const MAX_PACKET: usize = 4096;

/// All fork servers of an agent.
#[derive(Default)]
pub(crate) struct ForkServers {
    servers: Vec<ForkServer>,
}

impl ForkServers {
    /// Where modules could not be imported for all, each notebook imports them itself.
    fn ask_without_preload(&mut self) {
        let failed = self
            .servers
            .iter_mut()
            .filter(|server| server.process.is_none() && !server.is_ready && !server.like.preload.is_empty());
        let waiting: Vec<_> = failed.flat_map(|server| server.waiting.drain(..)).collect();
        for (session, mut plan) in waiting {
            plan.preload.clear();
            self.ask(session, plan);
        }
    }
}

/// What became of a session that was to be forked.
pub(crate) enum Born {
    /// It is there.
    Forked(u32, Plan, Worker),
    /// No server can fork it.
    ToSpawn(u32, Plan),
}

struct ForkServer {
    /// What it was started for first: it serves whatever is like it.
    like: Plan,
    /// `None`: it has ended, or forking is not safe there.
    process: Option<Server>,
    waiting: VecDeque<(u32, Plan)>,
    asked: Option<Asked>,
    is_ready: bool,
    /// Since when it owes an answer: that it is ready, or a worker.
    owes_since: Instant,
}

struct Server {
    pid: Pid,
    socket: OwnedFd,
}

/// A worker that the server was asked for, and our ends of what it was given.
struct Asked {
    session: u32,
    /// `None`: nobody wants it any more.
    plan: Option<Plan>,
    channel: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl ForkServers {
    /// Asks for a worker. It comes by [`ForkServers::born`], now or later.
    pub(crate) fn ask(&mut self, session: u32, plan: Plan) {
        let index = self.servers.iter().position(|server| server.like.is_like(&plan));
        let index = index.unwrap_or_else(|| {
            self.servers.push(ForkServer::start(&plan));
            self.servers.len() - 1
        });
        let server = &mut self.servers[index];
        server.waiting.push_back((session, plan));
        server.ask_next();
    }

    /// Nobody wants this worker any more. Whether it was still to come.
    pub(crate) fn cancel(&mut self, session: u32) -> bool {
        self.servers.iter_mut().any(|server| server.cancel(session))
    }

    /// Whether workers are still to come.
    pub(crate) fn is_busy(&self) -> bool {
        self.servers
            .iter()
            .any(|server| server.asked.is_some() || !server.waiting.is_empty())
    }

    /// The servers' own processes.
    pub(crate) fn pids(&self) -> impl Iterator<Item = i32> {
        self.servers
            .iter()
            .filter_map(|server| Some(server.process.as_ref()?.pid.as_raw_nonzero().get()))
    }

    /// Where they speak.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>)> {
        self.servers
            .iter()
            .enumerate()
            .filter_map(|(index, server)| Some((index, server.process.as_ref()?.socket.as_fd())))
    }

    /// One of them spoke, or ended.
    pub(crate) fn read(&mut self, index: usize) -> Option<Born> {
        self.servers.get_mut(index)?.read()
    }

    /// Gives up those that do not answer.
    pub(crate) fn end_overdue(&mut self) {
        self.servers.iter_mut().for_each(ForkServer::end_if_overdue);
    }

    /// A session that no server will fork.
    pub(crate) fn next_to_spawn(&mut self) -> Option<(u32, Plan)> {
        self.ask_without_preload();
        self.servers
            .iter_mut()
            .filter(|server| server.process.is_none())
            .find_map(|server| server.waiting.pop_front())
    }
}

impl ForkServer {
    fn start(plan: &Plan) -> Self {
        let process = if plan.depends_on_folder() {
            None
        } else {
            // A fresh interpreter will say what is wrong.
            plan.serve_forks()
                .ok()
                .map(|(pid, socket)| Server { pid, socket })
        };
        Self {
            like: plan.clone(),
            process,
            waiting: VecDeque::new(),
            asked: None,
            is_ready: false,
            owes_since: Instant::now(),
        }
    }

    fn cancel(&mut self, session: u32) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|(waiting, _)| *waiting != session);
        let asked = self.asked.as_mut().filter(|asked| asked.session == session);
        let cancelled =
            before != self.waiting.len() || asked.is_some_and(|asked| asked.plan.take().is_some());
        if cancelled && (self.asked.is_some() || !self.is_ready && self.waiting.is_empty()) {
            // Somebody waited for it in vain.
            self.give_up();
        }
        cancelled
    }

    /// One request at a time: none is ever refused for want of room.
    fn ask_next(&mut self) {
        let Some(server) = self
            .process
            .as_ref()
            .filter(|_| self.is_ready && self.asked.is_none())
        else {
            return;
        };
        let Some((session, plan)) = self.waiting.pop_front() else {
            return;
        };
        if let Ok([channel, stdout, stderr]) = ask(&server.socket, session, &plan) {
            self.owes_since = Instant::now();
            self.asked = Some(Asked {
                session,
                plan: Some(plan),
                channel,
                stdout,
                stderr,
            });
        } else {
            self.waiting.push_front((session, plan));
            self.end();
        }
    }

    fn read(&mut self) -> Option<Born> {
        let server = self.process.as_ref()?;
        let mut packet = [0; MAX_PACKET];
        let message = match recv(&server.socket, &mut packet, RecvFlags::DONTWAIT) {
            Ok((_, length)) => serde_json::from_slice(packet.get(..length).unwrap_or_default()),
            Err(Errno::AGAIN | Errno::INTR) => return None,
            Err(_) => {
                self.end();
                return None;
            }
        };
        match (message, self.asked.take()) {
            (Ok(FromForkServer::Ready), None) => {
                self.is_ready = true;
                self.ask_next();
                None
            }
            (Ok(FromForkServer::Forked { session, pid }), Some(asked)) if session == asked.session => {
                let born = asked.born(pid);
                self.ask_next();
                born
            }
            (Ok(FromForkServer::Refused { session }), Some(asked)) if session == asked.session => {
                self.ask_next();
                asked.plan.map(|plan| Born::ToSpawn(session, plan))
            }
            // It has ended, which reads as an empty packet, or says what has no place here.
            (_, asked) => {
                self.asked = asked;
                self.give_up();
                None
            }
        }
    }

    /// It owes an answer for too long: something stopped it.
    fn end_if_overdue(&mut self) {
        let patience = if self.is_ready { FORK } else { START };
        let owes = self.asked.is_some() || !self.is_ready;
        if self.process.is_some() && owes && self.owes_since.elapsed() > patience {
            self.give_up();
        }
    }

    /// Those that wait for it are started afresh.
    fn give_up(&mut self) {
        let asked = self.asked.take();
        if let Some((session, plan)) = asked.and_then(|asked| Some((asked.session, asked.plan?))) {
            self.waiting.push_front((session, plan));
        }
        self.end();
    }

    /// No further worker comes from here.
    fn end(&mut self) {
        if let Some(server) = self.process.take() {
            // It may have ended by itself; the census takes its status, and ends what it may have started.
            let _ = kill_process_group(server.pid, Signal::KILL);
        }
    }
}

impl Asked {
    /// The worker, if it is a living child of ours as the server says.
    fn born(self, pid: u32) -> Option<Born> {
        let pid = i32::try_from(pid).ok()?;
        let is_ours = || Process::of(pid).is_some_and(|process| process.is_child_of(getpid()));
        let process = Pid::from_raw(pid).filter(|_| is_ours());
        let Some(plan) = self.plan else {
            if let Some(process) = process {
                let _ = kill_process(process, Signal::KILL);
            }
            return None;
        };
        // Opened first and looked at again afterwards: what a pid names may change in between.
        let worker = process.and_then(|pid| Some((pid, pidfd_open(pid, PidfdFlags::empty()).ok()?)));
        Some(match worker.filter(|_| is_ours()) {
            Some((pid, pidfd)) => {
                let worker = Worker {
                    pid,
                    pidfd,
                    channel: self.channel,
                    stdout: self.stdout,
                    stderr: self.stderr,
                    python: plan.python.clone(),
                    forked_with: Some(plan.preload.clone()),
                };
                Born::Forked(self.session, plan, worker)
            }
            None => Born::ToSpawn(self.session, plan),
        })
    }
}

/// Sends a request with the worker's ends of a new channel and two pipes; gives ours.
fn ask(server: &OwnedFd, session: u32, plan: &Plan) -> io::Result<[OwnedFd; 3]> {
    let (channel, their_channel) = socket(SocketType::STREAM)?;
    let (stdout, their_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr, their_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    let request = ToForkServer::Fork {
        session,
        directory: plan.folder.to_string_lossy().into_owned(),
        marker: plan.marker.clone(),
    };
    let packet = serde_json::to_vec(&request)?;
    let theirs = [their_channel.as_fd(), their_stdout.as_fd(), their_stderr.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&theirs));
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(server, &[IoSlice::new(&packet)], &mut control, flags)?;
    Ok([channel, stdout, stderr])
}
