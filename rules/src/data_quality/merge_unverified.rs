//! NB306 merge-unverified.

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged},
    model::Tag,
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
    /// Two frames are joined, and nothing checks what came of it.
    ///
    /// ## Why it matters
    ///
    /// A key that stands twice on one side multiplies rows; one that is missing, or has another type, loses them or
    /// leaves NaN. `merge` does all of that without a word.
    ///
    /// `validate=` or `indicator=`, and any count of the rows or the missing values of the result, are enough. Its first
    /// rows (`head()`) show neither.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// orders = pd.read_csv("orders.csv")
    /// customers = pd.read_csv("customers.csv")
    /// full = pd.merge(orders, customers, on="customer_id")
    /// # %%
    /// full.groupby("region")["amount"].sum()
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// orders = pd.read_csv("orders.csv")
    /// customers = pd.read_csv("customers.csv")
    /// full = pd.merge(orders, customers, on="customer_id", validate="many_to_one")
    /// # %%
    /// full.groupby("region")["amount"].sum()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Say what you expect of the keys (`validate="one_to_one"`, `"many_to_one"`), and of the number of rows:
    /// `assert len(full) == len(orders)`.
    "NB306" "merge-unverified",
    group: DataQuality,
    row: Row::From(Level::Development),
    standing: Lower,
    since: "0.1.0",
    check: Check::Static(&MergeUnverified),
}

struct MergeUnverified;

impl StaticRule for MergeUnverified {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let found = steps::with_call(model, |step| {
            step.target.filter(|target| target.is_name_expr())?;
            joins(model, step.value)
        });
        if found.is_empty() {
            return;
        }
        let inspection = Inspection::of(model);
        for (step, call) in found {
            let Some(name) = step.changed() else { continue };
            if inspection.is_looked_at_after(name, Look::ROWS.or(Look::MISSING), step.point()) {
                continue;
            }
            let function = calls::name(call);
            cx.report(
                Finding::new(
                    model.location(step.cell, call.range()),
                    format!("nothing checks what this {function} makes of `{name}`: no `validate=`, and nothing counts its rows or gaps"),
                )
                .because("A key that stands twice multiplies rows, and one that is missing loses them, without a word.")
                .help("say what you expect of the keys: `validate=\"many_to_one\"`")
                .about(format!("rows:{name}"))
                .about(format!("missing:{name}")),
            );
        }
    }
}

/// A join by keys of two frames of pandas, without a check of its own.
fn joins<'a>(model: &Model<'a>, value: &'a Expr) -> Option<&'a ExprCall> {
    let Expr::Call(call) = value else { return None };
    let is_function = model
        .qualified_name(&call.func)
        .is_some_and(|name| name.is("pandas.merge"));
    let is_method = matches!(&*call.func, Expr::Attribute(method)
        if matches!(method.attr.as_str(), "merge" | "join") && model.tag(&method.value) == Some(Tag::DataFrame));
    let checked = ["validate", "indicator"]
        .iter()
        .any(|name| steps::keyword(call, name).is_some());
    let has_more = call
        .arguments
        .keywords
        .iter()
        .any(|keyword| keyword.arg.is_none());
    let fits =
        (is_function || is_method) && !checked && !has_more && !steps::keyword_is(call, "how", "cross");
    fits.then_some(call)
}
