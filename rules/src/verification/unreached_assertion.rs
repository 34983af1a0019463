//! NB104 unreached-assertion.

use std::collections::HashSet;

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, Ranged, StmtFunctionDef, Visitor, visitor},
    model::Resolution,
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
        let mut said = HashSet::new();
        for assertion in assertions::all(cx.model()) {
            if let Some((message, help)) = unreached(cx.model(), &assertion) {
                // One place is enough for a function, and for all that stands behind one end.
                if !said.insert(message.clone()) {
                    continue;
                }
                let at = cx
                    .model()
                    .location(assertion.position, assertion.statement.range());
                let subject = format!("assertion:{}", at.line);
                cx.report(
                    Finding::new(at, message)
                        .about(subject)
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
    function.decorator_list.is_empty()
        && model.binding_of(function).is_some()
        && !model.once(Mentioned::of).is_found(name)
}

/// The words of a notebook's text but those behind `def`: in code, in a magic or in a text that is looked up.
struct Mentioned {
    words: HashSet<String>,
    /// Something collects tests by itself.
    collects: bool,
}

impl Mentioned {
    fn of(model: &Model<'_>) -> Self {
        let collecting = ["pytest", "unittest", "doctest", "globals()", "locals()"];
        let mut mentioned = Self {
            words: HashSet::new(),
            collects: false,
        };
        for cell in model.parsed().cells() {
            let source = &cell.cell.source;
            mentioned.add(source);
            mentioned.collects |= collecting.iter().any(|word| source.contains(word));
        }
        mentioned
    }

    fn add(&mut self, source: &str) {
        let mut previous = "";
        let words = source.split(|c: char| !c.is_alphanumeric() && c != '_');
        for word in words.filter(|word| !word.is_empty()) {
            if previous != "def" && !self.words.contains(word) {
                self.words.insert(word.to_owned());
            }
            previous = word;
        }
    }

    fn is_found(&self, name: &str) -> bool {
        self.words.contains(name) || (self.collects && name.starts_with("test"))
    }
}
