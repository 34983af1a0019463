//! NB900 unreadable-dependencies.

use nbvet_report::{Readers, Row};

use crate::{
    detection::Refused,
    policy::{Finding, Review, rule},
    requirements::{Fault, Place},
};

rule! {
    /// A dependency file that is missing or cannot be read.
    ///
    /// ## Why it matters
    ///
    /// The tool that owns the file would stop at it as well, so nothing could be installed from it. To go on without it,
    /// or with another file, would make another environment than the one that was asked for.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// pandas = 2.2.3
    /// ```
    ///
    /// ```requirements bad
    /// -r missing.txt
    /// ```
    ///
    /// ```requirements good
    /// pandas==2.2.3
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Look at the line that the message names; `python -m pip install --dry-run -r requirements.txt` should accept the
    /// file.
    "NB900" "unreadable-dependencies",
    row: Row::Refused,
    since: "0.1.0",
    check: check,
}

/// What could be read has no such fault.
fn check(_: &Review<'_>) -> Vec<Finding> {
    Vec::new()
}

/// The finding for files that could not be read.
pub(super) fn of_fault(fault: &Fault) -> Finding {
    let at = |file: &str, line: usize| Place {
        file: file.into(),
        line,
        included_by: None,
    };
    let (place, message) = match fault {
        Fault::Line { file, line, message } => {
            (at(file, *line), format!("this line cannot be read: {message}"))
        }
        Fault::Recursive { file, line, .. } => (at(file, *line), fault.to_string()),
        Fault::Encoding { file, .. }
        | Fault::Missing { file, .. }
        | Fault::TooMany { file }
        | Fault::TooManyEntries { file } => (at(file, 1), fault.to_string()),
    };
    Finding::new(&RULE, &place, message)
        .because("What is asked for is not known, so nothing is installed instead of a part of it.")
}

/// The finding for a file that was asked for, or found first, and cannot be used.
pub(super) fn of_refused(refused: &Refused, readers: Readers) -> Finding {
    Finding::of_none(&RULE, refused.told(readers))
        .because("Another file in its place would make another environment.")
}
