//! Every `assert` of a notebook, with what stands between its failure and the notebook's end.

use nbvet_engine::{
    Model,
    ast::{
        self, BoolOp, CmpOp, ExceptHandler, Expr, Number, Stmt, StmtAssert, StmtFunctionDef, StmtTry,
        UnaryOp, Visitor, visitor, with_stack,
    },
};

use super::handlers::{self, Reaction};

/// One `assert` and where it stands.
pub(crate) struct Assertion<'a> {
    /// Position of its cell among the code cells.
    pub(crate) position: usize,
    /// The statement.
    pub(crate) statement: &'a StmtAssert,
    /// The handler that catches its failure and goes on.
    pub(crate) swallowed_by: Option<&'a ExceptHandler>,
    /// The outermost function around it, where no class is around that.
    pub(crate) function: Option<&'a StmtFunctionDef>,
}

/// Every assertion of the cells that run.
pub(crate) fn all<'a>(model: &Model<'a>) -> Vec<Assertion<'a>> {
    let mut collector = Collector {
        position: 0,
        swallowing: None,
        function: None,
        in_class: false,
        found: Vec::new(),
    };
    for (position, cell) in model.parsed().cells().iter().enumerate() {
        if cell.is_valid() && !cell.is_skipped() && !cell.may_raise() && cell.text().contains("assert") {
            collector.position = position;
            collector.visit_body(cell.body());
        }
    }
    collector.found
}

struct Collector<'a> {
    position: usize,
    swallowing: Option<&'a ExceptHandler>,
    function: Option<&'a StmtFunctionDef>,
    in_class: bool,
    found: Vec<Assertion<'a>>,
}

impl<'a> Collector<'a> {
    /// The body of a `try` fails into its handlers; its other parts do not.
    fn attempt(&mut self, attempt: &'a StmtTry) {
        let outside = self.swallowing;
        self.swallowing = catching(attempt).map_or(outside, |handler| {
            if handlers::reaction(handler) == Reaction::Raises {
                outside
            } else {
                swallows(handler).then_some(handler)
            }
        });
        self.visit_body(&attempt.body);
        self.swallowing = outside;
        for handler in &attempt.handlers {
            self.visit_body(&handlers::clause(handler).body);
        }
        self.visit_body(&attempt.orelse);
        self.visit_body(&attempt.finalbody);
    }

    /// A function's or class's body has nothing to do with the `try` around its definition.
    fn definition(&mut self, statement: &'a Stmt) {
        let (swallowing, function, in_class) = (self.swallowing.take(), self.function, self.in_class);
        match statement {
            Stmt::FunctionDef(definition) if !in_class => self.function = function.or(Some(definition)),
            Stmt::ClassDef(_) => self.in_class = true,
            _ => {}
        }
        with_stack(|| visitor::walk_stmt(self, statement));
        (self.swallowing, self.function, self.in_class) = (swallowing, function, in_class);
    }
}

impl<'a> Visitor<'a> for Collector<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assert(assert) => self.found.push(Assertion {
                position: self.position,
                statement: assert,
                swallowed_by: self.swallowing,
                function: self.function,
            }),
            Stmt::Try(attempt) => with_stack(|| self.attempt(attempt)),
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => self.definition(statement),
            _ => with_stack(|| visitor::walk_stmt(self, statement)),
        }
    }

    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// The first handler that takes an `AssertionError`.
fn catching(attempt: &StmtTry) -> Option<&ExceptHandler> {
    attempt
        .handlers
        .iter()
        .find(|handler| handlers::is_broad(handler) || names_assertion_error(handler))
}

fn names_assertion_error(handler: &ExceptHandler) -> bool {
    let is_it = |class: &Expr| matches!(class, Expr::Name(name) if name.id.as_str() == "AssertionError");
    match handlers::clause(handler).type_.as_deref() {
        Some(Expr::Tuple(classes)) => classes.elts.iter().any(is_it),
        Some(class) => is_it(class),
        None => false,
    }
}

/// The failure is lost. Who goes on with another value or with the next round of a loop uses the assertion as a
/// condition.
fn swallows(handler: &ExceptHandler) -> bool {
    let goes_on = handlers::clause(handler).body.iter().any(Stmt::is_continue_stmt);
    matches!(handlers::reaction(handler), Reaction::Pass | Reaction::PrintOnly) && !goes_on
}

/// Why a condition holds whatever the notebook computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tautology {
    /// `(condition, "message")`: a tuple that is not empty.
    Tuple,
    /// `True`, `1`, `"text"`, `[0]`.
    Constant,
    /// `(x > 0 for x in xs)`: a generator, true even where it yields nothing.
    Generator,
    /// `len(x) >= 0`.
    Length,
}

/// The condition cannot be false.
pub(crate) fn tautology(condition: &Expr) -> Option<Tautology> {
    match condition {
        Expr::Tuple(tuple) => (!tuple.elts.is_empty() && !tuple.elts.iter().any(Expr::is_starred_expr))
            .then_some(Tautology::Tuple),
        Expr::Generator(_) => Some(Tautology::Generator),
        Expr::Compare(comparison) => is_length_at_least_zero(comparison).then_some(Tautology::Length),
        Expr::BoolOp(operation) => match operation.op {
            BoolOp::Or => operation.values.iter().find_map(tautology),
            BoolOp::And => {
                let all: Option<Vec<_>> = operation.values.iter().map(tautology).collect();
                all?.first().copied()
            }
        },
        Expr::UnaryOp(operation) => {
            (operation.op == UnaryOp::Not && is_false(&operation.operand)).then_some(Tautology::Constant)
        }
        other => is_true(other).then_some(Tautology::Constant),
    }
}

fn is_true(value: &Expr) -> bool {
    match value {
        Expr::BooleanLiteral(literal) => literal.value,
        Expr::StringLiteral(text) => !text.value.is_empty(),
        Expr::NumberLiteral(literal) => !is_zero(&literal.value),
        Expr::EllipsisLiteral(_) | Expr::Lambda(_) => true,
        Expr::List(list) => !list.elts.is_empty() && !list.elts.iter().any(Expr::is_starred_expr),
        Expr::Set(set) => !set.elts.iter().any(Expr::is_starred_expr),
        Expr::Dict(dict) => dict.items.iter().any(|item| item.key.is_some()),
        _ => false,
    }
}

fn is_false(value: &Expr) -> bool {
    match value {
        Expr::BooleanLiteral(literal) => !literal.value,
        Expr::NoneLiteral(_) => true,
        Expr::StringLiteral(text) => text.value.is_empty(),
        Expr::NumberLiteral(literal) => is_zero(&literal.value),
        Expr::List(list) => list.elts.is_empty(),
        Expr::Tuple(tuple) => tuple.elts.is_empty(),
        Expr::Dict(dict) => dict.items.is_empty(),
        _ => false,
    }
}

fn is_zero(number: &Number) -> bool {
    match number {
        Number::Int(value) => value.as_u8() == Some(0),
        Number::Float(value) => *value == 0.0,
        Number::Complex { real, imag } => *real == 0.0 && *imag == 0.0,
    }
}

/// `len(x) >= 0`, `0 <= len(x)`.
fn is_length_at_least_zero(comparison: &ast::ExprCompare) -> bool {
    let ([operator], [right]) = (&*comparison.ops, &*comparison.comparators) else {
        return false;
    };
    let (length, bound) = match operator {
        CmpOp::GtE => (&*comparison.left, right),
        CmpOp::LtE => (right, &*comparison.left),
        _ => return false,
    };
    let is_length = matches!(length, Expr::Call(call)
        if matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "len"));
    is_length && matches!(bound, Expr::NumberLiteral(literal) if is_zero(&literal.value))
}

/// The condition is false whatever happens: `assert False` marks a place that must not be reached.
pub(crate) fn never_holds(condition: &Expr) -> bool {
    is_false(condition)
}
