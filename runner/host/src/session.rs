//! One session at the agent: what is said to it and heard from it, with a deadline. Knows no cell's meaning.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Instant,
};

use nbvet_protocol::{FromAgent, ToAgent};
use nbvet_report::RunFailure;

use crate::agent::{Agent, Heard};

pub(crate) struct Session<'a> {
    agent: &'a Agent,
    number: u32,
    heard: Receiver<Heard>,
    /// The agent has said its last word on this session, or nothing can be heard any more.
    over: bool,
}

/// The next thing that happened.
#[derive(Debug)]
pub(crate) enum Next {
    Said(FromAgent),
    Lost(RunFailure),
    Cancelled,
    Deadline,
}

impl<'a> Session<'a> {
    pub(crate) fn open(agent: &'a Agent) -> Self {
        let (number, heard) = agent.open();
        Self {
            agent,
            number,
            heard,
            over: false,
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn send(&self, message: &ToAgent) {
        self.agent.send(message);
    }

    pub(crate) fn interrupt(&self) {
        self.send(&ToAgent::Interrupt { session: self.number });
    }

    pub(crate) fn kill(&self) {
        self.send(&ToAgent::Kill { session: self.number });
    }

    /// Nothing more is expected of the agent: it does not answer.
    pub(crate) fn abandon(&mut self) {
        self.agent.give_up();
        self.over = true;
    }

    /// Waits, until the deadline at most. A deadline that has passed comes before whatever was said: a notebook
    /// that prints without end does not outrun it.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Next {
        let now = Instant::now();
        let heard = match deadline {
            Some(deadline) if deadline <= now => Err(RecvTimeoutError::Timeout),
            Some(deadline) => self.heard.recv_timeout(deadline - now),
            None => self.heard.recv().map_err(RecvTimeoutError::from),
        };
        match heard {
            Ok(Heard::Said(message)) => {
                self.over |= matches!(message, FromAgent::Exited { .. } | FromAgent::StartFailed { .. });
                Next::Said(message)
            }
            Ok(Heard::Lost(failure)) => {
                self.over = true;
                Next::Lost(failure)
            }
            Ok(Heard::Cancelled) => Next::Cancelled,
            Err(RecvTimeoutError::Timeout) => Next::Deadline,
            Err(RecvTimeoutError::Disconnected) => {
                unreachable!("the agent keeps the sender until the session is closed")
            }
        }
    }
}

impl Drop for Session<'_> {
    /// Also where the run's thread panicked: no process is left behind.
    fn drop(&mut self) {
        if !self.over {
            self.kill();
        }
        self.agent.close(self.number);
    }
}
