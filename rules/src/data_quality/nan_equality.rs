//! NB301 nan-equality.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{CmpOp, Expr, ExprCompare, Ranged},
};

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
                report(cx, comparison, *operator, if nan { left } else { right });
            }
            left = right;
        }
    }
}

fn report(cx: &mut Context<'_, '_>, comparison: &ExprCompare, operator: CmpOp, value: &Expr) {
    let (answer, negation) = if operator == CmpOp::Eq {
        ("False", "")
    } else {
        ("True", "~")
    };
    let value = cx.source(value.range());
    let at = cx.at(comparison.range());
    cx.report(
        Finding::new(
            at,
            format!("this is always {answer}: NaN is equal to nothing, not even to itself"),
        )
        .because("Whatever is filtered, counted or replaced by this comparison is never touched.")
        .help(format!(
            "write `{negation}np.isnan({value})` or `{negation}pd.isna({value})`"
        )),
    );
}
