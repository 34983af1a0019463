//! Builds and validations begin in turn, so that no two passes create the same build or see the same free place where they
//! are limited in number; who found none is told when one is free.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nbvet_operator_decide::{
    Config, Plan,
    plan::{Task, Work},
};
use tokio::sync::OwnedMutexGuard;

use crate::view::JobRef;

/// How soon a watch shows a build that another job has begun, if ever.
const SOON: Duration = Duration::from_secs(3);
/// How long what was created counts without the cache having shown it: as long as a watch may be silent.
const UNSEEN: Duration = Duration::from_mins(5);

/// What begins in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limited {
    Build,
    Validation,
}

/// What was begun in a namespace and may not be in the cache yet, by its name.
#[derive(Debug, Default)]
pub(crate) struct Begun(BTreeMap<String, One>);

/// A build or a validation that was begun.
#[derive(Debug)]
struct One {
    kind: Limited,
    at: Instant,
    /// The uid of the job that began it.
    by: String,
}

/// A pass's turn in a namespace.
pub(crate) type Turn = OwnedMutexGuard<Begun>;

/// The room in all namespaces of a scope.
#[derive(Debug, Default)]
pub(crate) struct Room {
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Begun>>>>,
    waiting: Mutex<HashMap<String, VecDeque<JobRef>>>,
    joining: tokio::sync::Mutex<()>,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What of a plan begins in turn: builds, which others may begin at the same time, and validations that are limited.
fn limited<'a>(plan: &'a Plan, config: &Config) -> impl Iterator<Item = (&'a str, Limited)> {
    let validations = config.validations_per_namespace;
    plan.create.iter().filter_map(move |intent| {
        let kind = match &intent.work {
            Work::Build(_) => Some(Limited::Build),
            Work::Step(step) if matches!(step.task, Task::Validate { .. }) => {
                validations.map(|_| Limited::Validation)
            }
            _ => None,
        };
        kind.map(|kind| (intent.name.as_str(), kind))
    })
}

/// Whether a plan may only be done in turn.
pub(crate) fn needs_turn(plan: &Plan, config: &Config) -> bool {
    limited(plan, config).next().is_some()
}

impl Room {
    /// Waits for a turn in a namespace.
    pub(crate) async fn turn(&self, namespace: &str) -> Turn {
        let of = Arc::clone(locked(&self.turns).entry(namespace.to_owned()).or_default());
        of.lock_owned().await
    }

    /// Waits for a turn to join a build.
    pub(crate) async fn join(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.joining.lock().await
    }

    /// A job found no room.
    pub(crate) fn wait(&self, job: JobRef) {
        let mut waiting = locked(&self.waiting);
        let of = waiting
            .entry(job.namespace.clone().unwrap_or_default())
            .or_default();
        if !of.contains(&job) {
            of.push_back(job);
        }
    }

    /// Something ended in a namespace: who has waited longest.
    pub(crate) fn next(&self, namespace: &str) -> Option<JobRef> {
        locked(&self.waiting).get_mut(namespace)?.pop_front()
    }
}

impl Begun {
    /// Notes what a plan for a job of this uid creates.
    pub(crate) fn note(&mut self, plan: &Plan, config: &Config, uid: &str) {
        for (name, kind) in limited(plan, config) {
            self.insert(name, kind, uid);
        }
    }

    fn insert(&mut self, name: &str, kind: Limited, uid: &str) {
        let one = One {
            kind,
            at: Instant::now(),
            by: uid.to_owned(),
        };
        self.0.insert(name.to_owned(), one);
    }

    /// Forgets what of a plan was not created after all.
    pub(crate) fn forget_undone(&mut self, plan: &Plan, is_done: impl Fn(&str) -> bool) {
        for intent in plan.create.iter().filter(|intent| !is_done(&intent.name)) {
            self.0.remove(&intent.name);
        }
    }

    /// Forgets what the cache has, where it is counted.
    pub(crate) fn forget(&mut self, is_seen: impl Fn(&str) -> bool) {
        self.0
            .retain(|name, one| one.at.elapsed() < UNSEEN && !is_seen(name));
    }

    /// Builds that others than the job of this uid have just begun, and that are not forgotten.
    pub(crate) fn builds_of_others(&self, uid: &str) -> Vec<String> {
        let is_new = |one: &One| one.kind == Limited::Build && one.by != uid && one.at.elapsed() < SOON;
        let begun = self.0.iter().filter(|(_, one)| is_new(one));
        begun.map(|(name, _)| name.clone()).collect()
    }

    /// How many of these others than the job of this uid began, that are not forgotten.
    pub(crate) fn of_others(&self, kind: Limited, uid: &str) -> u32 {
        let begun = self.0.values().filter(|one| one.kind == kind && one.by != uid);
        u32::try_from(begun.count()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_in_the_order_of_their_coming_and_once() {
        let room = Room::default();
        let job = |name: &str| JobRef::new(name).within("team");
        for name in ["b", "a", "b"] {
            room.wait(job(name));
        }
        assert_eq!(room.next("other"), None);
        assert_eq!(
            [room.next("team"), room.next("team"), room.next("team")],
            [Some(job("b")), Some(job("a")), None]
        );
    }

    #[test]
    fn what_was_begun_counts_until_the_cache_has_it() {
        let mut begun = Begun::default();
        for name in ["x", "y"] {
            begun.insert(name, Limited::Build, name);
        }
        let counted = |begun: &Begun, uid: &str| {
            (
                begun.of_others(Limited::Build, uid),
                begun.of_others(Limited::Validation, uid),
            )
        };
        begun.forget(|_| false);
        assert_eq!(counted(&begun, "z"), (2, 0));
        assert_eq!(counted(&begun, "y"), (1, 0), "nobody stands in their own way");
        assert_eq!(begun.builds_of_others("y"), ["x"]);
        begun.forget(|name| name == "x");
        begun.forget(|_| false);
        assert_eq!(counted(&begun, "z"), (1, 0), "what was seen once stays forgotten");
    }
}
