//! Values that are no values: `NB3xx`.

pub(crate) mod inf_result;
pub(crate) mod nan_equality;
pub(crate) mod nan_result;
