//! NB003 nonzero-exit.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::RunEnd;

use crate::macros::rule;

rule! {
    /// The notebook stopped itself with an exit status other than 0.
    ///
    /// ## Why it matters
    ///
    /// `sys.exit(1)` or `sys.exit("message")` says that the notebook gave up. `sys.exit()` and `sys.exit(0)` end a
    /// notebook well.
    ///
    /// ## How to mend it
    ///
    /// Mend what made the notebook stop; if it is meant, stop with `sys.exit(0)`.
    "NB003" "nonzero-exit",
    group: Execution,
    row: Row::Fault,
    since: "0.1.0",
    check: Check::Run(&NonzeroExit),
}

struct NonzeroExit;

impl RunRule for NonzeroExit {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let Some(RunEnd::ExitedWith { cell, code }) = run.end else {
            return;
        };
        let error = run
            .cells
            .iter()
            .find(|run| run.cell == *cell)
            .and_then(|run| run.error.as_ref());
        let at = cx.at_line(*cell, error.and_then(|error| error.line));
        cx.report(
            Finding::new(at, stopped(code))
                .because("The cells below did not run.")
                .help(
                    "mend what made it stop; where ending early is a good end, `sys.exit(0)` says so, but the \
                     cells below do not run then either",
                ),
        );
    }
}

/// Python prints a code that is no number, and exits with status 1.
fn stopped(code: &str) -> String {
    if code.parse::<i64>().is_ok() {
        format!("the notebook stopped itself with exit status {code}")
    } else {
        format!("the notebook stopped itself, saying: {code}")
    }
}
