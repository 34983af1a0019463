//! From what was found to a status: conditions, the phase derived from them, and what people are told of. Nothing here
//! decides what happens.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use nbvet_operator_api::{
    ConditionType, NotebookValidationJobStatus, Phase, Reason, condition,
    condition::{Holds, Said, set_condition},
    duration, findings,
    meaning::unsupported,
    room::bounded,
    status::{BuildPhase, BuildStatus, Run, VerdictSummary},
    text,
};
use nbvet_report::Outcome as Verdict;

use crate::{
    decide::Outcome,
    draft::{Draft, Finding, NOT_SERVED_YET},
    pauses,
    plan::{Again, Announcement, Intent, Plan, Work},
    runs,
};

/// Bytes of a message in a status.
const LONGEST: usize = 1024;

/// The conditions of the steps, in their order.
const STEPS: [ConditionType; 5] = [
    ConditionType::SourceReady,
    ConditionType::PolicyPassed,
    ConditionType::ImageBuilt,
    ConditionType::Validated,
    ConditionType::Published,
];

/// What holds before any step has begun.
pub(crate) fn before_steps(draft: &mut Draft) {
    for kind in STEPS {
        draft.note(
            kind,
            Holds::Unknown,
            Reason::Waiting,
            "the steps before it come first",
            None,
        );
    }
    let left: Vec<String> = unsupported(&draft.observed.job.spec)
        .iter()
        .map(ToString::to_string)
        .collect();
    if left.is_empty() {
        let message = "every field of the spec is acted upon";
        draft.note(
            ConditionType::FieldsSupported,
            Holds::True,
            Reason::Done,
            message,
            None,
        );
    } else {
        let message = left.join("; ");
        draft.note(
            ConditionType::FieldsSupported,
            Holds::False,
            Reason::FieldNotSupported,
            message,
            None,
        );
    }
}

/// Makes the plan out of a pass and how it came out.
pub(crate) fn conclude(mut draft: Draft, outcome: &Outcome) -> Plan {
    let now = draft.observed.now;
    let (message, ended) = summary(&mut draft, outcome);
    let is_suspended = draft.observed.is_suspended() && ended.is_none();
    if let Some(at) = ended {
        step_is_over(&mut draft, at);
        draft.facts.verdict = Some(verdict(&draft, outcome));
        reached_no_further(&mut draft, outcome, at);
    }
    let status = status(&draft, &message, ended);
    let events = events(&draft, &status, is_suspended);
    let is_of_a_moment = is_of_a_moment(&draft, outcome, &status);
    let mut plan = draft.plan;
    (plan.label, plan.again) = match outcome {
        Outcome::Done => ("succeeded", Again::OnChange),
        Outcome::Ended(_) => ("failed", Again::OnChange),
        Outcome::Waits(wait) => (wait.label, wait.again),
    };
    if let Some(seconds) = draft
        .observed
        .job
        .spec
        .ttl_seconds_after_finished
        .filter(|_| ended.is_some())
    {
        let left = k8s_openapi::jiff::SignedDuration::from_secs(seconds.max(0));
        let due = crate::clocks::later(ended.unwrap_or(now), left);
        plan.again = Again::After(
            due.duration_since(now)
                .max(k8s_openapi::jiff::SignedDuration::ZERO),
        );
    }
    plan.why = message;
    plan.live = plan.create.iter().any(|intent| intent.work.is_costly());
    if draft.observed.job.status.as_ref() != Some(&status) && !is_of_a_moment {
        plan.status = Some(Box::new(status));
        plan.events = events;
    }
    plan
}

/// Whether a status would be followed by the next one at once: what the plan begins or joins is told by a watch, and the
/// pass after it sees more. Written all the same: the first status of a later run, a phase that the next one may say no
/// longer, and another try, which is told with what begins it.
fn is_of_a_moment(draft: &Draft, outcome: &Outcome, status: &NotebookValidationJobStatus) -> bool {
    let Outcome::Waits(wait) = outcome else {
        return false;
    };
    let before = draft.recorded_status();
    let begins = |intent: &Intent| matches!(intent.work, Work::Step(_) | Work::Build(_));
    let begins = draft.plan.create.iter().any(begins) || !draft.plan.join.is_empty();
    if begins || wait.label == NOT_SERVED_YET {
        let is_later_run = before.is_none() && draft.observed.job.status.is_some();
        let is_new = before.is_some_and(|before| before.phase != status.phase);
        return !is_later_run && !is_new && draft.facts.retried.is_none();
    }
    before.is_some_and(|before| build_only_starts(draft, before, status))
}

/// Whether nothing is told but that a build which was begun has no pod yet that runs.
fn build_only_starts(
    draft: &Draft,
    before: &NotebookValidationJobStatus,
    status: &NotebookValidationJobStatus,
) -> bool {
    let build = status.build_status.as_ref().and_then(|build| build.phase);
    let step = status.step.as_ref();
    let is_held = step.is_some_and(|step| step.waiting_for.is_some());
    let is_same = |before: &NotebookValidationJobStatus| {
        (before.phase, before.observed_generation, &before.run)
            == (status.phase, status.observed_generation, &status.run)
            && before.build_retry_count == status.build_retry_count
    };
    status.phase == Some(Phase::Building)
        && build == Some(BuildPhase::Pending)
        && !is_held
        && !draft.observed.is_suspended()
        && is_same(before)
}

/// Notes what holds of the whole job; says it in a sentence, and when the run ended.
fn summary(draft: &mut Draft, outcome: &Outcome) -> (String, Option<Timestamp>) {
    use ConditionType::{Finished, Ready, Reconciling, Stalled};
    let now = draft.observed.now;
    let (reason, message, ended) = match outcome {
        Outcome::Done => {
            let steps = draft
                .facts
                .findings
                .iter()
                .filter(|finding| STEPS.contains(&finding.kind));
            let at = steps.filter_map(|finding| finding.at).max().unwrap_or(now);
            (Reason::Done, crate::steps::works(draft).to_owned(), Some(at))
        }
        Outcome::Ended(end) => (end.reason, end.message.clone(), Some(end.at.unwrap_or(now))),
        Outcome::Waits(wait) if draft.observed.is_suspended() => {
            (Reason::Suspended, wait.message.clone(), None)
        }
        Outcome::Waits(wait) => (Reason::InProgress, wait.message.clone(), None),
    };
    let is_done = matches!(outcome, Outcome::Done);
    let ready = if ended.is_some() {
        is_done.into()
    } else {
        Holds::Unknown
    };
    let is_moving = ended.is_none() && reason != Reason::Suspended;
    for (kind, holds) in [
        (Ready, ready),
        (Finished, ended.is_some().into()),
        (Stalled, (ended.is_some() && !is_done).into()),
        (Reconciling, is_moving.into()),
    ] {
        draft.note(kind, holds, reason, message.clone(), ended);
    }
    (message, ended)
}

/// The verdict of a run that ended: what was judged, else that nothing could be.
fn verdict(draft: &Draft, outcome: &Outcome) -> VerdictSummary {
    if let Some(verdict) = &draft.facts.verdict {
        return verdict.clone();
    }
    let unjudged = match outcome {
        Outcome::Ended(end) if end.reason == Reason::Cancelled => Verdict::Error,
        _ => draft.facts.unjudged.unwrap_or(Verdict::Error),
    };
    VerdictSummary {
        outcome: unjudged,
        level: draft.meaning.level,
        cells: None,
        errors: 0,
        warnings: 0,
        notes: 0,
    }
}

/// A step that did not end by itself did with its run.
fn step_is_over(draft: &mut Draft, at: Timestamp) {
    if let Some(step) = &mut draft.facts.step
        && let (None, Some(since)) = (&step.elapsed, &step.since)
    {
        step.elapsed = Some(duration::format(
            at.max(since.0).duration_since(since.0).unsigned_abs(),
        ));
    }
}

/// Steps that a run which ended did not come to say so.
fn reached_no_further(draft: &mut Draft, outcome: &Outcome, at: Timestamp) {
    let Outcome::Ended(end) = outcome else {
        return;
    };
    for finding in &mut draft.facts.findings {
        if STEPS.contains(&finding.kind) && finding.holds == Holds::Unknown {
            finding.reason = end.reason;
            "the run ended before it".clone_into(&mut finding.message);
            finding.at = Some(at);
        }
    }
    if let Some(build) = &mut draft.facts.build
        && build.phase.is_none_or(|phase| phase < BuildPhase::Complete)
    {
        build.phase = Some(BuildPhase::Failed);
        build.message = Some(end.message.clone());
    }
}

/// The status, which says nothing that the API server's times and the spec do not.
fn status(draft: &Draft, message: &str, ended: Option<Timestamp>) -> NotebookValidationJobStatus {
    let observed = draft.observed;
    let facts = &draft.facts;
    let job = &observed.job;
    let before = draft.recorded_status();
    let count = |count: u32| (count > 0).then(|| i64::from(count));
    let floor = |recorded: Option<i64>, counted: u32| recorded.max(count(counted));
    let build_retries = floor(
        before.and_then(|before| before.build_retry_count),
        facts.build_retries,
    );
    let validation_retries = floor(
        before.and_then(|before| before.validation_retry_count),
        facts.validation_retries,
    );
    let retries = build_retries.unwrap_or_default() + validation_retries.unwrap_or_default();
    let mut status = NotebookValidationJobStatus {
        message: Some(text::one_line(message, LONGEST)),
        observed_generation: job.metadata.generation,
        start_time: runs::started(observed, &draft.run).or(ended).map(Time),
        completion_time: ended.map(Time),
        run: Some(Run {
            id: draft.run.id.clone(),
            number: i64::try_from(draft.run.number).unwrap_or(i64::MAX),
            wish: draft.run.wish.clone(),
            pauses: pauses::written(&draft.pauses),
        }),
        step: facts.step.clone(),
        retry_count: (retries > 0).then_some(retries),
        build_retry_count: build_retries,
        validation_retry_count: validation_retries,
        last_retry_time: before
            .and_then(|before| before.last_retry_time.as_ref().map(|time| time.0))
            .max(facts.last_retry)
            .map(Time),
        validation_pod_name: facts.pod.clone(),
        conditions: conditions(draft, before),
        source: facts.source.clone(),
        build_status: build_status(facts.build.as_ref(), job.status.as_ref()),
        verdict: facts.verdict.clone(),
        report: facts.report.clone(),
        published: facts.published.clone(),
        model_validation_result: job
            .status
            .as_ref()
            .and_then(|status| status.model_validation_result.clone()),
        ..NotebookValidationJobStatus::default()
    };
    if let Some(notebook) = facts
        .validated
        .and_then(|validated| validated.report.notebooks.first())
    {
        findings::put(&mut status, notebook);
        // The kubelet may know better: a child process that was killed for memory.
        status.verdict.clone_from(&facts.verdict);
    }
    let recorded = before
        .and_then(|before| before.phase)
        .filter(|phase| !phase.is_terminal());
    status.phase = recorded.max(Some(phase(&status.conditions)));
    bounded(&status)
}

/// What is known of the build, with what another controller wrote there and nobody here does.
fn build_status(
    known: Option<&BuildStatus>,
    stored: Option<&NotebookValidationJobStatus>,
) -> Option<BuildStatus> {
    let foreign = stored
        .and_then(|stored| stored.build_status.as_ref())
        .map(|stored| (stored.available_images.clone(), stored.recommended_image.clone()))
        .filter(|(images, recommended)| !images.is_empty() || recommended.is_some());
    let Some((available_images, recommended_image)) = foreign else {
        return known.cloned();
    };
    Some(BuildStatus {
        available_images,
        recommended_image,
        ..known.cloned().unwrap_or_default()
    })
}

/// Of this run's conditions those that say the same keep the time since when they do.
fn conditions(draft: &Draft, before: Option<&NotebookValidationJobStatus>) -> Vec<Condition> {
    let mut conditions = before.map(|before| before.conditions.clone()).unwrap_or_default();
    let generation = draft.observed.job.metadata.generation;
    let mut set = |finding: &Finding, kind| {
        let said = Said {
            kind,
            holds: finding.holds,
            reason: finding.reason,
            message: text::one_line(&finding.message, LONGEST),
        };
        let at = Time(finding.at.unwrap_or(draft.observed.now));
        set_condition(&mut conditions, &said, generation, &at);
    };
    for kind in ConditionType::ALL {
        let source = if kind == ConditionType::ValidationComplete {
            ConditionType::Validated
        } else {
            kind
        };
        if let Some(finding) = draft.facts.findings.iter().find(|finding| finding.kind == source) {
            set(finding, kind);
        }
    }
    conditions
}

/// The phase that conditions come to.
pub fn phase(conditions: &[Condition]) -> Phase {
    let is = |kind, holds: Holds| condition(conditions, kind).is_some_and(|one| one.status == holds.as_str());
    let has =
        |kind, reason: Reason| condition(conditions, kind).is_some_and(|one| one.reason == reason.as_str());
    if is(ConditionType::Finished, Holds::True) {
        return if is(ConditionType::Ready, Holds::True) {
            Phase::Succeeded
        } else {
            Phase::Failed
        };
    }
    if is(ConditionType::Validated, Holds::True) || has(ConditionType::Validated, Reason::InProgress) {
        return Phase::ValidationRunning;
    }
    if is(ConditionType::ImageBuilt, Holds::True) && has(ConditionType::ImageBuilt, Reason::Done) {
        return Phase::BuildComplete;
    }
    if has(ConditionType::ImageBuilt, Reason::InProgress) {
        return Phase::Building;
    }
    Phase::Initializing
}

/// The reason of the event of a condition: a word of its own where the condition itself only says that it is done.
const fn told_as(kind: ConditionType, reason: Reason) -> Reason {
    match (reason, kind) {
        (Reason::Done, ConditionType::SourceReady) => Reason::Fetched,
        (Reason::Done, ConditionType::PolicyPassed) => Reason::Prepared,
        (Reason::Done, ConditionType::ImageBuilt) => Reason::Built,
        (Reason::Done, ConditionType::Validated) => Reason::Validated,
        (Reason::Done, ConditionType::Published) => Reason::Published,
        (Reason::Done, ConditionType::Finished) => Reason::Succeeded,
        _ => reason,
    }
}

/// One event for each transition that people wait for.
fn events(draft: &Draft, new: &NotebookValidationJobStatus, is_suspended: bool) -> Vec<Announcement> {
    let old = draft.recorded_status();
    let of_old = |kind| old.and_then(|old| condition(&old.conditions, kind));
    let mut events: Vec<Announcement> = Vec::new();
    let mut say = |warning, reason, note: &str| {
        let event = Announcement {
            warning,
            reason,
            note: text::one_line(note, LONGEST),
        };
        if !events.contains(&event) {
            events.push(event);
        }
    };
    let was_suspended =
        of_old(ConditionType::Ready).is_some_and(|ready| ready.reason == Reason::Suspended.as_str());
    if is_suspended && !was_suspended {
        say(
            false,
            Reason::Suspended,
            "suspended: no pod runs and the clocks stand",
        );
    }
    if new.phase == Some(Phase::Building) && old.and_then(|old| old.phase) < Some(Phase::Building) {
        say(false, Reason::Building, "the image is being built");
    }
    if let Some((reason, message)) = draft
        .facts
        .retried
        .as_ref()
        .filter(|_| !draft.plan.create.is_empty() || draft.facts.next_is_written)
    {
        say(true, *reason, message);
    }
    let end = draft
        .facts
        .findings
        .iter()
        .find(|finding| finding.kind == ConditionType::Finished);
    let ended = end.filter(|end| end.holds == Holds::True);
    let kinds = STEPS
        .iter()
        .chain([&ConditionType::FieldsSupported, &ConditionType::Finished]);
    for kind in kinds {
        let Some(finding) = draft.facts.findings.iter().find(|finding| finding.kind == *kind) else {
            continue;
        };
        let is_new = of_old(*kind)
            .is_none_or(|old| old.status != finding.holds.as_str() || old.reason != finding.reason.as_str());
        // The end says the same of the whole job.
        let is_the_end = match (kind, finding.holds) {
            (ConditionType::Finished, _) => false,
            (_, Holds::False) | (ConditionType::Validated, _) => {
                ended.is_some_and(|end| end.reason == finding.reason)
            }
            _ => false,
        };
        let is_quiet = match kind {
            ConditionType::FieldsSupported => finding.holds != Holds::False,
            ConditionType::Finished => finding.holds != Holds::True,
            _ => finding.holds == Holds::Unknown || finding.reason == Reason::NotRequired,
        };
        if is_new && !is_quiet && !is_the_end {
            let fails = finding.holds == Holds::False
                || (*kind == ConditionType::Finished && new.phase == Some(Phase::Failed));
            say(fails, told_as(*kind, finding.reason), &finding.message);
        }
        if is_new && *kind == ConditionType::PolicyPassed && finding.holds == Holds::True {
            for warning in &draft.facts.warnings {
                say(true, Reason::DependencyWarning, warning);
            }
        }
    }
    events
}
