//! What prepare, validate and publish are given, and what their ends mean for the run. The build has its own module.

use std::ops::ControlFlow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use nbvet_operator_api::{
    ConditionType, Reason,
    condition::Holds,
    status::{Published, ReportPlace, SourceFetched, VerdictSummary},
};
use nbvet_report::{
    Level, Outcome,
    step::{Prepared, Step, StepBody},
};

use crate::{
    attempts::{self, Became, Failure, Finished},
    build_step::{self, Found, Gate},
    draft::{Draft, Flow, end},
    image::Image,
    names,
    observed::{Child, ChildState},
    plan::{StreamWork, Task},
    render::record,
};

/// Of prepare's warnings so many become events.
const MOST_WARNINGS: usize = 20;

/// Prepares, builds, validates, publishes: as far as the run has come.
pub(crate) fn run(draft: &mut Draft) -> Flow<()> {
    let (image, prepared) = image(draft)?;
    validate(draft, &image, prepared)?;
    publish(draft, &image, prepared)
}

/// The image to validate, and what was prepared for it.
fn image<'a>(draft: &mut Draft<'a>) -> Flow<(Image, &'a Prepared)> {
    let mut looked_for = last_looked_for(draft);
    loop {
        let (prepared, since) = prepare(draft, looked_for.as_deref())?;
        let found = Found {
            prepared,
            since,
            looked_for: looked_for.as_deref(),
        };
        match build_step::pass(draft, &found)? {
            Gate::Open(image) => return ControlFlow::Continue((image, prepared)),
            Gate::LookAgain(build) if looked_for.as_deref() != Some(&build) => looked_for = Some(build),
            Gate::LookAgain(build) => {
                let message = format!("the image of `{build}` was looked for and is not settled");
                return end(Reason::InternalError, message, None);
            }
        }
    }
}

/// The build whose image was looked for last by a prepare that ended well.
fn last_looked_for(draft: &Draft) -> Option<String> {
    let records = draft.observed.records.iter();
    let records = records.filter(|record| record.run == draft.run && record.step == Step::Prepare);
    let newest = records.max_by_key(|record| record.started)?;
    newest.inputs.strip_prefix(AGAIN).map(str::to_owned)
}

/// Inputs of a prepare that looks for the image of a build.
const AGAIN: &str = "again-";

fn prepare<'a>(
    draft: &mut Draft<'a>,
    looked_for: Option<&str>,
) -> Flow<(&'a Prepared, k8s_openapi::jiff::Timestamp)> {
    let inputs = looked_for.map_or_else(|| "first".to_owned(), |build| format!("{AGAIN}{build}"));
    if looked_for.is_none() {
        let message = "the source is fetched and looked at";
        draft.note(
            ConditionType::SourceReady,
            Holds::Unknown,
            Reason::InProgress,
            message,
            None,
        );
    }
    let task = Task::Prepare {
        find_image: looked_for.is_some(),
    };
    let finished = match attempts::drive(draft, &task, &inputs)? {
        Became::Finished(finished) => finished,
        Became::Failed(failure) => return prepare_failed(draft, None, &failure),
    };
    let prepared = match finished.body {
        Some(StepBody::Prepared(prepared)) => Some(&**prepared),
        _ => None,
    };
    if let Some(prepared) = prepared {
        source_ready(draft, prepared, &finished);
    }
    match prepared.filter(|_| finished.end.outcome == Outcome::Passed) {
        Some(prepared) => {
            let message = "the dependencies may be used";
            draft.note(
                ConditionType::PolicyPassed,
                Holds::True,
                Reason::Done,
                message,
                Some(finished.at),
            );
            let warnings = prepared.warnings.iter().take(MOST_WARNINGS);
            draft.facts.warnings = warnings.cloned().collect();
            ControlFlow::Continue((prepared, finished.started))
        }
        None => prepare_failed(draft, prepared, &failure_of(&finished)),
    }
}

/// An end that is none as a failure; a pass without its result is not believed.
fn failure_of(finished: &Finished) -> Failure {
    if finished.end.outcome == Outcome::Passed {
        return Failure {
            reason: Reason::ReportLost,
            message: format!("{} passed and left no result of its own", finished.end.step),
            at: finished.at,
            limit: finished.limit,
        };
    }
    Failure {
        reason: finished.end.reason,
        message: finished.end.message.clone(),
        at: finished.at,
        limit: finished.limit,
    }
}

fn source_ready(draft: &mut Draft, prepared: &Prepared, finished: &Finished) {
    let source = SourceFetched {
        commit: prepared.source.commit.clone(),
        path: Some(prepared.source.path.clone()),
        notebook_digest: Some(prepared.source.notebook_digest.clone()),
    };
    // Events are forgotten within the hour.
    let warnings = prepared.warnings.iter().take(MOST_WARNINGS);
    let message = warnings.fold(source.told(), |told, warning| format!("{told}; {warning}"));
    draft.facts.source = Some(source);
    draft.note(
        ConditionType::SourceReady,
        Holds::True,
        Reason::Done,
        message,
        Some(finished.at),
    );
}

fn prepare_failed<T>(draft: &mut Draft, prepared: Option<&Prepared>, failure: &Failure) -> Flow<T> {
    let kind = match failure.reason {
        Reason::RequirementsNotFound
        | Reason::UnpinnedDependencies
        | Reason::HashMissing
        | Reason::DependencyConflict
        | Reason::PolicyRefused => ConditionType::PolicyPassed,
        _ if prepared.is_some() => ConditionType::ImageBuilt,
        Reason::BaseImageNotFound => ConditionType::ImageBuilt,
        _ => ConditionType::SourceReady,
    };
    draft.note(
        kind,
        Holds::False,
        failure.reason,
        failure.message.clone(),
        Some(failure.at),
    );
    if kind == ConditionType::PolicyPassed {
        draft.facts.unjudged = Some(Outcome::Failed);
    }
    end(failure.reason, failure.message.clone(), Some(failure.at))
}

fn validate<'a>(draft: &mut Draft<'a>, image: &Image, prepared: &'a Prepared) -> Flow<()> {
    let source = &prepared.source;
    let inputs = names::validate_inputs(image, source);
    let message = "the notebook is about to run";
    draft.note(
        ConditionType::Validated,
        Holds::Unknown,
        Reason::Waiting,
        message,
        None,
    );
    let children = draft.observed.children.iter();
    let mut children = children.filter(|child| child.run == draft.run && child.step == Step::Validate);
    if let Some(child) = children.next() {
        let message = "the notebook runs and is judged";
        draft.note(
            ConditionType::Validated,
            Holds::Unknown,
            Reason::InProgress,
            message,
            Some(child.created),
        );
    }
    let newest = draft.observed.children.iter();
    let newest = newest.filter(|child| child.run == draft.run && child.step == Step::Validate);
    // One that only starts is named when it runs, or when something holds it: its name alone is no status of its own.
    let is_told = |child: &&Child| !matches!(child.state, ChildState::Starting { held: None });
    draft.facts.pod = newest
        .max_by_key(|child| child.attempt)
        .filter(is_told)
        .and_then(|child| child.pod.clone());
    let task = Task::Validate {
        image: image.clone(),
        commit: source.commit.clone(),
        uid: prepared.base.as_ref().and_then(nbvet_report::step::Base::uid),
        limit: draft.meaning.validation_limit(),
    };
    match attempts::drive(draft, &task, &inputs)? {
        Became::Finished(finished) => judged(draft, &finished),
        Became::Failed(failure) => {
            draft.facts.unjudged = Some(match failure.reason {
                Reason::OutOfMemory => Outcome::Failed,
                Reason::ValidationTimedOut => Outcome::TimedOut,
                _ => Outcome::Error,
            });
            not_validated(draft, &failure)
        }
    }
}

/// What a verdict without a fault says.
pub(crate) fn works(draft: &Draft) -> &'static str {
    let verdict = draft.facts.verdict.as_ref();
    let cells = verdict.and_then(|verdict| verdict.cells.as_ref());
    if cells.is_some_and(|cells| cells.ok == 0) {
        "there is no code cell to run: nothing was checked"
    } else {
        "the notebook works"
    }
}

/// The trusted container's word, with the report behind it.
fn judged<'a>(draft: &mut Draft<'a>, finished: &Finished<'a>) -> Flow<()> {
    draft.facts.pod = finished.pod.map(str::to_owned);
    if let Some(body @ StepBody::Validated(validated)) = finished.body {
        draft.facts.validated = Some(validated);
        if let Some(notebook) = validated.report.notebooks.first() {
            let mut verdict = VerdictSummary::from(&notebook.verdict);
            verdict.outcome = finished.end.outcome;
            draft.facts.verdict = Some(verdict);
        }
        let written = if finished.is_recorded {
            finished.end.blob.clone()
        } else {
            record::written(body).map(|written| written.blob)
        };
        if let Some(blob) = written {
            draft.facts.report = Some(ReportPlace {
                config_map: Some(names::record(finished.child)),
                digest: Some(format!("sha256:{}", blob.sha256)),
                size: Some(blob.bytes.into()),
            });
        }
    }
    let is_judged = draft.facts.verdict.is_some();
    if finished.end.outcome == Outcome::Passed && is_judged {
        let message = works(draft);
        draft.note(
            ConditionType::Validated,
            Holds::True,
            Reason::Done,
            message,
            Some(finished.at),
        );
        return ControlFlow::Continue(());
    }
    let failure = failure_of(finished);
    if !is_judged {
        draft.facts.unjudged = Some(match finished.end.outcome {
            Outcome::Passed => Outcome::Error,
            outcome => outcome,
        });
    }
    not_validated(draft, &failure)
}

fn not_validated<T>(draft: &mut Draft, failure: &Failure) -> Flow<T> {
    let mut message = failure.message.clone();
    if failure.reason == Reason::ValidationTimedOut {
        let limit = draft.meaning.validation_timed_out(failure.limit);
        message = format!("{message}; {limit}");
    }
    draft.note(
        ConditionType::Validated,
        Holds::False,
        failure.reason,
        message.clone(),
        Some(failure.at),
    );
    end(failure.reason, message, Some(failure.at))
}

fn publish(draft: &mut Draft, image: &Image, prepared: &Prepared) -> Flow<()> {
    let Some(reference) = draft.meaning.published_as(&prepared.source) else {
        let message = "nothing is to be published";
        draft.note(
            ConditionType::Published,
            Holds::False,
            Reason::NotRequired,
            message,
            None,
        );
        return ControlFlow::Continue(());
    };
    if draft.meaning.level == Level::Learning {
        let message = "nothing is published at level learning, where a pass promises too little";
        draft.note(
            ConditionType::Published,
            Holds::False,
            Reason::LevelTooLow,
            message,
            None,
        );
        return ControlFlow::Continue(());
    }
    let message = format!("publishing as {reference}");
    draft.note(
        ConditionType::Published,
        Holds::Unknown,
        Reason::InProgress,
        message,
        None,
    );
    let inputs = names::digest(&[image.as_str(), &reference])[..16].to_owned();
    let task = Task::Publish {
        image: image.clone(),
        reference: reference.clone(),
    };
    let failure = match attempts::drive(draft, &task, &inputs)? {
        Became::Finished(finished) if finished.end.outcome == Outcome::Passed => {
            published(draft, image, &reference, &finished);
            draft.facts.stream = Some(stream(image, &reference, prepared));
            return ControlFlow::Continue(());
        }
        Became::Finished(finished) => failure_of(&finished),
        Became::Failed(failure) => failure,
    };
    let message = failure.message.clone();
    draft.note(
        ConditionType::Published,
        Holds::False,
        failure.reason,
        message.clone(),
        Some(failure.at),
    );
    end(failure.reason, message, Some(failure.at))
}

/// The image as OpenShift lists it, with what its lock says.
fn stream(image: &Image, reference: &str, prepared: &Prepared) -> StreamWork {
    let (name, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
    let digest = image.as_str().rsplit_once('@').map_or("", |(_, digest)| digest);
    let lock = prepared.lock.as_deref().unwrap_or_default();
    let packages = lock.lines().filter_map(|line| {
        let (name, rest) = line.split_once("==")?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let version = rest.split([' ', ';', '\\']).next()?;
        (!name.is_empty() && name.chars().all(is_name)).then(|| (name.to_owned(), version.to_owned()))
    });
    StreamWork {
        image: format!("{name}@{digest}"),
        tag: tag.to_owned(),
        notebook: prepared.source.path.clone(),
        commit: prepared.source.commit.clone(),
        packages: packages.collect(),
    }
}

fn published(draft: &mut Draft, image: &Image, reference: &str, finished: &Finished) {
    let (tag, previous) = match finished.body {
        Some(StepBody::Published(published)) => {
            (Some(published.tag.clone()), published.previous_digest.clone())
        }
        _ => (reference.rsplit_once(':').map(|(_, tag)| tag.to_owned()), None),
    };
    let name = reference.rsplit_once(':').map_or(reference, |(name, _)| name);
    let digest = image.as_str().rsplit_once('@').map_or("", |(_, digest)| digest);
    draft.facts.published = Some(Published {
        image_reference: Some(format!("{name}@{digest}")),
        tag,
        previous_digest: previous,
        at: Some(Time(finished.at)),
    });
    let message = format!("published as {reference}");
    draft.note(
        ConditionType::Published,
        Holds::True,
        Reason::Done,
        message,
        Some(finished.at),
    );
}
