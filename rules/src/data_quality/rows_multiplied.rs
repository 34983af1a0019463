//! NB308 rows-multiplied.

use nbvet_engine::{Check, Finding, Model, Row, Run, RunContext, RunRule, ast::Ranged};

use crate::{
    analysis::{
        inspection::{Inspection, Look},
        steps::root,
        table_steps::{self, How, Join, Step, rows_of},
        tables::{self, Change},
        tested,
    },
    macros::rule,
};

rule! {
    /// A join that gave more rows than either of its tables has.
    ///
    /// ## Why it matters
    ///
    /// Keys that stand more than once on both sides are paired with each other: 3 times 4 rows become 12. Every sum and
    /// mean over the result counts the same thing several times. This is seen when the notebook runs, so it is no guess:
    /// the numbers of rows are in the message.
    ///
    /// Left alone: `validate=` and `how="cross"`, products of all rows, joins of a table with itself, and whatever the
    /// notebook counts below.
    ///
    /// A left join that gave more rows than its left table has, but not more than both have together, counts one
    /// severity less: in the table that is looked up keys may stand more than once on purpose.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// sales = pd.DataFrame({"shop": ["a", "a", "b"], "sold": [3, 5, 2]})
    /// rents = pd.DataFrame({"shop": ["a", "a", "b"], "rent": [9, 8, 7]})
    /// # %%
    /// full = sales.merge(rents, on="shop")
    /// total = full["sold"].sum()
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// sales = pd.DataFrame({"shop": ["a", "a", "b"], "sold": [3, 5, 2]})
    /// rents = pd.DataFrame({"shop": ["a", "b"], "rent": [9, 7]})
    /// # %%
    /// full = sales.merge(rents, on="shop", validate="many_to_one")
    /// total = full["sold"].sum()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Say what you expect of the keys: `validate="many_to_one"` raises where they are not unique on the right. Make them
    /// unique first, or join by all the columns that make them so.
    "NB308" "rows-multiplied",
    group: DataQuality,
    row: Row::Hidden,
    twins: &["NB306"],
    since: "0.1.0",
    check: Check::Run(&RowsMultiplied),
}

struct RowsMultiplied;

impl RunRule for RowsMultiplied {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let model = cx.model();
        let mut inspection = None;
        for change in tables::changes(model, run) {
            let Some(Step::Join(join)) = table_steps::of(model, &change) else {
                continue;
            };
            let Some((left, right)) = rows_of(&change, join.left).zip(rows_of(&change, join.right)) else {
                continue;
            };
            let Some(after) = change.rows() else { continue };
            if !is_multiplied(join.how, left.most(), right.most(), after) || join.is_checked() {
                continue;
            }
            let inspection = inspection.get_or_insert_with(|| Inspection::of(model));
            if let Some(finding) = judge(
                model,
                inspection,
                &change,
                &join,
                (left.most(), right.most(), after),
            ) {
                cx.report(finding);
            }
        }
    }
}

/// Keys that stand more than once on both sides, or, of a table that is looked up, on its side.
fn is_multiplied(how: How, left: u64, right: u64, after: u64) -> bool {
    let most = match how {
        How::Inner => left.max(right),
        How::Left if right < left => left,
        // Rows without a partner stay, beside those that have several.
        How::Left | How::Right | How::Outer => left.saturating_add(right),
        How::Other => return false,
    };
    after > most && after != left.saturating_mul(right)
}

fn judge<'a>(
    model: &Model<'a>,
    inspection: &Inspection<'a>,
    change: &Change<'a>,
    join: &Join<'a>,
    (left, right, after): (u64, u64, u64),
) -> Option<Finding> {
    let name = change.name;
    let (first, second) = (root(join.left)?, root(join.right)?);
    let meant = inspection.is_made_of(first, second)
        || inspection.is_made_of(second, first)
        || tested::is_tested(model, name)
        || inspection.is_looked_at_after(name, Look::ROWS, change.end());
    if meant {
        return None;
    }
    let on_both = join.how == How::Inner || after > left.saturating_add(right);
    let where_ = if on_both { "on both sides" } else { "there" };
    let message = format!(
        "`{name}` has {after} rows, made of {left} of `{first}` and {right} of `{second}`: keys stand more than once {where_}"
    );
    let finding = Finding::new(model.location(change.cell, change.value.range()), message)
        .because("Rows with the same key are paired with each other: sums and means over the result count them several times.")
        .help(format!("say what you expect of the keys, `validate=\"many_to_one\"`, and look at `{second}` for keys that stand twice"))
        .lowered_if(!on_both)
        .about(format!("rows:{name}"));
    Some(finding)
}
