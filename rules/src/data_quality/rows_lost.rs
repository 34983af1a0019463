//! NB307 rows-lost.

use nbvet_engine::{Check, Finding, Model, Row, Run, RunContext, RunRule, ast::Ranged};

use crate::{
    analysis::{
        inspection::{Inspection, Look},
        steps::root,
        summed,
        table_steps::{self, How, Join, Step, rows_of},
        tables::{self, Change},
        tested,
    },
    macros::rule,
};

rule! {
    /// A step that lost most rows of a table, or all of them.
    ///
    /// ## Why it matters
    ///
    /// A key of another type, a misspelt word in a filter or one column that came empty take the rows away, and every
    /// sum, mean and plot is then made of the few that are left, or of none. This is seen when the notebook runs, so it
    /// is no guess: the numbers of rows before and after are in the message.
    ///
    /// It counts when `dropna` or a join loses half of the rows or more and nothing looks at how many are left, when they
    /// lose all, and when a filter that kept nothing is used below. Left alone: what the notebook tests (`if
    /// late.empty`, `assert len(full)`), and filters whose name says that they look for what is wrong (`duplicates`,
    /// `missing`).
    ///
    /// Two counts one severity less: a filter that kept nothing and of which no figure is made (`late["v"].sum()` is
    /// one), since nothing may fit one day; and a join that lost half of the rows or more but not all, since a table of
    /// a few keys may choose on purpose.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// orders = pd.DataFrame({"customer": ["17", "18", "19"], "amount": [20, 35, 10]})
    /// customers = pd.DataFrame({"customer": ["C17", "C18", "C19"], "region": ["N", "S", "N"]})
    /// # %%
    /// full = orders.merge(customers, on="customer")
    /// by_region = full.groupby("region")["amount"].sum()
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// orders = pd.DataFrame({"customer": ["17", "18", "19"], "amount": [20, 35, 10]})
    /// customers = pd.DataFrame({"customer": ["17", "18", "19"], "region": ["N", "S", "N"]})
    /// # %%
    /// full = orders.merge(customers, on="customer")
    /// by_region = full.groupby("region")["amount"].sum()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Look at the rows that are gone, then say how many may go: `assert len(full) > 0.9 * len(orders)`.
    "NB307" "rows-lost",
    group: DataQuality,
    row: Row::Hidden,
    twins: &["NB304", "NB306"],
    since: "0.1.0",
    check: Check::Run(&RowsLost),
}

struct RowsLost;

impl RunRule for RowsLost {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let model = cx.model();
        let changes = tables::changes(model, run);
        let mut inspection = None;
        for change in &changes {
            let Some(step) = table_steps::of(model, change) else {
                continue;
            };
            let Some((before, after)) = before(change, &step).zip(change.rows()) else {
                continue;
            };
            if after >= before {
                let is_join_by_left = matches!(&step, Step::Join(_)) && after == before;
                let index = model.cell(change.cell).cell.index;
                if is_join_by_left || matches!(step, Step::DropGaps { .. }) {
                    cx.all_well(index, format!("rows:{}", change.name));
                }
                continue;
            }
            let inspection = inspection.get_or_insert_with(|| Inspection::of(model));
            if let Some(finding) = judge(model, inspection, change, &step, (before, after)) {
                cx.report(finding);
            }
        }
    }
}

/// The rows that the step found: of a join, those on its left.
fn before(change: &Change<'_>, step: &Step<'_>) -> Option<u64> {
    let of = match step {
        Step::DropGaps { of } | Step::Filter { of } => of,
        Step::Join(join) => join.left,
    };
    rows_of(change, of)?.exactly()
}

fn judge<'a>(
    model: &Model<'a>,
    inspection: &Inspection<'a>,
    change: &Change<'a>,
    step: &Step<'a>,
    (before, after): (u64, u64),
) -> Option<Finding> {
    let name = change.name;
    if after.saturating_mul(2) > before || tested::is_tested(model, name) {
        return None;
    }
    let of = root(match step {
        Step::DropGaps { of } | Step::Filter { of } => of,
        Step::Join(join) => join.left,
    })?;
    let emptied = after == 0;
    let looked = || {
        let looks = Look::ROWS.or(Look::MISSING);
        inspection.is_looked_at(name, looks) || inspection.is_looked_at(of, looks)
    };
    let message = match step {
        Step::Filter { .. } => {
            let meant = tested::says_what_is_wrong(name)
                || inspection.is_looked_at_after(name, Look::ROWS, change.end());
            if !emptied || meant || !is_used(model, change) {
                return None;
            }
            format!("`{name}` has no rows: none of the {before} of `{of}` fits")
        }
        Step::DropGaps { .. } if emptied => {
            format!("`{name}` has no rows: each of the {before} of `{of}` has a gap and was dropped")
        }
        Step::DropGaps { .. } if !looked() => {
            format!(
                "`{name}` has {after} of the {before} rows of `{of}`: the others have gaps and were dropped"
            )
        }
        Step::Join(join) => {
            if join.how != How::Inner
                || join.is_checked()
                || (!emptied && (looked() || is_a_choice(inspection, join)))
            {
                return None;
            }
            joined(change, join, of, (before, after))?
        }
        Step::DropGaps { .. } => return None,
    };
    let finding = Finding::new(model.location(change.cell, change.value.range()), message)
        .because("What is computed from here on is computed from what is left, and nothing says so.")
        .help(help(step, name, of))
        .lowered_if(may_be_so(model, change, step, emptied))
        .about(format!("rows:{name}"));
    Some(finding)
}

/// A filter may keep nothing one day, unless figures are made of it; a table of a few keys may choose on purpose.
fn may_be_so(model: &Model<'_>, change: &Change<'_>, step: &Step<'_>, emptied: bool) -> bool {
    match step {
        Step::Filter { .. } => !summed::is_summed_up(model, change.name, change.end()),
        Step::Join(_) => !emptied,
        Step::DropGaps { .. } => false,
    }
}

fn joined(change: &Change<'_>, join: &Join<'_>, left: &str, (before, after): (u64, u64)) -> Option<String> {
    let right = root(join.right)?;
    let others = rows_of(change, join.right)?.most();
    let name = change.name;
    if others == 0 {
        return None;
    }
    Some(if after == 0 {
        format!("`{name}` has no rows: no key of the {before} rows of `{left}` is in `{right}`")
    } else {
        format!("`{name}` has {after} rows of the {before} of `{left}`: the other keys are not in `{right}`")
    })
}

/// One of the two is made of the other: joining them chooses rows.
fn is_a_choice<'a>(inspection: &Inspection<'a>, join: &Join<'a>) -> bool {
    let (Some(left), Some(right)) = (root(join.left), root(join.right)) else {
        return true;
    };
    inspection.is_made_of(left, right) || inspection.is_made_of(right, left)
}

fn is_used(model: &Model<'_>, change: &Change<'_>) -> bool {
    let is_below = |cell: usize, start: u32| (cell, start) > change.end();
    let mut uses = model.references_named(change.name);
    uses.any(|reference| is_below(reference.place.cell, reference.place.start))
}

fn help(step: &Step<'_>, name: &str, of: &str) -> String {
    let same = name == of;
    match step {
        Step::Join(join) => {
            let right = root(join.right).unwrap_or("the other");
            format!(
                "compare the keys of `{of}` and `{right}` (type, spelling), and say how many rows must stay: `assert len({name}) > …`"
            )
        }
        _ if same => format!(
            "keep `rows = len({of})` above this line, and compare below it: `assert len({name}) > 0.9 * rows`"
        ),
        Step::DropGaps { .. } => format!(
            "see which column has the gaps (`{of}.isna().sum()`), and compare: `assert len({name}) > 0.9 * len({of})`"
        ),
        Step::Filter { .. } => {
            format!("look at the values that `{of}` really has, and check: `assert len({name}) > 0`")
        }
    }
}
