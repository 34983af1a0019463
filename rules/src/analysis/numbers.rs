//! Numbers that came out as NaN or infinity, for the two rules that judge them.

use nbvet_engine::{
    Finding, Model, Run, RunContext,
    ast::{Expr, Ranged, Stmt},
    model::{Binding, BindingKind, ScopeId},
};
use nbvet_report::{Fact, ItemCount, NonFinite, Number, ValueFacts};

use super::{
    metrics,
    missing_values::{self, Wanted},
};

/// Reports every name and every shown result that is such a number and was not meant to be.
pub(crate) fn check<'a>(run: &Run<'a>, cx: &mut RunContext<'a, '_>, wanted: Wanted) {
    for cell in run.cells {
        let Some(position) = cx.model().position_of(cell.cell) else {
            continue;
        };
        if cx.model().cell(position).may_raise() {
            continue;
        }
        for fact in &cell.facts {
            let finding = match fact {
                Fact::Bound { name, value, .. } if is_wanted(value, wanted) => {
                    bound(cx.model(), position, name, wanted)
                }
                Fact::Result { value } if is_wanted(value, wanted) => shown(cx.model(), position, wanted),
                Fact::Bound { name, value, .. } if is_all_missing(value, wanted) => {
                    bound_scores(cx.model(), position, name, value)
                }
                Fact::Result { value } if is_all_missing(value, wanted) => {
                    shown_scores(cx.model(), position, value)
                }
                Fact::Bound { name, value, .. } => items(value, wanted)
                    .and_then(|items| bound_items(cx.model(), position, name, items, wanted)),
                Fact::Result { value } => {
                    items(value, wanted).and_then(|items| shown_items(cx.model(), position, items, wanted))
                }
                _ => None,
            };
            if let Some(finding) = finding {
                cx.report(finding);
            }
        }
    }
}

fn is_wanted(value: &ValueFacts, wanted: Wanted) -> bool {
    matches!(
        (value.number, wanted),
        (Some(Number::NonFinite(NonFinite::Nan)), Wanted::Missing)
            | (
                Some(Number::NonFinite(NonFinite::Inf | NonFinite::NegInf)),
                Wanted::Infinite
            )
    )
}

/// An array of which every number is NaN.
fn is_all_missing(value: &ValueFacts, wanted: Wanted) -> bool {
    let is_array = value.type_name == "numpy.ndarray" && wanted == Wanted::Missing;
    is_array && value.nan.is_some_and(|nan| nan.count == nan.of && nan.of > 0)
}

/// All scores of a validation are NaN: each of its rounds has failed, and no error says so.
fn bound_scores(model: &Model<'_>, position: usize, name: &str, value: &ValueFacts) -> Option<Finding> {
    let last = bindings_in(model, position, name).pop()?;
    let source = missing_values::source(last).filter(|source| metrics::gives_scores(source))?;
    let meant = missing_values::is_made_of(model, source, Wanted::Missing);
    if meant || name.starts_with('_') || missing_values::is_looked_at(model, name) {
        return None;
    }
    let how_many = value.nan.map_or(0, |nan| nan.of);
    let finding = Finding::new(
        model.location_of(last.place),
        format!("all {how_many} values of `{name}` are NaN, not numbers"),
    )
    .because(SCORES_FAILED)
    .help(format!(
        "let the error be raised (`error_score=\"raise\"`), and check: `assert np.isfinite({name}).all()`"
    ))
    .about(format!("name:{name}"));
    Some(finding)
}

/// The same of the value of the cell's last line.
fn shown_scores(model: &Model<'_>, position: usize, value: &ValueFacts) -> Option<Finding> {
    let Some(Stmt::Expr(last)) = model.cell(position).body().last() else {
        return None;
    };
    if !metrics::gives_scores(&last.value) || missing_values::is_made_of(model, &last.value, Wanted::Missing)
    {
        return None;
    }
    let how_many = value.nan.map_or(0, |nan| nan.of);
    let finding = Finding::new(
        model.location(position, last.value.range()),
        format!("all {how_many} values of this come out as NaN, not numbers"),
    )
    .because(SCORES_FAILED)
    .help("let the error be raised: `error_score=\"raise\"`");
    Some(finding)
}

const SCORES_FAILED: &str =
    "scikit-learn puts NaN where fitting or scoring failed, and goes on: every round of this has failed.";

/// Such numbers among the items of a container.
fn items(value: &ValueFacts, wanted: Wanted) -> Option<&ItemCount> {
    match wanted {
        Wanted::Missing => value.nan_items.as_ref(),
        Wanted::Infinite => value.infinite_items.as_ref(),
    }
}

/// Numbers in a container count where the notebook computed them as figures of their own, not where they are data.
fn bound_items(
    model: &Model<'_>,
    position: usize,
    name: &str,
    items: &ItemCount,
    wanted: Wanted,
) -> Option<Finding> {
    let last = bindings_in(model, position, name).pop();
    let place = metrics::place(model, position, name, last)?;
    let meant = model
        .bindings_named(ScopeId::NOTEBOOK, name)
        .iter()
        .any(|id| missing_values::binding_is_made_of(model, model.binding(*id), wanted));
    if meant || name.starts_with('_') || missing_values::is_looked_at(model, name) {
        return None;
    }
    let (word, first) = (word(wanted), &items.first);
    let more = if items.count > 1 {
        format!(", and {} more of its items", items.count - 1)
    } else {
        String::new()
    };
    let finding = Finding::new(
        model.location(position, place),
        format!("`{name}[{first}]` is {word}{more}"),
    )
    .because(meaning(wanted))
    .help(format!(
        "look at what it is computed from, and check it: `assert np.isfinite({name}[{first}])`"
    ))
    .about(format!("name:{name}"));
    Some(finding)
}

/// A list, tuple or dict of figures as the value of the cell's last line.
fn shown_items(model: &Model<'_>, position: usize, items: &ItemCount, wanted: Wanted) -> Option<Finding> {
    let Some(Stmt::Expr(last)) = model.cell(position).body().last() else {
        return None;
    };
    let value = &*last.value;
    if !metrics::has_figures(model, value) || missing_values::is_made_of(model, value, wanted) {
        return None;
    }
    let message = format!("`[{}]` of this comes out as {}", items.first, word(wanted));
    let finding = Finding::new(model.location(position, value.range()), message)
        .because(meaning(wanted))
        .help("look at what it is computed from, and check that it is not empty or zero");
    Some(finding)
}

fn bindings_in<'a, 'm>(model: &'m Model<'a>, position: usize, name: &str) -> Vec<&'m Binding<'a>> {
    model
        .bindings_named(ScopeId::NOTEBOOK, name)
        .iter()
        .map(|id| model.binding(*id))
        .filter(|binding| binding.place.cell == position)
        .collect()
}

fn bound(model: &Model<'_>, position: usize, name: &str, wanted: Wanted) -> Option<Finding> {
    let bindings = bindings_in(model, position, name);
    let last = bindings.last()?;
    let computed = matches!(
        last.kind,
        BindingKind::Value(_) | BindingKind::Part(_) | BindingKind::Augmented(_)
    );
    if !computed || name.starts_with('_') || missing_values::is_looked_at(model, name) {
        return None;
    }
    let meant = bindings
        .iter()
        .any(|binding| missing_values::binding_is_made_of(model, binding, wanted));
    if meant
        || is_named_so(model, last, wanted)
        || missing_values::source(last).is_some_and(|source| is_data(model, source))
    {
        return None;
    }
    let word = word(wanted);
    let finding = Finding::new(model.location_of(last.place), format!("`{name}` is {word}"))
        .because(meaning(wanted))
        .help(format!(
            "look at what it is computed from, and check it: `assert np.isfinite({name})`"
        ))
        .about(format!("name:{name}"));
    Some(finding)
}

/// The author calls the value what it is: `undefined = nan = infinity - infinity`.
fn is_named_so(model: &Model<'_>, binding: &Binding<'_>, wanted: Wanted) -> bool {
    let is_same_value = |other: &Binding<'_>| match (other.kind, binding.kind) {
        (BindingKind::Value(left), BindingKind::Value(right)) => std::ptr::eq(left, right),
        _ => false,
    };
    model
        .bindings()
        .any(|(_, other)| missing_values::is_word(other.name, wanted) && is_same_value(other))
}

/// The value of the cell's last line.
fn shown(model: &Model<'_>, position: usize, wanted: Wanted) -> Option<Finding> {
    let Some(Stmt::Expr(last)) = model.cell(position).body().last() else {
        return None;
    };
    let value = &*last.value;
    // A name that is NaN was reported where it was bound, and a cell of a table is data.
    if value.is_name_expr() || is_data(model, value) || missing_values::is_made_of(model, value, wanted) {
        return None;
    }
    let word = word(wanted);
    let finding = Finding::new(
        model.location(position, value.range()),
        format!("this comes out as {word}"),
    )
    .because(meaning(wanted))
    .help("look at what it is computed from, and check that it is not empty or zero");
    Some(finding)
}

/// What is picked out of a table or container is data, unless it is a figure among others.
fn is_data<'a>(model: &Model<'a>, expression: &'a Expr) -> bool {
    is_lookup(expression) && !metrics::is_taken_from_figures(model, expression)
}

/// The expression only picks something out of a table or container.
fn is_lookup(expression: &Expr) -> bool {
    match expression {
        Expr::Subscript(_) | Expr::Attribute(_) | Expr::Name(_) => true,
        Expr::Call(call) => matches!(&*call.func, Expr::Attribute(method)
            if matches!(method.attr.as_str(), "get" | "pop" | "item" | "iat" | "at" | "squeeze")),
        _ => false,
    }
}

fn word(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Missing => "NaN, not a number",
        Wanted::Infinite => "infinite",
    }
}

fn meaning(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Missing => {
            "NaN spreads through everything that is computed from it without an error; a mean over nothing is a frequent cause."
        }
        Wanted::Infinite => "A division by zero or an overflow is the usual cause, and no error says so.",
    }
}
