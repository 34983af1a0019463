//! Calls that do something else than they seem to: `NB4xx`.

pub(crate) mod chained_assignment;
pub(crate) mod discarded_pure_result;
pub(crate) mod inplace_result_assigned;
pub(crate) mod misplaced_cell_magic;
pub(crate) mod none_method_assigned;
pub(crate) mod zero_grad_missing;
