//! Values that are no values: `NB3xx`.

pub(crate) mod bad_lines_skipped;
pub(crate) mod coerce_unaccounted;
pub(crate) mod dropna_unreported;
pub(crate) mod fillna_masking;
pub(crate) mod inf_result;
pub(crate) mod merge_unverified;
pub(crate) mod nan_equality;
pub(crate) mod nan_result;
