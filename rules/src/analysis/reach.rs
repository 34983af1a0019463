//! Whether anything in the notebook makes the body of a function or class run.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use nbvet_engine::{
    Model,
    ast::{Ranged, TextRange},
    model::{BindingId, BindingKind, Place, Reached, Reference, Resolution, ScopeId},
};

/// The functions and classes of a notebook that a run reaches: those that a cell uses, and those that a reached one
/// uses. Decorated ones may be kept by the decorator: what stands in them counts as a cell's. Found once for all
/// places of a notebook.
pub(crate) struct Reach {
    bodies: Bodies,
    reached: HashSet<BindingId>,
}

impl Reach {
    pub(crate) fn of(model: &Model<'_>) -> Self {
        let bodies = Bodies::of(model);
        let mut waiting = Vec::new();
        let mut within: HashMap<BindingId, Vec<&Reference<'_>>> = HashMap::new();
        for (_, reference) in model.references() {
            match bodies.around(reference.place) {
                Some(id) => within.entry(id).or_default().push(reference),
                None => waiting.push(reference),
            }
        }
        let mut reached = HashSet::new();
        let mut met = HashSet::new();
        // A list and no recursion: chains of functions are as long as the notebook's author likes.
        while let Some(reference) = waiting.pop() {
            for id in meant(model, reference, &mut met) {
                if reached.insert(*id) {
                    waiting.extend(within.remove(id).into_iter().flatten());
                }
            }
        }
        Self { bodies, reached }
    }

    /// A run may get to this place.
    pub(crate) fn reaches(&self, place: Place) -> bool {
        (self.bodies.around(place)).is_none_or(|id| self.reached.contains(&id))
    }
}

/// What a reference may mean; nothing where another one has meant the very same list.
fn meant<'m, 'a>(
    model: &'m Model<'a>,
    reference: &'m Reference<'a>,
    met: &mut HashSet<(&'m str, usize)>,
) -> &'m [BindingId] {
    let ids: &[BindingId] = match &reference.resolution {
        Resolution::Bindings {
            ids: Reached::Few(ids),
            ..
        } => return ids,
        Resolution::Bindings { ids, .. } => ids,
        Resolution::Unknown => model.bindings_named(ScopeId::NOTEBOOK, reference.name),
        _ => &[],
    };
    let is_new = met.insert((reference.name, ids.as_ptr() as usize));
    if is_new { ids } else { &[] }
}

/// The outermost functions and classes without decorators, a list for each cell in the order of their places.
struct Bodies(Vec<Vec<(TextRange, BindingId)>>);

impl Bodies {
    fn of(model: &Model<'_>) -> Self {
        let cells = 0..model.parsed().cells().len();
        Self(cells.map(|cell| bodies_in(model, cell)).collect())
    }

    fn around(&self, place: Place) -> Option<BindingId> {
        let bodies = self.0.get(place.cell)?;
        let after = bodies.partition_point(|(range, _)| range.start() <= place.range().start());
        let (range, id) = bodies.get(after.checked_sub(1)?)?;
        range.contains_range(place.range()).then_some(*id)
    }
}

fn bodies_in(model: &Model<'_>, cell: usize) -> Vec<(TextRange, BindingId)> {
    let mut bodies: Vec<(TextRange, BindingId)> = model
        .definitions_in(cell)
        .filter_map(|(id, binding)| match binding.kind {
            BindingKind::Function(function) if function.decorator_list.is_empty() => {
                Some((function.range(), id))
            }
            BindingKind::Class(class) if class.decorator_list.is_empty() => Some((class.range(), id)),
            _ => None,
        })
        .collect();
    bodies.sort_by_key(|(range, _)| (range.start(), Reverse(range.end())));
    // One that `global` binds within another is part of that.
    bodies.dedup_by(|inner, outer| outer.0.contains_range(inner.0));
    bodies
}
