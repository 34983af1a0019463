//! NB302 coerce-unaccounted.

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged},
};
use nbvet_report::Level;

use crate::{
    analysis::{
        calls,
        inspection::{Inspection, Look},
        steps,
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
            let target = model.cell(step.cell).slice(target.range());
            cx.report(
                Finding::new(
                    model.location(step.cell, call.range()),
                    format!("what cannot be read becomes NaN in `{target}`, and nothing counts how much that is"),
                )
                .because("A column in another format comes out empty, and every sum and mean leaves it out without a word.")
                .help(format!("look at it below: `assert {target}.isna().mean() < 0.01`")),
            );
        }
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
