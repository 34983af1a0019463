//! NB402 inplace-result-assigned.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Keyword, Ranged},
    model::Tag,
};
use nbvet_report::Applicability;

use crate::{analysis::arguments, macros::rule};

rule! {
    /// The result of a pandas method called with `inplace=True`, kept in a name.
    ///
    /// ## Why it matters
    ///
    /// With `inplace=True` these methods change the frame that they are called on and return `None`:
    /// `df = df.dropna(inplace=True)` throws the frame away.
    ///
    /// Only methods that return None in every pandas version count; `fillna` and `replace` return the frame from
    /// pandas 3 on and are left out.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// df = pd.DataFrame({"a": [1, None]})
    /// df = df.dropna(inplace=True)
    /// # %%
    /// print(df)
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// df = pd.DataFrame({"a": [1, None]})
    /// df = df.dropna()
    /// # %%
    /// print(df)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Leave `inplace=True` out and keep the assignment.
    "NB402" "inplace-result-assigned",
    group: ApiMisuse,
    row: Row::Certain,
    since: "0.1.0",
    check: Check::Static(&InplaceResultAssigned),
}

struct InplaceResultAssigned;

/// Methods of `DataFrame` and `Series` that return `None` with `inplace=True` in pandas 1, 2 and 3 (checked by
/// running each in pandas 2.3 and 3.1).
const METHODS: &[&str] = &[
    "drop",
    "drop_duplicates",
    "dropna",
    "eval",
    "query",
    "rename",
    "rename_axis",
    "reset_index",
    "set_index",
    "sort_index",
    "sort_values",
];

impl StaticRule for InplaceResultAssigned {
    fn visits(&self) -> Visits {
        Visits::ASSIGN
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Assign(assign) = node else { return };
        let Expr::Call(call) = &*assign.value else { return };
        let [target] = assign.targets.as_slice() else {
            return;
        };
        let Expr::Attribute(method) = &*call.func else {
            return;
        };
        if !METHODS.contains(&method.attr.as_str()) || !may_be_frame(cx, &method.value) {
            return;
        }
        let Some(inplace) = inplace(call) else { return };
        let target = cx.source(target.range());
        let receiver = cx.source(method.value.range());
        let method = method.attr.as_str();
        let at = cx.at(call.range());
        let without = without_inplace(cx.source(call.range()));
        let removal = arguments::removal(cx, call, inplace);
        let finding = Finding::new(
            at,
            format!("`{target}` becomes None: `{method}(…, inplace=True)` returns nothing"),
        )
        .because(format!(
            "The frame is changed where it is, and everything that uses `{target}` works with None."
        ))
        .help(format!("write `{target} = {without}`"))
        .about(format!("name:{target}"));
        // With another name on the left, the frame itself may have been meant to change as well.
        let applicability = if target == receiver {
            Applicability::Safe
        } else {
            Applicability::Unsafe
        };
        cx.report(match removal {
            Some(edit) => finding.fix("take out `inplace=True`", applicability, vec![edit]),
            None => finding,
        });
    }
}

/// The argument `inplace=True`.
fn inplace(call: &ExprCall) -> Option<&Keyword> {
    call.arguments
        .find_keyword("inplace")
        .filter(|keyword| matches!(&keyword.value, Expr::BooleanLiteral(literal) if literal.value))
}

/// The receiver is a frame or a series, or not known: the methods and `inplace=` together are pandas' own.
fn may_be_frame<'a>(cx: &Context<'a, '_>, receiver: &'a Expr) -> bool {
    let module = cx.model().qualified_name(receiver).is_some();
    !module
        && cx
            .model()
            .tag(receiver)
            .is_none_or(|tag| matches!(tag, Tag::DataFrame | Tag::Series))
}

fn without_inplace(call: &str) -> String {
    let compact: String = call.split_whitespace().collect::<Vec<_>>().join(" ");
    [
        ", inplace=True",
        ", inplace = True",
        "inplace=True, ",
        "inplace = True, ",
        "inplace=True",
        "inplace = True",
    ]
    .into_iter()
    .find(|form| compact.contains(form))
    .map_or_else(|| compact.clone(), |form| compact.replacen(form, "", 1))
}
