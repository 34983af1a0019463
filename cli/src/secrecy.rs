//! What a run has seen, without the secrets in it: lines of a traceback, output, commands.

use std::borrow::Cow;

use nbvet_engine::secrets;
use nbvet_notebook::Output;
use nbvet_report::{CellError, CellRun, ExpectationResult, Fact};
use serde_json::Value;

/// Masks every text of a run that a report may show.
pub(crate) fn mask_run(cells: &mut [CellRun]) {
    for cell in cells {
        cell.error.iter_mut().for_each(mask_error);
        cell.last_output.iter_mut().for_each(mask);
        cell.facts.iter_mut().for_each(mask_fact);
    }
}

/// Masks every text among outputs that a page may show. Pictures are no text.
pub(crate) fn mask_outputs(outputs: &mut [Output]) {
    for output in outputs {
        match output {
            Output::Stream { text, .. } => mask(text),
            Output::DisplayData { data, .. } | Output::ExecuteResult { data, .. } => {
                for (mime, value) in data.iter_mut() {
                    let is_text = !mime.starts_with("image/") || mime == "image/svg+xml";
                    if is_text {
                        mask_value(value);
                    }
                }
            }
            Output::Error {
                evalue, traceback, ..
            } => {
                mask(evalue);
                traceback.iter_mut().for_each(mask);
            }
            Output::Unknown(_) => {}
        }
    }
}

fn mask_value(value: &mut Value) {
    match value {
        Value::String(text) => mask(text),
        Value::Array(items) => items.iter_mut().for_each(mask_value),
        Value::Object(members) => members.values_mut().for_each(mask_value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Masks what values were and what was expected of them.
pub(crate) fn mask_expectations(results: &mut [ExpectationResult]) {
    for result in results {
        mask(&mut result.expected);
        result.reasons.iter_mut().for_each(mask);
    }
}

fn mask_fact(fact: &mut Fact) {
    match fact {
        Fact::Warning { message, .. } => mask(message),
        Fact::Command { command, .. } | Fact::Install { command, .. } => mask(command),
        Fact::Stderr { text, .. } => mask(text),
        Fact::AfterCell { error, .. } => mask_error(error),
        Fact::Swallowed { text, .. } => text.iter_mut().for_each(mask),
        Fact::Result { .. }
        | Fact::Bound { .. }
        | Fact::Replaced { .. }
        | Fact::Removed { .. }
        | Fact::Returned { .. }
        | Fact::Assertions { .. }
        | Fact::Figure { .. } => {}
    }
}

fn mask_error(error: &mut CellError) {
    mask(&mut error.value);
    error.traceback.iter_mut().for_each(mask);
}

fn mask(text: &mut String) {
    if let Cow::Owned(masked) = secrets::masked(text) {
        *text = masked;
    }
}
