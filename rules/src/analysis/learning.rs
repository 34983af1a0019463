//! What the rules on leakage have in common: how they name a place, and which evaluations count.

use nbvet_engine::{
    Model,
    model::{
        Place,
        learning::{DataId, Evaluation, Judged, Learning, Relation, Side, SplitId},
    },
    secrets,
};

/// Longest piece of code that a message quotes.
const QUOTED: usize = 60;

/// The code at a place, on one line.
pub(crate) fn quote(model: &Model<'_>, place: Place) -> String {
    // Masked before it is cut: what is left of a secret would no longer be known for what it is.
    let code = secrets::masked(model.cell(place.cell).slice(place.range()));
    let line: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The split whose test part a value lies in.
pub(crate) fn test_part_of(learning: &Learning<'_>, data: DataId) -> Option<SplitId> {
    match learning.rows().side(learning.data(data).rows) {
        Some((split, Side::Test)) => Some(split),
        _ => None,
    }
}

/// The model is judged on rows that its own fit has not seen.
pub(crate) fn is_held_out(learning: &Learning<'_>, evaluation: &Evaluation) -> bool {
    evaluation.how == Judged::CrossValidation || learning.relation(evaluation) == Relation::Apart
}

/// The code calls its data a validation set: made to be looked at again and again.
pub(crate) fn names_validation(model: &Model<'_>, place: Place) -> bool {
    let code = model.cell(place.cell).slice(place.range()).to_ascii_lowercase();
    let code = code
        .replace("eval", "")
        .replace("value", "")
        .replace("validation_data", "");
    ["val", "dev", "holdout"].iter().any(|word| code.contains(word))
}
