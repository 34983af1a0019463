//! The notebook does not run: `NB0xx`. These fail at every level and cannot be switched off.

pub(crate) mod cell_timeout;
pub(crate) mod missing_import;
pub(crate) mod nonzero_exit;
pub(crate) mod notebook_timeout;
pub(crate) mod out_of_memory;
pub(crate) mod process_died;
pub(crate) mod uncaught_exception;
