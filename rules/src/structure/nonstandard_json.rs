//! NB922 nonstandard-json.

use nbvet_engine::{Check, Row};
use nbvet_notebook::ProblemKind;

use crate::macros::rule;

rule! {
    /// JSON that Python writes and accepts, but the standard does not: `NaN`, `Infinity`, lone surrogates.
    ///
    /// ## Why it matters
    ///
    /// Jupyter opens the file; other tools (browsers, editors, other languages) refuse it. The value usually comes
    /// from a metric stored in the metadata or in an output.
    ///
    /// ## How to mend it
    ///
    /// Save the notebook again after the value has been mended; replace `NaN` in metadata by `null`.
    "NB922" "nonstandard-json",
    group: Structure,
    row: Row::Advice,
    since: "0.1.0",
    check: Check::Problem(ProblemKind::NonstandardJson),
}
