//! NB108 float-equality-assert.

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{CmpOp, Expr, Number, Operator, Ranged},
    model::BindingKind,
};
use nbvet_report::Level;

use crate::{
    analysis::{assertions, calls},
    macros::rule,
};

rule! {
    /// An assertion that a computed number is exactly a fraction such as 0.1.
    ///
    /// ## Why it matters
    ///
    /// `0.1 + 0.2 == 0.3` is False: binary numbers hold such fractions only nearly. The assertion fails, or holds by
    /// luck on this machine with this version of the library.
    ///
    /// Numbers that were rounded before, and halves and quarters, which are exact, do not count.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// shares = [0.1, 0.2, 0.4]
    /// assert sum(shares) == 0.7
    /// ```
    ///
    /// ```python good
    /// import math
    ///
    /// shares = [0.1, 0.2, 0.4]
    /// assert math.isclose(sum(shares), 0.7)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Say how near is near enough: `math.isclose(a, b)`, `np.allclose(a, b)`, `pytest.approx(b)`.
    "NB108" "float-equality-assert",
    group: Verification,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Static(&FloatEqualityAssert),
}

struct FloatEqualityAssert;

/// How many names and operands are followed.
const MAX_STEPS: u32 = 6;

impl StaticRule for FloatEqualityAssert {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        for assertion in assertions::all(model) {
            let Some((computed, number)) = inexact(model, &assertion.statement.test) else {
                continue;
            };
            let text = |side: &Expr| model.cell(assertion.position).slice(side.range());
            let (computed, number) = (text(computed), text(number));
            cx.report(
                Finding::new(
                    model.location(assertion.position, assertion.statement.range()),
                    format!("`{computed}` is compared with exactly {number}, which no binary number is"),
                )
                .because("A difference in the last digit, from another version or machine, fails it though all is well.")
                .help(format!("`assert math.isclose({computed}, {number})`")),
            );
        }
    }
}

/// The computed number and the fraction that a condition says are equal.
pub(crate) fn inexact<'a>(model: &Model<'a>, condition: &'a Expr) -> Option<(&'a Expr, &'a Expr)> {
    let Expr::Compare(comparison) = condition else {
        return None;
    };
    let ([CmpOp::Eq], [right]) = (&*comparison.ops, &*comparison.comparators) else {
        return None;
    };
    let sides = [(&*comparison.left, right), (right, &*comparison.left)];
    sides
        .into_iter()
        .find(|(computed, number)| is_inexact(number) && is_computed(model, computed, MAX_STEPS))
}

/// A fraction that binary numbers hold only nearly.
fn is_inexact(number: &Expr) -> bool {
    match number {
        Expr::NumberLiteral(literal) => {
            matches!(literal.value, Number::Float(value) if value.is_finite() && (value * 1024.0).fract() != 0.0)
        }
        Expr::UnaryOp(operation) => is_inexact(&operation.operand),
        _ => false,
    }
}

/// The value comes out of arithmetic with rounding errors: a mean, a sum, a quotient.
fn is_computed<'a>(model: &Model<'a>, value: &'a Expr, steps: u32) -> bool {
    let Some(steps) = steps.checked_sub(1) else {
        return false;
    };
    match value {
        Expr::BinOp(operation) => {
            matches!(
                operation.op,
                Operator::Add | Operator::Sub | Operator::Mult | Operator::Div | Operator::Pow
            ) && !is_rounded(&operation.left)
                && !is_rounded(&operation.right)
        }
        Expr::Call(call) => matches!(
            calls::name(call),
            "sum"
                | "mean"
                | "std"
                | "var"
                | "average"
                | "dot"
                | "sqrt"
                | "exp"
                | "log"
                | "sin"
                | "cos"
                | "norm"
                | "prod"
                | "score"
                | "cumsum"
        ),
        Expr::Name(name) => {
            let Some([id]) = model.certain_bindings(name) else {
                return false;
            };
            matches!(model.binding(*id).kind, BindingKind::Value(value) if is_computed(model, value, steps))
        }
        _ => false,
    }
}

fn is_rounded(value: &Expr) -> bool {
    matches!(value, Expr::Call(call) if matches!(calls::name(call), "round" | "floor" | "ceil" | "int" | "Fraction" | "Decimal"))
}
