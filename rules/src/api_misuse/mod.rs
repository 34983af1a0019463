//! Calls that do something else than they seem to: `NB4xx`.

pub(crate) mod inplace_result_assigned;
pub(crate) mod none_method_assigned;
