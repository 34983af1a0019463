//! NB107 printed-check.

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged, Stmt},
};

use crate::{analysis::calls, macros::rule};

rule! {
    /// A comparison of two results is shown and not asserted.
    ///
    /// ## Why it matters
    ///
    /// `np.allclose(a, b)` as the last line of a cell prints True or False. Who runs the notebook again without
    /// looking learns nothing when it prints False.
    ///
    /// Found are `np.allclose`, `np.array_equal`, `a.equals(b)` and `(a == b).all()` with its like, as a line of their own at the
    /// end of a cell or within `print`.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import numpy as np
    ///
    /// A = np.array([[2.0, 1.0], [1.0, 3.0]])
    /// b = np.array([1.0, 2.0])
    /// x = np.linalg.solve(A, b)
    /// # %%
    /// np.allclose(A @ x, b)
    /// ```
    ///
    /// ```python good
    /// import numpy as np
    ///
    /// A = np.array([[2.0, 1.0], [1.0, 3.0]])
    /// b = np.array([1.0, 2.0])
    /// x = np.linalg.solve(A, b)
    /// # %%
    /// assert np.allclose(A @ x, b)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Write `assert` before it.
    "NB107" "printed-check",
    group: Verification,
    row: Row::Advice,
    since: "0.1.0",
    check: Check::Static(&PrintedCheck),
}

struct PrintedCheck;

impl StaticRule for PrintedCheck {
    fn visits(&self) -> Visits {
        Visits::EXPRESSION
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Expression(statement) = node else { return };
        let model = cx.model();
        let value = &*statement.value;
        let is_last =
            matches!(cx.cell().body().last(), Some(Stmt::Expr(last)) if last.range() == statement.range());
        let checks: Vec<&'a ExprCall> = match value {
            Expr::Call(call)
                if matches!(calls::name(call), "print" | "display") && call.func.is_name_expr() =>
            {
                call.arguments
                    .args
                    .iter()
                    .filter_map(|argument| check_of(model, argument))
                    .collect()
            }
            _ if is_last => check_of(model, value).into_iter().collect(),
            _ => return,
        };
        for check in checks {
            let text = cx.source(check.range());
            let short = if text.len() > 60 || text.contains('\n') {
                "this check"
            } else {
                text
            };
            let help = if short == text {
                format!("`assert {text}`")
            } else {
                "write `assert` before it".to_owned()
            };
            cx.report(
                Finding::new(
                    cx.at(check.range()),
                    "the outcome of this check is shown, and nothing stops when it is False",
                )
                .because(
                    "Whoever runs the notebook without looking at this line does not learn that it failed.",
                )
                .help(help),
            );
        }
    }
}

/// `np.allclose(a, b)`, `a.equals(b)`, `(a == b).all()`.
fn check_of<'a>(model: &Model<'a>, value: &'a Expr) -> Option<&'a ExprCall> {
    let Expr::Call(call) = value else { return None };
    let compares = model.qualified_name(&call.func).is_some_and(|name| {
        name.is_any(&[
            "numpy.allclose",
            "numpy.array_equal",
            "numpy.array_equiv",
            "torch.allclose",
            "torch.equal",
        ])
    });
    let Expr::Attribute(method) = &*call.func else {
        return compares.then_some(call);
    };
    let is_method = match method.attr.as_str() {
        "equals" => call.arguments.len() == 1,
        "all" => call.arguments.is_empty() && is_condition(&method.value),
        _ => false,
    };
    // Both sides written down: a line that shows what the function does.
    let arguments = &call.arguments.args;
    let is_lesson = !arguments.is_empty() && arguments.iter().all(is_written_down);
    ((compares || is_method) && !is_lesson).then_some(call)
}

/// `a == b`, `a > 0`, `a.isin(b)`, and `(a == b).all()` of columns.
fn is_condition(value: &Expr) -> bool {
    match value {
        Expr::Compare(comparison) => !is_written_down(&comparison.left),
        Expr::Call(call) => match calls::name(call) {
            "isna" | "isnull" | "notna" | "notnull" | "isin" | "between" | "isfinite" | "isclose" | "eq" => {
                true
            }
            "all" => matches!(&*call.func, Expr::Attribute(method) if is_condition(&method.value)),
            _ => false,
        },
        _ => false,
    }
}

fn is_written_down(value: &Expr) -> bool {
    matches!(
        value,
        Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::List(_)
            | Expr::Tuple(_)
    )
}
