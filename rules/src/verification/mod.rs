//! Is anything checked at all: `NB1xx`.

pub(crate) mod no_assertion_notebook;
