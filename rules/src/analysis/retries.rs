//! Failures that are caught and nevertheless come to light: a retry that gives up aloud, a count that is asserted.

use nbvet_engine::{
    Context,
    ast::{
        ElifElseClause, ExceptHandler, Expr, Ranged, Stmt, StmtTry, TextRange, Visitor, visitor, with_stack,
    },
};

use super::{around::Around, handlers};

/// Nothing is lost although the exception is: the loop tries again until it succeeds or raises, or what the `try`
/// collects is counted below.
pub(crate) fn come_to_light(cx: &Context<'_, '_>, attempt: &StmtTry, handler: &ExceptHandler) -> bool {
    is_retry(cx, attempt, handler) || is_counted(cx, attempt)
}

/// `for _ in range(3): try: …; break` with an `else` that raises, and `while True` until it succeeds.
fn is_retry(cx: &Context<'_, '_>, attempt: &StmtTry, handler: &ExceptHandler) -> bool {
    let around = Around::of(cx.model(), cx.position(), attempt.range);
    let owner = around.statements.iter().rev().find(|statement| {
        let is_outside = matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_));
        is_outside || matches!(statement, Stmt::For(_) | Stmt::While(_))
    });
    let (body, gives_up) = match owner {
        Some(Stmt::For(repeat)) => (&repeat.body, fails(&repeat.orelse)),
        Some(Stmt::While(repeat)) => {
            let for_ever = matches!(&*repeat.test, Expr::BooleanLiteral(told) if told.value);
            (&repeat.body, for_ever || fails(&repeat.orelse))
        }
        _ => return false,
    };
    let again = handlers::clause(handler)
        .body
        .last()
        .is_some_and(Stmt::is_continue_stmt);
    let succeeds = if attempt.orelse.is_empty() {
        &attempt.body
    } else {
        &attempt.orelse
    };
    gives_up && (leaves(succeeds) || again && leaves(body))
}

/// The last statement leaves the loop.
fn leaves(body: &[Stmt]) -> bool {
    match body.last() {
        Some(Stmt::Break(_) | Stmt::Return(_)) => true,
        Some(Stmt::With(with)) => with_stack(|| leaves(&with.body)),
        _ => false,
    }
}

fn fails(body: &[Stmt]) -> bool {
    handlers::raises(body) || body.iter().any(Stmt::is_assert_stmt)
}

/// `done.append(item)` in the `try`, and `assert len(done) == 3` below it.
fn is_counted(cx: &Context<'_, '_>, attempt: &StmtTry) -> bool {
    let model = cx.model();
    let end = (cx.position(), attempt.end().to_u32());
    collected(attempt).into_iter().any(|name| {
        let below = model
            .references_named(name)
            .map(|reference| reference.place)
            .filter(|place| (place.cell, place.start) >= end);
        below.into_iter().any(|place| {
            let around = Around::of(model, place.cell, place.range());
            is_compared(&around)
                && around
                    .statement()
                    .is_some_and(|statement| demands(statement, place.range()))
        })
    })
}

/// A comparison that a single success does not satisfy.
fn is_compared(around: &Around<'_>) -> bool {
    let is_zero = |value: &Expr| matches!(value, Expr::NumberLiteral(number) if number.value.as_int().is_some_and(|int| int.as_u8() == Some(0)));
    around.expressions.iter().any(
        |outer| matches!(outer, Expr::Compare(comparison) if !comparison.comparators.iter().any(is_zero)),
    )
}

/// An assertion, or a condition under which the notebook stops.
fn demands(statement: &Stmt, place: TextRange) -> bool {
    match statement {
        Stmt::Assert(assert) => assert.test.range().contains_range(place),
        Stmt::If(choice) => {
            let asks = |clause: &ElifElseClause| {
                let test = clause.test.as_ref();
                test.is_some_and(|test| test.range().contains_range(place)) && fails(&clause.body)
            };
            choice.test.range().contains_range(place) && fails(&choice.body)
                || choice.elif_else_clauses.iter().any(asks)
        }
        _ => false,
    }
}

/// Names of what the `try` adds to: lists, tables, counters.
fn collected(attempt: &StmtTry) -> Vec<&str> {
    struct Finder<'a>(Vec<&'a str>);
    impl<'a> Finder<'a> {
        fn add(&mut self, target: &'a Expr) {
            if let Expr::Name(name) = target {
                self.0.push(name.id.as_str());
            }
        }
    }
    impl<'a> Visitor<'a> for Finder<'a> {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            match statement {
                Stmt::Assign(assign) => {
                    for target in &assign.targets {
                        if let Expr::Subscript(subscript) = target {
                            self.add(&subscript.value);
                        }
                    }
                }
                Stmt::AugAssign(assign) => self.add(&assign.target),
                Stmt::Expr(expression) => {
                    if let Expr::Call(call) = &*expression.value
                        && let Expr::Attribute(method) = &*call.func
                        && matches!(method.attr.as_str(), "append" | "add" | "extend" | "update")
                    {
                        self.add(&method.value);
                    }
                }
                _ => with_stack(|| visitor::walk_stmt(self, statement)),
            }
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut finder = Finder(Vec::new());
    finder.visit_body(&attempt.body);
    finder.visit_body(&attempt.orelse);
    finder.0
}
