//! NB303 fillna-masking.

use std::collections::HashSet;

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged, UnaryOp},
};
use nbvet_report::Level;

use crate::{
    analysis::{
        calls,
        inspection::{Gaps, Inspection, Look},
        steps::{self, Step},
    },
    macros::rule,
};

rule! {
    /// Missing values are filled with a number, and nobody has counted them.
    ///
    /// ## Why it matters
    ///
    /// After `fillna(0)` or `fillna(df.mean())` a column that is half empty looks like any other: its sum, its mean
    /// and every model are computed from numbers that nobody has measured.
    ///
    /// Only frames that were read from a file count, not gaps that a pivot, a join or a shift has made, which zero
    /// often fills rightly. A look above it is enough: `isna().sum()`, `info()`, `describe()`, an `assert`.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// patients = pd.read_csv("patients.csv")
    /// patients["weight"] = patients["weight"].fillna(patients["weight"].mean())
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// patients = pd.read_csv("patients.csv")
    /// assert patients["weight"].isna().mean() < 0.02
    /// patients["weight"] = patients["weight"].fillna(patients["weight"].mean())
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Count before you fill: `df["weight"].isna().mean()`, with a bound in an `assert` where the notebook runs by
    /// itself.
    "NB303" "fillna-masking",
    group: DataQuality,
    row: Row::From(Level::Development),
    standing: Lower,
    since: "0.1.0",
    check: Check::Static(&FillnaMasking),
}

struct FillnaMasking;

impl StaticRule for FillnaMasking {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let found = steps::with_call(model, fills);
        if found.is_empty() {
            return;
        }
        let inspection = Inspection::of(model);
        let mut told = HashSet::new();
        for (step, call) in found {
            let Some(name) = steps::root(&call.func) else {
                continue;
            };
            let counted = inspection.is_looked_at_before(name, Look::MISSING, step.point());
            if counted
                || told.contains(&step.cell)
                || !inspection.is_as_read(name, step.point(), Gaps::NoPartner)
            {
                continue;
            }
            // Training and test part are mostly filled together; once is enough.
            told.insert(step.cell);
            let Expr::Attribute(method) = &*call.func else {
                continue;
            };
            let filled = model.cell(step.cell).slice(method.value.range());
            cx.report(
                Finding::new(
                    model.location(step.cell, call.range()),
                    format!("missing values of `{filled}` are filled, and nothing above counts them"),
                )
                .because("A column that is half empty looks like any other afterwards, and its figures are made up.")
                .help(format!("count them first: `assert {} < 0.05`", share_missing(name, &method.value, filled))),
            );
        }
    }
}

/// `frame.fillna(0)`, `frame["a"].fillna(frame["a"].mean())`, kept in a name, a column or in place.
fn fills<'a>(step: &Step<'a>) -> Option<&'a ExprCall> {
    let Expr::Call(call) = step.value else { return None };
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let value = call
        .arguments
        .args
        .first()
        .or_else(|| steps::keyword(call, "value"))?;
    let kept = step.target.is_some() || steps::is_set(call, "inplace");
    let fits = calls::name(call) == "fillna" && is_place(&method.value) && is_number(value);
    (fits && kept).then_some(call)
}

/// The share of what is missing: a column has one, a frame one for each column.
fn share_missing(name: &str, receiver: &Expr, filled: &str) -> String {
    match receiver {
        Expr::Subscript(part) if part.slice.is_string_literal_expr() => format!("{filled}.isna().mean()"),
        Expr::Attribute(_) => format!("{filled}.isna().mean()"),
        Expr::Subscript(_) => format!("{filled}.isna().mean().max()"),
        _ => format!("{name}.isna().mean().max()"),
    }
}

/// A name, or a column or part of one.
fn is_place(receiver: &Expr) -> bool {
    match receiver {
        Expr::Name(_) => true,
        Expr::Subscript(part) => part.value.is_name_expr(),
        Expr::Attribute(part) => part.value.is_name_expr(),
        _ => false,
    }
}

fn is_number(value: &Expr) -> bool {
    match value {
        Expr::NumberLiteral(_) => true,
        Expr::UnaryOp(operation) => {
            operation.op == UnaryOp::USub && operation.operand.is_number_literal_expr()
        }
        Expr::Call(call) => matches!(calls::name(call), "mean" | "median" | "mode"),
        Expr::Subscript(part) => is_number(&part.value),
        Expr::Attribute(part) => is_number(&part.value),
        _ => false,
    }
}
