//! NB214 error-after-cell.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::{AfterCellOrigin, Fact};

use crate::{analysis::headline, macros::rule};

rule! {
    /// An error in a thread, a task or the drawing of a figure, which the cell itself does not see.
    ///
    /// ## Why it matters
    ///
    /// Such an error is printed and forgotten: the cell has ended, or ends, as if nothing had happened, and what the
    /// thread or task was to do is not done.
    ///
    /// What fails in a `__del__`, or when the process ends, counts one severity less: the cells have their results by
    /// then, and mostly only something that was to be closed stays open.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import threading
    ///
    /// def work():
    ///     raise ValueError("no data")
    ///
    /// thread = threading.Thread(target=work)
    /// thread.start()
    /// thread.join()
    /// ```
    ///
    /// ```python good
    /// from concurrent.futures import ThreadPoolExecutor
    ///
    /// def work():
    ///     return 1
    ///
    /// with ThreadPoolExecutor() as pool:
    ///     result = pool.submit(work).result()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Take the result where the work is waited for: `future.result()` and `await task` raise what went wrong.
    "NB214" "error-after-cell",
    group: SilentFailure,
    row: Row::Hidden,
    since: "0.1.0",
    check: Check::Run(&ErrorAfterCell),
}

struct ErrorAfterCell;

fn help(origin: AfterCellOrigin) -> &'static str {
    match origin {
        AfterCellOrigin::Thread => {
            "`Thread.join()` does not raise what its thread raised: use `concurrent.futures` and take `future.result()`"
        }
        AfterCellOrigin::Task => "wait for the task: `await task` raises what it raised",
        AfterCellOrigin::Hook => "draw and save inside the cell (`fig.savefig(…)`), where the error stops it",
        AfterCellOrigin::Shown => {
            "see what shows it: the value's own representation, or code that the cell has IPython run"
        }
        AfterCellOrigin::Unraisable => {
            "close by `with …:` what now fails in `__del__`, so that the error is seen"
        }
        AfterCellOrigin::Exit => {
            "close and stop inside a cell what now fails in `atexit` or when Python ends"
        }
    }
}

impl RunRule for ErrorAfterCell {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        for cell in run.cells {
            if cx.cell(cell).is_some_and(nbvet_engine::ParsedCell::may_raise) {
                continue;
            }
            for fact in &cell.facts {
                let Fact::AfterCell { origin, error } = fact else {
                    continue;
                };
                let value = headline::of(&error.value);
                let how = match origin {
                    AfterCellOrigin::Thread => "raised in a thread",
                    AfterCellOrigin::Task => "raised in a task",
                    AfterCellOrigin::Hook => "raised in a hook that runs after the cell",
                    AfterCellOrigin::Shown => "shown by a cell that goes on",
                    AfterCellOrigin::Unraisable => "raised in a place that cannot raise",
                    AfterCellOrigin::Exit => "",
                };
                let told = if *origin == AfterCellOrigin::Exit {
                    // What is told is no exception.
                    value.into_owned()
                } else {
                    format!("{}: {value}, {how}", error.name)
                };
                let at = cx.at_line(cell.cell, error.line);
                cx.report(
                    Finding::new(at, told)
                        .because("The cell does not see this error and goes on without what failed.")
                        .help(help(*origin))
                        .lowered_if(matches!(
                            origin,
                            AfterCellOrigin::Unraisable | AfterCellOrigin::Exit
                        )),
                );
            }
        }
    }
}
