//! NB213 python-warning.

use std::collections::BTreeSet;

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::{Fact, Severity};

use crate::{analysis::headline, macros::rule};

rule! {
    /// A Python warning that was issued while a cell ran.
    ///
    /// ## Why it matters
    ///
    /// `RuntimeWarning: Mean of empty slice` and `ConvergenceWarning: failed to converge` say that a number is not
    /// what it should be. Deprecations count one severity less. With `failOnWarnings` warnings are errors, and
    /// deprecations warnings.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import warnings
    /// warnings.warn("the sensor was recalibrated", UserWarning)
    /// ```
    ///
    /// ```python good
    /// print("the sensor was recalibrated")
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Mend the cause. If the warning is expected, say so where it is: `warnings.filterwarnings("ignore",
    /// message="…")`.
    "NB213" "python-warning",
    group: Verification,
    row: Row::Unverified,
    raised_by: FailOnWarnings,
    since: "0.1.0",
    check: Check::Run(&PythonWarning),
}

struct PythonWarning;

impl RunRule for PythonWarning {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let mut seen = BTreeSet::new();
        for cell in run.cells {
            for fact in &cell.facts {
                let Fact::Warning {
                    category,
                    bases,
                    message,
                    line,
                    count,
                    ..
                } = fact
                else {
                    continue;
                };
                let is_told = super::coroutine_never_awaited::warned_of(message).is_some();
                if is_told || !seen.insert((cell.cell, category, message)) {
                    continue;
                }
                let deprecation = is_deprecation(category) || bases.iter().any(|base| is_deprecation(base));
                let at = cx.at_line(cell.cell, *line);
                let text = headline::of(message);
                let times = if *count > 1 {
                    format!(" ({count} times)")
                } else {
                    String::new()
                };
                let finding = Finding::new(at, format!("{category}: {text}{times}"))
                    .because(meaning(category, &text))
                    .lowered_if(deprecation);
                cx.report(if deprecation {
                    finding.at_most(Severity::Warning)
                } else {
                    finding
                });
            }
        }
    }
}

fn is_deprecation(category: &str) -> bool {
    matches!(
        category,
        "DeprecationWarning" | "PendingDeprecationWarning" | "FutureWarning" | "SyntaxWarning"
    )
}

fn meaning(category: &str, message: &str) -> &'static str {
    match category {
        "RuntimeWarning" if message.contains("empty slice") => {
            "A mean over nothing was taken: its result is NaN."
        }
        "RuntimeWarning" if message.contains("invalid value") || message.contains("divide by zero") => {
            "The result has NaN or infinity in it."
        }
        "ConvergenceWarning" => "The model stopped before it had settled; its numbers are not final.",
        "SettingWithCopyWarning" | "ChainedAssignmentError" => {
            "The value was written to a copy: the frame is unchanged."
        }
        _ => "Python says that something here is not as it should be.",
    }
}
