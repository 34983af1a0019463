//! NB603 out-of-order-execution.

use std::collections::BTreeMap;

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    model::{BindingId, Reference},
};
use nbvet_report::Level;

use crate::{
    analysis::{
        column_history::{self, ColumnRead},
        history::{self, History},
    },
    macros::rule,
};

rule! {
    /// A cell that ran after a cell below it, which binds anew what it reads.
    ///
    /// ## Why it matters
    ///
    /// The execution counts (`In [3]`) say that the cells were not run as they stand, and that it mattered: the stored
    /// result was made with a value of a later cell. Run from top to bottom, the cell sees another value, and its
    /// result, its plot or its model may be another one.
    ///
    /// Cells that ran in another order are not reported as long as each saw the values that it also sees from top to
    /// bottom. Nothing is said where two cells have the same count: they were run in different sessions.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// # %% [1]
    /// rate = 0.19
    /// # %% [3]
    /// price = 100 * (1 + rate)
    /// # %% [2]
    /// rate = 0.07
    /// ```
    ///
    /// ```python bad
    /// # %% [1]
    /// import pandas as pd
    /// sales = pd.read_csv("sales.csv")
    /// # %% [3]
    /// sales["price"].sum()
    /// # %% [2]
    /// sales["price"] = sales["cents"] / 100
    /// ```
    ///
    /// ```python good
    /// # %% [1]
    /// rate = 0.19
    /// # %% [3]
    /// price = 100 * (1 + rate)
    /// # %% [2]
    /// reduced_rate = 0.07
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Restart the kernel and run all cells. If the result is another one then, move the cell that binds the name to
    /// where it belongs, or give the second value a name of its own.
    "NB603" "out-of-order-execution",
    group: State,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Static(&OutOfOrderExecution),
}

struct OutOfOrderExecution;

impl StaticRule for OutOfOrderExecution {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let Some(mut history) = History::of(model) else {
            return;
        };
        // A cell that ran too early is one fault, whoever reads of it.
        let mut first = BTreeMap::new();
        for (_, reference) in model.references() {
            if let Some((meant, seen)) = another(cx, &mut history, reference) {
                let maker = model.binding(seen).place.cell;
                first.entry(maker).or_insert((reference, meant, seen));
            }
        }
        let known: Vec<usize> = first.keys().copied().collect();
        for (reference, meant, seen) in first.into_values() {
            let finding = finding(cx, reference, meant, seen);
            cx.report(finding);
        }
        // Nor is a column more than one fault with the cell that sets it.
        let mut columns = BTreeMap::new();
        for column in column_history::set_below(model, &mut history) {
            if !known.contains(&column.set.cell) {
                columns.entry(column.set.cell).or_insert(column);
            }
        }
        for column in columns.into_values() {
            let finding = of_column(cx, &column);
            cx.report(finding);
        }
    }
}

/// The binding that a use has from top to bottom, and another one, further below, that it had when it was run.
fn another<'a>(
    cx: &Context<'a, '_>,
    history: &mut History<'a, '_>,
    reference: &Reference<'a>,
) -> Option<(BindingId, BindingId)> {
    let model = cx.model();
    let reached = history::reached(model, reference)?;
    let ran = history.count(reference.place.cell)?;
    let bindings = history.bindings(reference.name)?;
    let before = bindings.partition_point(|(count, _)| *count < ran);
    let (made, seen) = *bindings.get(before.checked_sub(1)?)?;
    let seen_binding = model.binding(seen);
    let is_another = |id: &BindingId| {
        let binding = model.binding(*id);
        // What ran since may have run before too, unless every earlier run is accounted for.
        let known = |count: u32| count < made || (count > ran && history.is_whole(ran));
        history.count(binding.place.cell).is_some_and(known) && history::differs(model, binding, seen_binding)
    };
    let is_below = seen_binding.place.cell > reference.place.cell;
    let matters = is_below && history::is_sure(model, seen_binding.place) && reached.iter().all(is_another);
    let meant = *reached.first()?;
    let raised = || {
        [reference.place.cell, seen_binding.place.cell]
            .iter()
            .any(|cell| history.raised(*cell))
    };
    (matters && !raised()).then_some((meant, seen))
}

fn finding(cx: &Context<'_, '_>, reference: &Reference<'_>, meant: BindingId, seen: BindingId) -> Finding {
    let model = cx.model();
    let name = reference.name;
    let [meant, seen] = [meant, seen].map(|id| model.binding(id).place);
    let ran = |position: usize| run_of(model, position);
    let above = model.cell(meant.cell).cell.index;
    Finding::new(
        model.location_of(reference.place),
        format!(
            "`{name}` had its value from {} below when this cell was run",
            ran(seen.cell)
        ),
    )
    .because(format!(
        "This is {}: the cell below had bound `{name}` anew by then. From top to bottom the cell sees the `{name}` of \
         cell {above}, so what is stored here need not be what a fresh run gives.",
        ran(reference.place.cell)
    ))
    .help(format!(
        "restart the kernel and run all cells; give the `{name}` below a name of its own, or move it above this cell"
    ))
    .label(model.location_of(seen), format!("`{name}` is bound anew here, and this ran first"))
    .label(model.location_of(meant), format!("from top to bottom it is this `{name}`"))
    .about(format!("name:{name}"))
}

fn run_of(model: &Model<'_>, position: usize) -> String {
    let cell = model.cell(position).cell;
    let count = cell.execution_count.unwrap_or_default();
    format!("cell {} (In [{count}])", cell.index)
}

fn of_column(cx: &Context<'_, '_>, found: &ColumnRead<'_>) -> Finding {
    let model = cx.model();
    let item = format!("{}[\"{}\"]", found.name, found.column);
    Finding::new(
        model.location_of(found.read),
        format!(
            "`{item}` had been set by {} below when this cell was run",
            run_of(model, found.set.cell)
        ),
    )
    .because(format!(
        "This is {}. From top to bottom the column is not set yet: the cell sees other values, or none.",
        run_of(model, found.read.cell)
    ))
    .help("restart the kernel and run all cells; move the cell that sets the column above this one")
    .label(
        model.location_of(found.set),
        "the column is set here, and this ran first",
    )
    .about(format!("column:{item}"))
}
