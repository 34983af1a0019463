//! NB604 stale-name.

use std::collections::BTreeMap;

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::Expr,
    model::{BindingId, BindingKind, Place, Reference},
};
use nbvet_report::{Level, Severity};

use crate::{
    analysis::{
        changes::{self, Change},
        history::{self, History},
    },
    macros::rule,
};

rule! {
    /// A cell that was run before the cell above it that binds what it reads, and not again since.
    ///
    /// ## Why it matters
    ///
    /// The execution counts (`In [3]`) say that the cell which binds the name ran later than the one that reads it.
    /// Where every earlier run is that of a cell that stands, no cell had bound the name by then: it came from a cell
    /// that was deleted or changed since, and the stored result is that of code which is not in the notebook any more.
    ///
    /// Where a cell above had bound the name in time, and another one above binds it anew or changes what it holds
    /// (a column that is set, a list that grows) after the use, the stored result is that of the older value: a note.
    ///
    /// Where counts are missing, the cell that binds the name may have been run twice. If it was changed in between,
    /// the result below is that of its old version: a note, and only where a result is stored. Names that are bound
    /// to a mere text are left out: they are often blanked before a notebook is given away.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// # %% [2]
    /// threshold = 0.8
    /// # %% [1]
    /// kept = [score for score in (0.5, 0.9) if score > threshold]
    /// ```
    ///
    /// ```python good
    /// # %% [1]
    /// threshold = 0.8
    /// # %% [2]
    /// kept = [score for score in (0.5, 0.9) if score > threshold]
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Restart the kernel and run all cells, and look whether the results are still those of the text.
    "NB604" "stale-name",
    group: State,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Static(&StaleName),
}

struct StaleName;

/// More changes, or uses of one name, are those of a program that was written by one.
const MAX_CHANGES: usize = 400;
const MAX_USES: usize = 400;

/// A binding that was made after its name was read.
#[derive(Clone, Copy)]
struct Late {
    maker: BindingId,
    /// No earlier run of it can have been.
    is_certain: bool,
}

impl StaticRule for StaleName {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let is_read = model.parsed().cells().iter().all(|cell| cell.error.is_none());
        let Some(mut history) = History::of(model).filter(|_| is_read && !model.is_open()) else {
            return;
        };
        // What came too late is one fault, whoever reads of it.
        let mut first = BTreeMap::new();
        for (_, reference) in model.references() {
            if let Some(late) = made_since(model, &mut history, reference) {
                let cell = model.binding(late.maker).place.cell;
                let known = first.entry(cell).or_insert((reference, late));
                if late.is_certain && !known.1.is_certain {
                    *known = (reference, late);
                }
            }
        }
        let known: Vec<usize> = first.keys().copied().collect();
        for (reference, late) in first.into_values() {
            let finding = finding(model, reference, late);
            cx.report(finding);
        }
        for (cell, (reference, since)) in changed_since(model, &mut history) {
            if !known.contains(&cell) {
                let finding = of_old_value(model, &history, reference, &since);
                cx.report(finding);
            }
        }
    }
}

/// What came after a use and above it, where an older value of the name was there for the use.
enum Since<'a> {
    Bound(Place),
    Changed(Change<'a>),
}

/// By the cell that ran too late.
fn changed_since<'a, 'm>(
    model: &'m Model<'a>,
    history: &mut History<'a, 'm>,
) -> BTreeMap<usize, (&'m Reference<'a>, Since<'a>)> {
    let mut found = BTreeMap::new();
    for (_, reference) in model.references() {
        if let Some(maker) = bound_anew(model, history, reference) {
            let since = (reference, Since::Bound(maker));
            found.entry(maker.cell).or_insert(since);
        }
    }
    let positions = 0..model.parsed().cells().len();
    let mut changes = positions.flat_map(|position| changes::of_cell(model, position));
    for change in changes.by_ref().take(MAX_CHANGES) {
        let cell = change.place.cell;
        if found.contains_key(&cell) || history.raised(cell) {
            continue;
        }
        let mut uses = model.references_named(change.name).take(MAX_USES);
        if let Some(reference) = uses.find(|reference| saw_before(model, history, reference, &change)) {
            found.insert(cell, (reference, Since::Changed(change)));
        }
    }
    found
}

/// A result is stored with the cell of a use.
fn result_is_stored(history: &History<'_, '_>, reference: &Reference<'_>) -> bool {
    let cell = reference.place.cell;
    history.has_output(cell) && !history.raised(cell)
}

/// Where the cells above bind anew what the use has, which ran later than the use itself.
fn bound_anew<'a>(
    model: &Model<'a>,
    history: &mut History<'a, '_>,
    reference: &Reference<'a>,
) -> Option<Place> {
    let reached = history::reached(model, reference)?;
    let ran = history.count(reference.place.cell)?;
    let bindings = history.bindings(reference.name)?;
    let before = bindings.partition_point(|(count, _)| *count < ran);
    let (_, seen) = *bindings.get(before.checked_sub(1)?)?;
    let seen = model.binding(seen);
    let is_later = |id: &BindingId| {
        let binding = model.binding(*id);
        let is_later = history.count(binding.place.cell).is_some_and(|count| count > ran);
        let is_sure = history::is_sure(model, binding.place) && !history.raised(binding.place.cell);
        is_later && is_sure && history::differs(model, binding, seen)
    };
    let maker = reached.first()?;
    let is_above = seen.place.cell < reference.place.cell;
    let is_older = is_above && reached.iter().all(is_later) && result_is_stored(history, reference);
    is_older.then(|| model.binding(*maker).place)
}

/// The use stands below the change and ran before it, on the same value.
fn saw_before<'a>(
    model: &Model<'a>,
    history: &History<'a, '_>,
    reference: &Reference<'a>,
    change: &Change<'a>,
) -> bool {
    let is_below = reference.place.cell > change.place.cell;
    let counts = history
        .count(reference.place.cell)
        .zip(history.count(change.place.cell));
    let Some((ran, _)) = counts.filter(|(ran, changed)| is_below && ran < changed) else {
        return false;
    };
    let Some([id]) = history::reached(model, reference) else {
        return false;
    };
    let made = model.binding(*id).place;
    let is_same = history.count(made.cell).is_some_and(|count| count < ran);
    is_same
        && made < change.place
        && changes::matters(model, reference, change)
        && !is_changed_in(model, reference)
        && result_is_stored(history, reference)
}

/// The cell of the use changes the value too.
fn is_changed_in(model: &Model<'_>, reference: &Reference<'_>) -> bool {
    let own = changes::of_cell(model, reference.place.cell);
    own.iter().any(|own| own.name == reference.name)
}

fn of_old_value(
    model: &Model<'_>,
    history: &History<'_, '_>,
    reference: &Reference<'_>,
    since: &Since<'_>,
) -> Finding {
    let name = reference.name;
    let count = |position: usize| model.cell(position).cell.execution_count.unwrap_or_default();
    let (place, what, label) = match since {
        Since::Bound(place) => (*place, format!("`{name}` was bound anew"), "this binds it anew"),
        Since::Changed(change) => {
            let part = change
                .column
                .map_or_else(|| name.to_owned(), |column| format!("{name}[\"{column}\"]"));
            (change.place, format!("`{part}` was changed"), "this changes it")
        }
    };
    let ran = count(reference.place.cell);
    Finding::new(
        model.location_of(reference.place),
        format!("this cell ran as In [{ran}], before {what} above (In [{}])", count(place.cell)),
    )
    .because(if history.is_whole(ran) {
        format!("What is stored here is the result of the older `{name}`: a fresh run may give another one.")
    } else {
        format!(
            "Unless the cell above had been run before, as it stands, the result of an older `{name}` is stored here."
        )
    })
    .help("restart the kernel and run all cells; look whether the result is still what the text says")
    .label(model.location_of(place), format!("{label}, and was run later"))
    .about(format!("name:{name}"))
    .at_most(Severity::Note)
}

/// The binding that a use has from top to bottom, where its cell ran later, and any other that binds the name too.
fn made_since<'a>(
    model: &Model<'a>,
    history: &mut History<'a, '_>,
    reference: &Reference<'a>,
) -> Option<Late> {
    let reached = history::reached(model, reference)?;
    let ran = history.count(reference.place.cell)?;
    let (earliest, _) = *history.bindings(reference.name)?.first()?;
    let is_followed = |id: &BindingId| {
        let binding = model.binding(*id);
        let is_text = matches!(binding.kind, BindingKind::Value(Expr::StringLiteral(_)));
        history::made_of(model, binding).is_some() && !is_text
    };
    let maker = *reached.first()?;
    let is_stale = earliest > ran && reached.iter().all(is_followed) && !history.raised(reference.place.cell);
    let is_certain = history.is_whole(ran);
    (is_stale && (is_certain || history.has_output(reference.place.cell)))
        .then_some(Late { maker, is_certain })
}

fn finding(model: &Model<'_>, reference: &Reference<'_>, late: Late) -> Finding {
    let name = reference.name;
    let made = model.binding(late.maker).place;
    let count = |position: usize| model.cell(position).cell.execution_count.unwrap_or_default();
    let (ran, since) = (count(reference.place.cell), count(made.cell));
    let found = if late.is_certain {
        Finding::new(
            model.location_of(reference.place),
            format!("this cell ran as In [{ran}], before `{name}` was bound (In [{since}])"),
        )
        .because(format!(
            "The `{name}` that it used came from a cell that was deleted or changed since; what is stored here is not \
             the result of the code above."
        ))
    } else {
        Finding::new(
            model.location_of(reference.place),
            format!("the result of this cell (In [{ran}]) is older than its `{name}` (In [{since}])"),
        )
        .because(format!(
            "The cell that binds `{name}` was run after this one. If it was changed before, the result stored here is \
             that of its old version."
        ))
        .at_most(Severity::Note)
    };
    found
        .help("restart the kernel and run all cells; look whether the result is still what the text says")
        .label(
            model.location_of(made),
            format!("this binds `{name}`, and was run later"),
        )
        .about(format!("name:{name}"))
}
