//! Which run a job is in: the wish, its number, and whether it is over. Knows no step.

use k8s_openapi::jiff::Timestamp;
use nbvet_operator_api::{NotebookValidationJob, Phase, job::RERUN_ANNOTATION, meaning};

use crate::{
    names,
    observed::{Observed, RunMark},
};

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Another controller ended it: it stays as it is.
    Foreign,
    /// The run of this wish has ended.
    Ended(RunMark),
    /// A run is under way, or begins now.
    UnderWay(RunMark),
}

/// Where the job stands.
pub(crate) fn standing(observed: &Observed) -> Standing {
    let job = &observed.job;
    let status = job.status.as_ref();
    let is_over = status.is_some_and(|status| {
        status.phase.is_some_and(Phase::is_terminal) && status.completion_time.is_some()
    });
    let recorded = status.and_then(|status| status.run.as_ref());
    if is_over && recorded.is_none() && annotation(job, RERUN_ANNOTATION).is_none() {
        return Standing::Foreign;
    }
    let wish = meaning::wish(&job.spec, annotation(job, RERUN_ANNOTATION));
    match recorded {
        Some(run) if is_over && run.wish == wish => Standing::Ended(RunMark {
            id: run.id.clone(),
            number: number(run.number),
            wish,
        }),
        _ => Standing::UnderWay(current(observed, wish)),
    }
}

/// The run of this wish that is under way, else the next one.
fn current(observed: &Observed, wish: String) -> RunMark {
    let recorded = observed
        .job
        .status
        .as_ref()
        .and_then(|status| status.run.as_ref());
    let recorded = recorded.map(|run| (number(run.number), run.wish.as_str()));
    let children = observed.children.iter().map(|child| &child.run);
    let records = observed.records.iter().map(|record| &record.run);
    let seen = children.chain(records).map(|run| (run.number, run.wish.as_str()));
    // The newest of all: an older run of the same wish is over.
    let newest = seen.chain(recorded).max_by_key(|(number, _)| *number);
    let number = match newest {
        Some((number, of)) if of == wish => number,
        Some((number, _)) => number.saturating_add(1),
        None => 1,
    };
    RunMark {
        id: names::run_id(&wish, number),
        number,
        wish,
    }
}

fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

/// An annotation of the job.
pub(crate) fn annotation<'a>(job: &'a NotebookValidationJob, name: &str) -> Option<&'a str> {
    let annotations = job.metadata.annotations.as_ref()?;
    annotations.get(name).map(String::as_str)
}

/// When the run began: as it is written down, else when its first child was created.
pub(crate) fn started(observed: &Observed, run: &RunMark) -> Option<Timestamp> {
    let status = observed.job.status.as_ref();
    let is_same = status
        .and_then(|status| status.run.as_ref())
        .is_some_and(|of| of.id == run.id);
    let written = status
        .filter(|_| is_same)
        .and_then(|status| status.start_time.as_ref());
    let children = observed
        .children
        .iter()
        .filter(|child| child.run == *run)
        .map(|child| child.created);
    let records = observed
        .records
        .iter()
        .filter(|record| record.run == *run)
        .map(|record| record.started);
    written
        .map(|time| time.0)
        .or_else(|| children.chain(records).min())
}
