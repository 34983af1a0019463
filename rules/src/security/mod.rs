//! Secrets that whoever gets the file has too: `NB8xx`.

pub(crate) mod secret_in_output;
pub(crate) mod secret_in_source;
