//! The report of a notebook in short, as a status has room for it. What is left out stands in the whole report.

use nbvet_report::{
    CellOutcome, CellRun, Comparison, ComparisonResult, ComparisonStrategy, Diagnostic, DiffType, Level,
    NotebookReport, OutputDiff, Severity,
};

use crate::{
    status::{
        CellResult, CellStatus, Check, CheckStatus, CheckType, ComparisonSummary, Difference, Feedback,
        NotebookValidationJobStatus, VerdictSummary,
    },
    text,
};

/// Most cells, pieces of feedback and differences in a status.
const MOST: (usize, usize, usize) = (40, 12, 8);
/// Most bytes of a text in one of them.
const MOST_TEXT: usize = 400;
/// Most bytes of the output of a cell that did not fail.
const MOST_OUTPUT: usize = 120;

/// Puts what a report found into a status, in the place of what stood there. The status is not bounded as a whole by
/// this; see [`bounded`](crate::room::bounded).
pub fn put(status: &mut NotebookValidationJobStatus, report: &NotebookReport) {
    status.verdict = Some(VerdictSummary::from(&report.verdict));
    status.validation_checks = checks(report);
    status.results = results(&report.cells);
    status.educational_feedback = feedback(&report.diagnostics);
    status.comparison_result = report.comparison.as_ref().map(comparison);
}

/// What became of cells: those that failed first, then the others in their order.
fn results(cells: &[CellRun]) -> Vec<CellResult> {
    let mut cells: Vec<&CellRun> = cells.iter().collect();
    cells.sort_by_key(|cell| (rank(cell.outcome), cell.cell));
    cells.into_iter().take(MOST.0).map(result).collect()
}

const fn rank(outcome: CellOutcome) -> u8 {
    match outcome {
        CellOutcome::Error | CellOutcome::Timeout => 0,
        CellOutcome::Ok => 1,
        CellOutcome::NotRun => 2,
        CellOutcome::Skipped => 3,
    }
}

fn result(cell: &CellRun) -> CellResult {
    let failed = rank(cell.outcome) == 0;
    let error = cell
        .error
        .as_ref()
        .map(|error| format!("{}: {}", error.name, error.value));
    let output = cell.last_output.as_deref().map(text::clean);
    let most = if failed { MOST_TEXT } else { MOST_OUTPUT };
    CellResult {
        cell_index: cell.cell.into(),
        cell_id: cell.cell_id.as_deref().map(|id| text::one_line(id, 64)),
        status: match cell.outcome {
            CellOutcome::Ok => CellStatus::Success,
            CellOutcome::Error | CellOutcome::Timeout => CellStatus::Failure,
            CellOutcome::Skipped => CellStatus::Skipped,
            CellOutcome::NotRun => CellStatus::NotRun,
        },
        execution_time: matches!(
            cell.outcome,
            CellOutcome::Ok | CellOutcome::Error | CellOutcome::Timeout
        )
        .then(|| format!("{:.2}s", cell.seconds)),
        output: output.map(|output| text::cut_front(output.trim_end(), most)),
        error_message: error.map(|error| text::cut(text::clean(&error).trim_end(), MOST_TEXT)),
    }
}

/// What to learn from findings that count: the worst first, then by their place.
fn feedback(diagnostics: &[Diagnostic]) -> Vec<Feedback> {
    let mut told: Vec<&Diagnostic> = diagnostics.iter().filter(|found| found.counts()).collect();
    told.sort_by_key(|found| {
        (
            std::cmp::Reverse((found.fault, found.severity)),
            found.location.cell,
        )
    });
    let short = |text: &String| text::cut(text::clean(text).trim(), MOST_TEXT);
    told.into_iter()
        .take(MOST.1)
        .map(|found| Feedback {
            rule: text::one_line(&found.rule.id, 32),
            severity: found.severity,
            cell: found.location.cell.map(i64::from),
            issue: text::one_line(&found.message, MOST_TEXT),
            explanation: found.explanation.as_ref().map(short),
            suggestion: found.help.as_ref().map(short),
            example: found.example.as_ref().map(short),
            documentation: Some(format!("nbvet explain {}", text::one_line(&found.rule.id, 32))),
        })
        .collect()
}

fn comparison(found: &Comparison) -> ComparisonSummary {
    ComparisonSummary {
        strategy: match found.strategy {
            ComparisonStrategy::Exact => "exact",
            ComparisonStrategy::Normalized => "normalized",
        }
        .to_owned(),
        result: match found.result {
            ComparisonResult::Matched => "matched",
            ComparisonResult::Failed => "failed",
            ComparisonResult::Skipped => "skipped",
        }
        .to_owned(),
        total_cells: found.total_cells.into(),
        matched_cells: found.matched_cells.into(),
        mismatched_cells: found.mismatched_cells.into(),
        diffs: found.diffs.iter().take(MOST.2).map(difference).collect(),
    }
}

fn difference(diff: &OutputDiff) -> Difference {
    let short = |text: &String| text::cut(text::clean(text).trim_end(), MOST_TEXT);
    let cell = diff.cell_index.or(diff.golden_cell_index).unwrap_or_default();
    Difference {
        cell_index: cell.into(),
        cell_type: text::one_line(&diff.cell_type, 32),
        diff_type: match diff.diff_type {
            DiffType::Content => "content",
            DiffType::MissingOutput => "missing-output",
            DiffType::ExtraOutput => "extra-output",
            DiffType::ExecutionCount => "execution-count",
            DiffType::MissingCell => "missing-cell",
            DiffType::ExtraCell => "extra-cell",
        }
        .to_owned(),
        expected: diff.expected.as_ref().map(short),
        actual: diff.actual.as_ref().map(short),
        diff: Some(short(&diff.diff)).filter(|diff| !diff.is_empty()),
        severity: None,
    }
}

/// The groups of checks, each with what came of it.
fn checks(report: &NotebookReport) -> Vec<Check> {
    let all = [
        CheckType::Lint,
        CheckType::Execution,
        CheckType::SilentFailure,
        CheckType::DataQuality,
        CheckType::ExitCode,
        CheckType::ExpectedOutputs,
        CheckType::GoldenComparison,
        CheckType::Dependencies,
    ];
    all.map(|kind| check(kind, report)).into()
}

fn check(kind: CheckType, report: &NotebookReport) -> Check {
    let level = report.verdict.level;
    let counted = report.diagnostics.iter().filter(|found| found.counts());
    let found: Vec<&Diagnostic> = counted.filter(|found| group(&found.rule.id) == kind).collect();
    let failing = found.iter().find(|found| level.fails(found));
    let status = match failing {
        Some(_) => CheckStatus::Failed,
        None if found.is_empty() && !looked_at(kind, report) => CheckStatus::Skipped,
        None => CheckStatus::Passed,
    };
    Check {
        kind,
        status,
        message: failing
            .or(found.first())
            .map(|first| message(&found, first, level)),
    }
}

fn message(found: &[&Diagnostic], first: &Diagnostic, level: Level) -> String {
    let failing = found.iter().filter(|found| level.fails(found)).count();
    let notes = found
        .iter()
        .filter(|found| found.severity == Severity::Note)
        .count();
    let place = first
        .location
        .cell
        .map_or(String::new(), |cell| format!(", cell {cell}"));
    let plural = if notes == 1 { "" } else { "s" };
    let counts = format!("{} found, {failing} failing, {notes} note{plural}", found.len());
    text::one_line(
        &format!("{counts}: {}{place}: {}", first.rule.id, first.message),
        MOST_TEXT,
    )
}

/// Whether a group was looked at when it found nothing.
fn looked_at(kind: CheckType, report: &NotebookReport) -> bool {
    let ran = report.end.is_some() && report.failure.is_none();
    match kind {
        CheckType::Lint => report.failure.is_none(),
        CheckType::Execution | CheckType::SilentFailure | CheckType::DataQuality | CheckType::ExitCode => ran,
        CheckType::ExpectedOutputs => ran && !report.expectations.is_empty(),
        CheckType::GoldenComparison => report
            .comparison
            .as_ref()
            .is_some_and(|found| found.total_cells > 0),
        CheckType::Dependencies => report.dependencies.is_some(),
    }
}

/// The group that a rule counts to: the first digit of its id, and a few that are told apart by what they look at.
fn group(rule: &str) -> CheckType {
    match rule {
        "NB110" | "NB111" | "NB113" => return CheckType::ExpectedOutputs,
        "NB112" => return CheckType::GoldenComparison,
        "NB207" | "NB208" | "NB209" | "NB212" => return CheckType::ExitCode,
        _ => {}
    }
    match rule.as_bytes().get(2) {
        Some(b'0') => CheckType::Execution,
        Some(b'2') => CheckType::SilentFailure,
        Some(b'3') => CheckType::DataQuality,
        Some(b'9') => CheckType::Dependencies,
        _ => CheckType::Lint,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cell(index: u32, outcome: &str) -> Value {
        json!({"cell": index, "outcome": outcome, "seconds": 0.125, "lastOutput": format!("\u{1b}[31mcell {index}\u{1b}[0m\n")})
    }

    fn found(rule: &str, severity: &str, cell: u32) -> Value {
        let location = json!({"cell": cell, "line": 1, "column": 1, "endLine": 1, "endColumn": 2, "fileLine": 9, "fileEndLine": 9});
        json!({
            "rule": {"id": rule, "name": "example"}, "severity": severity, "message": format!("{rule} here"),
            "help": "mend\u{7} it", "location": location
        })
    }

    fn report(parts: Value) -> NotebookReport {
        let mut report = json!({
            "path": "a.ipynb",
            "verdict": {
                "outcome": "Failed", "exitCode": "failed", "level": "staging", "errors": 1, "warnings": 2, "notes": 3,
                "suppressed": 4, "cells": {"total": 3, "ok": 1, "failed": 1, "skipped": 0, "notRun": 1}
            },
            "diagnostics": [],
            "end": {"kind": "completed"}
        });
        if let Value::Object(parts) = parts {
            report.as_object_mut().unwrap().extend(parts);
        }
        serde_json::from_value(report).unwrap()
    }

    fn status(parts: Value) -> NotebookValidationJobStatus {
        let mut status = NotebookValidationJobStatus::default();
        put(&mut status, &report(parts));
        status
    }

    #[test]
    fn cells_that_failed_stand_first_and_the_others_in_their_order() {
        let cells = json!([
            cell(0, "ok"),
            cell(1, "skipped"),
            cell(2, "ok"),
            cell(3, "error"),
            cell(4, "not-run")
        ]);
        let results = status(json!({"cells": cells})).results;
        let order: Vec<_> = results
            .iter()
            .map(|result| (result.cell_index, result.status))
            .collect();
        assert_eq!(
            order,
            [
                (3, CellStatus::Failure),
                (0, CellStatus::Success),
                (2, CellStatus::Success),
                (4, CellStatus::NotRun),
                (1, CellStatus::Skipped),
            ]
        );
        assert_eq!(results[0].output.as_deref(), Some("cell 3"));
        assert_eq!(results[0].execution_time.as_deref(), Some("0.12s"));
        assert_eq!(results[3].execution_time, None);
    }

    #[test]
    fn of_many_cells_those_that_failed_are_kept() {
        let mut cells: Vec<Value> = (0..500).map(|index| cell(index, "ok")).collect();
        cells[499] = cell(499, "timeout");
        let results = status(json!({"cells": cells})).results;
        assert_eq!((results.len(), results[0].cell_index), (MOST.0, 499));
    }

    #[test]
    fn the_worst_findings_are_told_first_and_suppressed_ones_not_at_all() {
        let mut suppressed = found("NB999", "error", 0);
        suppressed["suppression"] = json!({"kind": "comment"});
        let diagnostics = json!([
            found("NB105", "note", 1),
            found("NB202", "warning", 2),
            suppressed,
            found("NB211", "error", 5)
        ]);
        let feedback = status(json!({"diagnostics": diagnostics})).educational_feedback;
        let order: Vec<_> = feedback
            .iter()
            .map(|told| (told.rule.as_str(), told.cell))
            .collect();
        assert_eq!(
            order,
            [("NB211", Some(5)), ("NB202", Some(2)), ("NB105", Some(1))]
        );
        assert_eq!(feedback[0].suggestion.as_deref(), Some("mend it"));
        assert_eq!(feedback[0].documentation.as_deref(), Some("nbvet explain NB211"));
    }

    #[test]
    fn each_group_of_checks_says_whether_it_passed_failed_or_was_not_looked_at() {
        let diagnostics = json!([
            found("NB211", "error", 5),
            found("NB101", "note", 1),
            found("NB212", "warning", 1)
        ]);
        let checks = status(json!({"diagnostics": diagnostics})).validation_checks;
        let said: Vec<_> = checks.iter().map(|check| (check.kind, check.status)).collect();
        assert_eq!(
            said,
            [
                (CheckType::Lint, CheckStatus::Passed),
                (CheckType::Execution, CheckStatus::Passed),
                (CheckType::SilentFailure, CheckStatus::Failed),
                (CheckType::DataQuality, CheckStatus::Passed),
                (CheckType::ExitCode, CheckStatus::Passed),
                (CheckType::ExpectedOutputs, CheckStatus::Skipped),
                (CheckType::GoldenComparison, CheckStatus::Skipped),
                (CheckType::Dependencies, CheckStatus::Skipped),
            ]
        );
        assert_eq!(
            checks[2].message.as_deref(),
            Some("1 found, 1 failing, 0 notes: NB211, cell 5: NB211 here")
        );
        assert_eq!(
            checks[0].message.as_deref(),
            Some("1 found, 0 failing, 1 note: NB101, cell 1: NB101 here")
        );
    }

    #[test]
    fn what_kept_a_notebook_from_being_judged_passes_no_check() {
        let failure = json!({"kind": "agent-lost", "message": "gone"});
        let checks = status(json!({"failure": failure, "end": null})).validation_checks;
        assert!(
            checks.iter().all(|check| check.status == CheckStatus::Skipped),
            "{checks:?}"
        );
    }

    #[test]
    fn the_verdict_is_the_report_s() {
        let verdict = status(json!({})).verdict.unwrap();
        assert_eq!((verdict.errors, verdict.warnings, verdict.notes), (1, 2, 3));
        assert_eq!(verdict.cells.unwrap().not_run, 1);
    }
}
