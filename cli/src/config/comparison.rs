//! `[comparison]` of a settings file, and the options of the same names: how outputs are held against a golden
//! notebook's. What is not set stays unset.

use std::path::PathBuf;

use nbvet_golden::{IgnoredOutput, Options, Pattern, Sanitizer, Timestamps, Tolerance};
use nbvet_report::ComparisonStrategy;

use crate::{
    ordinary,
    usage::{UsageError, shown},
};

/// What is said about a comparison. Words have been checked where they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ComparisonConfig {
    pub(crate) golden: Option<GoldenSource>,
    pub(crate) strategy: Option<ComparisonStrategy>,
    pub(crate) relative: Option<Share>,
    pub(crate) absolute: Option<Share>,
    pub(crate) ignore_timestamps: Option<bool>,
    pub(crate) ignore_execution_count: Option<bool>,
    pub(crate) only_marked: Option<bool>,
    pub(crate) custom_timestamp_patterns: Option<Vec<String>>,
    pub(crate) ignore_output_types: Option<Vec<String>>,
    pub(crate) sanitize: Option<Vec<PathBuf>>,
}

/// What a notebook is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GoldenSource {
    /// The outputs in its own file.
    Stored,
    /// Another notebook, or a folder of them.
    Path {
        path: PathBuf,
        /// The folder of the settings file that says so: paths below it are the same below the golden folder.
        base: Option<PathBuf>,
    },
    /// The one notebook that a job names, which was fetched to a place that nobody else knows.
    Fetched {
        file: PathBuf,
        /// What it is called: its path in its source.
        name: String,
    },
}

impl GoldenSource {
    /// A word of the command line.
    pub(crate) fn named(word: &str) -> Self {
        if word == "stored" {
            return Self::Stored;
        }
        Self::Path {
            path: PathBuf::from(word),
            base: None,
        }
    }
}

/// A number that is finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(f64);

// It is never NaN.
impl Eq for Share {}

impl Share {
    pub(crate) fn new(number: f64) -> Result<Self, String> {
        if number.is_finite() && number >= 0.0 {
            Ok(Self(number))
        } else {
            Err(format!(
                "write a number such as 0.0001 or 1e-6 here, not {number}"
            ))
        }
    }

    /// Whether it allows no more than a number does.
    pub(crate) fn is_within(self, most: f64) -> bool {
        self.0 <= most
    }

    /// A word of the command line.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        let number = word.trim().parse();
        let number =
            number.map_err(|_| format!("`{word}` is no number; write one such as 0.0001 or 1e-6"))?;
        Self::new(number)
    }
}

impl ComparisonConfig {
    /// This over weaker settings.
    pub(crate) fn over(self, weaker: Self) -> Self {
        Self {
            golden: self.golden.or(weaker.golden),
            strategy: self.strategy.or(weaker.strategy),
            relative: self.relative.or(weaker.relative),
            absolute: self.absolute.or(weaker.absolute),
            ignore_timestamps: self.ignore_timestamps.or(weaker.ignore_timestamps),
            ignore_execution_count: self.ignore_execution_count.or(weaker.ignore_execution_count),
            only_marked: self.only_marked.or(weaker.only_marked),
            custom_timestamp_patterns: self
                .custom_timestamp_patterns
                .or(weaker.custom_timestamp_patterns),
            ignore_output_types: self.ignore_output_types.or(weaker.ignore_output_types),
            sanitize: self.sanitize.or(weaker.sanitize),
        }
    }

    /// Reads the sanitize files and makes everything ready.
    pub(crate) fn options(&self) -> Result<Options, UsageError> {
        let default = Tolerance::default();
        let mut sanitizer = Sanitizer::default();
        for path in self.sanitize.iter().flatten() {
            let text = ordinary::read_to_string(path).map_err(|source| UsageError::UnreadableSanitizer {
                path: shown(path),
                source,
            })?;
            let more = Sanitizer::parse(&text).map_err(|bad| UsageError::Config {
                path: shown(path),
                line: bad.line,
                message: bad.message,
                nearest: Vec::new(),
            })?;
            sanitizer.extend(more);
        }
        Ok(Options {
            strategy: self.strategy.unwrap_or_default(),
            tolerance: Tolerance {
                relative: self.relative.map_or(default.relative, |share| share.0),
                absolute: self.absolute.map_or(default.absolute, |share| share.0),
            },
            timestamps: match self.ignore_timestamps {
                None => Timestamps::OfTheRun,
                Some(true) => Timestamps::All,
                Some(false) => Timestamps::Compared,
            },
            execution_counts: self.ignore_execution_count == Some(false),
            ignored: checked(self.ignore_output_types.as_deref(), IgnoredOutput::new),
            patterns: checked(self.custom_timestamp_patterns.as_deref(), |pattern| {
                Pattern::new(pattern).map_err(|bad| bad.message)
            }),
            sanitizer,
            only_marked: self.only_marked.unwrap_or_default(),
            ..Options::default()
        })
    }
}

/// Words that were found good when they were read.
fn checked<T>(words: Option<&[String]>, new: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
    words
        .unwrap_or_default()
        .iter()
        .filter_map(|word| new(word).ok())
        .collect()
}

/// Whether a word names a kind of output.
pub(crate) fn check_output_type(word: &str) -> Result<(), String> {
    IgnoredOutput::new(word).map(drop)
}

/// Whether a pattern can be used.
pub(crate) fn check_pattern(pattern: &str) -> Result<(), String> {
    Pattern::new(pattern).map(drop).map_err(|bad| bad.message)
}
