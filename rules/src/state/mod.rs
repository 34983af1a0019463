//! Names that are not there when they are needed: `NB6xx`.

pub(crate) mod out_of_order_execution;
pub(crate) mod stale_name;
pub(crate) mod undefined_name;
pub(crate) mod unseeded_randomness;
pub(crate) mod used_before_defined;
