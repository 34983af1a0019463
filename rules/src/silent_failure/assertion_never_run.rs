//! NB222 assertion-never-run.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule, ast::Ranged};
use nbvet_report::{Fact, RunEnd};

use crate::{analysis::assertions, macros::rule};

rule! {
    /// An assertion that did not run although the notebook ran to its end.
    ///
    /// ## Why it matters
    ///
    /// It stands in a function that nothing called, or on a path that was not taken: what it promises was checked
    /// nowhere. This is seen when the notebook runs, on Python 3.12 and newer; before, the rule on the code alone
    /// tells of functions that no cell calls.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// def mean(values):
    ///     if len(values) > 100:
    ///         assert min(values) >= 0
    ///     return sum(values) / len(values)
    /// # %%
    /// mean([3, 4, 5])
    /// ```
    ///
    /// ```python good
    /// def mean(values):
    ///     assert min(values) >= 0
    ///     return sum(values) / len(values)
    /// # %%
    /// mean([3, 4, 5])
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Move the assertion to where every run passes it, or call what it stands in with a value that leads to it.
    "NB222" "assertion-never-run",
    group: SilentFailure,
    row: Row::Advice,
    raised_by: VerifyAssertions,
    twins: &["NB104"],
    since: "0.1.0",
    check: Check::Run(&AssertionNeverRun),
}

struct AssertionNeverRun;

impl RunRule for AssertionNeverRun {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        if !matches!(run.end, Some(RunEnd::Completed)) {
            return;
        }
        let missed = missed(run);
        let (model, mut said) = (cx.model(), HashSet::new());
        for assertion in assertions::all(model) {
            let cell = model.cell(assertion.position);
            let at = model.location(assertion.position, assertion.statement.range());
            let is_missed = missed
                .get(&cell.cell.index)
                .is_some_and(|lines| lines.contains(&at.line));
            let function = assertion.function.map(|function| function.name.as_str());
            // One place is enough for a function.
            if !is_missed || cell.may_raise() || function.is_some_and(|name| !said.insert(name)) {
                continue;
            }
            let subject = format!("assertion:{}", at.line);
            let (place, help) = match function {
                Some(name) => (
                    format!(": no call of `{name}` came to it"),
                    format!("call `{name}` with a value that leads to it, or move it up"),
                ),
                None => (
                    " in this run".to_owned(),
                    "move it to where every run passes".to_owned(),
                ),
            };
            cx.report(
                Finding::new(at, format!("this assertion did not run{place}"))
                    .because("What it checks was checked nowhere.")
                    .help(help)
                    .about(subject),
            );
        }
    }
}

/// By cell, the lines of assertions that were watched and never ran.
fn missed(run: &Run<'_>) -> BTreeMap<u32, BTreeSet<u32>> {
    let mut missed: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for fact in run.cells.iter().flat_map(|cell| &cell.facts) {
        if let Fact::Assertions {
            cell,
            watched,
            reached,
        } = fact
        {
            let lines = missed.entry(*cell).or_default();
            lines.extend(watched);
            lines.retain(|line| !reached.contains(line));
        }
    }
    missed
}
