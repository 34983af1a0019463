//! NB006 cell-timeout.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::{Hint, RunEnd};

use crate::macros::rule;

rule! {
    /// A cell ran past its time limit.
    ///
    /// ## Why it matters
    ///
    /// The cell was interrupted, and ended when it did not stop; the cells below did not run.
    ///
    /// ## How to mend it
    ///
    /// Make the cell faster, or raise the limit: `--cell-timeout 10m`.
    "NB006" "cell-timeout",
    group: Execution,
    row: Row::Fault,
    since: "0.1.0",
    check: Check::Run(&CellTimeout),
}

struct CellTimeout;

/// The line that ran when the cell was interrupted, where the interrupt told it.
pub(crate) fn hung_at(run: &Run<'_>, cell: u32) -> Option<u32> {
    let cell = run.cells.iter().find(|run| run.cell == cell)?;
    cell.error.as_ref()?.line
}

impl RunRule for CellTimeout {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let Some(RunEnd::CellTimedOut { cell, limit }) = run.end else {
            return;
        };
        let at = cx.at_line(*cell, hung_at(run, *cell));
        cx.report(
            Finding::new(at, format!("this cell ran longer than its limit of {limit} s"))
                .because("It was interrupted; the cells below did not run.")
                .help(
                    Hint::from("make the cell faster, or raise the limit with `--cell-timeout`").in_cluster(
                        "make the cell faster, or raise the limit where it stands: `cell-timeout` in the repository's \
                         nbvet.toml, or the notebook's own metadata",
                    ),
                ),
        );
    }
}
