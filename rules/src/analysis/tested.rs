//! Whether a notebook decides or fails by what is in a name: then somebody knows that it may be empty or missing.

use nbvet_engine::{
    Model,
    ast::{Expr, Stmt, Visitor, visitor, with_stack},
};

use super::{calls, steps};

/// Words of names that hold what is wrong, missing or left over: such tables are best empty.
const WRONG: &[&str] = &[
    "abnormal",
    "anomal",
    "bad",
    "conflict",
    "diff",
    "dup",
    "empty",
    "error",
    "exceed",
    "extra",
    "fail",
    "incomplete",
    "invalid",
    "left",
    "mismatch",
    "miss",
    "na_",
    "nan",
    "null",
    "odd",
    "only",
    "orphan",
    "outlier",
    "problem",
    "remain",
    "rest",
    "suspect",
    "unknown",
    "unmatched",
    "violat",
    "wrong",
];

/// The name says that it holds what is wrong.
pub(crate) fn says_what_is_wrong(name: &str) -> bool {
    let name = name.to_lowercase();
    WRONG.iter().any(|word| name.contains(word))
}

/// An assertion, a condition or a function that checks reads the name, anywhere in the notebook.
pub(crate) fn is_tested(model: &Model<'_>, name: &str) -> bool {
    struct Tests<'n>(&'n str, bool);
    impl Tests<'_> {
        fn test(&mut self, expression: &Expr) {
            self.1 |= steps::names(expression).contains(&self.0);
        }
    }
    impl<'a> Visitor<'a> for Tests<'_> {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            match statement {
                Stmt::Assert(assert) => self.test(&assert.test),
                Stmt::While(repeat) => self.test(&repeat.test),
                Stmt::If(choice) => {
                    self.test(&choice.test);
                    let clauses = choice.elif_else_clauses.iter();
                    clauses
                        .filter_map(|clause| clause.test.as_ref())
                        .for_each(|test| self.test(test));
                }
                _ => {}
            }
            with_stack(|| visitor::walk_stmt(self, statement));
        }

        fn visit_expr(&mut self, expression: &'a Expr) {
            match expression {
                Expr::If(choice) => self.test(&choice.test),
                Expr::Call(call) if is_check(calls::name(call)) => {
                    call.arguments
                        .args
                        .iter()
                        .for_each(|argument| self.test(argument));
                }
                _ => {}
            }
            with_stack(|| visitor::walk_expr(self, expression));
        }
    }
    let mut tests = Tests(name, false);
    for cell in model.parsed().cells() {
        tests.visit_body(cell.body());
    }
    tests.1
}

/// Names of functions that check what they are given.
fn is_check(name: &str) -> bool {
    let name = name.to_lowercase();
    ["check", "assert", "validate", "expect", "verify", "ensure"]
        .iter()
        .any(|word| name.contains(word))
}
