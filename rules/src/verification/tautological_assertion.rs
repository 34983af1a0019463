//! NB102 tautological-assertion.

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, Ranged, StmtAssert, TextRange, TextSize},
};
use nbvet_report::{Applicability, Edit, Level};

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
            let finding = Finding::new(at, format!("this assertion cannot fail: {message}"))
                .because("It looks like a check, and the notebook passes whatever it computed.")
                .help(help);
            cx.report(match meant(cx.model(), assertion.position, assertion.statement) {
                Some((title, edits)) => finding.fix(title, Applicability::Unsafe, edits),
                None => finding,
            });
        }
    }
}

/// `assert condition, "message"` for the tuple of the two, `all(…)` for a generator.
fn meant(model: &Model<'_>, position: usize, assertion: &StmtAssert) -> Option<(&'static str, Vec<Edit>)> {
    let edit = |range: TextRange, replacement: &str| Edit {
        location: model.location(position, range),
        replacement: replacement.to_owned(),
    };
    match &*assertion.test {
        Expr::Tuple(tuple) => {
            let [condition, Expr::StringLiteral(_) | Expr::FString(_)] = &*tuple.elts else {
                return None;
            };
            let one = TextSize::from(1);
            let bracket = TextRange::at(tuple.start(), one);
            let rest = TextRange::new(tuple.elts[1].end(), tuple.end());
            // Brackets also hold lines together, and may stand around each of the two.
            let cell = model.cell(position);
            let is_plain = tuple.parenthesized
                && assertion.msg.is_none()
                && condition.start() == bracket.end()
                && matches!(cell.slice(rest), ")" | ",)")
                && !cell.slice(tuple.range()).contains('\n');
            is_plain.then(|| {
                let edits = vec![edit(bracket, ""), edit(rest, "")];
                ("take the parentheses away", edits)
            })
        }
        Expr::Generator(generator) if generator.parenthesized => Some((
            "put `all` before it",
            vec![edit(TextRange::empty(generator.start()), "all")],
        )),
        _ => None,
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
