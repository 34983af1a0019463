//! What reading a file can find fault with: data about the notebook, never an error of ours.

use nbvet_report::{Fix, Location};

/// A fault of the file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    /// What was seen, in words for a beginner.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where: in the file, or in a cell.
    pub location: Location,
    /// A mechanical remedy.
    pub fix: Option<Box<Fix>>,
}

/// The kinds of fault. Each is the whole business of one rule, so that none can go unreported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// There is no notebook to be had from these bytes: empty, not UTF-8, not JSON, JSON without cells, or a format
    /// of another age. The message says which.
    NotANotebook,
    /// JSON that only Python accepts: `NaN`, `Infinity`, halves of surrogate pairs.
    NonstandardJson,
    /// A cell with a part of the wrong type, read as well as it can be; whatever it has of code runs.
    MalformedCell,
    /// A cell of which nobody can say that its code runs: no object, of no known type, or code without its source.
    UnreadCell,
    /// Two cells with one id.
    DuplicateCellId,
}

impl ProblemKind {
    /// Whether such a problem leaves no notebook.
    pub const fn is_fatal(self) -> bool {
        matches!(self, Self::NotANotebook)
    }
}
