//! Whether anything in the notebook makes the body of a function or class run.

use nbvet_engine::{
    Model,
    ast::{Ranged, TextRange},
    model::{BindingId, BindingKind, Place, Resolution, ScopeId},
};

/// A place in the body of a function or class of the notebook is reached where that is used by a cell, or by
/// another that is reached. Decorated ones may be kept by the decorator.
pub(crate) fn is_reached(model: &Model<'_>, place: Place) -> bool {
    is_reached_by(model, place, &mut Vec::new())
}

fn is_reached_by(model: &Model<'_>, place: Place, seen: &mut Vec<BindingId>) -> bool {
    let Some((id, range)) = definition_around(model, place) else {
        return true;
    };
    if seen.contains(&id) {
        return false;
    }
    seen.push(id);
    let binding = model.binding(id);
    model
        .references()
        .filter(|(_, reference)| reference.name == binding.name)
        .filter(|(_, reference)| {
            let within =
                reference.place.cell == binding.place.cell && range.contains_range(reference.place.range());
            let may_mean_it = match &reference.resolution {
                Resolution::Bindings { ids, .. } => ids.contains(&id),
                Resolution::Unknown => true,
                _ => false,
            };
            may_mean_it && !within
        })
        .any(|(_, reference)| is_reached_by(model, reference.place, seen))
}

/// The outermost function or class around a place, without decorators.
fn definition_around(model: &Model<'_>, place: Place) -> Option<(BindingId, TextRange)> {
    model
        .bindings()
        .filter(|(_, binding)| binding.scope == ScopeId::NOTEBOOK && binding.place.cell == place.cell)
        .find_map(|(id, binding)| {
            let (range, decorators) = match binding.kind {
                BindingKind::Function(function) => (function.range(), &function.decorator_list),
                BindingKind::Class(class) => (class.range(), &class.decorator_list),
                _ => return None,
            };
            let around = range.contains_range(place.range()) && decorators.is_empty();
            around.then_some((id, range))
        })
}
