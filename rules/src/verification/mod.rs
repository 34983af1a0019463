//! Is anything checked at all: `NB1xx`.

pub(crate) mod annotation_mismatch;
pub(crate) mod expected_output;
pub(crate) mod float_equality_assert;
pub(crate) mod golden_mismatch;
pub(crate) mod invalid_expectation;
pub(crate) mod load_without_check;
pub(crate) mod metric_unchecked;
pub(crate) mod no_assertion_notebook;
pub(crate) mod printed_check;
pub(crate) mod swallowed_assertion;
pub(crate) mod tautological_assertion;
pub(crate) mod unchecked_expectation;
pub(crate) mod unreached_assertion;
