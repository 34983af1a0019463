//! NB102 tautological-assertion.

use nbvet_engine::{Check, Context, Finding, Node, Row, StaticRule, Visits, ast::Ranged};
use nbvet_report::Level;

use crate::{
    analysis::assertions::{self, Tautology},
    macros::rule,
};

rule! {
    /// An assertion whose condition is always true.
    ///
    /// ## Why it matters
    ///
    /// It looks like a check and checks nothing. `assert (condition, "message")` is the usual form: the parentheses
    /// make a tuple, and a tuple with something in it is true whatever the condition says.
    ///
    /// Also found: `assert True`, `assert "text"`, `assert len(x) >= 0`, and `assert (x > 0 for x in xs)`, which
    /// lacks an `all(…)`.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// rows = [1, 2, 3]
    /// assert (len(rows) == 4, "a row is missing")
    /// ```
    ///
    /// ```python good
    /// rows = [1, 2, 3, 4]
    /// assert len(rows) == 4, "a row is missing"
    /// ```
    ///
    /// ```python bad
    /// prices = [3.5, -1.0]
    /// assert (price > 0 for price in prices)
    /// ```
    ///
    /// ```python good
    /// prices = [3.5, 1.0]
    /// assert all(price > 0 for price in prices)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Write the condition that you mean, without parentheses around condition and message.
    "NB102" "tautological-assertion",
    group: Verification,
    row: Row::From(Level::Development),
    raised_by: VerifyAssertions,
    since: "0.1.0",
    check: Check::Static(&TautologicalAssertion),
}

struct TautologicalAssertion;

impl StaticRule for TautologicalAssertion {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        for assertion in assertions::all(cx.model()) {
            let Some(kind) = assertions::tautology(&assertion.statement.test) else {
                continue;
            };
            let at = cx
                .model()
                .location(assertion.position, assertion.statement.range());
            let (message, help) = wording(kind);
            cx.report(
                Finding::new(at, format!("this assertion cannot fail: {message}"))
                    .because("It looks like a check, and the notebook passes whatever it computed.")
                    .help(help),
            );
        }
    }
}

fn wording(kind: Tautology) -> (&'static str, &'static str) {
    match kind {
        Tautology::Tuple => (
            "it tests a tuple, and a tuple with something in it is true",
            "take the parentheses away: `assert condition, \"message\"`",
        ),
        Tautology::Constant => (
            "its condition is a constant",
            "assert something that the notebook computed, such as `assert len(df) > 0`",
        ),
        Tautology::Generator => (
            "it tests a generator, and a generator is true whatever it yields",
            "put `all(…)` around it",
        ),
        Tautology::Length => (
            "no length is below zero",
            "write `> 0` if there has to be something",
        ),
    }
}
