//! A pass over a job: observe, decide, act, again where something had to be read first; bounded in time, and followed by a
//! wait of the job's own where it failed.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use kube::{
    ResourceExt as _,
    runtime::{controller::Action, reflector::ObjectRef},
};
use nbvet_operator_api::{ConditionType, NotebookValidationJob, Reason, condition};
use nbvet_operator_decide::{
    Again, Observed, Plan,
    observed::{Body, Child, ChildState},
};

use crate::{
    Error,
    act::{Acted, Actor},
    logs,
    memory::Remembered,
    observe::observe,
    room::{Turn, needs_turn},
    scope::Scope,
};

/// How long a pass may take.
const PASS: Duration = Duration::from_mins(1);
/// How soon to look again at what was not as it was seen, should no watch tell.
const CHANGED: Duration = Duration::from_secs(1);
/// The shortest wait, so that clocks that differ cannot make a busy loop.
const SOONEST: Duration = Duration::from_millis(50);
/// Rounds of one pass: reading results and deciding again with them, and once more in turn.
const ROUNDS: usize = 5;
/// The label of plans that wait for others to end.
const NO_ROOM: &str = "no-room";
/// How often a log is asked for before its result is given up.
const READS: u32 = 5;

/// The name of a job among all.
pub(crate) fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// Looks at a job in its turn, as it is then.
pub(crate) async fn reconcile(job: Arc<NotebookValidationJob>, scope: Arc<Scope>) -> Result<Action, Error> {
    let of = ObjectRef::from_obj(&*job);
    drop(job);
    // Closed: the program ends.
    let Ok(_turn) = scope.turns.acquire().await else {
        return Ok(Action::await_change());
    };
    let Some(job) = scope.view.jobs.get(&of) else {
        scope
            .memory
            .forget(&key(of.namespace.as_deref().unwrap_or_default(), &of.name));
        return Ok(Action::await_change());
    };
    // In a place of its own, so that a job that waits takes little memory.
    Box::pin(look(job, &scope)).await
}

async fn look(job: Arc<NotebookValidationJob>, scope: &Scope) -> Result<Action, Error> {
    let (namespace, name) = (job.namespace().unwrap_or_default(), job.name_any());
    let key = key(&namespace, &name);
    if let Some(wait) = scope.memory.waits(&key, &job) {
        return Ok(Action::requeue(wait));
    }
    let begin = Instant::now();
    let mut remembered = scope.memory.take(&key, &job.uid().unwrap_or_default());
    // A fault of ours that one job brings about is that job's alone; what was remembered of it is forgotten.
    let pass = AssertUnwindSafe(pass(&job, scope, &mut remembered)).catch_unwind();
    let done = tokio::time::timeout(PASS, pass).await;
    if matches!(done, Ok(Err(_))) {
        remembered = Remembered::default();
    }
    scope.memory.put(&key, remembered);
    scope.metrics.pass(begin.elapsed());
    let action = match done {
        Ok(Ok(done)) => done?,
        Ok(Err(_)) => return Err(Error::Panicked),
        Err(_) => return Err(Error::TooLong(PASS)),
    };
    scope.memory.went_well(&key);
    Ok(action)
}

/// What follows a pass that failed.
#[expect(clippy::needless_pass_by_value, reason = "the controller of kube calls it so")]
pub(crate) fn failed(job: Arc<NotebookValidationJob>, error: &Error, scope: Arc<Scope>) -> Action {
    let (namespace, name) = (job.namespace().unwrap_or_default(), job.name_any());
    let wait = scope.memory.failed(&key(&namespace, &name), &job);
    scope.metrics.failed(error.label());
    tracing::warn!(namespace, name, again_in = ?wait, "{error}");
    Action::requeue(wait)
}

async fn pass(
    job: &NotebookValidationJob,
    scope: &Scope,
    remembered: &mut Remembered,
) -> Result<Action, Error> {
    scope.seen_all().await;
    if remembered.replaced.is_some() && remembered.replaced == job.metadata.resource_version {
        tracing::debug!(
            name = job.name_any(),
            "the cache is behind the status that was written"
        );
        return Ok(Action::requeue(CHANGED));
    }
    remembered.replaced = None;
    let namespace = job.namespace().unwrap_or_default();
    let begin = Instant::now();
    let mut turn: Option<Turn> = None;
    for _ in 0..ROUNDS {
        let observed = observe(scope, job, remembered, turn.as_deref_mut()).await?;
        let plan = (scope.decide)(&observed);
        if turn.is_none() && needs_turn(&plan, &scope.config) {
            // Decided again when nobody else decides here.
            turn = Some(scope.view.room.turn(&namespace).await);
            continue;
        }
        // Whoever did as the message of such an end says has changed what the namespace enforces.
        if is_without_strategy(&plan) && scope.forget_level(&namespace, begin) {
            continue;
        }
        tell(&observed, &plan);
        scope.metrics.plan(plan.label);
        if plan.read.is_empty() {
            if let Some(turn) = &mut turn {
                // Before it is done: where that fails, nobody knows whether it was.
                turn.note(&plan, &scope.config, &job.uid().unwrap_or_default());
            }
            let acted = Actor::new(scope, &observed, remembered).act(&plan).await?;
            if let Some(turn) = &mut turn {
                turn.forget_undone(&plan, |name| remembered.created.contains_key(name));
            }
            if plan.label == NO_ROOM {
                scope.view.room.wait(ObjectRef::from_obj(job));
            }
            return Ok(after(&observed, &plan, acted));
        }
        for child in &plan.read {
            read(scope, &observed, child, remembered).await?;
        }
    }
    Ok(Action::requeue(CHANGED))
}

/// Whether it ends a run because nothing may build its image.
fn is_without_strategy(plan: &Plan) -> bool {
    let conditions = plan.status.iter().map(|status| &status.conditions[..]);
    let mut built = conditions.filter_map(|all| condition(all, ConditionType::ImageBuilt));
    built.any(|one| one.reason == Reason::StrategyNotAvailable.as_str())
}

fn tell(observed: &Observed, plan: &Plan) {
    let (namespace, name) = (
        observed.job.namespace().unwrap_or_default(),
        observed.job.name_any(),
    );
    if plan.is_idle() {
        tracing::debug!(namespace, name, plan = plan.label, "{}", plan.why);
    } else {
        tracing::info!(namespace, name, plan = plan.label, "{}", plan.why);
    }
}

fn after(observed: &Observed, plan: &Plan, acted: Acted) -> Action {
    if let Acted::LookAgain(why) = acted {
        tracing::debug!(name = observed.job.name_any(), "looks again: {why}");
        return Action::requeue(CHANGED);
    }
    match plan.again {
        Again::OnChange => Action::await_change(),
        Again::After(wait) => Action::requeue(Duration::try_from(wait).unwrap_or_default().max(SOONEST)),
    }
}

/// Reads the result of a child.
async fn read(
    scope: &Scope,
    observed: &Observed,
    name: &str,
    remembered: &mut Remembered,
) -> Result<(), Error> {
    let child = observed.children.iter().find(|child| child.name == name);
    let Some((pod, blob)) = child.and_then(of_end) else {
        let lost = Body::Lost("the pod that wrote it is gone".to_owned());
        remembered.bodies.insert(name.to_owned(), lost);
        return Ok(());
    };
    let namespace = observed.job.namespace().unwrap_or_default();
    let body = match logs::read(&scope.client, &namespace, pod, blob).await {
        Ok(body) => body,
        Err(error) => {
            let unread = remembered.unread.entry(name.to_owned()).or_insert(0);
            *unread += 1;
            if *unread < READS {
                return Err(error);
            }
            Body::Lost(format!("the log could not be read: {error}"))
        }
    };
    if let Body::Lost(why) = &body {
        tracing::warn!(namespace, child = name, "result lost: {why}");
    }
    remembered.unread.remove(name);
    remembered.bodies.insert(name.to_owned(), body);
    Ok(())
}

/// The pod of a child that said that it has a result, and which.
fn of_end(child: &Child) -> Option<(&str, &nbvet_report::step::BlobRef)> {
    let ChildState::Said { end, .. } = &child.state else {
        return None;
    };
    Some((child.pod.as_deref()?, end.blob.as_ref()?))
}
