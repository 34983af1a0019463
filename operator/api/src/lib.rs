//! The custom resource `NotebookValidationJob`: a public format with its own types, the definition that a cluster is
//! given, and pure functions that say what its fields mean. It knows no client, no clock and no step.

pub mod build;
pub mod condition;
pub mod crd;
pub mod duration;
pub mod fault;
pub mod findings;
pub mod job;
pub mod limits;
pub mod meaning;
pub mod model;
pub mod number;
pub mod pod;
pub mod room;
pub mod source;
pub mod status;
pub mod text;
pub mod validation;

pub use condition::{ConditionType, condition, set_condition};
pub use job::{NotebookValidationJob, NotebookValidationJobSpec, RetryPolicy};
pub use nbvet_report::Reason;
pub use status::{NotebookValidationJobStatus, Phase};
