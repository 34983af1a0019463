//! NB103 swallowed-assertion.

use nbvet_engine::{Check, Context, Finding, Node, Row, StaticRule, Visits, ast::Ranged};
use nbvet_report::Level;

use crate::{
    analysis::{assertions, handlers},
    macros::rule,
};

rule! {
    /// An assertion inside a `try` that hides its failure.
    ///
    /// ## Why it matters
    ///
    /// A failed assertion raises `AssertionError`, and a handler that takes it and goes on makes the notebook pass
    /// although its own check has failed.
    ///
    /// Left alone: handlers that raise again, that record the failure, or that use the assertion as a condition
    /// (another value, the next round of a loop), and `assert False`, which shows what a handler does.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// rows = [1, 2, 3]
    /// try:
    ///     assert len(rows) == 4
    /// except AssertionError:
    ///     print("a row is missing")
    /// ```
    ///
    /// ```python good
    /// rows = [1, 2, 3]
    /// try:
    ///     assert len(rows) == 4
    /// except AssertionError:
    ///     print("a row is missing")
    ///     raise
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Take the assertion out of the `try`, or `raise` again in the handler. Words for the reader belong into the
    /// assertion: `assert len(rows) == 4, "a row is missing"`.
    "NB103" "swallowed-assertion",
    group: Verification,
    row: Row::From(Level::Development),
    raised_by: VerifyAssertions,
    since: "0.1.0",
    check: Check::Static(&SwallowedAssertion),
}

struct SwallowedAssertion;

impl StaticRule for SwallowedAssertion {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        for assertion in assertions::all(cx.model()) {
            let condition = &assertion.statement.test;
            let Some(handler) = assertion.swallowed_by else {
                continue;
            };
            if assertions::never_holds(condition) || assertions::tautology(condition).is_some() {
                continue;
            }
            let at = cx
                .model()
                .location(assertion.position, assertion.statement.range());
            let catches = cx.model().location(
                assertion.position,
                handlers::head(cx.model(), assertion.position, handler),
            );
            cx.report(
                Finding::new(
                    at,
                    "nobody learns when this assertion fails: the `try` around it goes on",
                )
                .because("The notebook ends well although its own check has failed.")
                .help("take the assertion out of the `try`, or `raise` again in the handler")
                .label(catches, "catches the AssertionError"),
            );
        }
    }
}
