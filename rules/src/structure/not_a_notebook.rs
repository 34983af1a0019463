//! NB921 not-a-notebook.

use nbvet_engine::{Check, Row};
use nbvet_notebook::ProblemKind;

use crate::macros::rule;

rule! {
    /// A file named as a notebook that is none.
    ///
    /// ## Why it matters
    ///
    /// The file is empty, is not JSON, or is JSON without cells: Jupyter cannot open it either. It fails at every
    /// level, since there is nothing that could pass.
    ///
    /// Often it is a web page that was saved instead of the raw file, a file that was cut off while it was written,
    /// or one with the marks of a merge conflict in it.
    ///
    /// ## How to mend it
    ///
    /// Look at the line that the message names; get the file again, or mend it.
    "NB921" "not-a-notebook",
    group: Structure,
    row: Row::Fault,
    since: "0.1.0",
    check: Check::Problem(ProblemKind::NotANotebook),
}
