//! Notebooks in and out: any bytes to a typed model or to problems that say what is wrong and where, and edits back
//! into the same bytes. Knows the notebook format and IPython's cell syntax; knows no rules and parses no Python.

mod edit;
mod faults;
mod insert;
mod json;
mod lenient;
mod literal;
pub mod magics;
mod markers;
mod model;
mod outputs;
mod patch;
mod problem;
mod read;
mod refusal;
mod skim;
mod source;
mod style;

pub use edit::Editor;
pub use insert::NewCell;
pub use literal::Literal;
pub use markers::{Execution, Markers, after_cell};
pub use model::{Cell, CellKind, Language, Notebook};
pub use outputs::Output;
pub use problem::{Problem, ProblemKind};
pub use read::{Reading, read, read_script};
