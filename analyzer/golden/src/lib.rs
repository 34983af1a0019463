//! Compares what a notebook put out with the outputs of a golden notebook: cell by cell, and there by stream and MIME
//! type. Pure: two sets of cells in, a [`Comparison`](nbvet_report::Comparison) out; reads no file, knows no rule's
//! severity.
//!
//! What differs from run to run is accepted by named rules alone, and the result says which of them acted how often.

mod align;
mod cell;
mod difference;
mod html;
mod image;
mod json;
mod masks;
mod moments;
mod options;
mod outputs;
mod sanitize;
mod text;
mod token;
mod tolerance;

pub use cell::{GoldenUnusable, Side, compare};
pub use options::{IgnoredOutput, Options, Timestamps};
pub use sanitize::{BadPattern, Pattern, Sanitizer};
pub use tolerance::Tolerance;
