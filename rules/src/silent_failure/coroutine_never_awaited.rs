//! NB223 coroutine-never-awaited.

use std::collections::BTreeSet;

use nbvet_engine::{
    Check, Finding, Row, Run, RunContext, RunRule,
    ast::{Expr, Ranged, Stmt, TextRange, Visitor, visitor},
};
use nbvet_report::{Fact, Location};

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
        let mut told = BTreeSet::new();
        for cell in run.cells {
            if cx.cell(cell).is_none_or(nbvet_engine::ParsedCell::may_raise) {
                continue;
            }
            for fact in &cell.facts {
                let found = match fact {
                    // One that a name holds is missed only at the end, when no line is running.
                    Fact::Warning {
                        message, line: None, ..
                    } => warned_of(message)
                        .filter(|name| !told.contains(*name))
                        .map(|name| {
                            (
                                name.to_owned(),
                                called(cx, name).unwrap_or_else(|| cx.at_line(cell.cell, None)),
                            )
                        }),
                    Fact::Warning { message, line, .. } => {
                        warned_of(message).map(|name| (name.to_owned(), cx.at_line(cell.cell, *line)))
                    }
                    Fact::Result { value } if value.type_name == "coroutine" => shown(cx, cell.cell),
                    _ => None,
                };
                if let Some((name, at)) = found {
                    told.insert(name.clone());
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

/// The last call of this function that nothing awaits, in a statement at the top level of a cell.
fn called(cx: &RunContext<'_, '_>, name: &str) -> Option<Location> {
    let model = cx.model();
    let mut calls = Calls { name, last: None };
    let mut found = None;
    for (position, cell) in model.parsed().cells().iter().enumerate() {
        let statements = cell.body().iter();
        statements
            .filter(|statement| !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)))
            .for_each(|statement| calls.visit_stmt(statement));
        found = calls
            .last
            .take()
            .map(|range| model.location(position, range))
            .or(found);
    }
    found
}

struct Calls<'n> {
    name: &'n str,
    last: Option<TextRange>,
}

impl<'a> Visitor<'a> for Calls<'_> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Await(_) => return,
            Expr::Call(call) if matches!(&*call.func, Expr::Name(function) if function.id.as_str() == self.name) =>
            {
                self.last = Some(call.range());
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

/// The call whose coroutine is the value of a cell's last line.
fn shown(cx: &RunContext<'_, '_>, index: u32) -> Option<(String, Location)> {
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
