//! What in a spec nothing can be done with, though the API server accepts it, and what this version does not act upon.

use std::fmt;

use nbvet_report::Reason;

use crate::text;

/// Most bytes of a value that are shown.
const SHOWN: usize = 120;

/// A field whose value nothing can be done with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// `InvalidField`, `PathNotAllowed` or `SchemeNotAllowed`.
    pub reason: Reason,
    /// The field: `spec.notebook.path`.
    pub field: String,
    /// What it holds, cut where it is long.
    pub value: String,
    /// What is wrong with that, and what may stand there; reads after the value.
    pub problem: String,
}

impl FieldFault {
    /// A value of the wrong form.
    pub fn invalid(field: impl Into<String>, value: &str, problem: impl Into<String>) -> Self {
        Self::new(Reason::InvalidField, field, value, problem)
    }

    /// A fault with its reason.
    pub fn new(reason: Reason, field: impl Into<String>, value: &str, problem: impl Into<String>) -> Self {
        Self {
            reason,
            field: field.into(),
            value: text::one_line(value, SHOWN),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: \"{}\" {}", self.field, self.value, self.problem)
    }
}

/// A field that is accepted and not acted upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The field: `spec.modelValidation`.
    pub field: String,
    /// Why, and what to do instead.
    pub why: &'static str,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.why)
    }
}
