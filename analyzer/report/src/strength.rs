//! What a notebook does well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Location;

/// Something that a notebook does well, told to those who learn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Strength {
    /// What.
    pub kind: StrengthKind,
    /// How often.
    pub count: u32,
    /// Where first.
    pub first: Location,
}

/// The kinds of [`Strength`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StrengthKind {
    /// An assertion that can fail, and whose failure nothing hides.
    Assertion,
    /// Random numbers that are the same at every run.
    Seed,
    /// The status of a request or a command is looked at where it is made.
    CheckedStatus,
    /// A join that says how its keys match.
    ValidatedJoin,
}

impl StrengthKind {
    /// In words, for one or many.
    pub const fn noun(self, many: bool) -> &'static str {
        match (self, many) {
            (Self::Assertion, false) => "assertion",
            (Self::Assertion, true) => "assertions",
            (Self::Seed, false) => "seed for random numbers",
            (Self::Seed, true) => "seeds for random numbers",
            (Self::CheckedStatus, false) => "status that is checked",
            (Self::CheckedStatus, true) => "statuses that are checked",
            (Self::ValidatedJoin, false) => "join that is validated",
            (Self::ValidatedJoin, true) => "joins that are validated",
        }
    }
}
