//! What goes wrong in a story, and what of it happens to requests on their way.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nbvet_operator_testkit::{Fault, Seen};

use crate::requests;

/// The name of a build that is not ours.
pub(crate) const FOREIGN: &str = "foreign-build";

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    Nothing,
    /// The controller is killed at a write: before it, or after it and before its answer.
    Killed {
        write: String,
        after: bool,
    },
    /// It is told to end while a write is under way, and another is started.
    Ended {
        write: String,
    },
    /// Requests of a kind meet with faults, one after the other; all that follow get through.
    Requests {
        kind: String,
        faults: Vec<Fault>,
    },
    /// All watches break, again and again.
    WatchesBreak,
    /// All watches stand still for a while, again and again: what they tell comes late and at once.
    WatchesStand,
    /// A user does something.
    Deed(Deed),
    /// Two controllers work, and neither knows of the other.
    Two,
    /// Two controllers work, and one of them is behind by seconds, of each kind by others.
    TwoOneBehind,
    /// A finished build of the same identity lies there that is not ours: only its name tells.
    ForeignBuild,
    /// Two controllers with a lease, and what becomes of the one that leads while the build runs.
    Leader(Leading),
    /// The controller is a process whose clock is wrong, as `faketime` says it.
    Clock(&'static str),
    /// The controller is killed while the build runs, and another version of it goes on.
    Upgrade,
    /// The API server is started anew, or halted for a while, by whoever tells the stories.
    OfTheCluster,
}

/// What a user does, each once, to the job `one`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    EditsLimit,
    LosesStatus,
    DeletesPod(&'static str),
    DeletesJob(&'static str),
    DeletesBuild,
    Recreates,
    Reruns,
}

/// What becomes of a leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leading {
    /// Its requests for the lease meet with this from now on; all others get through.
    Meets(Fault),
    /// Somebody else writes himself into the lease.
    Taken,
    /// It is told to end.
    Ended,
    /// It is killed.
    Killed,
}

/// What happens to requests, and how often it did.
pub(crate) struct Wire {
    namespace: String,
    pub(crate) trouble: Trouble,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) met: usize,
    /// The controller is dead: nothing of it arrives any more.
    pub(crate) dead: bool,
    /// It has to be stopped now.
    pub(crate) stop: bool,
}

impl Wire {
    pub(crate) fn new(namespace: &str, trouble: &Trouble) -> Self {
        Self {
            namespace: namespace.to_owned(),
            trouble: trouble.clone(),
            state: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fault(&self, seen: &Seen) -> Option<Fault> {
        let mut state = self.state();
        if state.dead {
            return Some(Fault::Lost);
        }
        let is_write = |write: &str| seen.is_write() && requests::write(seen, &self.namespace) == write;
        match &self.trouble {
            Trouble::Killed { write, after } if state.met == 0 && is_write(write) => {
                (state.met, state.dead, state.stop) = (1, true, true);
                Some(if *after { Fault::ReplyLost } else { Fault::Lost })
            }
            Trouble::Ended { write } if state.met == 0 && is_write(write) => {
                (state.met, state.stop) = (1, true);
                Some(Fault::Delayed(Duration::from_millis(500)))
            }
            Trouble::Requests { kind, faults }
                if state.met < faults.len() && requests::kind(seen) == *kind =>
            {
                state.met += 1;
                Some(faults[state.met - 1].clone())
            }
            _ => None,
        }
    }
}
