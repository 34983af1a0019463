//! The notebook does not run: `NB0xx`. These fail at every level and cannot be switched off.

pub(crate) mod cell_timeout;
pub(crate) mod missing_import;
pub(crate) mod nonzero_exit;
pub(crate) mod notebook_timeout;
pub(crate) mod out_of_memory;
pub(crate) mod process_died;
pub(crate) mod uncaught_exception;

use nbvet_engine::{Finding, RunContext};
use nbvet_report::Location;

/// A finding about a cell of which nobody knows the line; without a cell, about the file.
fn somewhere_in(cx: &RunContext<'_, '_>, cell: Option<u32>, message: String) -> Finding {
    let Some(cell) = cell else {
        return Finding::new(Location::file_start(), message);
    };
    let at = cx.at_line(cell, None);
    Finding::new(at.clone(), message).label(at, "somewhere in this cell")
}
