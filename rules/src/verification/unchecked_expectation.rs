//! NB113 unchecked-expectation.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::{ExpectationStatus, RunEnd, Severity};

use crate::{analysis::expectations::place, macros::rule};

rule! {
    /// An expectation that was not checked, because its cell is not there or was not run.
    ///
    /// ## Why it matters
    ///
    /// Who wrote the expectation relies on it. When cells are moved, removed or skipped, it silently checks nothing.
    ///
    /// Where the run failed anyway, this is a note.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// raise SystemExit(0)
    /// # %%
    /// total = 3
    /// total  # expect: 3
    /// ```
    ///
    /// ```python good
    /// total = 3
    /// total  # expect: 3
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Name the cell by its id or a tag, which stay when cells move; take out what nobody expects any more.
    "NB113" "unchecked-expectation",
    group: Verification,
    row: Row::Expectation,
    since: "0.1.0",
    check: Check::Run(&UncheckedExpectation),
}

struct UncheckedExpectation;

impl RunRule for UncheckedExpectation {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let ended_well = matches!(run.end, Some(RunEnd::Completed | RunEnd::Exited { .. }));
        let open = run
            .expectations
            .iter()
            .filter(|result| result.status == ExpectationStatus::NotChecked);
        for result in open {
            let message = format!(
                "nobody knows whether {} is as expected ({}): {}",
                result.subject,
                result.expected,
                result.reasons.join("; ")
            );
            let finding = Finding::new(place(result, cx), message)
                .because("An expectation that is not checked protects nothing.")
                .help(format!("it is written in {}", result.written));
            cx.report(if ended_well {
                finding
            } else {
                finding.at_most(Severity::Note)
            });
        }
    }
}
