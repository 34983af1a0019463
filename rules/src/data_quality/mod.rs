//! Values that are no values: `NB3xx`.

pub(crate) mod bad_lines_skipped;
pub(crate) mod coerce_unaccounted;
pub(crate) mod dropna_unreported;
pub(crate) mod empty_plot;
pub(crate) mod fillna_masking;
pub(crate) mod inf_result;
pub(crate) mod merge_unverified;
pub(crate) mod missing_grown;
pub(crate) mod nan_equality;
pub(crate) mod nan_result;
pub(crate) mod rows_lost;
pub(crate) mod rows_multiplied;
