//! The agent that a command's notebooks share: started with the first of them, started anew when a notebook took it
//! down with it, and told when the user presses Ctrl-C.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use nbvet_host::{Agent, AgentUnavailable};
use nbvet_report::RunFailure;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

/// How long an agent at a socket may take to listen, unless told otherwise: its container may start after ours.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long one try to reach it takes; between two, the user may have pressed Ctrl-C.
const TRY: Duration = Duration::from_millis(200);

/// Where to get an agent.
pub(crate) struct Agents {
    socket: Option<PathBuf>,
    patience: Duration,
    /// Held while one is started or awaited.
    starting: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    agent: Option<Arc<Agent>>,
    cancelled: bool,
}

impl Agents {
    /// `socket`: where one listens; `None`: one of this machine is started.
    pub(crate) fn new(socket: Option<PathBuf>) -> Self {
        Self {
            socket,
            patience: PATIENCE,
            starting: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// The agent at a socket, which may take this long to listen.
    pub(crate) fn at(socket: PathBuf, patience: Duration) -> Self {
        Self {
            patience,
            ..Self::new(Some(socket))
        }
    }

    /// Whether the agent sees the same files as this process.
    pub(crate) fn is_local(&self) -> bool {
        self.socket.is_none()
    }

    /// The agent, started if there is none.
    pub(crate) fn get(&self) -> Result<Arc<Agent>, RunFailure> {
        let _only = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = self
            .state()
            .agent
            .as_ref()
            .filter(|agent| !self.is_local() || !agent.is_lost())
        {
            return Ok(Arc::clone(agent));
        }
        let agent = match &self.socket {
            Some(path) => self.connect(path),
            None => Agent::local(),
        };
        let agent = Arc::new(agent.map_err(|error| RunFailure::from(&error))?);
        let mut state = self.state();
        if state.cancelled {
            agent.cancel();
        }
        state.agent = Some(Arc::clone(&agent));
        Ok(agent)
    }

    /// Tries until the agent listens, the patience is over, or the user had enough.
    fn connect(&self, path: &Path) -> Result<Agent, AgentUnavailable> {
        let since = Instant::now();
        loop {
            match Agent::connect(path, TRY) {
                Err(AgentUnavailable::NotConnected { .. })
                    if since.elapsed() < self.patience && !self.is_cancelled() => {}
                came => return came,
            }
        }
    }

    /// This agent went away: the next notebook gets another. The one at a socket does not come back.
    pub(crate) fn discard(&self, lost: &Arc<Agent>) {
        let mut state = self.state();
        if self.is_local() && state.agent.as_ref().is_some_and(|agent| Arc::ptr_eq(agent, lost)) {
            state.agent = None;
        }
    }

    /// The user pressed Ctrl-C.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.state().cancelled
    }

    fn cancel(&self) {
        let mut state = self.state();
        state.cancelled = true;
        if let Some(agent) = &state.agent {
            agent.cancel();
        }
    }

    /// Does the work; the first Ctrl-C ends all runs, and the report says so; the second ends nbvet.
    pub(crate) fn until_interrupted<T>(&self, work: impl FnOnce() -> T) -> T {
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
            return work();
        };
        let handle = signals.handle();
        thread::scope(|scope| {
            scope.spawn(move || {
                for (count, signal) in signals.forever().enumerate() {
                    if count == 0 {
                        self.cancel();
                    } else {
                        // Does what the signal does to a process that does not handle it.
                        let _ = signal_hook::low_level::emulate_default_handler(signal);
                    }
                }
            });
            let _close = Close(handle);
            work()
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the thread that waits for signals, also when the work panicked.
struct Close(signal_hook::iterator::Handle);

impl Drop for Close {
    fn drop(&mut self) {
        self.0.close();
    }
}
