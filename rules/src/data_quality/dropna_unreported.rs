//! NB304 dropna-unreported.

use std::collections::HashSet;

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Number, Ranged},
    model::Tag,
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
    /// Rows with a missing value are dropped, and nothing looks at how many that are.
    ///
    /// ## Why it matters
    ///
    /// One column that came empty takes every row with it. `dropna()` says nothing, and what follows is computed from
    /// the few rows that are left.
    ///
    /// Only frames that were read from a file count, not gaps that a shift or a rolling mean has made. A look at the
    /// number of rows or at what is missing is enough, above or below: `len(df)`, `df.shape`, `df.info()`,
    /// `df.isna().sum()`.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// survey = pd.read_csv("survey.csv")
    /// survey = survey.dropna()
    /// # %%
    /// print(survey["income"].median())
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// survey = pd.read_csv("survey.csv")
    /// complete = survey.dropna()
    /// assert len(complete) > 0.9 * len(survey)
    /// # %%
    /// print(complete["income"].median())
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Keep the number of rows before it and compare: `assert len(complete) > 0.9 * len(df)`.
    "NB304" "dropna-unreported",
    group: DataQuality,
    row: Row::From(Level::Development),
    standing: Lower,
    since: "0.1.0",
    check: Check::Static(&DropnaUnreported),
}

struct DropnaUnreported;

impl StaticRule for DropnaUnreported {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let found = steps::with_call(model, drops);
        if found.is_empty() {
            return;
        }
        let inspection = Inspection::of(model);
        let looks = Look::ROWS.or(Look::MISSING);
        let mut told = HashSet::new();
        for (step, call) in found {
            let Some(name) = steps::root(&call.func) else {
                continue;
            };
            let result = step.changed().unwrap_or(name);
            let Expr::Attribute(method) = &*call.func else {
                continue;
            };
            let is_frame = inspection.is_read_into(name) || model.tag(&method.value) == Some(Tag::DataFrame);
            let looked = inspection.is_looked_at(name, looks) || inspection.is_looked_at(result, looks);
            if looked
                || !is_frame
                || told.contains(name)
                || !inspection.is_as_read(name, step.point(), Gaps::WarmUp)
            {
                continue;
            }
            told.insert(name);
            cx.report(
                Finding::new(
                    model.location(step.cell, call.range()),
                    format!("rows of `{name}` with a missing value are dropped, and nothing looks at how many"),
                )
                .because("One column that came empty takes every row with it, and what follows uses the few that are left.")
                .help(if result == name {
                    format!("keep `rows_before = len({name})` above this line, and compare below it: `assert len({name}) > 0.9 * rows_before`")
                } else {
                    format!("compare the numbers of rows: `assert len({result}) > 0.9 * len({name})`")
                })
                .about(format!("rows:{result}")),
            );
        }
    }
}

/// `frame.dropna(…)` of rows, kept in a name or done in place.
fn drops<'a>(step: &Step<'a>) -> Option<&'a ExprCall> {
    let Expr::Call(call) = step.value else { return None };
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let of_frame = match &*method.value {
        Expr::Name(_) => true,
        Expr::Subscript(part) => part.value.is_name_expr() && part.slice.is_list_expr(),
        _ => false,
    };
    let kept = step.target.is_some_and(Expr::is_name_expr) || steps::is_set(call, "inplace");
    let all = steps::keyword_is(call, "how", "all") || steps::keyword(call, "thresh").is_some();
    let fits = calls::name(call) == "dropna" && of_frame && kept && !all && !is_of_columns(call);
    fits.then_some(call)
}

/// `axis=1`, `axis="columns"`, `dropna(1)`.
fn is_of_columns(call: &ExprCall) -> bool {
    match call
        .arguments
        .args
        .first()
        .or_else(|| steps::keyword(call, "axis"))
    {
        Some(Expr::NumberLiteral(number)) => {
            !matches!(&number.value, Number::Int(value) if value.as_u8() == Some(0))
        }
        Some(Expr::StringLiteral(text)) => !matches!(text.value.to_str(), "index" | "rows"),
        Some(_) => true,
        None => false,
    }
}
