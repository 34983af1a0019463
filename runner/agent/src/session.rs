//! One notebook's process, from its start to its end: what it says goes to the host, in the order in which it
//! happened. Everything that comes from it is hostile until checked. Decides nothing: it says what was.

use std::{
    io::{Stdout, stdout},
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use nbvet_protocol::{
    FromAgent, FromWorker, PROTOCOL_VERSION, StartFailureKind, StreamName, ToWorker, WorkerInfo,
};
use nbvet_report::{Interpreter, Question, Readers};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group, pidfd_send_signal, waitpid};
use serde_json::{Map, Value};

use crate::{
    channel::{Channel, Read},
    interpreter::Found,
    log::Log,
    oom::OomCount,
    output::Output,
    processes::{Process, high_water},
    serve::Home,
    start::{Plan, StartFailure, Worker},
    stream::Stream,
};

/// Exit statuses of the loader.
const UNSUPPORTED: i32 = 86;
/// How long a process may live on after its channel has ended: it may be about to exit.
const CLOSED_GRACE: Duration = Duration::from_secs(1);
/// How long processes that were killed may take to go. Longer only in an uninterruptible system call.
const ENDING_GRACE: Duration = Duration::from_secs(5);
/// Text of one stream message.
const MAX_TEXT: usize = 64 * 1024;
/// What is kept of the words of a worker that did not come up.
const MAX_EARLY: usize = 64 * 1024;

pub(crate) struct Session {
    number: u32,
    readers: Readers,
    /// Of its container, where it has one.
    log: Option<Log<Stdout>>,
    python: Found,
    /// Its process was forked, with these modules imported; `None`: a fresh interpreter.
    forked_with: Option<Vec<String>>,
    pid: Pid,
    pidfd: OwnedFd,
    channel: Channel<OwnedFd>,
    streams: [Stream; 2],
    state: State,
    /// The cell that ran last, or runs.
    cell: Option<u32>,
    running: bool,
    output: Output,
    memory_limit: Option<u64>,
    peak_memory: u64,
    cpu_seconds: f64,
    /// Killed by us: its signal tells nothing.
    killed: bool,
    out_of_memory: bool,
    unreadable: Option<String>,
    channel_ended: Option<Instant>,
}

enum State {
    /// The worker has not said that it is ready; what it printed so far, stdout and stderr.
    Starting([Vec<u8>; 2]),
    Ready,
    /// The main process was reaped; others may be left.
    Ending {
        status: Option<i32>,
        signal: Option<i32>,
        since: Instant,
        was_ready: bool,
    },
    /// The host was told.
    Gone,
}

/// The way to the host.
pub(crate) type Host<F> = Channel<F>;

impl Session {
    pub(crate) fn new(number: u32, worker: Worker, plan: &Plan, home: Home) -> std::io::Result<Self> {
        let mut channel = Channel::new(worker.channel)?;
        let hello = ToWorker::Hello {
            protocol: PROTOCOL_VERSION,
            installs: plan.installs,
        };
        // It is far below the limit of a frame.
        let _ = channel.send(&hello);
        Ok(Self {
            number,
            readers: home.readers(),
            log: (home == Home::Container).then(|| Log::new(stdout())),
            python: worker.python,
            forked_with: worker.forked_with,
            pid: worker.pid,
            pidfd: worker.pidfd,
            channel,
            streams: [
                Stream::new(StreamName::Stdout, worker.stdout)?,
                Stream::new(StreamName::Stderr, worker.stderr)?,
            ],
            state: State::Starting(Default::default()),
            cell: None,
            running: false,
            output: Output::default(),
            memory_limit: plan.memory_limit,
            peak_memory: 0,
            cpu_seconds: 0.0,
            killed: false,
            out_of_memory: false,
            unreadable: None,
            channel_ended: None,
        })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(crate) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    pub(crate) fn channel(&self) -> &Channel<OwnedFd> {
        &self.channel
    }

    pub(crate) fn streams(&self) -> &[Stream; 2] {
        &self.streams
    }

    /// Whether the main process has been reaped.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending { .. })
    }

    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    pub(crate) fn memory_limit(&self) -> Option<u64> {
        self.memory_limit
    }
}

/// What the host asks for.
impl Session {
    pub(crate) fn execute<F: std::os::fd::AsFd>(
        &mut self,
        cell: u32,
        code: String,
        widgets: Map<String, Value>,
        host: &mut Host<F>,
    ) {
        if !matches!(self.state, State::Ready) || self.running {
            return;
        }
        self.drain(host);
        self.end_output(host);
        self.cell = Some(cell);
        self.running = true;
        self.output = Output::default();
        self.tell(&ToWorker::Execute { cell, code, widgets });
    }

    /// About values that the last cell left; to the notebook it is as if that cell went on.
    pub(crate) fn ask<F: std::os::fd::AsFd>(
        &mut self,
        cell: u32,
        questions: Vec<Question>,
        host: &mut Host<F>,
    ) {
        if !matches!(self.state, State::Ready) || self.running || self.cell != Some(cell) {
            return;
        }
        self.drain(host);
        self.running = true;
        self.tell(&ToWorker::Ask { cell, questions });
    }

    pub(crate) fn interrupt(&self) {
        if self.running {
            self.signal(Signal::INT);
        }
    }

    pub(crate) fn kill(&mut self) {
        self.killed = true;
        self.signal(Signal::KILL);
    }

    pub(crate) fn finish(&mut self) {
        self.tell(&ToWorker::Finish);
    }

    fn tell(&mut self, message: &ToWorker) {
        // What the host sent in a frame fits into one without the session's number.
        let _ = self.channel.send(message);
        self.channel.flush();
    }

    fn signal(&self, signal: Signal) {
        if !self.is_ending() && !self.is_gone() {
            // The group may be gone; then so is what the signal was for.
            let _ = kill_process_group(self.pid, signal);
            if signal == Signal::KILL {
                // It may have left its group.
                let _ = pidfd_send_signal(&self.pidfd, signal);
            }
        }
    }
}

/// What the worker says.
impl Session {
    pub(crate) fn flush(&mut self) {
        self.channel.flush();
    }

    pub(crate) fn read_channel<F: std::os::fd::AsFd>(&mut self, host: &mut Host<F>) -> Read {
        let read = self.channel.read();
        self.take_messages(host, usize::MAX);
        if read == Read::End && self.channel_ended.is_none() {
            self.channel_ended = Some(Instant::now());
        }
        read
    }

    /// Takes in whole messages, until so many bytes wait for the host.
    pub(crate) fn take_messages<F: std::os::fd::AsFd>(&mut self, host: &mut Host<F>, congestion: usize) {
        while self.unreadable.is_none() && host.waiting() <= congestion {
            match self.channel.next_message() {
                Ok(Some(message)) => {
                    self.drain(host);
                    self.take(message, host);
                }
                Ok(None) => break,
                Err(error) => self.give_up(error.to_string()),
            }
        }
    }

    fn take<F: std::os::fd::AsFd>(&mut self, message: FromWorker, host: &mut Host<F>) {
        match message {
            FromWorker::Ready { protocol, info } if matches!(self.state, State::Starting(_)) => {
                self.ready(protocol, info, host);
            }
            FromWorker::Display { display } if let Some(cell) = self.cell => {
                let sent = host.send(&FromAgent::Display {
                    session: self.number,
                    cell,
                    display,
                });
                match sent {
                    Ok(()) => self.tell(&ToWorker::GoOn),
                    Err(error) => self.give_up(error.to_string()),
                }
            }
            FromWorker::Barrier if matches!(self.state, State::Ready) => self.tell(&ToWorker::GoOn),
            FromWorker::CellDone { cell, result } if self.running && self.cell == Some(cell) => {
                self.running = false;
                self.log.iter_mut().for_each(Log::end_lines);
                self.peak_memory = self.peak_memory.max(high_water(self.pid()).unwrap_or(0));
                self.end_output(host);
                let sent = host.send(&FromAgent::CellDone {
                    session: self.number,
                    cell,
                    result,
                });
                if let Err(error) = sent {
                    self.give_up(error.to_string());
                }
            }
            FromWorker::Answers { cell, answers } if self.running && self.cell == Some(cell) => {
                self.running = false;
                let sent = host.send(&FromAgent::Answers {
                    session: self.number,
                    cell,
                    answers,
                });
                if let Err(error) = sent {
                    self.give_up(error.to_string());
                }
            }
            FromWorker::Leaving { facts, threads } if matches!(self.state, State::Ready) && !self.running => {
                let message = FromAgent::Leaving {
                    session: self.number,
                    facts,
                    threads,
                };
                self.say(host, &message);
            }
            message => self.give_up(format!(
                "a message came that has no place here: {}",
                name(&message)
            )),
        }
    }

    fn ready<F: std::os::fd::AsFd>(&mut self, protocol: u32, info: WorkerInfo, host: &mut Host<F>) {
        if protocol != PROTOCOL_VERSION {
            return self.give_up(format!(
                "the worker speaks protocol {protocol}, the agent {PROTOCOL_VERSION}"
            ));
        }
        self.state = State::Ready;
        let path = self.python.path.display().to_string();
        let interpreter = Interpreter {
            path: if info.executable.is_empty() {
                path
            } else {
                info.executable
            },
            version: info.version,
            chosen: self.python.chosen.clone(),
            ipython: info.ipython,
            ipython_from_kit: info.ipython_from_kit,
            forked: self.forked_with.is_some(),
            preloaded: self.forked_with.clone().unwrap_or_default(),
        };
        self.say(
            host,
            &FromAgent::Started {
                session: self.number,
                interpreter,
            },
        );
    }

    /// The reports of this process cannot be believed any further.
    fn give_up(&mut self, reason: String) {
        self.unreadable.get_or_insert(reason);
        self.kill();
    }

    /// Sends what is known to be small enough.
    fn say<F: std::os::fd::AsFd>(&mut self, host: &mut Host<F>, message: &FromAgent) {
        if let Err(error) = host.send(message) {
            self.give_up(error.to_string());
        }
    }
}

/// What the notebook prints.
impl Session {
    pub(crate) fn read_stream<F: std::os::fd::AsFd>(&mut self, index: usize, host: &mut Host<F>) {
        if let Some(bytes) = self.streams[index].read() {
            self.print(index, &bytes, host);
        }
    }

    /// Reads what stands in both pipes now: whatever was printed before a message was sent comes before it. What
    /// goes on being printed meanwhile can wait.
    fn drain<F: std::os::fd::AsFd>(&mut self, host: &mut Host<F>) {
        for index in 0..self.streams.len() {
            let mut standing = self.streams[index].standing();
            while standing > 0 {
                let Some(bytes) = self.streams[index].read() else {
                    break;
                };
                standing = standing.saturating_sub(bytes.len());
                self.print(index, &bytes, host);
            }
        }
    }

    fn print<F: std::os::fd::AsFd>(&mut self, index: usize, bytes: &[u8], host: &mut Host<F>) {
        if let State::Starting(early) = &mut self.state {
            let room = MAX_EARLY.saturating_sub(early[index].len());
            early[index].extend_from_slice(&bytes[..bytes.len().min(room)]);
            return;
        }
        let sent = self.output.admit(bytes);
        let text = self.streams[index].decode(sent);
        self.print_text(index, &text, host);
    }

    fn print_text<F: std::os::fd::AsFd>(&mut self, index: usize, mut text: &str, host: &mut Host<F>) {
        while !text.is_empty() {
            let (now, later) = text.split_at(text.floor_char_boundary(MAX_TEXT));
            let name = self.streams[index].name;
            if let Some(log) = &mut self.log {
                log.print(self.cell, index, now);
            }
            let message = FromAgent::Stream {
                session: self.number,
                cell: self.cell,
                name,
                text: now.to_owned(),
            };
            self.say(host, &message);
            text = later;
        }
    }

    /// Says what was left out of the current cell's output.
    fn end_output<F: std::os::fd::AsFd>(&mut self, host: &mut Host<F>) {
        if let Some((bytes, tail)) = self.output.take_cut() {
            self.say(
                host,
                &FromAgent::OutputCut {
                    session: self.number,
                    cell: self.cell,
                    bytes,
                    tail,
                },
            );
        }
    }
}

/// Its end.
impl Session {
    /// The main process has ended: takes in what it said last, and its status.
    pub(crate) fn on_exit<F: std::os::fd::AsFd>(&mut self, host: &mut Host<F>, oom: &mut OomCount) {
        if self.is_ending() || self.is_gone() {
            return;
        }
        while self.read_channel(host) == Read::Some {}
        // The others of its group, while the dead leader still holds the group's number.
        self.signal(Signal::KILL);
        self.cpu_seconds += Process::of(self.pid()).map_or(0.0, |process| process.cpu_seconds());
        // Somebody else may have taken the status: then nothing is known but that it ended.
        let status = waitpid(Some(self.pid), WaitOptions::NOHANG)
            .ok()
            .flatten()
            .map(|(_, status)| status);
        let (status, signal) = (
            status.and_then(WaitStatus::exit_status),
            status.and_then(WaitStatus::terminating_signal),
        );
        if signal == Some(Signal::KILL.as_raw()) && !self.killed && oom.has_risen() {
            self.out_of_memory = true;
        }
        let was_ready = !matches!(self.state, State::Starting(_));
        if !was_ready && !self.killed {
            self.drain(host);
            self.start_failed(status, signal, host);
        }
        self.state = State::Ending {
            status,
            signal,
            since: Instant::now(),
            was_ready,
        };
    }

    /// Looks after the session: its memory, and what is left of it. `processes` are those that live now, `held`
    /// the bytes that they hold.
    pub(crate) fn tick<F: std::os::fd::AsFd>(
        &mut self,
        processes: &[Process],
        held: u64,
        host: &mut Host<F>,
    ) {
        self.peak_memory = self.peak_memory.max(held);
        self.log.iter_mut().for_each(Log::tick);
        match self.state {
            State::Ending { since, .. } => {
                processes.iter().for_each(Process::kill);
                if processes.is_empty() || since.elapsed() > ENDING_GRACE {
                    self.close(host);
                }
            }
            _ if self.memory_limit.is_some_and(|limit| held > limit) && !self.killed => {
                self.out_of_memory = true;
                self.kill();
            }
            _ if self
                .channel_ended
                .is_some_and(|since| since.elapsed() > CLOSED_GRACE) =>
            {
                let what = if self.channel.is_within_frame() {
                    " in the middle of a message"
                } else {
                    ""
                };
                self.give_up(format!(
                    "the notebook's process closed the channel by which it reports{what}"
                ));
            }
            _ => {}
        }
    }

    /// Counts an orphan of the session that was reaped.
    pub(crate) fn add_cpu(&mut self, seconds: f64) {
        self.cpu_seconds += seconds;
    }

    /// Everything is over: the last output, then the end.
    fn close<F: std::os::fd::AsFd>(&mut self, host: &mut Host<F>) {
        let State::Ending {
            status,
            signal,
            was_ready,
            ..
        } = self.state
        else {
            return;
        };
        self.drain(host);
        for index in 0..self.streams.len() {
            let rest = self.streams[index].rest();
            self.print_text(index, &rest, host);
        }
        self.log.iter_mut().for_each(Log::finish);
        self.end_output(host);
        self.state = State::Gone;
        if was_ready || self.killed {
            let message = FromAgent::Exited {
                session: self.number,
                status,
                signal,
                out_of_memory: self.out_of_memory,
                peak_memory: self.peak_memory,
                cpu_seconds: self.cpu_seconds,
                unreadable: self.unreadable.take(),
            };
            self.say(host, &message);
        }
    }

    /// The worker ended before it was ready.
    fn start_failed<F: std::os::fd::AsFd>(
        &mut self,
        status: Option<i32>,
        signal: Option<i32>,
        host: &mut Host<F>,
    ) {
        let State::Starting(early) = &self.state else {
            return;
        };
        let [stdout, stderr] = early
            .each_ref()
            .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
        let said = if stderr.is_empty() { stdout } else { stderr };
        let path = &self.python.path;
        let failure = if status == Some(UNSUPPORTED) {
            StartFailure::unsupported(&said)
        } else {
            let how = match (status, signal) {
                (_, Some(signal)) => format!("signal {signal}"),
                (status, None) => format!("status {}", status.unwrap_or(0)),
            };
            let said = if said.is_empty() {
                "it printed nothing".to_owned()
            } else {
                format!("it printed:\n{said}")
            };
            StartFailure::new(
                StartFailureKind::WorkerFailed,
                format!(
                    "{} ended with {how} before it could run a cell; {said}",
                    path.display()
                ),
                "see whether that Python and its IPython work by themselves",
            )
        };
        self.say(host, &failure.told(self.number, self.readers));
    }
}

fn name(message: &FromWorker) -> &'static str {
    match message {
        FromWorker::Ready { .. } => "ready",
        FromWorker::Display { .. } => "display",
        FromWorker::Barrier => "barrier",
        FromWorker::CellDone { .. } => "cell-done",
        FromWorker::Answers { .. } => "answers",
        FromWorker::Leaving { .. } => "leaving",
    }
}
