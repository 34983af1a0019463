//! The file, its language, its syntax and what it installs: `NB9xx`.

pub(crate) mod duplicate_cell_id;
pub(crate) mod install_unsatisfied;
pub(crate) mod malformed_cell;
pub(crate) mod nonstandard_json;
pub(crate) mod not_a_notebook;
pub(crate) mod nothing_to_run;
pub(crate) mod syntax_error;
pub(crate) mod unread_cell;
pub(crate) mod unsupported_language;
