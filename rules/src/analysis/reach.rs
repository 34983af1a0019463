//! Whether anything in the notebook makes the body of a function or class run.

use nbvet_engine::{
    Model,
    ast::{Ranged, TextRange},
    model::{BindingId, BindingKind, Place, Resolution},
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
        .references_named(binding.name)
        .filter(|reference| {
            let within =
                reference.place.cell == binding.place.cell && range.contains_range(reference.place.range());
            let may_mean_it = reference.may_see(id) || reference.resolution == Resolution::Unknown;
            may_mean_it && !within
        })
        .any(|reference| is_reached_by(model, reference.place, seen))
}

/// The outermost function or class around a place, without decorators.
fn definition_around(model: &Model<'_>, place: Place) -> Option<(BindingId, TextRange)> {
    model.definitions_in(place.cell).find_map(|(id, binding)| {
        let (range, decorators) = match binding.kind {
            BindingKind::Function(function) => (function.range(), &function.decorator_list),
            BindingKind::Class(class) => (class.range(), &class.decorator_list),
            _ => return None,
        };
        let around = range.contains_range(place.range()) && decorators.is_empty();
        around.then_some((id, range))
    })
}
