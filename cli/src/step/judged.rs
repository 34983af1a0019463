//! What a report says, as the end of `validate`: one reason, one sentence, and the report as far as there is room for it.

use std::cmp::Reverse;

use nbvet_blob::encode;
use nbvet_report::{
    COMPARISON_RULE, CellRun, Diagnostic, FailureKind, NotebookReport, Outcome, Reason, Report, RunEnd,
    RunFailure, Severity,
    step::{Step, StepBody, StepCounts, StepEnd, Validated},
};

use super::Ending;

/// A SIGTERM: nobody presses Ctrl-C in a pod, and what a controller ends it knows.
const TERMINATED: (Reason, bool) = (Reason::Evicted, true);

/// The rule on notebooks without a code cell to run.
const NOTHING_TO_RUN: &str = "NB928";

/// The end of `validate` with its report.
pub(super) fn ending(report: Report, image: Option<&str>) -> Ending {
    let Some(notebook) = report.notebooks.first() else {
        return Ending::internal(Step::Validate, "a report of no notebook");
    };
    let (reason, transient) = reason(notebook);
    let mut end = StepEnd::new(
        Step::Validate,
        notebook.verdict.outcome,
        reason,
        &message(notebook),
    );
    end.transient = transient;
    end.counts = Some(StepCounts::from(&notebook.verdict));
    if let Some(image) = image {
        end = end.with_image(image);
    }
    let body = fitting(report);
    Ending::of(end, Some(StepBody::Validated(Box::new(body))))
}

/// Why it ended as it did, and whether another try may end otherwise. What the notebook did itself is never tried again.
fn reason(notebook: &NotebookReport) -> (Reason, bool) {
    if let Some(failure) = &notebook.failure {
        return of_failure(failure);
    }
    let reason = match (&notebook.verdict.outcome, &notebook.end) {
        (Outcome::Passed, _) => Reason::Done,
        (_, Some(RunEnd::CellTimedOut { .. })) => Reason::CellTimedOut,
        (_, Some(RunEnd::NotebookTimedOut { .. })) => Reason::ValidationTimedOut,
        (_, Some(RunEnd::OutOfMemory { .. })) => Reason::OutOfMemory,
        (_, Some(RunEnd::Cancelled)) => return TERMINATED,
        (_, Some(RunEnd::Raised { .. } | RunEnd::ExitedWith { .. } | RunEnd::Died { .. })) => {
            Reason::NotebookFailed
        }
        (_, None | Some(RunEnd::Completed | RunEnd::Exited { .. })) => of_findings(notebook),
    };
    (reason, false)
}

fn of_failure(failure: &RunFailure) -> (Reason, bool) {
    match failure.kind {
        FailureKind::AgentLost => (Reason::AgentLost, true),
        FailureKind::ReportLost => (Reason::ReportLost, true),
        FailureKind::Cancelled => TERMINATED,
        FailureKind::Unreadable => (Reason::NotebookNotFound, false),
        // The image has no Python that can be used, or the spec names a notebook that none can be used for.
        FailureKind::NoInterpreter
        | FailureKind::UnsupportedInterpreter
        | FailureKind::UnsupportedLanguage
        | FailureKind::GoldenUnusable => (Reason::InvalidField, false),
        // Only `nbvet deps` asks an index for its report.
        FailureKind::IndexUnreachable | FailureKind::Unwritable | FailureKind::Internal => {
            (Reason::InternalError, false)
        }
    }
}

/// A notebook that ran to its end, or was only read.
fn of_findings(notebook: &NotebookReport) -> Reason {
    let mut failing = failing(notebook).peekable();
    if notebook.end.is_none() {
        // The file is no notebook.
        return Reason::NotebookFailed;
    }
    if failing.peek().is_none() {
        return Reason::ChecksFailed;
    }
    let is_golden = |found: &Diagnostic| found.rule.id == COMPARISON_RULE;
    if failing.all(is_golden) {
        Reason::GoldenMismatch
    } else {
        Reason::ChecksFailed
    }
}

fn failing(notebook: &NotebookReport) -> impl Iterator<Item = &Diagnostic> {
    let level = notebook.verdict.level;
    notebook
        .diagnostics
        .iter()
        .filter(move |found| level.fails(found))
}

/// `1 error`, `2 errors`.
fn counted(number: u32, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// One sentence for the status.
fn message(notebook: &NotebookReport) -> String {
    if let Some(failure) = &notebook.failure {
        let hint = failure
            .hint
            .as_ref()
            .map_or_else(String::new, |hint| format!("; {hint}"));
        return format!("{}{hint}", failure.message);
    }
    let verdict = &notebook.verdict;
    let cells = verdict.cells.map_or_else(String::new, |cells| {
        format!(" {} of {} cells ran;", cells.ran(), cells.to_run())
    });
    let counts = format!(
        "{} at {}:{cells} {}, {}, {}",
        match verdict.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::TimedOut => "timed out",
            Outcome::Error => "no verdict",
        },
        verdict.level,
        counted(verdict.errors, "error"),
        counted(verdict.warnings, "warning"),
        counted(verdict.notes, "note")
    );
    // Of several that are as bad, the first in the notebook. That there was nothing to run is told in any case.
    let worst = failing(notebook)
        .min_by_key(|found| Reverse((found.fault, found.severity)))
        .or_else(|| {
            let mut found = notebook.diagnostics.iter();
            found.find(|found| found.rule.id == NOTHING_TO_RUN)
        });
    match worst {
        Some(found) => {
            let cell = found
                .location
                .cell
                .map_or_else(String::new, |cell| format!("cell {cell}: "));
            format!("{cell}{} ({}); {counts}", found.message, found.rule.id)
        }
        None => counts,
    }
}

/// Something that a report can do without, and what is told of that.
type Cut = (&'static str, fn(&mut NotebookReport));

/// What is left out first, first.
const CUTS: &[Cut] = &[
    ("what the worker saw of each cell", |report| {
        report.cells.iter_mut().for_each(|cell| cell.facts.clear());
    }),
    ("tracebacks and the last output of cells", |report| {
        report.cells.iter_mut().for_each(shorten);
    }),
    ("explanations and examples", |report| {
        for found in &mut report.diagnostics {
            (found.explanation, found.example, found.fix) = (None, None, None);
        }
    }),
    ("notes", |report| {
        report.diagnostics.retain(|found| found.severity > Severity::Note);
    }),
    ("what the notebook needs", |report| report.dependencies = None),
    (
        "differences from the golden notebook but for the first 20",
        |report| {
            if let Some(comparison) = &mut report.comparison {
                comparison.diffs.truncate(20);
            }
        },
    ),
    (
        "diagnostics but for the first 100, and results of expectations but for the first 100",
        |report| {
            report
                .diagnostics
                .sort_by_key(|found| Reverse((found.fault, found.severity)));
            report.diagnostics.truncate(100);
            report.expectations.truncate(100);
        },
    ),
    ("cells that ended well", |report| {
        report.cells.retain(|cell| cell.error.is_some());
        report.cells.truncate(100);
    }),
    ("everything but the verdict", |report| {
        report.diagnostics.clear();
        report.expectations.clear();
        report.cells.clear();
        report.strengths.clear();
        report.comparison = None;
    }),
];

fn shorten(cell: &mut CellRun) {
    cell.last_output = None;
    if let Some(error) = &mut cell.error {
        error.traceback.clear();
        error.value = nbvet_report::step::plain(&error.value, 1000);
    }
}

/// The report, or as much of it as can be handed over.
fn fitting(report: Report) -> Validated {
    let mut validated = Validated {
        report,
        left_out: Vec::new(),
    };
    let mut cuts = CUTS.iter();
    // The envelope around it is a few bytes, which `encode` has room for.
    while encode(&validated).is_err() {
        let Some((what, cut)) = cuts.next() else { break };
        validated.report.notebooks.iter_mut().for_each(cut);
        validated.left_out.push((*what).to_owned());
    }
    validated
}
