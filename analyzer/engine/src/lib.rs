//! Parsing, the semantic model, the rule traits, severities and suppression: everything that turns a notebook and
//! a list of rules into diagnostics. Knows no single rule, and runs nothing.

pub mod ast;
mod beside;
mod check;
mod early_imports;
mod fingerprint;
mod mend;
pub mod model;
mod names;
mod needs;
mod parse;
mod rule;
pub mod secrets;
mod severity;
mod suppression;
mod unused;
mod walk;

pub use beside::Beside;
pub use check::{Run, check, with_model};
pub use early_imports::early_imports;
pub use fingerprint::assign_beside;
pub use mend::{Mended, mend, mended_lines};
pub use model::Model;
pub use names::nearest;
pub use needs::{Form, Import, Install, Needs, Tool, Wanted, When, imports_of_source, needs, requests};
pub use parse::{ParsedCell, ParsedNotebook, SyntaxError, is_expression};
pub use rule::{Check, Context, Escape, Finding, Node, Rule, RunContext, RunRule, StaticRule, Visits};
pub use severity::{Flags, Settings};

pub use nbvet_report::{Flag, Group, Row, RuleMeta, Standing};
