//! How strict a validation is.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Diagnostic, Severity};

/// How strict a validation is. Unset means [`Level::Development`], everywhere.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Advice: only a notebook that does not run fails.
    Learning,
    /// Fails on what is surely wrong.
    #[default]
    Development,
    /// Exit codes and error handling count too.
    Staging,
    /// Warnings fail, assertions are required.
    Production,
}

impl Level {
    /// All levels, from the mildest to the strictest.
    pub const ALL: [Self; 4] = [Self::Learning, Self::Development, Self::Staging, Self::Production];

    /// The lowest severity that fails a notebook at this level; `None` where no diagnostic fails.
    pub const fn failing_severity(self) -> Option<Severity> {
        match self {
            Self::Learning => None,
            Self::Development | Self::Staging => Some(Severity::Error),
            Self::Production => Some(Severity::Warning),
        }
    }

    /// Whether a finding fails its notebook at this level.
    pub fn fails(self, found: &Diagnostic) -> bool {
        let fails = |least| found.counts() && found.severity >= least;
        found.fault || self.failing_severity().is_some_and(fails)
    }

    /// Whether a finding of a severity fails a validation here.
    pub fn fails_at(self, severity: Severity) -> bool {
        self.failing_severity().is_some_and(|least| severity >= least)
    }

    /// The name used in configuration, reports and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLevel(pub String);

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no level; use learning, development, staging or production",
            self.0
        )
    }
}

impl std::error::Error for UnknownLevel {}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == word)
            .ok_or_else(|| UnknownLevel(word.to_owned()))
    }
}
