//! NB223 coroutine-never-awaited.

use nbvet_engine::{
    Check, Finding, Row, Run, RunContext, RunRule,
    ast::{Expr, Ranged, Stmt},
};
use nbvet_report::Fact;

use crate::macros::rule;

rule! {
    /// A coroutine that was called and never awaited: nothing in it has run.
    ///
    /// ## Why it matters
    ///
    /// Calling an `async def` only makes a coroutine. Without `await` its body never starts: the page is not fetched, the
    /// file not written, and the cell is green. This is seen when the notebook runs, so it is no guess.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import asyncio
    ///
    /// async def save(rows):
    ///     await asyncio.sleep(0)
    ///     open("rows.txt", "w").write(str(rows))
    /// # %%
    /// save([1, 2])
    /// ```
    ///
    /// ```python good
    /// import asyncio
    ///
    /// async def save(rows):
    ///     await asyncio.sleep(0)
    ///     open("rows.txt", "w").write(str(rows))
    /// # %%
    /// await save([1, 2])
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Write `await` before the call: a notebook's cells may use it at the top level.
    "NB223" "coroutine-never-awaited",
    group: SilentFailure,
    row: Row::Hidden,
    since: "0.1.0",
    check: Check::Run(&CoroutineNeverAwaited),
}

struct CoroutineNeverAwaited;

/// The name of the coroutine of which Python warns that it was never awaited.
pub(crate) fn warned_of(message: &str) -> Option<&str> {
    message
        .strip_prefix("coroutine '")?
        .strip_suffix("' was never awaited")
}

impl RunRule for CoroutineNeverAwaited {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        for cell in run.cells {
            if cx.cell(cell).is_none_or(nbvet_engine::ParsedCell::may_raise) {
                continue;
            }
            for fact in &cell.facts {
                let found = match fact {
                    Fact::Warning { message, line, .. } => {
                        warned_of(message).map(|name| (name.to_owned(), cx.at_line(cell.cell, *line)))
                    }
                    Fact::Result { value } if value.type_name == "coroutine" => shown(cx, cell.cell),
                    _ => None,
                };
                if let Some((name, at)) = found {
                    cx.report(
                        Finding::new(
                            at,
                            format!("`{name}` was called and never awaited: nothing in it has run"),
                        )
                        .because("The cell is green, and what the coroutine was to do is not done.")
                        .help("write `await` before the call"),
                    );
                }
            }
        }
    }
}

/// The call whose coroutine is the value of a cell's last line.
fn shown(cx: &RunContext<'_, '_>, index: u32) -> Option<(String, nbvet_report::Location)> {
    let model = cx.model();
    let position = model.position_of(index)?;
    let Some(Stmt::Expr(last)) = model.cell(position).body().last() else {
        return None;
    };
    let Expr::Call(call) = &*last.value else {
        return None;
    };
    let name = model.cell(position).slice(call.func.range()).to_owned();
    Some((name, model.location(position, call.range())))
}
