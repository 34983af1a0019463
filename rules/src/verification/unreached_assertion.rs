//! NB104 unreached-assertion.

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, Ranged, StmtFunctionDef, Visitor, visitor},
    model::{BindingKind, Resolution},
};

use crate::{
    analysis::assertions::{self, Assertion},
    macros::rule,
};

rule! {
    /// An assertion that a run from top to bottom never gets to.
    ///
    /// ## Why it matters
    ///
    /// It stands in a function that no cell calls, or behind a `return` or `if False:`. Readers take it for a check;
    /// nothing is ever checked.
    ///
    /// Functions with a decorator, methods, and test functions of a notebook that uses pytest, ipytest, unittest or
    /// doctest are left alone: something else may call them.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// rows = [1, 2, 3]
    ///
    /// def check(rows):
    ///     assert len(rows) == 4
    /// ```
    ///
    /// ```python good
    /// rows = [1, 2, 3, 4]
    ///
    /// def check(rows):
    ///     assert len(rows) == 4
    /// # %%
    /// check(rows)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Call the function where its check belongs, or delete it.
    "NB104" "unreached-assertion",
    group: Verification,
    row: Row::Advice,
    raised_by: VerifyAssertions,
    since: "0.1.0",
    check: Check::Static(&UnreachedAssertion),
}

struct UnreachedAssertion;

impl StaticRule for UnreachedAssertion {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let mut said = Vec::new();
        for assertion in assertions::all(cx.model()) {
            if let Some((message, help)) = unreached(cx.model(), &assertion) {
                // One place is enough for a function, and for all that stands behind one end.
                if said.contains(&message) {
                    continue;
                }
                said.push(message.clone());
                let at = cx
                    .model()
                    .location(assertion.position, assertion.statement.range());
                cx.report(
                    Finding::new(at, message)
                        .because("What it checks is checked nowhere.")
                        .help(help),
                );
            }
        }
    }
}

/// The rule complains of it, here or at another place of the same function.
pub(crate) fn is_unreached<'a>(model: &Model<'a>, assertion: &Assertion<'a>) -> bool {
    unreached(model, assertion).is_some()
}

fn unreached<'a>(model: &Model<'a>, assertion: &Assertion<'a>) -> Option<(String, String)> {
    if is_behind_an_end(model, &assertion.statement.test) {
        return Some((
            "this assertion never runs: no path leads to it".to_owned(),
            "move it before the line that leaves, or delete it".to_owned(),
        ));
    }
    let function = assertion.function?;
    is_never_called(model, function).then(|| {
        let name = function.name.as_str();
        (
            format!("this assertion never runs: no cell calls `{name}`"),
            format!("call `{name}(…)` where its check belongs, or delete it"),
        )
    })
}

/// A name in the condition stands where no path leads.
fn is_behind_an_end<'a>(model: &Model<'a>, condition: &'a Expr) -> bool {
    struct Names<'a, 'm>(&'m Model<'a>, bool);
    impl<'a> Visitor<'a> for Names<'a, '_> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Name(name) = expression {
                let reference = self.0.reference_of(name);
                self.1 |= reference.is_some_and(|found| found.resolution == Resolution::Unreachable);
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut names = Names(model, false);
    names.visit_expr(condition);
    names.1
}

/// Nothing names the function, and nothing else in the notebook may find it.
fn is_never_called(model: &Model<'_>, function: &StmtFunctionDef) -> bool {
    let name = function.name.as_str();
    let is_it = |kind| matches!(kind, BindingKind::Function(found) if std::ptr::eq(found, function));
    function.decorator_list.is_empty()
        && model.bindings().any(|(_, binding)| is_it(binding.kind))
        && !model
            .parsed()
            .cells()
            .iter()
            .any(|cell| mentions_elsewhere(&cell.cell.source, name))
}

/// The cell's text has the word but behind `def`: in code, in a magic or in a text that is looked up. Or it has
/// something that collects tests by itself.
fn mentions_elsewhere(source: &str, name: &str) -> bool {
    let collects = ["pytest", "unittest", "doctest", "globals()", "locals()"];
    let mut previous = "";
    let named = source
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .any(|word| {
            let found = word == name && previous != "def";
            previous = word;
            found
        });
    named || (name.starts_with("test") && collects.iter().any(|word| source.contains(word)))
}
