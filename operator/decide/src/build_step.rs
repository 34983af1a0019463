//! The build of an identity, shared by all jobs that need it, and the gate behind it: an image to validate is only had
//! here, and only of a build of this identity that ended well.

use std::ops::ControlFlow;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use nbvet_operator_api::{
    ConditionType, Reason,
    condition::Holds,
    duration,
    status::{BuildPhase, BuildStatus, Step as StepNow},
};
use nbvet_report::step::{Builder, Prepared, Step};

use crate::{
    attempts,
    build_status::{clock, describe, joined, requirements},
    clocks::{Left, later},
    draft::{Draft, Flow, NOT_SERVED_YET, end, wait, wait_for},
    image::Image,
    names,
    observed::{Build, BuildState, Fault},
    plan::{BuildInputs, Intent, Join, Leave, Work},
    retry,
    strategy::{self, StrategyName},
};

/// How soon a job looks again whether there is room for its build, should it not be told.
const ROOM_AGAIN: SignedDuration = SignedDuration::from_secs(15);

/// What the condition says of an image.
const IMAGE_BUILT: &str = "the image is built";
const BEING_BUILT: &str = "the image is being built";
const IMAGE_REUSED: &str = "the registry has the image of this identity";

/// What the step finds of what prepare found.
pub(crate) struct Found<'a> {
    pub(crate) prepared: &'a Prepared,
    /// When prepare began: what was built since, it did not see.
    pub(crate) since: Timestamp,
    /// The build whose image it looked for in the registry.
    pub(crate) looked_for: Option<&'a str>,
}

/// The image to validate, or that prepare has to look for it in the registry once more.
pub(crate) enum Gate {
    Open(Image),
    /// It was built since, by this build, and another job has seen it end.
    LookAgain(String),
}

/// Gets the image of the run: none is built, one is there, or one is built and waited for.
pub(crate) fn pass(draft: &mut Draft, found: &Found) -> Flow<Gate> {
    let prepared = found.prepared;
    let Some(identity) = prepared
        .identity
        .as_deref()
        .filter(|_| draft.meaning.build.is_some())
    else {
        return not_required(draft, prepared);
    };
    draft.facts.build = Some(BuildStatus {
        identity: Some(identity.to_owned()),
        requirements: prepared.requirements.as_ref().map(requirements),
        ..BuildStatus::default()
    });
    if let Some((image, build)) = recorded(draft, identity) {
        return reopen(draft, image, build);
    }
    if let Some(image) = prepared.image.as_deref() {
        return reused(draft, image, found.since);
    }
    if let Some(image) = validated_in(draft, prepared) {
        return open(draft, image, None);
    }
    let destination = draft.meaning.destination.clone();
    let mine: Vec<&Build> = draft
        .observed
        .builds
        .iter()
        .filter(|build| is_of(draft, build, identity, &destination))
        .collect();
    let joined: Vec<&Build> = mine
        .iter()
        .copied()
        .filter(|build| has_joined(draft, build))
        .collect();
    count(draft, &mine, &joined);
    // Of several the last one: that it was begun means that the image of the one before it is nowhere.
    if let Some(done) = joined
        .iter()
        .max_by_key(|build| build.attempt)
        .filter(|build| matches!(build.state, BuildState::Complete { .. }))
    {
        return complete(draft, found, done, identity);
    }
    let Some(newest) = mine.iter().max_by_key(|build| build.attempt) else {
        let attempt = attempts::recorded_attempt(draft, Step::Build);
        return begin(draft, found, identity, attempt);
    };
    of_newest(draft, found, newest, identity)
}

/// The newest build of the identity, which has no image for this run yet.
fn of_newest(draft: &mut Draft, found: &Found, newest: &Build, identity: &str) -> Flow<Gate> {
    let joined = has_joined(draft, newest);
    describe(draft, newest);
    if newest.deleting {
        draft.waits_for("the build before it to be gone");
        return building(
            draft,
            "build-going",
            "a build that nobody waits for any more is being deleted",
        );
    }
    match &newest.state {
        BuildState::Starting { .. } | BuildState::Running { .. } if joined => {
            if !newest.has_input {
                // Whoever created it did not come to the rest.
                complete_objects(draft, found, newest, identity);
            }
            under_way(draft, newest)
        }
        BuildState::Starting { .. } | BuildState::Running { .. } => join(draft, newest),
        BuildState::Complete { at, .. } if draft.meaning.reuses() && *at >= found.since => {
            ControlFlow::Continue(Gate::LookAgain(newest.name.clone()))
        }
        BuildState::Failed { at, fault } if joined => failed(draft, found, newest, *at, fault, identity),
        BuildState::Complete { .. } | BuildState::Failed { .. } => {
            begin(draft, found, identity, newest.attempt.saturating_add(1))
        }
    }
}

/// No build is asked for: the notebook runs in the image of the job, at the digest that prepare found.
fn not_required(draft: &mut Draft, prepared: &Prepared) -> Flow<Gate> {
    let image = prepared
        .base
        .as_ref()
        .and_then(|base| Image::by_digest(&base.image));
    let Some(image) = image else {
        return end(
            Reason::InternalError,
            "prepare named no image by digest to run in",
            None,
        );
    };
    draft.note(
        ConditionType::ImageBuilt,
        Holds::True,
        Reason::NotRequired,
        "no build is asked for",
        None,
    );
    ControlFlow::Continue(Gate::Open(image))
}

fn reused(draft: &mut Draft, image: &str, at: Timestamp) -> Flow<Gate> {
    let destination = &draft.meaning.destination;
    let Some(image) = Image::by_digest(image).filter(|image| image.name() == destination) else {
        return end(
            Reason::InternalError,
            format!("prepare named an image that is none by digest of {destination}: {image}"),
            None,
        );
    };
    if let Some(build) = &mut draft.facts.build {
        build.phase = Some(BuildPhase::Complete);
        build.cache_hit = Some(true);
        build.image_reference = Some(image.as_str().to_owned());
    }
    draft.note(
        ConditionType::ImageBuilt,
        Holds::True,
        Reason::ImageReused,
        IMAGE_REUSED,
        Some(at),
    );
    ControlFlow::Continue(Gate::Open(image))
}

/// The image that the status of this run names: its build may have been cleaned up since.
fn recorded(draft: &Draft, identity: &str) -> Option<(Image, BuildStatus)> {
    let status = draft.recorded_status()?;
    let build = status.build_status.as_ref()?;
    let is_done = build.phase == Some(BuildPhase::Complete) && build.identity.as_deref() == Some(identity);
    let image = build.image_reference.as_deref().filter(|_| is_done)?;
    Some((Image::by_digest(image)?, build.clone()))
}

/// The image that a validation of this run ran in: it was let through here, of these very inputs.
fn validated_in(draft: &Draft, prepared: &Prepared) -> Option<Image> {
    let records = draft.observed.records.iter();
    let mut records = records.filter(|record| record.run == draft.run && record.step == Step::Validate);
    records.find_map(|record| {
        let image = Image::by_digest(record.end.image.as_deref()?)?;
        (record.inputs == names::validate_inputs(&image, &prepared.source)).then_some(image)
    })
}

/// Says again what the status of this run says already.
fn reopen(draft: &mut Draft, image: Image, build: BuildStatus) -> Flow<Gate> {
    let (reason, message) = if build.cache_hit == Some(true) {
        (Reason::ImageReused, IMAGE_REUSED)
    } else {
        (Reason::Done, IMAGE_BUILT)
    };
    draft.facts.build = Some(build);
    draft.note(ConditionType::ImageBuilt, Holds::True, reason, message, None);
    ControlFlow::Continue(Gate::Open(image))
}

fn open(draft: &mut Draft, image: Image, at: Option<Timestamp>) -> Flow<Gate> {
    if let Some(status) = &mut draft.facts.build {
        status.phase = Some(BuildPhase::Complete);
        status.image_reference = Some(image.as_str().to_owned());
    }
    draft.note(
        ConditionType::ImageBuilt,
        Holds::True,
        Reason::Done,
        IMAGE_BUILT,
        at,
    );
    ControlFlow::Continue(Gate::Open(image))
}

/// A build that this run waited for ended well.
fn complete(draft: &mut Draft, found: &Found, done: &Build, identity: &str) -> Flow<Gate> {
    describe(draft, done);
    let BuildState::Complete { at, image, size } = &done.state else {
        return wait("build-running", BEING_BUILT);
    };
    let named = image.as_deref().and_then(Image::by_digest);
    let Some(image) = named.filter(|image| image.name() == done.destination) else {
        // Its pod is gone, the strategy only knows a tag, or it names what it was not to build: the registry is asked.
        if found.looked_for != Some(&*done.name) {
            return ControlFlow::Continue(Gate::LookAgain(done.name.clone()));
        }
        let fault = Fault {
            reason: Reason::BuildFailed,
            transient: true,
            message: "the build ended well, and the registry has no image of it".to_owned(),
        };
        return failed(draft, found, done, *at, &fault, identity);
    };
    if let Some(status) = &mut draft.facts.build {
        status.image_size_bytes = size.and_then(|size| i64::try_from(size).ok());
        status.cache_hit = Some(false);
    }
    open(draft, image, Some(*at))
}

/// Whether a build is ours and of this: its labels, its place and its name agree.
fn is_of(draft: &Draft, build: &Build, identity: &str, destination: &str) -> bool {
    let namespace = draft.namespace();
    build.ours
        && build.namespace == namespace
        && build.identity == identity
        && build.destination == destination
        && build.name == names::build(namespace, destination, identity, build.attempt)
}

/// Whether this run has joined a build.
pub(crate) fn has_joined(draft: &Draft, build: &Build) -> bool {
    joined(draft, build).is_some()
}

/// Builds that failed while this run waited for them are its retries. What the status counted holds only where the cache
/// has the build that the status speaks of: else the cache is behind, and the count would be of later tries.
fn count(draft: &mut Draft, mine: &[&Build], joined: &[&Build]) {
    let retried = u32::try_from(joined.len()).unwrap_or(u32::MAX).saturating_sub(1);
    let status = draft.recorded_status();
    let of = status.and_then(|status| status.build_status.as_ref()?.build_name.as_deref());
    let is_seen = mine.iter().any(|build| Some(&*build.name) == of);
    let recorded = status
        .and_then(|status| status.build_retry_count)
        .filter(|_| is_seen);
    let recorded = recorded
        .and_then(|count| u32::try_from(count).ok())
        .unwrap_or_default();
    draft.facts.build_retries = retried.max(recorded);
    if joined.len() > 1 {
        draft.facts.last_retry = joined.iter().map(|build| build.created).max();
    }
}

fn building<T>(draft: &mut Draft, label: &'static str, message: &str) -> Flow<T> {
    draft.note(
        ConditionType::ImageBuilt,
        Holds::Unknown,
        Reason::InProgress,
        message,
        None,
    );
    wait(label, message)
}

/// A build that this run waits for.
fn under_way<T>(draft: &mut Draft, build: &Build) -> Flow<T> {
    let clock = clock(draft, build);
    let message = match &build.state {
        BuildState::Starting { held: Some(held) } => {
            format!("the build does not start: {}: {}", held.reason, held.message)
        }
        _ => BEING_BUILT.to_owned(),
    };
    if let BuildState::Starting { held: Some(held) } = &build.state {
        if held.reason == Reason::AdmissionRefused {
            draft.leave(build);
            return failed_for_good(draft, held.reason, &held.message, Some(build.created));
        }
        draft.waits_for(&held.message);
    }
    draft.note(
        ConditionType::ImageBuilt,
        Holds::Unknown,
        Reason::InProgress,
        message.clone(),
        Some(build.created),
    );
    match clock.left(draft.observed.now, &draft.pauses) {
        Left::Runs(left) => wait_for("build-running", message, left),
        Left::Stands => wait("build-running", message),
        Left::Over(at) => {
            draft.leave(build);
            let message = draft.meaning.build_timed_out(clock.length);
            if let Some(status) = &mut draft.facts.build {
                status.phase = Some(BuildPhase::Failed);
            }
            failed_for_good(draft, Reason::BuildTimedOut, &message, Some(at))
        }
    }
}

fn join<T>(draft: &mut Draft, build: &Build) -> Flow<T> {
    if draft.observed.is_suspended() {
        return wait("suspended", "suspended");
    }
    draft.plan.join.push(Join {
        build: build.name.clone(),
        strategy: build.strategy,
        resource_version: build.resource_version.clone(),
        run: draft.run.id.clone(),
        at: draft.observed.now,
        limit: draft.meaning.build_limit(),
    });
    building(
        draft,
        "build-joined",
        "the image is built for another job already; this one waits with it",
    )
}

/// A build that failed while this run waited for it.
fn failed(
    draft: &mut Draft,
    found: &Found,
    build: &Build,
    at: Timestamp,
    fault: &Fault,
    identity: &str,
) -> Flow<Gate> {
    let fault = own_view(draft, build, fault);
    let is_last = draft.facts.build_retries >= draft.meaning.max_build_retries;
    if is_last || !retry::is_worth_it(Step::Build, &fault) {
        return failed_for_good(draft, fault.reason, &fault.message, Some(at));
    }
    let message = format!("the build is tried again: {}: {}", fault.reason, fault.message);
    draft.note(
        ConditionType::ImageBuilt,
        Holds::Unknown,
        Reason::InProgress,
        message.clone(),
        None,
    );
    let due = later(at, retry::delay(build.attempt, &build.name));
    if draft.observed.is_suspended() {
        return wait("suspended", "suspended");
    }
    if draft.observed.now < due {
        return wait_for("backing-off", message, due.duration_since(draft.observed.now));
    }
    draft.facts.retried = Some((fault.reason, message));
    begin(draft, found, identity, build.attempt.saturating_add(1))
}

/// A build that ran into the limit of the job that created it did not run into this one's.
fn own_view(draft: &Draft, build: &Build, fault: &Fault) -> Fault {
    let mut fault = fault.clone();
    if fault.reason == Reason::BuildTimedOut {
        let clock = clock(draft, build);
        let BuildState::Failed { at, .. } = build.state else {
            return fault;
        };
        if matches!(clock.left(at, &draft.pauses), Left::Runs(left) if left > SignedDuration::from_secs(5)) {
            fault.reason = Reason::BuildFailed;
            fault.transient = true;
            "it ran into the shorter limit of another job".clone_into(&mut fault.message);
        } else {
            fault.message = draft.meaning.build_timed_out(clock.length);
        }
    }
    fault
}

fn failed_for_good<T>(draft: &mut Draft, reason: Reason, message: &str, at: Option<Timestamp>) -> Flow<T> {
    if let Some(build) = &mut draft.facts.build {
        build.message = Some(message.to_owned());
    }
    draft.note(ConditionType::ImageBuilt, Holds::False, reason, message, at);
    end(reason, message, at)
}

/// Creates a build, where there is room and nothing stands in the way.
fn begin(draft: &mut Draft, found: &Found, identity: &str, attempt: u32) -> Flow<Gate> {
    let prepared = found.prepared;
    let observed = draft.observed;
    let strategy = match strategy::choose(
        draft.meaning.build.as_ref().and_then(|build| build.builder),
        prepared,
        observed,
    ) {
        Ok(strategy) => strategy,
        Err(why) => return failed_for_good(draft, Reason::StrategyNotAvailable, &why, None),
    };
    let destination = draft.meaning.destination.clone();
    let name = |attempt| names::build(draft.namespace(), &destination, identity, attempt);
    let free = (attempt..attempt + 10).find(|attempt| !observed.taken.contains(&name(*attempt)));
    let attempt = free.unwrap_or(attempt);
    let name = name(attempt);
    draft.facts.step = Some(StepNow {
        name: Step::Build.as_str().to_owned(),
        attempt: Some(attempt.into()),
        limit: Some(duration::format(draft.meaning.build_limit().unsigned_abs())),
        ..StepNow::default()
    });
    if observed.is_suspended() {
        return wait("suspended", "suspended");
    }
    if let Some(refused) = observed.refusal(&name) {
        if !refused.passes {
            return failed_for_good(draft, refused.reason, &refused.message, None);
        }
        draft.waits_for(&refused.message);
        let message = format!("the build cannot be created yet: {}", refused.message);
        draft.note(
            ConditionType::ImageBuilt,
            Holds::Unknown,
            Reason::Waiting,
            message.clone(),
            None,
        );
        return wait_for("refused-yet", message, ROOM_AGAIN);
    }
    if let Some(again) = draft.not_served_yet(&name) {
        draft.note(
            ConditionType::ImageBuilt,
            Holds::Unknown,
            Reason::InProgress,
            "the build was created",
            None,
        );
        return wait_for(NOT_SERVED_YET, "the build was created", again);
    }
    if observed
        .config
        .builds_per_namespace
        .is_some_and(|most| observed.load.builds >= most)
    {
        draft.waits_for("room: as many builds as may run in this namespace run already");
        let message = "the build waits for room in its namespace";
        draft.note(
            ConditionType::ImageBuilt,
            Holds::Unknown,
            Reason::Waiting,
            message,
            None,
        );
        return wait_for("no-room", message, ROOM_AGAIN);
    }
    let Some(inputs) = inputs(draft, prepared, identity, attempt, strategy) else {
        return end(
            Reason::InternalError,
            "prepare named no base image by digest",
            None,
        );
    };
    draft.plan.create.push(Intent {
        name,
        work: Work::Build(Box::new(inputs)),
    });
    building(draft, "build-created", "the build of the image starts")
}

/// What a build is made from; `None`: prepare named no base image by digest.
fn inputs(
    draft: &Draft,
    prepared: &Prepared,
    identity: &str,
    attempt: u32,
    strategy: StrategyName,
) -> Option<BuildInputs> {
    let base = prepared
        .base
        .as_ref()
        .and_then(|base| Image::by_digest(&base.image))?;
    let of_dockerfile = prepared.builder == Builder::Buildah;
    let target = draft
        .meaning
        .build
        .as_ref()
        .and_then(|build| build.target.clone());
    Some(BuildInputs {
        run: draft.run.id.clone(),
        at: draft.observed.now,
        attempt,
        identity: identity.to_owned(),
        destination: draft.meaning.destination.clone(),
        base: base.as_str().to_owned(),
        lock: prepared.lock.clone(),
        compiler: prepared.compiler.clone(),
        dockerfile: prepared.dockerfile.clone(),
        target: target.filter(|_| of_dockerfile),
        commit: prepared.source.commit.clone().filter(|_| of_dockerfile),
        anew: !draft.meaning.reuses(),
        builder: prepared.builder,
        strategy,
        limit: draft.meaning.build_limit(),
    })
}

/// Creates what is missing of a build; the object that is there is left alone.
fn complete_objects(draft: &mut Draft, found: &Found, build: &Build, identity: &str) {
    if let Some(inputs) = inputs(draft, found.prepared, identity, build.attempt, build.strategy) {
        draft.plan.create.push(Intent {
            name: build.name.clone(),
            work: Work::Build(Box::new(inputs)),
        });
    }
}

impl Draft<'_> {
    /// Leaves a build: the last one to leave deletes it.
    pub(crate) fn leave(&mut self, build: &Build) {
        let uid = self.uid();
        let is_in = |owner: &str| owner == uid;
        if build.deleting
            || !build.owners.iter().any(|owner| is_in(owner))
                && !build.joined.iter().any(|joined| is_in(&joined.job))
        {
            return;
        }
        let leave = Leave {
            build: build.name.clone(),
            strategy: build.strategy,
            resource_version: build.resource_version.clone(),
            last: build.owners.iter().all(|owner| is_in(owner)),
        };
        if !self.plan.leave.contains(&leave) {
            self.plan.leave.push(leave);
        }
    }
}
