//! NB218 finally-return.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{ExceptHandler, Ranged, Stmt, TextRange},
};
use nbvet_report::Level;

use crate::macros::rule;

rule! {
    /// A `return`, `break` or `continue` in a `finally`.
    ///
    /// ## Why it matters
    ///
    /// A `finally` runs while an exception is on its way up. Leaving it by `return`, `break` or `continue` throws that
    /// exception away, whatever it is, and also the value of a `return` in the `try`. Python 3.14 warns of it.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// def mean_of(path):
    ///     mean = 0.0
    ///     file = open(path)
    ///     try:
    ///         numbers = [float(line) for line in file]
    ///         mean = sum(numbers) / len(numbers)
    ///     finally:
    ///         file.close()
    ///         return mean
    /// ```
    ///
    /// ```python good
    /// def mean_of(path):
    ///     file = open(path)
    ///     try:
    ///         numbers = [float(line) for line in file]
    ///     finally:
    ///         file.close()
    ///     return sum(numbers) / len(numbers)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Move the `return`, `break` or `continue` below the `try` statement. A `finally` is for what must be done in
    /// any case, such as closing a file.
    "NB218" "finally-return",
    group: SilentFailure,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Static(&FinallyReturn),
}

struct FinallyReturn;

impl StaticRule for FinallyReturn {
    fn visits(&self) -> Visits {
        Visits::TRY
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Try(attempt) = node else { return };
        let Some((word, range)) = leaves(&attempt.finalbody, false) else {
            return;
        };
        let finding = Finding::new(
            cx.at(range),
            format!("this `{word}` in `finally` throws away any error of the `try`"),
        )
        .because(
            "The exception that was on its way up ends here, and what failed looks like an ordinary result.",
        )
        .help(format!("move the `{word}` below the `try` statement"));
        let finding = match cx.function() {
            Some(function) => finding.about(format!("function:{}", function.name)),
            None => finding,
        };
        cx.report(finding);
    }
}

/// The first statement that leaves the block, but for those that only end a loop within it.
fn leaves(body: &[Stmt], in_loop: bool) -> Option<(&'static str, TextRange)> {
    body.iter().find_map(|statement| match statement {
        Stmt::Return(_) => Some(("return", first_word(statement, 6))),
        Stmt::Break(_) if !in_loop => Some(("break", statement.range())),
        Stmt::Continue(_) if !in_loop => Some(("continue", statement.range())),
        Stmt::If(choice) => leaves(&choice.body, in_loop).or_else(|| {
            let clauses = choice.elif_else_clauses.iter();
            clauses
                .into_iter()
                .find_map(|clause| leaves(&clause.body, in_loop))
        }),
        Stmt::For(repeat) => leaves(&repeat.body, true).or_else(|| leaves(&repeat.orelse, in_loop)),
        Stmt::While(repeat) => leaves(&repeat.body, true).or_else(|| leaves(&repeat.orelse, in_loop)),
        Stmt::With(block) => leaves(&block.body, in_loop),
        Stmt::Try(attempt) => leaves(&attempt.body, in_loop).or_else(|| {
            let handlers = attempt.handlers.iter();
            handlers
                .into_iter()
                .find_map(|ExceptHandler::ExceptHandler(clause)| leaves(&clause.body, in_loop))
        }),
        _ => None,
    })
}

/// A statement's keyword alone: its value may go on over many lines.
fn first_word(statement: &Stmt, length: u32) -> TextRange {
    TextRange::at(statement.start(), length.into())
}
