//! How a diagnostic can be mended mechanically.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Location;

/// A set of edits that mends one diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    /// What the fix does, as a command: "call `.sort()` on a line of its own".
    pub title: String,
    /// Whether it may be applied without a look.
    pub applicability: Applicability,
    /// The edits, in the order of the source, never overlapping.
    pub edits: Vec<Edit>,
}

/// Whether a fix may be applied without a person's look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Applicability {
    /// Shown, never applied.
    DisplayOnly,
    /// May change what the notebook does: applied on request only.
    Unsafe,
    /// Keeps the notebook's meaning, or makes it what was plainly meant.
    Safe,
}

/// One replacement in a cell's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    /// What is replaced; empty for an insertion.
    pub location: Location,
    /// What stands there afterwards.
    pub replacement: String,
}
