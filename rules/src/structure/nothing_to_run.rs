//! NB928 nothing-to-run.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::{CellOutcome, CellRun, Level, Location, RunEnd};

use crate::macros::rule;

rule! {
    /// A notebook of which no code cell was run, for there is none.
    ///
    /// ## Why it matters
    ///
    /// It ends well whatever it is for: its cells are text, or empty, or marked as ones to skip, and nothing of it was
    /// checked. A notebook that was cleared or saved half-way looks like this. At production it fails.
    ///
    /// ## How to mend it
    ///
    /// Bring back the cells that are missing; a notebook that only explains is not for `validate`: leave it out, or switch
    /// this rule off for it.
    "NB928" "nothing-to-run",
    group: Structure,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Run(&NothingToRun),
}

struct NothingToRun;

impl RunRule for NothingToRun {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let has_run = |run: &CellRun| run.outcome != CellOutcome::Skipped;
        if run.end != Some(&RunEnd::Completed) || run.cells.iter().any(has_run) {
            return;
        }
        let message = if run.cells.is_empty() {
            "there is no code cell to run"
        } else {
            "there is no code cell to run: all are empty, or marked as ones to skip"
        };
        cx.report(
            Finding::new(Location::file_start(), message)
                .because("It ends well whatever it is for: nothing of it was checked.")
                .help("bring back the cells that are missing, or leave this notebook out"),
        );
    }
}
