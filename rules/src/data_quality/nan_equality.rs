//! NB301 nan-equality.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{CmpOp, Expr, ExprCompare, Ranged, TextRange},
    model::{Binding, BindingKind, ScopeId, Tag},
};
use nbvet_report::{Applicability, Edit, Severity};

use crate::{analysis::missing_values::is_nan_literal, macros::rule};

rule! {
    /// A comparison with NaN by `==` or `!=`, which always gives the same answer.
    ///
    /// ## Why it matters
    ///
    /// NaN is equal to nothing, not even to itself: `x == np.nan` is False for every `x`, and an array compared so
    /// gives a mask in which nothing is ever set. The filter that it was written for does nothing.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import numpy as np
    ///
    /// def gaps(values):
    ///     return values[values == np.nan]
    /// ```
    ///
    /// ```python good
    /// import numpy as np
    ///
    /// def gaps(values):
    ///     return values[np.isnan(values)]
    /// ```
    ///
    /// ## How to mend it
    ///
    /// `np.isnan(x)` or `pd.isna(x)` (which also takes strings and `None`); `~pd.isna(x)` for `!=`.
    "NB301" "nan-equality",
    group: DataQuality,
    row: Row::Hidden,
    since: "0.1.0",
    check: Check::Static(&NanEquality),
}

struct NanEquality;

impl StaticRule for NanEquality {
    fn visits(&self) -> Visits {
        Visits::COMPARE
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Compare(comparison) = node else { return };
        let mut left = &*comparison.left;
        for (operator, right) in comparison.ops.iter().zip(&*comparison.comparators) {
            let (nan, other) = (
                is_nan_literal(cx.model(), right),
                is_nan_literal(cx.model(), left),
            );
            // `np.nan == np.nan` shows how NaN behaves, and is meant.
            if matches!(operator, CmpOp::Eq | CmpOp::NotEq) && (nan != other) {
                let (value, nan) = if nan { (left, right) } else { (right, left) };
                report(cx, comparison, *operator, value, nan);
            }
            left = right;
        }
    }
}

fn report<'a>(
    cx: &mut Context<'a, '_>,
    comparison: &ExprCompare,
    operator: CmpOp,
    value: &'a Expr,
    nan: &'a Expr,
) {
    let answer = if operator == CmpOp::Eq { "False" } else { "True" };
    let at = cx.at(comparison.range());
    let text = cx.source(value.range());
    let finding = Finding::new(
        at,
        format!("this is always {answer}: NaN is equal to nothing, not even to itself"),
    )
    .because("Whatever is filtered, counted or replaced by this comparison is never touched.")
    .help(help(cx, operator, text, nan));
    let is_shown = is_alone(cx, comparison);
    // Whoever looks at it sees what it is: nothing is filtered or counted by it.
    let finding = if is_shown {
        finding.at_most(Severity::Note)
    } else {
        finding
    };
    let question = (comparison.ops.len() == 1)
        .then(|| question(cx, operator, value, nan, is_shown))
        .flatten();
    let fix = question.and_then(|(function, applicability)| {
        let edits = wrapped(cx, comparison, value, &function)?;
        Some((format!("ask `{function}(…)`"), applicability, edits))
    });
    cx.report(match fix {
        Some((title, applicability, edits)) => finding.fix(title, applicability, edits),
        None => finding,
    });
}

/// What to ask instead, by the packages that the notebook has.
fn help<'a>(cx: &Context<'a, '_>, operator: CmpOp, text: &str, nan: &'a Expr) -> String {
    let (negation, not) = if operator == CmpOp::Eq {
        ("", "")
    } else {
        ("~", "not ")
    };
    let is_math = cx
        .model()
        .qualified_name(nan)
        .is_some_and(|name| name.is("math.nan"));
    if is_math && name_of_pandas(cx, nan.range()).is_none() {
        return format!(
            "write `{not}math.isnan({text})` for a number, `{negation}np.isnan({text})` for an array"
        );
    }
    format!("write `{negation}np.isnan({text})` or `{negation}pd.isna({text})`")
}

/// The comparison is all of its line, and its value only looked at: perhaps to show what NaN does.
fn is_alone(cx: &Context<'_, '_>, comparison: &ExprCompare) -> bool {
    let text = cx.cell().text();
    let range = comparison.range();
    let before = text[..range.start().to_usize()].rsplit('\n').next();
    let after = text[range.end().to_usize()..].split('\n').next();
    before.is_none_or(|text| text.trim().is_empty())
        && after.is_none_or(|text| matches!(text.trim_start().chars().next(), None | Some('#' | ';')))
}

/// The function to ask: pandas' takes every value. That of the module which the NaN was taken from raises for what is no
/// number.
fn question<'a>(
    cx: &Context<'a, '_>,
    operator: CmpOp,
    value: &'a Expr,
    nan: &'a Expr,
    is_shown: bool,
) -> Option<(String, Applicability)> {
    let equal = operator == CmpOp::Eq;
    if let Some(pandas) = name_of_pandas(cx, nan.range()) {
        let function = if equal { "isna" } else { "notna" };
        let applicability = if is_shown {
            Applicability::Unsafe
        } else {
            Applicability::Safe
        };
        return Some((format!("{pandas}.{function}"), applicability));
    }
    let Expr::Attribute(attribute) = nan else {
        return None;
    };
    if cx.model().tag(value) != Some(Tag::Number) {
        return None;
    }
    let module = cx.source(attribute.value.range());
    let package = cx.model().qualified_name(&attribute.value)?;
    let negation = match (equal, package.is("numpy"), package.is("math")) {
        (true, true, _) | (true, _, true) => "",
        (false, true, _) => "~",
        (false, _, true) => "not ",
        _ => return None,
    };
    Some((format!("{negation}{module}.isnan"), Applicability::Unsafe))
}

/// What pandas is called, where a cell above has imported it and nothing else has that name.
fn name_of_pandas<'a>(cx: &Context<'a, '_>, place: TextRange) -> Option<&'a str> {
    let model = cx.model();
    let is_pandas = |binding: &Binding<'_>| {
        matches!(binding.kind, BindingKind::Import(alias)
            if alias.name.as_str() == "pandas" && binding.scope == ScopeId::NOTEBOOK)
    };
    let (_, import) = model.bindings().find(|(_, binding)| is_pandas(binding))?;
    let ids = model.bindings_named(ScopeId::NOTEBOOK, import.name);
    let only_pandas = ids.iter().all(|id| is_pandas(model.binding(*id)));
    let above = (import.place.cell, import.place.start) < (cx.position(), place.start().to_u32());
    (only_pandas && above).then_some(import.name)
}

/// `x == np.nan` as `function(x)`, with the text of `x` left where it is.
fn wrapped(
    cx: &Context<'_, '_>,
    comparison: &ExprCompare,
    value: &Expr,
    function: &str,
) -> Option<Vec<Edit>> {
    let (whole, value) = (comparison.range(), value.range());
    let before = TextRange::new(whole.start(), value.start());
    let after = TextRange::new(value.end(), whole.end());
    let outside = [cx.source(before), cx.source(after)].concat();
    let balanced = outside.matches('(').count() == outside.matches(')').count();
    // A comment would be lost.
    let is_plain = balanced && !outside.contains(['#', '\n']);
    is_plain.then(|| vec![cx.edit(before, format!("{function}(")), cx.edit(after, ")")])
}
