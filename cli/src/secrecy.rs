//! What a run has seen, without the secrets in it: lines of a traceback, output, commands.

use std::borrow::Cow;

use nbvet_engine::secrets;
use nbvet_report::{CellError, CellRun, Fact};

/// Masks every text of a run that a report may show.
pub(crate) fn mask_run(cells: &mut [CellRun]) {
    for cell in cells {
        cell.error.iter_mut().for_each(mask_error);
        cell.last_output.iter_mut().for_each(mask);
        cell.facts.iter_mut().for_each(mask_fact);
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
