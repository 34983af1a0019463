//! A [`Report`](nbvet_report::Report) as text for people, JSON, SARIF 2.1.0, GitHub annotations, JUnit XML,
//! Markdown and an HTML page: one file each. Pure functions of values; this crate reads no file, asks no terminal and knows no rule.
//!
//! Whatever comes from a notebook (messages, sources, tracebacks, paths) is made harmless before it is shown.

mod github;
mod html;
mod json;
mod junit;
mod markdown;
mod place;
mod sarif;
mod sources;
mod text;
mod words;

pub use github::github;
pub use html::{HtmlPage, html};
pub use json::json;
pub use junit::junit;
pub use markdown::markdown;
pub use nbvet_report::harmless::{harmless, harmless_block};
pub use sarif::sarif;
pub use sources::{CellSource, NotebookSource, RuleInfo};
pub use text::{Notes, TextOptions, notebook_text, summary, text};
pub use words::bytes;
