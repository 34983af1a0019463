//! A plan while it is made: what was found so far, and how a step says that the run waits or ends there.

use std::ops::ControlFlow;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use nbvet_operator_api::{
    ConditionType, Reason,
    condition::Holds,
    status::{BuildStatus, Published, ReportPlace, SourceFetched, Step as StepNow, VerdictSummary},
};
use nbvet_report::{Outcome, step::Validated};

use crate::{
    clocks::Pause,
    meaning::Meaning,
    observed::{Observed, RunMark},
    plan::{Again, Plan, StreamWork},
};

/// Where a run stands still: a step that is through gives its result instead.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Until something happens.
    Wait(Wait),
    /// For good.
    End(End),
}

/// What a step gives, or where the run stands still.
pub(crate) type Flow<T> = ControlFlow<Stop, T>;

/// What is waited for.
#[derive(Debug)]
pub(crate) struct Wait {
    /// For people: what is going on.
    pub(crate) message: String,
    /// When to look again.
    pub(crate) again: Again,
    /// The label of a metric.
    pub(crate) label: &'static str,
}

/// How a run ends other than well.
#[derive(Debug)]
pub(crate) struct End {
    /// Why.
    pub(crate) reason: Reason,
    /// In words.
    pub(crate) message: String,
    /// When, as the API server tells it; `None`: now.
    pub(crate) at: Option<Timestamp>,
}

/// What a condition says.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) kind: ConditionType,
    pub(crate) holds: Holds,
    pub(crate) reason: Reason,
    pub(crate) message: String,
    /// Since when, as the API server tells it; `None`: now.
    pub(crate) at: Option<Timestamp>,
}

/// What was found of a run so far.
#[derive(Debug, Default)]
pub(crate) struct Facts<'a> {
    pub(crate) findings: Vec<Finding>,
    pub(crate) step: Option<StepNow>,
    pub(crate) source: Option<SourceFetched>,
    pub(crate) build: Option<BuildStatus>,
    pub(crate) verdict: Option<VerdictSummary>,
    /// What the verdict is where nothing was judged.
    pub(crate) unjudged: Option<Outcome>,
    pub(crate) validated: Option<&'a Validated>,
    pub(crate) report: Option<ReportPlace>,
    pub(crate) published: Option<Published>,
    /// The published image as OpenShift lists it.
    pub(crate) stream: Option<StreamWork>,
    pub(crate) build_retries: u32,
    pub(crate) validation_retries: u32,
    pub(crate) last_retry: Option<Timestamp>,
    pub(crate) pod: Option<String>,
    /// What went wrong with a try that another one follows now.
    pub(crate) retried: Option<(Reason, String)>,
    /// Only its number is written now.
    pub(crate) next_is_written: bool,
    /// Told once, as a warning, when the source was looked at.
    pub(crate) warnings: Vec<String>,
}

/// A plan while it is made.
pub(crate) struct Draft<'a> {
    pub(crate) observed: &'a Observed,
    pub(crate) meaning: Meaning,
    pub(crate) run: RunMark,
    pub(crate) pauses: Vec<Pause>,
    pub(crate) facts: Facts<'a>,
    pub(crate) plan: Plan,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(observed: &'a Observed, meaning: Meaning, run: RunMark, pauses: Vec<Pause>) -> Self {
        Self {
            observed,
            meaning,
            run,
            pauses,
            facts: Facts::default(),
            plan: Plan::nothing("waiting", ""),
        }
    }

    pub(crate) fn uid(&self) -> &'a str {
        self.observed.job.metadata.uid.as_deref().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &'a str {
        self.observed.job.metadata.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> &'a str {
        self.observed
            .job
            .metadata
            .namespace
            .as_deref()
            .unwrap_or_default()
    }

    /// Notes what a condition says; the last word counts.
    pub(crate) fn note(
        &mut self,
        kind: ConditionType,
        holds: Holds,
        reason: Reason,
        message: impl Into<String>,
        at: Option<Timestamp>,
    ) {
        self.facts.findings.retain(|finding| finding.kind != kind);
        self.facts.findings.push(Finding {
            kind,
            holds,
            reason,
            message: message.into(),
            at,
        });
    }
}

/// The label of a wait for an object that was created and that no watch has shown.
pub(crate) const NOT_SERVED_YET: &str = "not-served-yet";

/// Stands still until something changes.
pub(crate) fn wait<T>(label: &'static str, message: impl Into<String>) -> Flow<T> {
    ControlFlow::Break(Stop::Wait(Wait {
        message: message.into(),
        again: Again::OnChange,
        label,
    }))
}

/// Stands still for a time.
pub(crate) fn wait_for<T>(
    label: &'static str,
    message: impl Into<String>,
    length: SignedDuration,
) -> Flow<T> {
    ControlFlow::Break(Stop::Wait(Wait {
        message: message.into(),
        again: Again::After(length),
        label,
    }))
}

/// Ends the run.
pub(crate) fn end<T>(reason: Reason, message: impl Into<String>, at: Option<Timestamp>) -> Flow<T> {
    ControlFlow::Break(Stop::End(End {
        reason,
        message: message.into(),
        at,
    }))
}
