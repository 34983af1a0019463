//! NB109 annotation-mismatch.

use std::collections::HashMap;

use nbvet_engine::{
    Check, Finding, Model, Row, Run, RunContext, RunRule,
    ast::{Expr, ExprCall, Ranged, Stmt, StmtFunctionDef, TextRange},
};
use nbvet_report::{CellOutcome, CellRun, Fact, ValueFacts};

use crate::{
    analysis::annotations::{self, Fit},
    macros::rule,
};

rule! {
    /// A value that is not of the type that the notebook itself has written beside its name.
    ///
    /// ## Why it matters
    ///
    /// `price: float = "12.50"` and `def load() -> pd.DataFrame` are promises that Python does not hold anybody to. What
    /// uses the value relies on them. This is seen when the notebook runs: the message names the type that the value had.
    ///
    /// Values bound to an annotated name, and results of the notebook's own annotated functions where a name or the
    /// cell's last line takes them; on Python 3.12 and newer also what their calls return elsewhere, once for each
    /// `return`. Subclasses fit, an `int` fits a `float`, numpy's numbers fit Python's. An annotation that is not
    /// understood fits everything.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// def mean(values) -> float:
    ///     if values:
    ///         return sum(values) / len(values)
    /// # %%
    /// level = mean([])
    /// ```
    ///
    /// ```python good
    /// def mean(values) -> float:
    ///     return sum(values) / len(values) if values else 0.0
    /// # %%
    /// level = mean([])
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Make the value what the annotation says, or let the annotation say what it can be: `float | None`.
    "NB109" "annotation-mismatch",
    group: Verification,
    row: Row::Advice,
    raised_by: CheckOutputTypes,
    since: "0.1.0",
    check: Check::Run(&AnnotationMismatch),
}

struct AnnotationMismatch;

/// What a name or a cell's result was said to be.
#[derive(Clone, Copy)]
struct Promise<'a> {
    /// The annotation, and the cell that it stands in.
    annotation: &'a Expr,
    cell: usize,
    /// What was bound.
    at: TextRange,
}

impl RunRule for AnnotationMismatch {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let model = cx.model();
        let mut declared = HashMap::new();
        let mut found = Vec::new();
        for cell in run.cells {
            let Some(position) = model.position_of(cell.cell) else {
                continue;
            };
            let promises = promises(model, position, &mut declared);
            if cell.outcome == CellOutcome::Ok && cell.error.is_none() && !model.cell(position).may_raise() {
                broken(model, cell, position, &promises, &mut found);
            }
        }
        for finding in found {
            cx.report(finding);
        }
    }
}

/// By name, what the last statement of a cell that binds it has promised; by the empty name, of the cell's last line.
fn promises<'a>(
    model: &Model<'a>,
    position: usize,
    declared: &mut HashMap<&'a str, (&'a Expr, usize)>,
) -> HashMap<&'a str, Promise<'a>> {
    let mut promises = HashMap::new();
    let body = model.cell(position).body();
    for statement in body {
        let (name, value) = match statement {
            Stmt::AnnAssign(assign) => match (&*assign.target, &assign.value) {
                (Expr::Name(name), value) => {
                    declared.insert(name.id.as_str(), (&*assign.annotation, position));
                    (name, value.as_deref())
                }
                _ => continue,
            },
            Stmt::Assign(assign) => match assign.targets.as_slice() {
                [Expr::Name(name)] => (name, Some(&*assign.value)),
                _ => continue,
            },
            _ => continue,
        };
        let Some(value) = value else { continue };
        let own = declared.get(name.id.as_str()).copied();
        let said = own.or_else(|| promise_of_call(model, value));
        match said {
            Some((annotation, cell)) => {
                let at = name.range();
                promises.insert(name.id.as_str(), Promise { annotation, cell, at });
            }
            None => {
                promises.remove(name.id.as_str());
            }
        }
    }
    if let Some(Stmt::Expr(last)) = body.last()
        && let Some((annotation, cell)) = promise_of_call(model, &last.value)
    {
        let at = last.range();
        promises.insert("", Promise { annotation, cell, at });
    }
    promises
}

/// What the function that a call runs says that it returns.
fn promise_of_call<'a>(model: &Model<'a>, value: &'a Expr) -> Option<(&'a Expr, usize)> {
    let Expr::Call(ExprCall { func, .. }) = value else {
        return None;
    };
    let (id, function) = model.called_function(func)?;
    returns(function).map(|annotation| (annotation, model.binding(id).place.cell))
}

/// The annotation of a plain function: what a decorator or a generator gives back is something else.
fn returns(function: &StmtFunctionDef) -> Option<&Expr> {
    let is_plain = function.decorator_list.is_empty() && !function.is_async && !annotations::yields(function);
    function.returns.as_deref().filter(|_| is_plain)
}

fn broken<'a>(
    model: &Model<'a>,
    cell: &CellRun,
    position: usize,
    promises: &HashMap<&'a str, Promise<'a>>,
    found: &mut Vec<Finding>,
) {
    for fact in &cell.facts {
        let (name, value) = match fact {
            Fact::Bound { name, value, .. } => (name.as_str(), value),
            Fact::Result { value } => ("", value),
            Fact::Returned {
                cell, line, value, ..
            } => {
                found.extend(returned(model, *cell, *line, value));
                continue;
            }
            _ => continue,
        };
        if let Some(promise) = promises.get(name)
            && annotations::fits(model, promise.annotation, value) == Fit::No
        {
            let what = if name.is_empty() {
                "this".to_owned()
            } else {
                format!("`{name}`")
            };
            let at = model.location(position, promise.at);
            let text = model.cell(promise.cell).slice(promise.annotation.range());
            found.push(finding(at, &what, value, text));
        }
    }
}

/// What a function gave back within another call.
fn returned(model: &Model<'_>, cell: u32, line: u32, value: &ValueFacts) -> Option<Finding> {
    let position = model.position_of(cell)?;
    let mut functions = annotations::functions(model.cell(position).body()).into_iter();
    let function = functions.find(|function| model.location(position, function.range()).line == line)?;
    let annotation = returns(function)?;
    if annotations::fits(model, annotation, value) != Fit::No {
        return None;
    }
    let text = model.cell(position).slice(annotation.range());
    let what = format!("what `{}` returned", function.name);
    Some(finding(
        model.location(position, function.name.range()),
        &what,
        value,
        text,
    ))
}

fn finding(at: nbvet_report::Location, what: &str, value: &ValueFacts, annotation: &str) -> Finding {
    let kind = if value.none {
        "None"
    } else {
        value.type_name.as_str()
    };
    Finding::new(
        at,
        format!("{what} is {kind}, and its annotation says `{annotation}`"),
    )
    .because("Whoever reads the annotation relies on it.")
    .help("make the value what the annotation says, or let the annotation say what it can be")
}
