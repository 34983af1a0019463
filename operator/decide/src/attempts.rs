//! The tries of a step that this job does alone: which is the last one, whether another follows it, and when.
//! Knows nothing of what a step does.

use std::ops::ControlFlow;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use nbvet_operator_api::{NotebookValidationJobStatus, Reason, duration, status::Step as StepNow};
use nbvet_report::{
    Outcome,
    step::{Step, StepBody, StepEnd},
};

use crate::{
    clocks::later,
    draft::{Draft, Flow, NOT_SERVED_YET, end, wait, wait_for},
    names,
    observed::{Body, Child, ChildState, Fault, Held},
    plan::{Deletion, Intent, RecordWork, StepWork, Task, Work},
    retry,
};

/// How soon a job looks again whether there is room for its pod, should it not be told.
const ROOM_AGAIN: SignedDuration = SignedDuration::from_secs(15);

/// A step that ended, with its word.
pub(crate) struct Finished<'a> {
    pub(crate) end: &'a StepEnd,
    pub(crate) body: Option<&'a StepBody>,
    /// Both are from its record.
    pub(crate) is_recorded: bool,
    /// The child that did it.
    pub(crate) child: &'a str,
    pub(crate) started: Timestamp,
    pub(crate) at: Timestamp,
    pub(crate) limit: Option<SignedDuration>,
    pub(crate) pod: Option<&'a str>,
}

/// How a step failed for good.
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) message: String,
    pub(crate) at: Timestamp,
    /// The limit that the try had.
    pub(crate) limit: Option<SignedDuration>,
}

/// What became of a step: it said so, or no try of it did.
pub(crate) enum Became<'a> {
    Finished(Finished<'a>),
    Failed(Failure),
}

/// Drives a step: its result, or the run stands still while it is awaited.
pub(crate) fn drive<'a>(draft: &mut Draft<'a>, task: &Task, inputs: &str) -> Flow<Became<'a>> {
    let step = task.step();
    let observed = draft.observed;
    if step != Step::Prepare {
        delete_of_other_inputs(draft, step, inputs);
    }
    let records = observed.records.iter().filter(|record| record.run == draft.run);
    let last = records
        .filter(|record| record.step == step && record.inputs == inputs)
        .max_by_key(|record| record.attempt);
    if let Some(record) = last {
        count_retries(draft, step, record.attempt, None);
        let now = ended(
            began(draft, step, record.attempt, record.limit),
            record.started,
            record.at,
        );
        draft.facts.step = Some(now);
        return ControlFlow::Continue(Became::Finished(Finished {
            end: &record.end,
            body: record.body.as_deref(),
            is_recorded: true,
            child: &record.child,
            started: record.started,
            at: record.at,
            limit: record.limit,
            pod: record.pod.as_deref(),
        }));
    }
    let Some(child) = newest(draft, step, inputs) else {
        let attempt = recorded_attempt(draft, step);
        return start(draft, task, inputs, attempt);
    };
    count_retries(draft, step, child.attempt, Some(child.created));
    draft.facts.step = Some(now(draft, child));
    delete_older(draft, child);
    if child.deleting && !is_on_a_lost_node(child) {
        let next = written_attempt(draft, step).max(child.attempt);
        if let Some(now) = &mut draft.facts.step {
            now.attempt = Some(next.into());
        }
        return wait(
            "child-going",
            format!("{step} starts anew when its last pod is gone"),
        );
    }
    if observed.is_suspended() && !child.state.has_ended() {
        draft.delete_child(child);
        return wait("suspended", "suspended");
    }
    match &child.state {
        ChildState::Said { at, end, body } => said(draft, task, child, *at, end, body),
        ChildState::Broken { at, fault } => again(draft, task, child, *at, fault),
        ChildState::Starting { held } => starting(draft, task, child, held.as_ref()),
        ChildState::Running { .. } => wait("step-running", format!("{step} runs")),
    }
}

/// The newest try of a step with these inputs; an object that only has the name of one is none.
fn newest<'a>(draft: &Draft<'a>, step: Step, inputs: &str) -> Option<&'a Child> {
    let tries = draft.observed.children.iter().filter(|child| {
        child.run == draft.run
            && child.step == step
            && child.inputs == inputs
            && child.name == draft.child_name(step, inputs, child.attempt)
    });
    tries.max_by_key(|child| child.attempt)
}

/// A try that another one has followed, and whose pod never ended.
fn delete_older(draft: &mut Draft, newest: &Child) {
    let observed = draft.observed;
    for child in &observed.children {
        let is_same = child.run == newest.run && child.step == newest.step && child.inputs == newest.inputs;
        if is_same && child.attempt < newest.attempt && child.may_run() && !child.deleting {
            draft.delete_child(child);
        }
    }
}

/// Its pod will not be seen to go before its node is back: nothing waits for that.
fn is_on_a_lost_node(child: &Child) -> bool {
    matches!(&child.state, ChildState::Broken { fault, .. } if fault.reason == Reason::NodeLost)
}

/// A try with other inputs is of an image or a source that is not this run's any more.
fn delete_of_other_inputs(draft: &mut Draft, step: Step, inputs: &str) {
    let observed = draft.observed;
    for child in &observed.children {
        let is_other = child.run == draft.run && child.step == step && child.inputs != inputs;
        if is_other && !child.state.has_ended() && !child.deleting {
            draft.delete_child(child);
        }
    }
}

/// The try that the status speaks of, where the cache has none: it was deleted, or is not there yet. With other inputs
/// the tries begin at the first.
pub(crate) fn recorded_attempt(draft: &Draft, step: Step) -> u32 {
    let children = draft
        .observed
        .children
        .iter()
        .map(|child| (&child.run, child.step));
    let records = draft
        .observed
        .records
        .iter()
        .map(|record| (&record.run, record.step));
    if children.chain(records).any(|of| of == (&draft.run, step)) {
        return 1;
    }
    written_attempt(draft, step)
}

/// The try of a step that the status speaks of, from 1.
fn written_attempt(draft: &Draft, step: Step) -> u32 {
    let status = draft.recorded_status().and_then(|status| status.step.as_ref());
    let attempt = status
        .filter(|of| of.name == step.as_str())
        .and_then(|of| of.attempt);
    let attempt = attempt.and_then(|attempt| u32::try_from(attempt).ok());
    attempt.unwrap_or(1).max(1)
}

/// What the status says of a try, with the limit that it has, else with the one that it will have.
fn began(draft: &Draft, step: Step, attempt: u32, limit: Option<SignedDuration>) -> StepNow {
    let limit = (step == Step::Validate).then(|| limit.unwrap_or_else(|| draft.meaning.validation_limit()));
    StepNow {
        name: step.as_str().to_owned(),
        attempt: Some(attempt.into()),
        limit: limit.map(|limit| duration::format(limit.unsigned_abs())),
        ..StepNow::default()
    }
}

/// The same of one that is there.
fn now(draft: &Draft, child: &Child) -> StepNow {
    StepNow {
        since: Some(Time(child.created)),
        ..began(draft, child.step, child.attempt, child.limit)
    }
}

/// The same of one that has ended.
fn ended(now: StepNow, started: Timestamp, at: Timestamp) -> StepNow {
    StepNow {
        since: Some(Time(started)),
        elapsed: Some(duration::format(at.duration_since(started).unsigned_abs())),
        ..now
    }
}

fn said<'a>(
    draft: &mut Draft<'a>,
    task: &Task,
    child: &'a Child,
    at: Timestamp,
    end: &'a StepEnd,
    body: &'a Body,
) -> Flow<Became<'a>> {
    let fault = Fault {
        reason: end.reason,
        transient: end.transient,
        message: end.message.clone(),
    };
    if end.outcome == Outcome::Error && retry::is_worth_it(child.step, &fault) {
        return again(draft, task, child, at, &fault);
    }
    let read = match body {
        Body::Unread => {
            draft.plan.read.push(child.name.clone());
            return wait("result-unread", format!("the result of {} is read", child.step));
        }
        Body::Lost(why) => {
            let fault = Fault {
                reason: Reason::ReportLost,
                transient: true,
                message: format!("the result of {} cannot be read: {why}", child.step),
            };
            return again(draft, task, child, at, &fault);
        }
        Body::None if end.outcome == Outcome::Passed && child.step != Step::Publish => {
            let fault = Fault {
                reason: Reason::ReportLost,
                transient: true,
                message: format!("{} passed and left no result", child.step),
            };
            return again(draft, task, child, at, &fault);
        }
        Body::None => None,
        Body::Read(body) => Some(&**body),
    };
    draft.record(child, at, end, read);
    draft.facts.step = Some(ended(now(draft, child), child.created, at));
    ControlFlow::Continue(Became::Finished(Finished {
        end,
        body: read,
        is_recorded: false,
        child: &child.name,
        started: child.created,
        at,
        limit: child.limit,
        pod: child.pod.as_deref(),
    }))
}

/// A try that failed: another one when its time has come, or the end.
fn again<'a>(
    draft: &mut Draft<'a>,
    task: &Task,
    child: &'a Child,
    at: Timestamp,
    fault: &Fault,
) -> Flow<Became<'a>> {
    let step = child.step;
    let failed = Became::Failed(Failure {
        reason: fault.reason,
        message: fault.message.clone(),
        at,
        limit: child.limit,
    });
    let written = written_attempt(draft, step);
    let has_room = written > child.attempt || used(draft, step) < budget(draft, step);
    if !retry::is_worth_it(step, fault) || !has_room {
        return ControlFlow::Continue(failed);
    }
    let due = later(at, retry::delay(child.attempt, &child.name));
    let reason = fault.reason;
    if draft.observed.is_suspended() {
        return wait("suspended", "suspended");
    }
    if draft.observed.now < due {
        let message = format!("{step} is tried again: {reason}: {}", fault.message);
        return wait_for("backing-off", message, due.duration_since(draft.observed.now));
    }
    draft.facts.retried = Some((reason, format!("{step} is tried again: {}", fault.message)));
    let next = written.max(child.attempt.saturating_add(1));
    if child.alive {
        if !is_on_a_lost_node(child) {
            return make_room(draft, child, next, written == next);
        }
        if !child.deleting {
            draft.delete_child(child);
        }
    }
    start(draft, task, &child.inputs, next)
}

/// A pod that could not start might yet, and stands in the way of the next try: it goes first. The number of the next one
/// is written down before that, since a try that is gone is not counted.
fn make_room<'a>(draft: &mut Draft<'a>, child: &Child, next: u32, is_written: bool) -> Flow<Became<'a>> {
    let step = child.step;
    if let Some(now) = &mut draft.facts.step {
        now.attempt = Some(next.into());
    }
    draft.facts.next_is_written = !is_written;
    if is_written {
        draft.delete_child(child);
    }
    wait(
        "child-going",
        format!("{step} is tried again when its last pod is gone"),
    )
}

/// A pod that does not start yet, and what it is held by.
fn starting<'a>(
    draft: &mut Draft<'a>,
    task: &Task,
    child: &'a Child,
    held: Option<&Held>,
) -> Flow<Became<'a>> {
    let step = child.step;
    let Some(held) = held else {
        return wait("step-starting", format!("the pod of {step} starts"));
    };
    if let Some(now) = &mut draft.facts.step {
        now.waiting_for = Some(held.message.clone());
    }
    let message = format!(
        "the pod of {step} does not start: {}: {}",
        held.reason, held.message
    );
    if matches!(held.reason, Reason::Unschedulable | Reason::Waiting) {
        return wait("step-held", message);
    }
    let due = later(child.created, draft.observed.config.patience);
    if draft.observed.now < due {
        return wait_for("step-held", message, due.duration_since(draft.observed.now));
    }
    let fault = Fault {
        reason: held.reason,
        transient: true,
        message: held.message.clone(),
    };
    again(draft, task, child, due, &fault)
}

/// Starts a try, where there is room and nothing stands in the way.
fn start<'a>(draft: &mut Draft<'a>, task: &Task, inputs: &str, attempt: u32) -> Flow<Became<'a>> {
    let step = task.step();
    let observed = draft.observed;
    draft.facts.step = Some(began(draft, step, attempt, None));
    if observed.is_suspended() {
        return wait("suspended", "suspended");
    }
    let name = draft.child_name(step, inputs, attempt);
    if observed.taken.contains(&name) {
        let message =
            format!("an object named `{name}` that is not of this job stands in the way; delete it");
        return end(Reason::InternalError, message, None);
    }
    if let Some(refused) = observed.refusal(&name) {
        if !refused.passes {
            return end(refused.reason, &refused.message, None);
        }
        draft.waits_for(&refused.message);
        let message = format!("{step} cannot be created yet: {}", refused.message);
        return wait_for("refused-yet", message, ROOM_AGAIN);
    }
    if let Some(look_again) = draft.not_served_yet(&name) {
        return wait_for(NOT_SERVED_YET, format!("{step} was created"), look_again);
    }
    let mut of_older_runs = observed.children.iter().filter(|child| child.run != draft.run);
    if step == Step::Validate && of_older_runs.any(|child| child.step == step && !child.state.has_ended()) {
        draft.waits_for("the pod of the run before it to be gone");
        return wait(
            "child-going",
            "validate starts when the pod of the run before it is gone",
        );
    }
    let room = observed.config.validations_per_namespace;
    if step == Step::Validate && room.is_some_and(|most| observed.load.validations >= most) {
        draft.waits_for("room: as many validations as may run in this namespace run already");
        return wait_for("no-room", "validate waits for room in its namespace", ROOM_AGAIN);
    }
    draft.plan.create.push(Intent {
        name,
        work: Work::Step(StepWork {
            run: draft.run.clone(),
            attempt,
            inputs: inputs.to_owned(),
            task: task.clone(),
        }),
    });
    wait("step-created", format!("{step} starts"))
}

/// Which retries a step counts for; preparing counts with validating.
fn budget(draft: &Draft, step: Step) -> u32 {
    match step {
        Step::Publish => retry::PUBLISH_RETRIES,
        _ => draft.meaning.max_validation_retries,
    }
}

/// Retries that were used up of a step's budget.
fn used(draft: &Draft, step: Step) -> u32 {
    match step {
        Step::Publish => most(draft, Step::Publish),
        _ => most(draft, Step::Prepare) + most(draft, Step::Validate),
    }
}

/// Tries of a step beyond the first ones; one that is deleted is known by the status alone.
fn most(draft: &Draft, step: Step) -> u32 {
    tries(draft, step).max(written_attempt(draft, step) - 1)
}

/// Tries of a step beyond the first ones, with whatever inputs.
pub(crate) fn tries(draft: &Draft, step: Step) -> u32 {
    let children = draft.observed.children.iter();
    let children = children.filter(|child| child.run == draft.run && child.step == step);
    let records = draft.observed.records.iter();
    let records = records.filter(|record| record.run == draft.run && record.step == step);
    let mut most: Vec<(&str, u32)> = Vec::new();
    let all = children
        .map(|child| (child.inputs.as_str(), child.attempt))
        .chain(records.map(|record| (record.inputs.as_str(), record.attempt)));
    for (inputs, attempt) in all {
        match most.iter_mut().find(|(of, _)| *of == inputs) {
            Some((_, highest)) => *highest = attempt.max(*highest),
            None => most.push((inputs, attempt)),
        }
    }
    let again = most.iter().map(|(_, highest)| highest.saturating_sub(1));
    again.fold(0, u32::saturating_add)
}

fn count_retries(draft: &mut Draft, step: Step, attempt: u32, created: Option<Timestamp>) {
    if step != Step::Publish {
        draft.facts.validation_retries = tries(draft, Step::Prepare) + tries(draft, Step::Validate);
    }
    if attempt > 1 {
        draft.facts.last_retry = draft.facts.last_retry.max(created);
    }
}

impl<'a> Draft<'a> {
    /// The name of a try.
    pub(crate) fn child_name(&self, step: Step, inputs: &str, attempt: u32) -> String {
        names::child(self.name(), self.uid(), &self.run.id, step, inputs, attempt)
    }

    pub(crate) fn delete_child(&mut self, child: &Child) {
        let deletion = Deletion::Child {
            name: child.name.clone(),
            resource_version: child.resource_version.clone(),
        };
        if !self.plan.delete.contains(&deletion) {
            self.plan.delete.push(deletion);
        }
    }

    /// After how long to look again for an object that was created and is not shown yet; `None`: it never was created, or
    /// is looked for no longer.
    pub(crate) fn not_served_yet(&self, name: &str) -> Option<SignedDuration> {
        let unserved = self.observed.unserved.iter().find(|one| one.name == name)?;
        retry::SERVED_AFTER.get(unserved.looks as usize).copied()
    }

    /// Says in the status what the step waits for.
    pub(crate) fn waits_for(&mut self, what: &str) {
        if let Some(step) = &mut self.facts.step {
            step.waiting_for = Some(what.to_owned());
        }
    }

    /// The status, where it speaks of this run.
    pub(crate) fn recorded_status(&self) -> Option<&'a NotebookValidationJobStatus> {
        let status = self.observed.job.status.as_ref()?;
        let is_same = status.run.as_ref().is_some_and(|run| run.id == self.run.id);
        is_same.then_some(status)
    }

    /// Writes an end down, so that it outlives its pod.
    fn record(&mut self, child: &Child, at: Timestamp, end: &StepEnd, body: Option<&StepBody>) {
        self.plan.create.push(Intent {
            name: names::record(&child.name),
            work: Work::Record(Box::new(RecordWork {
                child: child.name.clone(),
                run: child.run.clone(),
                step: child.step,
                attempt: child.attempt,
                inputs: child.inputs.clone(),
                limit: child.limit,
                started: child.created,
                at,
                pod: child.pod.clone(),
                end: end.clone(),
                body: body.map(|body| Box::new(body.clone())),
            })),
        });
    }
}
