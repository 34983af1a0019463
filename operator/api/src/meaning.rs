//! What the fields of a spec mean, for those who carry it out. Pure: the same spec always means the same.

mod build;
mod pod;
mod refused;
mod restricted;
mod supported;
mod validation;
mod wish;

pub use build::{Build, Builder};
pub use pod::env_from;
pub use refused::refused;
pub use supported::unsupported;
pub use validation::{comparison_config, level, validation_config};
pub use wish::wish;
