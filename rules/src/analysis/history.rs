//! What the stored execution counts tell of the run in which a notebook was written: which cell ran before which, and
//! which binding of a name a cell then saw. Counts that two cells share are of more than one session and tell nothing.

use std::collections::BTreeMap;

use nbvet_engine::{
    Model,
    ast::{Ranged, Stmt},
    model::{Binding, BindingId, BindingKind, Place, Reference, Resolution, ScopeId, ScopeKind},
};
use nbvet_notebook::Output;

/// Of how many bindings that reach a use the history is asked.
const MAX_REACHED: usize = 8;

/// The run in which the notebook was written.
pub(crate) struct History<'a, 'm> {
    model: &'m Model<'a>,
    counts: Vec<Option<u32>>,
    sorted: Vec<u32>,
    /// Bindings by name, in the order in which their cells ran; `None` for a name that a cell without a count binds.
    bound: BTreeMap<&'a str, Option<Vec<(u32, BindingId)>>>,
}

impl<'a, 'm> History<'a, 'm> {
    /// `None` where the counts tell nothing.
    pub(crate) fn of(model: &'m Model<'a>) -> Option<Self> {
        let cells = model.parsed().cells();
        let counts: Vec<Option<u32>> = cells
            .iter()
            .map(|cell| cell.cell.execution_count.filter(|count| *count > 0))
            .collect();
        let mut sorted: Vec<u32> = counts.iter().copied().flatten().collect();
        let is_in_order = sorted.is_sorted();
        sorted.sort_unstable();
        let is_one_session = sorted.windows(2).all(|pair| pair.first() != pair.last());
        (!is_in_order && is_one_session).then(|| Self {
            model,
            counts,
            sorted,
            bound: BTreeMap::new(),
        })
    }

    /// The `n` of `In [n]` of the code cell at a position.
    pub(crate) fn count(&self, position: usize) -> Option<u32> {
        self.counts.get(position).copied().flatten()
    }

    /// Every run up to this count is that of a cell as it stands: none was repeated or deleted since.
    pub(crate) fn is_whole(&self, count: u32) -> bool {
        let ran = self.sorted.partition_point(|known| *known <= count);
        u32::try_from(ran) == Ok(count)
    }

    /// The bindings of a name by the counts of their cells; `None` where one of them has none.
    pub(crate) fn bindings(&mut self, name: &'a str) -> Option<&[(u32, BindingId)]> {
        let Self {
            model, counts, bound, ..
        } = self;
        let known = bound.entry(name).or_insert_with(|| {
            let ids = model.bindings_named(ScopeId::NOTEBOOK, name).iter();
            let mut found = ids
                .map(|id| Some(((*counts.get(model.binding(*id).place.cell)?)?, *id)))
                .collect::<Option<Vec<_>>>()?;
            found.sort_unstable();
            Some(found)
        });
        known.as_deref()
    }

    /// The cell ended with an error when it was stored.
    pub(crate) fn raised(&self, position: usize) -> bool {
        let is_error = |output: &Output| matches!(output, Output::Error { .. });
        self.outputs(position).iter().any(is_error)
    }

    /// A result is stored with the cell.
    pub(crate) fn has_output(&self, position: usize) -> bool {
        !self.outputs(position).is_empty()
    }

    fn outputs(&self, position: usize) -> Vec<Output> {
        let notebook = self.model.parsed().notebook();
        notebook.outputs(self.model.cell(position).cell.index)
    }
}

/// The bindings that surely reach a use which runs with its cell; `None` where the cell itself makes one of them, or
/// they are not known for certain.
pub(crate) fn reached<'r>(model: &Model<'_>, reference: &'r Reference<'_>) -> Option<&'r [BindingId]> {
    let runs_at_once = matches!(
        model.scope(reference.scope).kind,
        ScopeKind::Notebook | ScopeKind::Comprehension
    );
    let Resolution::Bindings { ids, widened: false } = &reference.resolution else {
        return None;
    };
    let is_elsewhere = |id: &BindingId| {
        let binding = model.binding(*id);
        binding.scope == ScopeId::NOTEBOOK && binding.place.cell < reference.place.cell
    };
    (runs_at_once && ids.len() <= MAX_REACHED && ids.iter().all(is_elsewhere)).then_some(ids)
}

/// What a binding is made of, as text; `None` for imports and for what is not followed. Loop variables are left out:
/// nobody means their last value.
pub(crate) fn made_of<'a>(model: &Model<'a>, binding: &Binding<'a>) -> Option<&'a str> {
    let range = match binding.kind {
        BindingKind::Value(value) | BindingKind::Part(value) | BindingKind::Augmented(value) => value.range(),
        BindingKind::Function(function) => function.range(),
        BindingKind::Class(class) => class.range(),
        _ => return None,
    };
    Some(model.cell(binding.place.cell).slice(range))
}

/// The binding is made whenever its cell runs to its end.
pub(crate) fn is_sure(model: &Model<'_>, place: Place) -> bool {
    let body = model.cell(place.cell).body();
    let after = body.partition_point(|statement| statement.start().to_u32() <= place.start);
    after
        .checked_sub(1)
        .and_then(|index| body.get(index))
        .is_some_and(|statement| match statement {
            Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::AugAssign(_) => true,
            Stmt::FunctionDef(function) => function.name.range().start().to_u32() == place.start,
            Stmt::ClassDef(class) => class.name.range().start().to_u32() == place.start,
            _ => false,
        })
}

/// The two bindings may give another value.
pub(crate) fn differs<'a>(model: &Model<'a>, one: &Binding<'a>, other: &Binding<'a>) -> bool {
    match (made_of(model, one), made_of(model, other)) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    }
}
