//! NB602 used-before-defined.

use std::collections::BTreeMap;

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::Ranged as _,
    model::{BindingKind, Place, Resolution, ScopeId},
};
use nbvet_report::Location;

use crate::macros::rule;

rule! {
    /// A name that only a later cell binds.
    ///
    /// ## Why it matters
    ///
    /// The notebook worked because its cells were once run in another order. Run from top to bottom, as a colleague,
    /// CI or "Restart and run all" does, it raises `NameError`.
    ///
    /// The call of a function counts too, if the function's body surely needs a name that is bound below the call.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// total = price * amount
    /// # %%
    /// price, amount = 3, 4
    /// ```
    ///
    /// ```python bad
    /// def total():
    ///     return price * 4
    /// # %%
    /// total()
    /// # %%
    /// price = 3
    /// ```
    ///
    /// ```python bad
    /// import pandas as pd
    /// # %%
    /// df = df.dropna()
    /// ```
    ///
    /// ```python good
    /// def total():
    ///     return price * 4
    /// # %%
    /// price = 3
    /// # %%
    /// total()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Move the cell that binds the name above the one that uses it.
    "NB602" "used-before-defined",
    group: State,
    row: Row::Certain,
    foresees_exception: true,
    since: "0.1.0",
    check: Check::Static(&UsedBeforeDefined),
}

struct UsedBeforeDefined;

/// The first use of a name that comes too early.
struct Early {
    at: Place,
    needed: Option<Place>,
    conditional: bool,
}

impl StaticRule for UsedBeforeDefined {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let mut first: BTreeMap<&str, Early> = BTreeMap::new();
        for (_, reference) in cx.model().references() {
            if reference.resolution == Resolution::Unbound && !reference.guarded {
                let early = Early {
                    at: reference.place,
                    needed: None,
                    conditional: reference.conditional,
                };
                keep_first(&mut first, reference.name, early);
            }
        }
        for premature in cx.model().premature_uses() {
            let early = Early {
                at: premature.call,
                needed: Some(premature.needed),
                conditional: premature.conditional,
            };
            keep_first(&mut first, premature.name, early);
        }
        for (name, early) in first {
            if let Some(finding) = finding(cx, name, &early) {
                cx.report(finding);
            }
        }
    }
}

fn keep_first<'a>(first: &mut BTreeMap<&'a str, Early>, name: &'a str, early: Early) {
    let better = first
        .get(name)
        .is_none_or(|known| (early.conditional, early.at) < (known.conditional, known.at));
    if better {
        first.insert(name, early);
    }
}

fn finding(cx: &Context<'_, '_>, name: &str, early: &Early) -> Option<Finding> {
    let model = cx.model();
    let mut places = model
        .bindings_named(ScopeId::NOTEBOOK, name)
        .iter()
        .map(|id| model.binding(*id).place);
    let at = model.location_of(early.at);
    let Some(later) = places.clone().find(|place| *place > early.at) else {
        // `df = df.dropna()` where nothing above made a `df`: its own statement binds it, too late.
        let own = places.next()?;
        let found = if is_made_from_itself(model, name, own, early.at) {
            made_from_itself(name, at, model.location_of(own))
        } else {
            never_bound(name, at, model.location_of(own))
        };
        return Some(found.lowered_if(early.conditional));
    };
    let bound = model.location_of(later);
    let message = match early.needed {
        None => format!("`{name}` is used before {} defines it", cell_name(&bound)),
        Some(_) => format!(
            "this call needs `{name}`, which only {} defines",
            cell_name(&bound)
        ),
    };
    let mut finding = Finding::new(at, message)
        .because("Run from top to bottom, this raises NameError; it worked because the cells were run in another order.")
        .help(format!("move the definition of `{name}` above this cell"))
        .label(bound, format!("`{name}` is defined here"))
        .lowered_if(early.conditional)
        .about(format!("name:{name}"));
    if let Some(needed) = early.needed {
        finding = finding.label(
            model.location_of(needed),
            format!("the function needs `{name}` here"),
        );
    }
    Some(finding)
}

/// The use stands in what the binding is made of: the value of `df = df.dropna()`, the decorators of a function.
fn is_made_from_itself(model: &Model<'_>, name: &str, own: Place, at: Place) -> bool {
    let mut bindings = model
        .bindings_named(ScopeId::NOTEBOOK, name)
        .iter()
        .map(|id| model.binding(*id));
    let binding = bindings.find(|binding| binding.place == own);
    let source = binding.and_then(|binding| match binding.kind {
        BindingKind::Value(value)
        | BindingKind::Part(value)
        | BindingKind::Item(value)
        | BindingKind::Augmented(value) => Some(value.range()),
        BindingKind::Function(function) => Some(function.range()),
        BindingKind::Class(class) => Some(class.range()),
        _ => None,
    });
    own == at || source.is_some_and(|source| source.contains_range(at.range()))
}

/// `if False:` around the only binding.
fn never_bound(name: &str, at: Location, own: Location) -> Finding {
    Finding::new(at, format!("`{name}` is bound only where no run gets to"))
        .because("Run from top to bottom, this raises NameError.")
        .help(format!(
            "bind `{name}` on every way to this line, or take both out"
        ))
        .label(own, format!("this binds `{name}`, and never runs"))
        .about(format!("name:{name}"))
}

fn made_from_itself(name: &str, at: Location, own: Location) -> Finding {
    Finding::new(
        at,
        format!("`{name}` is made from itself here, and no cell above defines it"),
    )
    .because("Run from top to bottom, this raises NameError; the cell that made it first is gone.")
    .help(format!("define `{name}` in a cell above"))
    .label(own, format!("only this binds `{name}`"))
    .about(format!("name:{name}"))
}

fn cell_name(location: &Location) -> String {
    location
        .cell
        .map_or_else(|| "another cell".to_owned(), |cell| format!("cell {cell}"))
}
