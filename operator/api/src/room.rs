//! The room that a status has: under 32 KiB, whatever a notebook put out and whatever stood there before. The same
//! status is always cut the same way.

use serde_json::Value;

use crate::{condition::ConditionType, status::NotebookValidationJobStatus, text};

/// Most bytes of a status as JSON: under 32 KiB, with room for what the API server adds.
pub const MOST: usize = 31 * 1024;
/// Most conditions, our own among them.
const MOST_CONDITIONS: usize = 32;
/// Most times of suspension.
const MOST_PAUSES: usize = 64;
/// Fields that are of no use when they are cut, and the most bytes of them.
const WHOLE: [&str; 9] = [
    "buildName",
    "commit",
    "configMap",
    "digest",
    "identity",
    "imageReference",
    "notebookDigest",
    "previousDigest",
    "wish",
];
const MOST_WHOLE: usize = 512;
/// Most bytes of each other text, tried one after another until the status has room.
const TEXTS: [usize; 5] = [1024, 512, 256, 128, 64];

/// A status that has room: every text without terminal escapes and control characters, and all of it under [`MOST`]
/// bytes. What stands at the end of lists goes first, then what other controllers left here, then long texts are cut.
pub fn bounded(status: &NotebookValidationJobStatus) -> NotebookValidationJobStatus {
    let mut status = status.clone();
    keep_newest(&mut status);
    for most in TEXTS {
        status = with_texts(&status, most);
        if fits(&status) {
            return status;
        }
        if most == TEXTS[0] {
            drop_foreign(&mut status);
        }
        while !fits(&status) && drop_last(&mut status) {}
        if fits(&status) {
            return status;
        }
    }
    status
}

fn fits(status: &NotebookValidationJobStatus) -> bool {
    serde_json::to_vec(status).is_ok_and(|json| json.len() <= MOST)
}

/// Our own conditions before those of others, and the last times of suspension.
fn keep_newest(status: &mut NotebookValidationJobStatus) {
    if status.conditions.len() > MOST_CONDITIONS {
        let ours = |name: &str| ConditionType::ALL.iter().any(|kind| kind.as_str() == name);
        status.conditions.sort_by_key(|condition| !ours(&condition.type_));
        status.conditions.truncate(MOST_CONDITIONS);
    }
    if let Some(run) = &mut status.run {
        run.pauses.drain(..run.pauses.len().saturating_sub(MOST_PAUSES));
    }
}

/// What other controllers wrote and we only keep.
fn drop_foreign(status: &mut NotebookValidationJobStatus) {
    if !fits(status) {
        status.model_validation_result = None;
        if let Some(build) = &mut status.build_status {
            build.available_images.clear();
        }
    }
}

/// Takes one thing away, what helps least first: the last cell (those that failed stand first), the last difference,
/// the last piece of feedback; at the end where it was looked for dependencies, and the checks.
fn drop_last(status: &mut NotebookValidationJobStatus) -> bool {
    let diffs = status.comparison_result.as_mut().map(|found| &mut found.diffs);
    let looked_at = status
        .build_status
        .as_mut()
        .and_then(|build| build.requirements.as_mut())
        .map(|found| &mut found.looked_at);
    let keep = |length: usize, at_least: usize| length > at_least;
    if keep(status.results.len(), 3) {
        return status.results.pop().is_some();
    }
    if let Some(diffs) = diffs.filter(|diffs| keep(diffs.len(), 1)) {
        return diffs.pop().is_some();
    }
    if keep(status.educational_feedback.len(), 1) {
        return status.educational_feedback.pop().is_some();
    }
    if let Some(looked_at) = looked_at.filter(|places| keep(places.len(), 4)) {
        return looked_at.pop().is_some();
    }
    if keep(status.validation_checks.len(), 8) {
        return status.validation_checks.pop().is_some();
    }
    false
}

/// The status with every text clean and no longer than this.
fn with_texts(status: &NotebookValidationJobStatus, most: usize) -> NotebookValidationJobStatus {
    let Ok(mut json) = serde_json::to_value(status) else {
        return status.clone();
    };
    shorten(&mut json, most);
    serde_json::from_value(json).unwrap_or_else(|_| status.clone())
}

fn shorten(json: &mut Value, most: usize) {
    match json {
        Value::String(text) => *text = text::cut(&text::clean(text), most),
        Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, most)),
        Value::Object(members) => {
            for (name, value) in members {
                let most = if WHOLE.contains(&name.as_str()) {
                    MOST_WHOLE
                } else {
                    most
                };
                shorten(value, most);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
