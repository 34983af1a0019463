//! What the status says of a build. Decides nothing.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use nbvet_operator_api::{
    duration,
    status::{BuildPhase, RequirementsFound, Step as StepNow},
};
use nbvet_report::{
    DependencySourceKind,
    step::{FoundRequirements, Step},
};

use crate::{
    clocks::Limit,
    draft::Draft,
    observed::{Build, BuildState, Joined},
};

/// That this run has joined a build.
pub(crate) fn joined<'a>(draft: &Draft, build: &'a Build) -> Option<&'a Joined> {
    let (uid, run) = (draft.uid(), &draft.run.id);
    build
        .joined
        .iter()
        .find(|joined| joined.job == uid && joined.run == *run)
}

/// The clock of this run for a build: it runs since that was created, or joined where it was there already; a limit that
/// was changed since acts on the next one.
pub(crate) fn clock(draft: &Draft, build: &Build) -> Limit {
    let joined = joined(draft, build);
    let limit = joined.and_then(|joined| joined.limit);
    Limit {
        from: joined.map_or(build.created, |joined| joined.at.max(build.created)),
        length: limit.unwrap_or_else(|| draft.meaning.build_limit()),
    }
}

/// Says in the status which build it is and how far.
pub(crate) fn describe(draft: &mut Draft, build: &Build) {
    let clock = clock(draft, build);
    let (ended, phase) = match &build.state {
        BuildState::Starting { .. } => (None, BuildPhase::Pending),
        BuildState::Running { .. } => (None, BuildPhase::Running),
        BuildState::Complete { at, .. } => (Some(*at), BuildPhase::Complete),
        BuildState::Failed { at, .. } => (Some(*at), BuildPhase::Failed),
    };
    let took = |from: Timestamp| ended.map(|at| duration::format(at.duration_since(from).unsigned_abs()));
    if let Some(status) = &mut draft.facts.build {
        status.phase = Some(phase);
        status.strategy = Some(build.strategy.as_str().to_owned());
        status.build_name = Some(build.name.clone());
        status.start_time = Some(Time(build.created));
        status.completion_time = ended.map(Time);
        status.duration = took(build.created);
    }
    draft.facts.step = Some(StepNow {
        name: Step::Build.as_str().to_owned(),
        waiting_for: None,
        since: Some(Time(clock.from)),
        attempt: Some(build.attempt.into()),
        limit: Some(duration::format(clock.length.unsigned_abs())),
        elapsed: took(clock.from),
    });
}

/// What the image is made from.
pub(crate) fn requirements(found: &FoundRequirements) -> RequirementsFound {
    RequirementsFound {
        source: Some(
            found
                .source
                .file
                .clone()
                .unwrap_or_else(|| word_of(found.source.kind).to_owned()),
        ),
        looked_at: found.looked_at.iter().map(|place| place.file.clone()).collect(),
        pinned: Some(found.pinned.into()),
        unpinned: Some(found.unpinned.into()),
    }
}

/// What an environment is made from where it is no file.
const fn word_of(kind: DependencySourceKind) -> &'static str {
    match kind {
        DependencySourceKind::Imports => "imports",
        DependencySourceKind::Nothing => "base image",
        DependencySourceKind::Lock => "lock",
        DependencySourceKind::Requirements => "requirements",
        DependencySourceKind::Conda => "conda",
        DependencySourceKind::Dockerfile => "Dockerfile",
    }
}
