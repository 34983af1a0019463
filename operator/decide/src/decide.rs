//! The decision itself: where the job stands, how far its run comes, and what is left to clean up.

use std::ops::ControlFlow;

use k8s_openapi::jiff::SignedDuration;
use nbvet_operator_api::{ConditionType, Reason, condition::Holds, job::CANCEL_ANNOTATION};

use crate::{
    clocks::{Left, Limit, later},
    conclude,
    draft::{Draft, End, Stop, Wait},
    meaning::{Meaning, signed},
    observed::{Observed, RunMark},
    pauses,
    plan::{Again, Deletion, Intent, Plan, Work},
    runs::{self, Standing},
    steps,
};

/// Decides what to do for a job. Total: there is a plan for whatever is seen.
pub fn decide(observed: &Observed) -> Plan {
    if observed.job.metadata.deletion_timestamp.is_some() {
        return Plan::nothing("deleted", "the job is being deleted; what it owns goes with it");
    }
    match runs::standing(observed) {
        Standing::Foreign => Plan::nothing("foreign", "another controller ended this job; it stays as it is"),
        Standing::Ended(run) => after_end(observed, run),
        Standing::UnderWay(run) => under_way(observed, run),
    }
}

/// How a pass through the steps came out.
pub(crate) enum Outcome {
    /// All steps are done.
    Done,
    /// The run ended otherwise.
    Ended(End),
    /// It waits.
    Waits(Wait),
}

fn under_way(observed: &Observed, run: RunMark) -> Plan {
    let pauses = pauses::of(observed, &run);
    let meaning = Meaning::of(&observed.job, &observed.config);
    let mut draft = Draft::new(observed, meaning, run, pauses);
    let outcome = match pass(&mut draft) {
        ControlFlow::Continue(()) => Outcome::Done,
        ControlFlow::Break(Stop::End(end)) => Outcome::Ended(end),
        ControlFlow::Break(Stop::Wait(wait)) => from_outside(&mut draft, wait),
    };
    if !matches!(outcome, Outcome::Waits(_)) {
        stop_what_runs(&mut draft);
    }
    if let (Outcome::Done, true, Some(stream)) = (
        &outcome,
        observed.cluster.image_streams,
        draft.facts.stream.take(),
    ) {
        draft.plan.create.push(Intent {
            name: stream_name(&stream.image),
            work: Work::Stream(Box::new(stream)),
        });
    }
    leave_older_runs(&mut draft);
    conclude::conclude(draft, &outcome)
}

/// The name of the stream of an image: the last part of the image's, as objects may be named.
fn stream_name(image: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    name.rsplit('/').next().unwrap_or(name).replace('_', "-")
}

/// Checks what users wrote, then goes through the steps.
fn pass(draft: &mut Draft) -> crate::draft::Flow<()> {
    conclude::before_steps(draft);
    if let Some(fault) = draft.meaning.faults.first() {
        let (reason, message) = (fault.reason, fault.to_string());
        draft.note(
            ConditionType::SourceReady,
            Holds::False,
            reason,
            message.clone(),
            None,
        );
        return crate::draft::end(reason, message, None);
    }
    let spec = &draft.observed.job.spec;
    let golden = spec.golden_notebook.as_ref();
    let of_oci = [("notebook", Some(&spec.notebook)), ("goldenNotebook", golden)]
        .into_iter()
        .find(|(_, source)| source.is_some_and(|source| source.oci.is_some()));
    if let Some((field, _)) = of_oci {
        let message = format!(
            "spec.{field}.oci: a source of this kind is not in this version; use git, configMap or persistentVolumeClaim"
        );
        draft.note(
            ConditionType::FieldsSupported,
            Holds::False,
            Reason::FieldNotSupported,
            message.clone(),
            None,
        );
        return crate::draft::end(Reason::FieldNotSupported, message, None);
    }
    steps::run(draft)
}

/// What ends a run that waits: its users, or its last clock.
fn from_outside(draft: &mut Draft, wait: Wait) -> Outcome {
    let cancelled = runs::annotation(&draft.observed.job, CANCEL_ANNOTATION);
    if cancelled == Some(&draft.run.id) {
        return Outcome::Ended(End {
            reason: Reason::Cancelled,
            message: format!("cancelled by the annotation `{CANCEL_ANNOTATION}`"),
            at: None,
        });
    }
    let from = runs::started(draft.observed, &draft.run);
    let (Some(from), Some(limit)) = (from, draft.meaning.limits.total) else {
        return Outcome::Waits(wait);
    };
    let length = signed(limit.time);
    match (Limit { from, length }).left(draft.observed.now, &draft.pauses) {
        Left::Runs(left) => Outcome::Waits(Wait {
            again: wait.again.min(Again::After(left)),
            ..wait
        }),
        Left::Stands => Outcome::Waits(wait),
        Left::Over(at) => {
            let told = limit.told("spec.totalTimeout");
            Outcome::Ended(End {
                reason: Reason::TotalTimedOut,
                message: format!("the run did not end in time: {told}; last: {}", wait.message),
                at: Some(at),
            })
        }
    }
}

/// A run that ended has no pods and waits for no build.
fn stop_what_runs(draft: &mut Draft) {
    draft
        .plan
        .create
        .retain(|intent| matches!(intent.work, Work::Record(_)));
    draft.plan.join.clear();
    draft.plan.read.clear();
    let observed = draft.observed;
    for child in &observed.children {
        if child.run == draft.run && child.may_run() && !child.deleting {
            draft.delete_child(child);
        }
    }
    for build in &observed.builds {
        if !build.state.has_ended() && crate::build_step::has_joined(draft, build) {
            draft.leave(build);
        }
    }
}

/// Children of runs before this one end with them; what they left behind goes when this run is written down.
fn leave_older_runs(draft: &mut Draft) {
    let observed = draft.observed;
    let run = draft.run.id.clone();
    let is_written = draft.recorded_status().is_some();
    for child in observed.children.iter().filter(|child| child.run.id != run) {
        if (is_written || child.may_run()) && !child.deleting {
            draft.delete_child(child);
        }
    }
    for record in observed.records.iter().filter(|record| record.run.id != run) {
        if is_written {
            draft.plan.delete.push(Deletion::Record {
                child: record.child.clone(),
            });
        }
    }
    let uid = draft.uid();
    // One that has ended stays with the job: others may have prepared before it did, and would build again.
    for build in &observed.builds {
        let is_older = build
            .joined
            .iter()
            .any(|joined| joined.job == uid && joined.run != run);
        let is_joined_now = draft.plan.join.iter().any(|join| join.build == build.name);
        let is_here = build.ours && build.namespace == draft.namespace();
        if is_here && is_older && !is_joined_now && !build.state.has_ended() {
            draft.leave(build);
        }
    }
}

/// A run that has ended stays as it is; what is left of it is cleaned up, and the job itself when its time is over.
fn after_end(observed: &Observed, run: RunMark) -> Plan {
    let meaning = Meaning::of(&observed.job, &observed.config);
    let mut draft = Draft::new(observed, meaning, run, Vec::new());
    stop_what_runs(&mut draft);
    leave_older_runs(&mut draft);
    let mut plan = draft.plan;
    plan.label = "ended";
    "the run has ended".clone_into(&mut plan.why);
    let status = observed.job.status.as_ref();
    let ended = status
        .and_then(|status| status.completion_time.as_ref())
        .map(|time| time.0);
    if let (Some(ended), Some(seconds)) = (ended, observed.job.spec.ttl_seconds_after_finished) {
        let due = later(ended, SignedDuration::from_secs(seconds.max(0)));
        if observed.now < due {
            plan.again = Again::After(due.duration_since(observed.now));
        } else {
            plan.label = "time-to-live-over";
            format!("the run ended {seconds} s ago or more").clone_into(&mut plan.why);
            plan.delete.push(Deletion::Job);
        }
    }
    plan
}
