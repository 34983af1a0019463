//! NB927 unread-cell.

use nbvet_engine::{Check, Row};
use nbvet_notebook::ProblemKind;

use crate::macros::rule;

rule! {
    /// A cell that may hold code and cannot be run, since it is no cell of the notebook format.
    ///
    /// ## Why it matters
    ///
    /// Its type is missing or unknown (`"CODE"`, `null`), it is no object at all, or it is code whose source is no
    /// text. Jupyter refuses the notebook or leaves the cell out, and so do programs that run notebooks: the rest
    /// can work without it, and would seem to be the whole. It fails at every level, as a file that is no notebook.
    ///
    /// ## How to mend it
    ///
    /// Write `"cell_type": "code"` (or `"markdown"`, `"raw"`) and the source as a text or a list of texts; or take
    /// the cell out.
    "NB927" "unread-cell",
    group: Structure,
    row: Row::Fault,
    since: "0.1.0",
    check: Check::Problem(ProblemKind::UnreadCell),
}
