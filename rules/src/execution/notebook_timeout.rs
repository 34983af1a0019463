//! NB007 notebook-timeout.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::{Hint, RunEnd};

use super::cell_timeout::hung_at;
use crate::macros::rule;

rule! {
    /// The notebook ran past its time limit.
    ///
    /// ## Why it matters
    ///
    /// The cell that ran then was interrupted; the cells below did not run. The limit is 30 minutes where none is
    /// given; the start of its Python counts too.
    ///
    /// ## How to mend it
    ///
    /// Make the notebook faster, or raise the limit: `--timeout 2h`.
    "NB007" "notebook-timeout",
    group: Execution,
    row: Row::Fault,
    since: "0.1.0",
    check: Check::Run(&NotebookTimeout),
}

struct NotebookTimeout;

impl RunRule for NotebookTimeout {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let Some(RunEnd::NotebookTimedOut { cell, limit }) = run.end else {
            return;
        };
        let at = cell.map_or_else(nbvet_report::Location::file_start, |cell| {
            cx.at_line(cell, hung_at(run, cell))
        });
        let (message, because) = match cell {
            Some(_) => (
                format!("the notebook ran longer than its limit of {limit} s"),
                "This cell ran when the time was over; the cells below did not run.",
            ),
            None => (
                format!(
                    "the notebook's limit of {limit} s was over before its Python was ready to run a cell"
                ),
                "The time that Python takes to start counts too; no cell ran.",
            ),
        };
        cx.report(
            Finding::new(at, message).because(because).help(
                Hint::from("make the notebook faster, or raise the limit with `--timeout`")
                    .in_cluster("make the notebook faster, or raise the limit in `spec.validationTimeout`"),
            ),
        );
    }
}
