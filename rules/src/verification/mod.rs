//! Is anything checked at all: `NB1xx`.

pub(crate) mod no_assertion_notebook;
pub(crate) mod swallowed_assertion;
pub(crate) mod tautological_assertion;
pub(crate) mod unreached_assertion;
