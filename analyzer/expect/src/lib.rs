//! What authors expect of values: read from files, cell metadata and comments, turned into questions about live values,
//! and judged by the answers. Parses no Python, runs nothing, and knows no rule.

mod comment;
mod fault;
mod judge;
mod literal;
mod plan;
mod propose;
mod read;
mod types;
mod words;
mod written;

pub use comment::in_comment;
pub use fault::Fault;
pub use judge::Exactness;
pub use plan::{Plan, Reply};
pub use propose::{Proposal, Seen, propose, to_yaml};
pub use read::{Document, document, expectation, sidecar, validation_file, yaml};
pub use words::words;
pub use written::{Checked, Comments, Misread, Place, Written, check, in_notebook};
