//! NB219 errors-ignore.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged},
};
use nbvet_report::{Applicability, Level};

use crate::{analysis::calls, macros::rule};

rule! {
    /// `errors="ignore"` in a conversion of pandas.
    ///
    /// ## Why it matters
    ///
    /// With `errors="ignore"`, one value that cannot be converted leaves the whole column as it was: numbers stay
    /// texts, dates stay objects, and comparisons, sums and sorts on them do something else. Nothing says so. pandas 3
    /// refuses the argument in `to_numeric` and `to_datetime`.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// sales = pd.read_csv("sales.csv")
    /// sales["amount"] = pd.to_numeric(sales["amount"], errors="ignore")
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// sales = pd.read_csv("sales.csv")
    /// sales["amount"] = pd.to_numeric(sales["amount"], errors="coerce")
    /// assert sales["amount"].isna().mean() < 0.01
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Leave the argument out, so that a bad value raises; or write `errors="coerce"` and count the missing values.
    "NB219" "errors-ignore",
    group: SilentFailure,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Static(&ErrorsIgnore),
}

struct ErrorsIgnore;

impl StaticRule for ErrorsIgnore {
    fn visits(&self) -> Visits {
        Visits::CALL
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Call(call) = node else { return };
        let Some(keyword) = call.arguments.find_keyword("errors") else {
            return;
        };
        let is_ignore =
            matches!(&keyword.value, Expr::StringLiteral(word) if word.value.to_str() == "ignore");
        if !is_ignore || !converts(cx, call) || cannot_matter(call) {
            return;
        }
        let callee = cx.source(call.func.range());
        let name = calls::name(call);
        let what = if callee.lines().count() == 1 { callee } else { name };
        let value = keyword.value.range();
        let coerce = (name != "astype").then(|| cx.edit(value, "\"coerce\""));
        let finding = Finding::new(
            cx.at(call.range()),
            format!(
                "`{what}(…, errors=\"ignore\")` gives the values back unconverted when one of them is bad"
            ),
        )
        .because(
            "What was to be a number or a date may still be a text, and what is computed from it is wrong.",
        )
        .help(if name == "astype" {
            "leave `errors=` out, so that a bad value raises"
        } else {
            "leave `errors=` out, or write `errors=\"coerce\"` and count the missing values"
        });
        cx.report(match coerce {
            Some(edit) => finding.fix("make bad values missing ones", Applicability::Unsafe, vec![edit]),
            None => finding,
        });
    }
}

/// One value written out shows what the argument does; everything can be a text or an object.
fn cannot_matter(call: &ExprCall) -> bool {
    let Some(first) = call.arguments.args.first() else {
        return false;
    };
    if calls::name(call) != "astype" {
        return first.is_literal_expr();
    }
    let named = match first {
        Expr::Name(name) => name.id.as_str(),
        Expr::StringLiteral(text) => text.value.to_str(),
        _ => "",
    };
    matches!(named, "str" | "string" | "object" | "O" | "U" | "category")
}

fn converts<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> bool {
    match cx.model().qualified_name(&call.func) {
        Some(name) => name.is_any(&["pandas.to_numeric", "pandas.to_datetime", "pandas.to_timedelta"]),
        None => calls::name(call) == "astype" && call.func.is_attribute_expr(),
    }
}
