//! NB604 stale-name.

use std::collections::BTreeMap;

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::Expr,
    model::{BindingId, BindingKind, Reference},
};
use nbvet_report::{Level, Severity};

use crate::{
    analysis::history::{self, History},
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
        for (reference, late) in first.into_values() {
            let finding = finding(model, reference, late);
            cx.report(finding);
        }
    }
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
