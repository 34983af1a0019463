//! Names that are not there when they are needed, and results that the next run or the next machine changes: `NB6xx`.

pub(crate) mod absolute_path;
pub(crate) mod non_idempotent_update;
pub(crate) mod out_of_order_execution;
pub(crate) mod stale_name;
pub(crate) mod undefined_name;
pub(crate) mod unpinned_install;
pub(crate) mod unseeded_randomness;
pub(crate) mod used_before_defined;
