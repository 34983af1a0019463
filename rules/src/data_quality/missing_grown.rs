//! NB309 missing-grown.

use nbvet_engine::{
    Check, Finding, Model, Row, Run, RunContext, RunRule,
    ast::{Expr, Ranged},
};
use nbvet_report::{ShareCount, ValueFacts};

use crate::{
    analysis::{
        calls,
        inspection::{Inspection, Look, WARM_UP},
        missing_values::{self, Wanted},
        steps::{find_call, has_method, keyword_is, names, strings},
        table_steps::{self, How, Step},
        tables::{self, Change},
        tested,
    },
    macros::rule,
};

rule! {
    /// Values that are missing after a step, and were not before it.
    ///
    /// ## Why it matters
    ///
    /// Keys without a partner in a join, text that is no number, an index that does not match: pandas puts NaN where
    /// it has no value, without a word, and every sum and mean leaves it out. This is seen when the notebook runs, so
    /// it is no guess: the message says how many values of which column are missing.
    ///
    /// Left alone: what the notebook counts, fills or drops below (`isna`, `info`, `describe`, `count`, `fillna`,
    /// `dropna`, an imputer, an `assert`), and steps that leave gaps by their nature: `shift`, `rolling`,
    /// `pct_change`, `resample`, `pivot`, `reindex`, `where`, an outer join. Both the number and the share of what is
    /// missing must have grown: a step that only leaves rows out makes no gap.
    ///
    /// Where less than half of a column is missing, it counts one severity less: a few keys without a partner are
    /// often known, a column that is mostly empty is not.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// orders = pd.DataFrame({"sku": ["a1", "a2", "a3", "a4"], "sold": [3, 5, 2, 4]})
    /// prices = pd.DataFrame({"sku": ["A1", "A2", "A3", "A4"], "price": [9.0, 8.0, 7.0, 6.0]})
    /// # %%
    /// full = orders.merge(prices, on="sku", how="left")
    /// total = (full["sold"] * full["price"]).sum()
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// orders = pd.DataFrame({"sku": ["a1", "a2", "a3", "a4"], "sold": [3, 5, 2, 4]})
    /// prices = pd.DataFrame({"sku": ["a1", "a2", "a3", "a4"], "price": [9.0, 8.0, 7.0, 6.0]})
    /// # %%
    /// full = orders.merge(prices, on="sku", how="left")
    /// assert full["price"].notna().all()
    /// total = (full["sold"] * full["price"]).sum()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Find out why they are missing, then say how many may be: `assert full["price"].isna().mean() < 0.01`.
    "NB309" "missing-grown",
    group: DataQuality,
    row: Row::Hidden,
    twins: &["NB302", "NB306"],
    since: "0.1.0",
    check: Check::Run(&MissingGrown),
}

struct MissingGrown;

/// A smaller share of a column counts one severity less.
const LARGE_SHARE: f64 = 0.5;

/// Steps that leave gaps by their nature, beside [`WARM_UP`].
const MAKE_GAPS: &[&str] = &[
    "pivot",
    "pivot_table",
    "unstack",
    "crosstab",
    "where",
    "mask",
    "cut",
    "qcut",
    "merge_asof",
    "combine_first",
    "align",
    "corr",
    "tril",
    "triu",
    "full",
    "empty",
    "read_csv",
    "read_excel",
    "read_html",
    "read_json",
    "convolve",
    "interpolate",
    "masked_where",
    "loadtxt",
    "genfromtxt",
    "stack",
    "std",
    "var",
    "sem",
    "skew",
    "agg",
    "describe",
    "from_dict",
    "DataFrame",
    "Series",
    "sample",
    "nth",
    "explode",
];

/// What is missing of one column.
struct Gaps<'a> {
    column: Option<&'a str>,
    missing: ShareCount,
    before: Most,
}

/// The most that was missing in any of several columns, as a number and as a share.
#[derive(Clone, Copy, Default)]
struct Most {
    count: u64,
    share: f64,
}

impl Most {
    /// `None` of no columns.
    fn of(columns: impl Iterator<Item = ShareCount>) -> Option<Self> {
        columns
            .map(|missing| Self {
                count: missing.count,
                share: share(missing),
            })
            .reduce(Self::or)
    }

    fn or(self, other: Self) -> Self {
        Self {
            count: self.count.max(other.count),
            share: self.share.max(other.share),
        }
    }
}

impl RunRule for MissingGrown {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let model = cx.model();
        let mut inspection = None;
        let mut told: Vec<(&str, Option<&str>)> = Vec::new();
        for change in tables::changes(model, run) {
            let Some(gaps) = grown(model, &change) else {
                continue;
            };
            let inspection = inspection.get_or_insert_with(|| Inspection::of(model));
            if told.contains(&(change.name, gaps.column)) || is_meant(model, inspection, &change) {
                continue;
            }
            told.push((change.name, gaps.column));
            cx.report(finding(model, &change, &gaps));
        }
    }
}

/// The column with the most new gaps.
fn grown<'a>(model: &Model<'a>, change: &Change<'a>) -> Option<Gaps<'a>> {
    let by_name = has_method(change.value, &["transform", "agg", "aggregate", "apply"])
        && strings(change.value)
            .iter()
            .any(|text| MAKE_GAPS.contains(text) || WARM_UP.contains(text));
    let by_method = [MAKE_GAPS, WARM_UP]
        .iter()
        .any(|names| has_method(change.value, names));
    if by_name || by_method || change.sources().next().is_none() {
        return None;
    }
    if let Some(column) = change.column {
        return of_column(change, Some(column), column_share(change.after, column)?);
    }
    if change.after.columns.is_empty() {
        let is_series = change.after.type_name.ends_with(".Series");
        return if is_series {
            of_column(change, None, change.after.nan?)
        } else {
            None
        };
    }
    let joins = match table_steps::of(model, change) {
        Some(Step::Join(join)) => matches!(join.how, How::Left | How::Right | How::Inner),
        _ => false,
    };
    if !joins && !coerces(change.value) && calls_named(change.value, "assign").is_none() {
        return None;
    }
    let columns = change.after.columns.iter();
    let grown = columns.filter_map(|column| {
        let missing = column.missing?;
        let before = most_in_sources(change, &column.name)?;
        is_more(missing, before).then_some(Gaps {
            column: Some(&column.name),
            missing,
            before,
        })
    });
    grown.max_by(|one, other| share(one.missing).total_cmp(&share(other.missing)))
}

fn of_column<'a>(change: &Change<'a>, column: Option<&'a str>, missing: ShareCount) -> Option<Gaps<'a>> {
    let before = most_before(change, column)?;
    is_more(missing, before).then_some(Gaps {
        column,
        missing,
        before,
    })
}

/// More than what a few rows more or less explain. Where only rows went, the number has not grown; where rows came
/// more than once, the share has not.
fn is_more(missing: ShareCount, before: Most) -> bool {
    missing.count > before.count && share(missing) > before.share + 0.001
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn share(count: ShareCount) -> f64 {
    if count.of == 0 {
        0.0
    } else {
        count.count as f64 / count.of as f64
    }
}

fn column_share(table: &ValueFacts, column: &str) -> Option<ShareCount> {
    table.columns.iter().find(|one| one.name == column)?.missing
}

/// What is missing in the columns that the value is made of; of tables without columns that are named there, in any
/// of theirs.
fn most_before(change: &Change<'_>, column: Option<&str>) -> Option<Most> {
    let named = strings(change.value);
    let mut most: Option<Most> = None;
    for (name, table) in change.sources() {
        let is_only_target = name == change.name && !names(change.value).contains(&name);
        let of_table = if table.columns.is_empty() {
            Most::of(table.nan.into_iter())
        } else if is_only_target {
            Most::of(column.and_then(|column| column_share(table, column)).into_iter())
        } else {
            let columns = table.columns.iter();
            let wanted = |label: &str| named.is_empty() || named.contains(&label);
            Most::of(
                columns
                    .filter(|one| wanted(&one.name))
                    .filter_map(|one| one.missing),
            )
        };
        most = match (most, of_table) {
            (Some(one), Some(other)) => Some(one.or(other)),
            (one, other) => one.or(other),
        };
    }
    most
}

/// What was missing in a column of this name in the tables that were joined.
fn most_in_sources(change: &Change<'_>, column: &str) -> Option<Most> {
    let plain = column
        .strip_suffix("_x")
        .or_else(|| column.strip_suffix("_y"))
        .unwrap_or(column);
    let columns = change
        .sources()
        .filter_map(|(_, table)| column_share(table, column).or_else(|| column_share(table, plain)));
    Most::of(columns)
}

fn coerces(value: &Expr) -> bool {
    find_call(value, &|call| keyword_is(call, "errors", "coerce")).is_some()
}

fn calls_named<'a>(value: &'a Expr, name: &str) -> Option<&'a nbvet_engine::ast::ExprCall> {
    find_call(value, &|call| calls::name(call) == name)
}

/// The author wrote the gaps, looks at them or takes care of them.
fn is_meant<'a>(model: &Model<'a>, inspection: &Inspection<'a>, change: &Change<'a>) -> bool {
    let looks = Look::MISSING.or(Look::HANDLED);
    missing_values::is_made_of(model, change.value, Wanted::Missing)
        || inspection.is_looked_at_after(change.name, looks, change.point())
        || tested::is_tested(model, change.name)
        || imputes(model)
}

/// Some imputer of scikit-learn is at work.
fn imputes(model: &Model<'_>) -> bool {
    model
        .references()
        .any(|(_, reference)| reference.name.ends_with("Imputer"))
}

fn finding(model: &Model<'_>, change: &Change<'_>, gaps: &Gaps<'_>) -> Finding {
    let Gaps {
        column,
        missing: ShareCount { count, of },
        before,
    } = *gaps;
    let name = change.name;
    let what = match (change.column, column) {
        (_, Some(column)) => format!("`{name}[\"{column}\"]`"),
        (_, None) => format!("`{name}`"),
    };
    let how_many = match (count, of) {
        _ if count == of => format!("all {of} values of {what} are missing"),
        (1, _) => format!("1 of {of} values of {what} is missing"),
        _ => format!("{count} of {of} values of {what} are missing"),
    };
    let earlier = if before.count > 0 {
        "more than before this step"
    } else {
        "and none was before this step"
    };
    let expression = match column {
        Some(column) => format!("{name}[\"{column}\"]"),
        None => name.to_owned(),
    };
    Finding::new(
        model.location(change.cell, change.value.range()),
        format!("{how_many}, {earlier}"),
    )
    .because("Sums and means leave out what is missing, without a word.")
    .help(format!(
        "find out why, then say how many may be: `assert {expression}.isna().mean() < 0.01`"
    ))
    .lowered_if(share(gaps.missing) < LARGE_SHARE)
    .about(format!("missing:{name}"))
}
