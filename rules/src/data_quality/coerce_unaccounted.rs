//! NB302 coerce-unaccounted.

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged},
    model::{BindingKind, Tag},
};
use nbvet_report::Level;

use crate::{
    analysis::{
        calls,
        inspection::{Inspection, Look},
        steps::{self, Step},
    },
    macros::rule,
};

rule! {
    /// Values that cannot be read become NaN by `errors="coerce"`, and nothing counts them.
    ///
    /// ## Why it matters
    ///
    /// `pd.to_numeric(…, errors="coerce")` and `pd.to_datetime(…, errors="coerce")` never fail: a column in another
    /// format comes out as NaN from top to bottom, sums and means leave it out, and the notebook ends well.
    ///
    /// It is right to coerce and then to look: `isna`, `info`, `describe`, `count`, `dropna` and `fillna` of the frame
    /// below it, or an `assert`, are enough.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// sales = pd.read_csv("sales.csv")
    /// sales["amount"] = pd.to_numeric(sales["amount"], errors="coerce")
    /// # %%
    /// sales.groupby("region")["amount"].sum()
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// sales = pd.read_csv("sales.csv")
    /// sales["amount"] = pd.to_numeric(sales["amount"], errors="coerce")
    /// assert sales["amount"].isna().mean() < 0.01
    /// # %%
    /// sales.groupby("region")["amount"].sum()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Count what was lost, and say how much is too much: `assert df["amount"].isna().mean() < 0.01`.
    "NB302" "coerce-unaccounted",
    group: DataQuality,
    row: Row::From(Level::Development),
    standing: Lower,
    since: "0.1.0",
    check: Check::Static(&CoerceUnaccounted),
}

struct CoerceUnaccounted;

impl StaticRule for CoerceUnaccounted {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let found = steps::with_call(model, |step| {
            step.target?;
            coercing(model, step.value)
        });
        if found.is_empty() {
            return;
        }
        let inspection = Inspection::of(model);
        for (step, call) in found {
            let Some((name, target)) = step.changed().zip(step.target) else {
                continue;
            };
            let looks = Look::MISSING.or(Look::HANDLED);
            if inspection.is_looked_at_after(name, looks, step.point()) {
                continue;
            }
            let help = match share_missing(model, &step, target, call) {
                Some(share) => format!("look at it below: `assert {share} < 0.01`"),
                None => "keep what was read in a name of its own, and count what is missing in it".to_owned(),
            };
            let target = model.cell(step.cell).slice(target.range());
            cx.report(
                Finding::new(
                    model.location(step.cell, call.range()),
                    format!("what cannot be read becomes NaN in `{target}`, and nothing counts how much that is"),
                )
                .because("A column in another format comes out empty, and every sum and mean leaves it out without a word.")
                .help(help)
                .about(format!("missing:{name}")),
            );
        }
    }
}

/// Methods of a series that give one again, with as many gaps.
const KEEP_GAPS: &[&str] = &[
    "abs",
    "astype",
    "clip",
    "dt",
    "normalize",
    "rename",
    "reset_index",
    "round",
    "sort_values",
    "tz_localize",
];

/// An expression for the share of what is missing, which can be copied as it is.
fn share_missing<'a>(
    model: &Model<'a>,
    step: &Step<'a>,
    target: &'a Expr,
    call: &'a ExprCall,
) -> Option<String> {
    let place = model.cell(step.cell).slice(target.range());
    let is_column = |part: &'a Expr| is_column(model, part);
    if let Some(column) = assigned_column(step.value, call) {
        return target
            .is_name_expr()
            .then(|| format!("{place}[\"{column}\"].isna().mean()"));
    }
    if !keeps_gaps(step.value, call) || !(target.is_name_expr() || is_column(target) || is_columns(target)) {
        return None;
    }
    let converted = if calls::name(call) == "apply" {
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        &*method.value
    } else {
        call.arguments.args.first()?
    };
    match model.tag(converted) {
        _ if is_column(target) || is_column(converted) => Some(format!("{place}.isna().mean()")),
        Some(Tag::Series) => Some(format!("{place}.isna().mean()")),
        Some(Tag::DataFrame) => Some(format!("{place}.isna().mean().max()")),
        _ if is_columns(converted) => Some(format!("{place}.isna().mean().max()")),
        _ => None,
    }
}

/// `frame["a"]`, `frame.a`; not `row["a"]` of a row that is gone through.
fn is_column<'a>(model: &Model<'a>, part: &'a Expr) -> bool {
    let base = match part {
        Expr::Subscript(item) if item.slice.is_string_literal_expr() => &*item.value,
        Expr::Attribute(item) => &*item.value,
        _ => return false,
    };
    let Expr::Name(name) = base else { return false };
    let ids = model.certain_bindings(name).unwrap_or_default();
    let mut kinds = ids.iter().map(|id| model.binding(*id).kind);
    !kinds.any(|kind| matches!(kind, BindingKind::Item(_))) && model.tag(base) != Some(Tag::Dict)
}

/// `frame[["a", "b"]]`.
fn is_columns(part: &Expr) -> bool {
    matches!(part, Expr::Subscript(item) if item.slice.is_list_expr())
}

/// `column` of `frame.assign(column=pd.to_numeric(…))`.
fn assigned_column<'a>(value: &'a Expr, call: &ExprCall) -> Option<&'a str> {
    let Expr::Call(outer) = value else { return None };
    let keywords = outer.arguments.keywords.iter();
    let mut holding =
        keywords.filter(|keyword| matches!(&keyword.value, Expr::Call(inner) if std::ptr::eq(inner, call)));
    holding
        .next()?
        .arg
        .as_deref()
        .filter(|_| calls::name(outer) == "assign")
}

/// The value is what the call gives, changed item by item at most.
fn keeps_gaps(mut value: &Expr, call: &ExprCall) -> bool {
    loop {
        value = match value {
            Expr::Call(outer) if std::ptr::eq(outer, call) => return true,
            Expr::Call(outer) if outer.func.is_attribute_expr() => &outer.func,
            Expr::Attribute(part) => {
                let is_of_dates =
                    matches!(&*part.value, Expr::Attribute(inner) if inner.attr.as_str() == "dt");
                if !is_of_dates && !KEEP_GAPS.contains(&part.attr.as_str()) {
                    return false;
                }
                &part.value
            }
            _ => return false,
        };
    }
}

/// The call that coerces, where nothing in the same expression takes care of what is missing.
fn coercing<'a>(model: &Model<'a>, value: &'a Expr) -> Option<&'a ExprCall> {
    let converts = |function: &'a Expr| {
        model.qualified_name(function).is_some_and(|name| {
            name.is_any(&["pandas.to_numeric", "pandas.to_datetime", "pandas.to_timedelta"])
        })
    };
    let call = steps::find_call(value, &|call| {
        let applied = calls::name(call) == "apply" && call.arguments.args.first().is_some_and(converts);
        steps::keyword_is(call, "errors", "coerce") && (converts(&call.func) || applied)
    })?;
    let handled = [
        "isna", "isnull", "notna", "notnull", "dropna", "fillna", "ffill", "bfill", "count",
    ];
    (!steps::has_method(value, &handled)).then_some(call)
}
