//! NB004 process-died.

use nbvet_engine::{Check, Row, Run, RunContext, RunRule};
use nbvet_report::RunEnd;

use crate::macros::rule;

rule! {
    /// The process of the notebook ended by itself while it ran.
    ///
    /// ## Why it matters
    ///
    /// A crash in compiled code, `os._exit()` or a signal ended Python, whatever the status: the cells below did not
    /// run, and what was in memory is gone.
    ///
    /// ## How to mend it
    ///
    /// Run the cell that the message names alone. Signal 11 (SIGSEGV) is mostly two packages that do not fit
    /// together.
    "NB004" "process-died",
    group: Execution,
    row: Row::Fault,
    since: "0.1.0",
    check: Check::Run(&ProcessDied),
}

struct ProcessDied;

impl RunRule for ProcessDied {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let Some(RunEnd::Died { cell, status, signal }) = run.end else {
            return;
        };
        let how = match (signal, status) {
            (Some(signal), _) => format!("was ended by signal {signal}{}", signal_name(*signal)),
            (None, Some(status)) => format!("ended itself with status {status}"),
            (None, None) => "ended".to_owned(),
        };
        let message = format!("the notebook's process {how} while this cell ran");
        cx.report(
            super::somewhere_in(cx, *cell, message)
                .because("The cells below did not run.")
                .help(help(*signal)),
        );
    }
}

fn help(signal: Option<i32>) -> &'static str {
    match signal {
        Some(9) => {
            "nothing in Python does this by accident: mostly the system, or a container's limit, ended it for lack of \
             memory; try with less data"
        }
        Some(2 | 15) => {
            "somebody asked it to end: look for what else runs on this machine, and for `os.kill` in the cell"
        }
        Some(_) => {
            "run this cell alone; a crash in compiled code is mostly two packages that do not fit together"
        }
        None => "look for `os._exit` in the cell and in what it calls; to stop a notebook, raise an error",
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    }
}
