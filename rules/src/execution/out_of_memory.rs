//! NB005 out-of-memory.

use nbvet_engine::{Check, Row, Run, RunContext, RunRule};
use nbvet_report::{Hint, RunEnd};

use crate::macros::rule;

rule! {
    /// The notebook was ended because it used too much memory.
    ///
    /// ## Why it matters
    ///
    /// The kernel or the memory limit ended the process: the cells below did not run.
    ///
    /// ## How to mend it
    ///
    /// Read less at once (`usecols`, `nrows`, chunks), delete what is not needed any more, or raise the limit.
    "NB005" "out-of-memory",
    group: Execution,
    row: Row::Fault,
    since: "0.1.0",
    check: Check::Run(&OutOfMemory),
}

struct OutOfMemory;

impl RunRule for OutOfMemory {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let Some(RunEnd::OutOfMemory { cell, limit, peak }) = run.end else {
            return;
        };
        let size = |bytes: &u64| format!("{} MiB", bytes / (1024 * 1024));
        let limit = limit
            .as_ref()
            .map_or_else(String::new, |limit| format!(": the limit is {}", size(limit)));
        let peak = peak
            .as_ref()
            .map_or_else(String::new, |peak| format!(", it held {}", size(peak)));
        let message = format!("the notebook ran out of memory{limit}{peak}");
        cx.report(
            super::somewhere_in(cx, *cell, message)
                .because("Its process was ended; the cells below did not run.")
                .help(
                    Hint::from("read less at once, delete what is not needed any more, or raise the limit")
                        .in_cluster(
                            "read less at once, delete what is not needed any more, or raise the limit in \
                         `spec.podConfig.resources.limits`",
                        ),
                ),
        );
    }
}
