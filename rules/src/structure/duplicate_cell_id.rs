//! NB926 duplicate-cell-id.

use nbvet_engine::{Check, Row};
use nbvet_notebook::ProblemKind;

use crate::macros::rule;

rule! {
    /// Two cells with one id.
    ///
    /// ## Why it matters
    ///
    /// Ids tell tools which cell is which: reviews, comparisons and expected outputs may meet the wrong cell.
    ///
    /// ## How to mend it
    ///
    /// Save the notebook with a current Jupyter, which gives new ids, or change one of the two.
    "NB926" "duplicate-cell-id",
    group: Structure,
    row: Row::Advice,
    since: "0.1.0",
    check: Check::Problem(ProblemKind::DuplicateCellId),
}
