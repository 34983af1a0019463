//! NB923 malformed-cell.

use nbvet_engine::{Check, Row};
use nbvet_notebook::ProblemKind;

use crate::macros::rule;

rule! {
    /// A cell with a part of the wrong type, read as well as it can be.
    ///
    /// ## Why it matters
    ///
    /// The file is valid JSON, but not what the notebook format says: metadata that are a list, an id that is a
    /// number. Jupyter may refuse it or drop the part. Where code may be lost by it, it is NB927.
    ///
    /// ## How to mend it
    ///
    /// Open the notebook in Jupyter and save it, or mend the part by hand.
    "NB923" "malformed-cell",
    group: Structure,
    row: Row::Advice,
    since: "0.1.0",
    check: Check::Problem(ProblemKind::MalformedCell),
}
