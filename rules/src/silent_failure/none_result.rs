//! NB211 none-result.

use nbvet_engine::{
    Check, Finding, Model, Row, Run, RunContext, RunRule,
    ast::{Expr, Ranged, Stmt},
    model::{Binding, BindingId, BindingKind, ScopeId},
};
use nbvet_report::{Fact, ItemCount, Location};

use crate::{
    analysis::none_origin::{self, Origin},
    macros::rule,
};

rule! {
    /// A name that became None, or a container with None in it, where a value was meant.
    ///
    /// ## Why it matters
    ///
    /// `None` is what Python gives when somebody forgot to return, or swallowed an error: the notebook goes on and
    /// computes with nothing. This is seen when the notebook runs, so it is no guess: the value *was* None.
    ///
    /// It counts when a function of the notebook gives a value on other paths, or when the name is used as a value
    /// later. A value that the notebook tests (`if x is None`) is left alone, unless it comes from an error that was
    /// swallowed. `None` from procedures such as `plt.show()` is nothing.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// def load(path):
    ///     try:
    ///         return open(path).read()
    ///     except FileNotFoundError:
    ///         print("no such file")
    /// # %%
    /// texts = [load(path) for path in ["a.txt", "b.txt"]]
    /// ```
    ///
    /// ```python good
    /// def find(word, words):
    ///     for index, other in enumerate(words):
    ///         if word == other:
    ///             return index
    /// # %%
    /// place = find("x", ["a", "b"])
    /// if place is None:
    ///     place = -1
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Let the function raise instead of returning None, or check right after the call: `assert x is not None`.
    "NB211" "none-result",
    group: SilentFailure,
    row: Row::Certain,
    twins: &["NB204", "NB205", "NB401", "NB402"],
    since: "0.1.0",
    check: Check::Run(&NoneResult),
}

struct NoneResult;

impl RunRule for NoneResult {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        for cell in run.cells {
            let Some(position) = cx.model().position_of(cell.cell) else {
                continue;
            };
            if cx.model().cell(position).may_raise() {
                continue;
            }
            for fact in &cell.facts {
                let finding = match fact {
                    Fact::Bound { name, value, .. } if value.none => none_bound(cx.model(), position, name),
                    Fact::Bound { name, value, .. } => value
                        .none_items
                        .as_ref()
                        .and_then(|items| none_items(cx.model(), position, name, items)),
                    Fact::Result { value } if value.none => none_shown(cx.model(), position),
                    Fact::Result { value } => value
                        .none_items
                        .as_ref()
                        .and_then(|items| none_items_shown(cx.model(), position, items)),
                    _ => None,
                };
                if let Some(finding) = finding {
                    cx.report(finding);
                }
            }
        }
    }
}

/// The last binding of a name in a cell.
fn last_binding<'a, 'm>(
    model: &'m Model<'a>,
    position: usize,
    name: &str,
) -> Option<(BindingId, &'m Binding<'a>)> {
    model
        .bindings_named(ScopeId::NOTEBOOK, name)
        .iter()
        .map(|id| (*id, model.binding(*id)))
        .rfind(|(_, binding)| binding.place.cell == position)
}

fn none_bound(model: &Model<'_>, position: usize, name: &str) -> Option<Finding> {
    let (id, binding) = last_binding(model, position, name)?;
    if is_written_none(model, position, name) || name.starts_with('_') {
        return None;
    }
    let uses = none_origin::uses(model, id);
    let origin = none_origin::of_value(model, binding);
    let called = match &origin {
        Some(origin) if !origin.is_an_accident() && uses.tested => return None,
        Some(origin) => origin.function.name.to_string(),
        None if uses.tested || !uses.as_value => return None,
        None => called_name(model, position, binding)?,
    };
    let at = model.location_of(binding.place);
    let finding = Finding::new(at, format!("`{name}` is None: `{called}` returned nothing"))
        .because(format!(
            "Everything that uses `{name}` from here on works with None."
        ))
        .help(help(origin.as_ref(), &format!("assert {name} is not None")))
        .about(format!("name:{name}"));
    Some(labelled(model, finding, origin.as_ref()))
}

fn none_items(model: &Model<'_>, position: usize, name: &str, items: &ItemCount) -> Option<Finding> {
    let bound = last_binding(model, position, name);
    let origin = none_origin::of_items(model, position, name, bound.map(|(_, binding)| binding))?;
    if !origin.is_an_accident() {
        return None;
    }
    let function = origin.function.name.as_str();
    let at = bound.map_or_else(
        || model.location(position, nbvet_engine::ast::TextRange::default()),
        |(_, binding)| model.location_of(binding.place),
    );
    let count = how_many(items, &format!("`{name}`"));
    let finding = Finding::new(at, format!("{count}: `{function}` returned nothing for them"))
        .because(format!(
            "What is computed from `{name}` is computed from what is left, or from nothing."
        ))
        .help(help(Some(&origin), &format!("assert None not in {name}")))
        .about(format!("name:{name}"));
    Some(labelled(model, finding, Some(&origin)))
}

/// A cell whose last line shows a container with `None` in it that a function gave after an error.
fn none_items_shown(model: &Model<'_>, position: usize, items: &ItemCount) -> Option<Finding> {
    let Some(Stmt::Expr(last)) = model.cell(position).body().last() else {
        return None;
    };
    let origin = none_origin::of_elements(model, &last.value).filter(Origin::swallows)?;
    let (function, count) = (origin.function.name.as_str(), how_many(items, "this"));
    let finding = Finding::new(
        model.location(position, last.value.range()),
        format!("{count}: `{function}` met an error and went on"),
    )
    .because("The cell looks as if it had worked, but these calls gave nothing.")
    .help(help(Some(&origin), "check what it returns"));
    Some(labelled(model, finding, Some(&origin)))
}

fn how_many(items: &ItemCount, container: &str) -> String {
    let ItemCount { count, of, first } = items;
    match (count, of) {
        (1, 1) => format!("the only item of {container} is None"),
        (2, 2) => format!("both items of {container} are None"),
        _ if count == of => format!("all {of} items of {container} are None"),
        _ => format!("{count} of {of} items of {container} are None (the first is {first})"),
    }
}

/// A cell whose last line calls a function that swallowed an error.
fn none_shown(model: &Model<'_>, position: usize) -> Option<Finding> {
    let Some(Stmt::Expr(last)) = model.cell(position).body().last() else {
        return None;
    };
    let Expr::Call(call) = &*last.value else {
        return None;
    };
    let origin = none_origin::of_call(model, call).filter(Origin::swallows)?;
    let function = origin.function.name.as_str();
    let finding = Finding::new(
        model.location(position, call.range()),
        format!("`{function}` returned None: it met an error and went on"),
    )
    .because("The cell looks as if it had worked, but the call gave nothing.")
    .help(help(Some(&origin), "check what it returns"));
    Some(labelled(model, finding, Some(&origin)))
}

fn help(origin: Option<&Origin<'_>>, check: &str) -> String {
    match origin {
        Some(origin) if origin.swallows() => {
            format!(
                "let `{}` raise instead of going on, or check right here: `{check}`",
                origin.function.name
            )
        }
        Some(origin) => {
            format!(
                "end every path of `{}` with `return …` or `raise`, or check: `{check}`",
                origin.function.name
            )
        }
        None => format!("check right after the call: `{check}`"),
    }
}

fn labelled(model: &Model<'_>, finding: Finding, origin: Option<&Origin<'_>>) -> Finding {
    match origin {
        None => finding,
        Some(origin) => {
            let at: Location = model.location(origin.position, origin.range(model));
            let function = format!("function:{}", origin.function.name);
            finding.covers(at.cell, function).label(at, origin.describe())
        }
    }
}

/// The author wrote None into the name in this cell, so it is meant.
fn is_written_none(model: &Model<'_>, position: usize, name: &str) -> bool {
    model
        .bindings_named(ScopeId::NOTEBOOK, name)
        .iter()
        .map(|id| model.binding(*id))
        .any(|binding| {
            binding.place.cell == position
                && match binding.kind {
                    BindingKind::Value(value) => may_be_literal_none(value),
                    BindingKind::Item(_) | BindingKind::Part(_) | BindingKind::Magic | BindingKind::Other => {
                        true
                    }
                    _ => false,
                }
        })
}

fn may_be_literal_none(value: &Expr) -> bool {
    match value {
        Expr::If(choice) => may_be_literal_none(&choice.body) || may_be_literal_none(&choice.orelse),
        Expr::BoolOp(operation) => operation.values.iter().any(may_be_literal_none),
        // `d.get(key)`, `getattr(x, "y", None)`, `next(items, None)`: None is an answer.
        Expr::Call(call) => {
            call.arguments.args.last().is_some_and(Expr::is_none_literal_expr)
                || matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "get")
        }
        Expr::NoneLiteral(_) | Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_) | Expr::Await(_) => {
            true
        }
        _ => false,
    }
}

/// The text of the callee, where the value is a call.
fn called_name(model: &Model<'_>, position: usize, binding: &Binding<'_>) -> Option<String> {
    let BindingKind::Value(Expr::Call(call)) = binding.kind else {
        return None;
    };
    let text = model.cell(position).slice(call.func.range());
    (text.len() < 60 && !text.contains('\n')).then(|| text.to_owned())
}
