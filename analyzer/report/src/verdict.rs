//! The one place that says whether a notebook passed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    CellOutcome, CellRun, Diagnostic, ExitCode, Level, RunEnd, RunFailure, Severity, SuppressionKind,
};

/// What became of a notebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// Nothing failing was found and, where it was run, it ran to its end.
    Passed,
    /// The notebook is at fault.
    Failed,
    /// The notebook, or a cell of it, ran past its limit.
    TimedOut,
    /// No verdict: something else is at fault.
    Error,
}

/// The verdict on one notebook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// What became of it.
    pub outcome: Outcome,
    /// The exit code that stands for it.
    pub exit_code: ExitCode,
    /// The level it was judged at.
    pub level: Level,
    /// Diagnostics of severity error that count.
    pub errors: u32,
    /// Diagnostics of severity warning that count.
    pub warnings: u32,
    /// Diagnostics of severity note that count.
    pub notes: u32,
    /// Diagnostics switched off by the notebook itself.
    pub suppressed: u32,
    /// Diagnostics that stand in the baseline.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub baselined: u32,
    /// Code cells by outcome; `None` where the notebook was not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<CellCounts>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Code cells by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellCounts {
    /// All code cells.
    pub total: u32,
    /// Ran to their end.
    pub ok: u32,
    /// Raised, died or ran out of time.
    pub failed: u32,
    /// Skipped by tag, or empty.
    pub skipped: u32,
    /// The run had ended before them.
    pub not_run: u32,
}

impl CellCounts {
    /// Those that ran, well or not.
    pub const fn ran(&self) -> u32 {
        self.ok + self.failed
    }

    /// Those that were to run: all but the skipped ones, which nobody wanted to run.
    pub const fn to_run(&self) -> u32 {
        self.ran() + self.not_run
    }

    fn of(cells: &[CellRun]) -> Self {
        let mut counts = Self::default();
        for cell in cells {
            counts.total += 1;
            match cell.outcome {
                CellOutcome::Ok => counts.ok += 1,
                CellOutcome::Error | CellOutcome::Timeout => counts.failed += 1,
                CellOutcome::Skipped => counts.skipped += 1,
                CellOutcome::NotRun => counts.not_run += 1,
            }
        }
        counts
    }
}

/// Judges a notebook: a failure outside it comes first (no verdict), then how its run ended, then its
/// diagnostics against the level's failing severity.
///
/// `end` and `cells` are empty for a notebook that was only read.
pub fn judge(
    level: Level,
    diagnostics: &[Diagnostic],
    cells: &[CellRun],
    end: Option<&RunEnd>,
    failure: Option<&RunFailure>,
) -> Verdict {
    let count = |severity| {
        let counted = diagnostics
            .iter()
            .filter(|found| found.counts() && found.severity == severity)
            .count();
        u32::try_from(counted).unwrap_or(u32::MAX)
    };
    let suppressed = |is: fn(SuppressionKind) -> bool| {
        let suppressions = diagnostics.iter().filter_map(|found| found.suppression.as_ref());
        u32::try_from(suppressions.filter(|suppression| is(suppression.kind)).count()).unwrap_or(u32::MAX)
    };
    let (outcome, exit_code) = if let Some(failure) = failure {
        (Outcome::Error, failure.kind.exit_code())
    } else {
        match end {
            Some(RunEnd::CellTimedOut { .. } | RunEnd::NotebookTimedOut { .. }) => {
                (Outcome::TimedOut, ExitCode::Failed)
            }
            Some(RunEnd::Cancelled) => (Outcome::Error, ExitCode::Error),
            Some(
                RunEnd::Raised { .. }
                | RunEnd::ExitedWith { .. }
                | RunEnd::Died { .. }
                | RunEnd::OutOfMemory { .. },
            ) => (Outcome::Failed, ExitCode::Failed),
            Some(RunEnd::Completed | RunEnd::Exited { .. }) | None
                if diagnostics.iter().any(|found| level.fails(found)) =>
            {
                (Outcome::Failed, ExitCode::Failed)
            }
            Some(RunEnd::Completed | RunEnd::Exited { .. }) | None => (Outcome::Passed, ExitCode::Passed),
        }
    };
    Verdict {
        outcome,
        exit_code,
        level,
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        notes: count(Severity::Note),
        suppressed: suppressed(|kind| kind != SuppressionKind::Baseline),
        baselined: suppressed(|kind| kind == SuppressionKind::Baseline),
        cells: end.map(|_| CellCounts::of(cells)),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::{FailureKind, Location, RuleRef};

    fn found(severity: Severity, fault: bool) -> Diagnostic {
        Diagnostic {
            rule: RuleRef {
                id: Cow::Borrowed("NB000"),
                name: Cow::Borrowed("example"),
            },
            severity,
            fault,
            message: String::new(),
            explanation: None,
            help: None,
            location: Location::file_start(),
            labels: Vec::new(),
            fix: None,
            example: None,
            suppression: None,
            fingerprint: String::new(),
        }
    }

    fn outcomes(found: &[Diagnostic], end: Option<&RunEnd>) -> [Outcome; 4] {
        Level::ALL.map(|level| judge(level, found, &[], end, None).outcome)
    }

    use Outcome::{Error, Failed, Passed, TimedOut};

    #[test]
    fn s2_nothing_found_passes_at_every_level() {
        assert_eq!(outcomes(&[], Some(&RunEnd::Completed)), [Passed; 4]);
        assert_eq!(outcomes(&[], Some(&RunEnd::Exited { cell: 0 })), [Passed; 4]);
        assert_eq!(outcomes(&[], None), [Passed; 4]);
    }

    #[test]
    fn s2_each_level_fails_from_its_failing_severity_on() {
        assert_eq!(outcomes(&[found(Severity::Note, false)], None), [Passed; 4]);
        assert_eq!(
            outcomes(&[found(Severity::Warning, false)], None),
            [Passed, Passed, Passed, Failed]
        );
        assert_eq!(
            outcomes(&[found(Severity::Error, false)], None),
            [Passed, Failed, Failed, Failed]
        );
    }

    #[test]
    fn s2_execution_faults_and_files_that_are_no_notebooks_fail_at_every_level() {
        assert_eq!(outcomes(&[found(Severity::Error, true)], None), [Failed; 4]);
        for end in [
            RunEnd::Raised { cell: 0 },
            RunEnd::ExitedWith {
                cell: 0,
                code: "1".to_owned(),
            },
            RunEnd::Died {
                cell: None,
                status: Some(0),
                signal: None,
            },
            RunEnd::OutOfMemory {
                cell: None,
                limit: None,
                peak: None,
            },
        ] {
            assert_eq!(outcomes(&[], Some(&end)), [Failed; 4], "{end:?}");
        }
    }

    #[test]
    fn s2_a_time_out_is_told_apart_and_fails_at_every_level() {
        let ends = [
            RunEnd::CellTimedOut { cell: 0, limit: 1.0 },
            RunEnd::NotebookTimedOut {
                cell: Some(0),
                limit: 1.0,
            },
        ];
        for end in ends {
            assert_eq!(outcomes(&[], Some(&end)), [TimedOut; 4]);
            assert_eq!(
                judge(Level::Learning, &[], &[], Some(&end), None).exit_code,
                ExitCode::Failed
            );
        }
    }

    #[test]
    fn s2_a_failure_outside_the_notebook_is_never_a_pass_and_has_its_own_code() {
        for (kind, code) in [
            (FailureKind::NoInterpreter, ExitCode::Error),
            (FailureKind::AgentLost, ExitCode::Error),
            (FailureKind::Internal, ExitCode::Internal),
        ] {
            let failure = RunFailure {
                kind,
                message: String::new(),
                hint: None,
            };
            let verdict = judge(
                Level::Learning,
                &[],
                &[],
                Some(&RunEnd::Completed),
                Some(&failure),
            );
            assert_eq!((verdict.outcome, verdict.exit_code), (Error, code));
        }
    }

    #[test]
    fn s2_what_is_suppressed_or_off_does_not_count() {
        let mut hidden = found(Severity::Error, false);
        hidden.suppression = Some(crate::Suppression {
            kind: SuppressionKind::Comment,
            reason: None,
        });
        let verdict = judge(
            Level::Production,
            &[hidden, found(Severity::Off, false)],
            &[],
            None,
            None,
        );
        assert_eq!(
            (verdict.outcome, verdict.errors, verdict.suppressed),
            (Passed, 0, 1)
        );
    }
}
