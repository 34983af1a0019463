//! Names that are not there when they are needed: `NB6xx`.

pub(crate) mod undefined_name;
pub(crate) mod used_before_defined;
