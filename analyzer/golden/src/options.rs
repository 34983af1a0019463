//! What a comparison accepts.

use std::borrow::Cow;

use nbvet_report::ComparisonStrategy;

use crate::{
    sanitize::{Pattern, Sanitizer},
    tolerance::Tolerance,
};

/// How outputs are compared.
#[derive(Debug, Clone)]
pub struct Options {
    /// How strictly.
    pub strategy: ComparisonStrategy,
    /// How far numbers may be apart, where the strategy is not exact.
    pub tolerance: Tolerance,
    /// Which dates and times may differ, where the strategy is not exact.
    pub timestamps: Timestamps,
    /// `In [n]` is compared too.
    pub execution_counts: bool,
    /// What is left out.
    pub ignored: Vec<IgnoredOutput>,
    /// Texts that may differ, whatever the strategy.
    pub patterns: Vec<Pattern>,
    /// Replacements that are made on both sides first, whatever the strategy.
    pub sanitizer: Sanitizer,
    /// Only cells marked `NBVAL_CHECK_OUTPUT` are compared.
    pub only_marked: bool,
    /// Seconds since 1970 when the notebook ran.
    pub now: Option<i64>,
    /// Takes secrets out of what is shown.
    pub mask: fn(&str) -> Cow<'_, str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strategy: ComparisonStrategy::default(),
            tolerance: Tolerance::default(),
            timestamps: Timestamps::default(),
            execution_counts: false,
            ignored: Vec::new(),
            patterns: Vec::new(),
            sanitizer: Sanitizer::default(),
            only_marked: false,
            now: None,
            mask: |text| Cow::Borrowed(text),
        }
    }
}

impl Options {
    pub(crate) fn is_exact(&self) -> bool {
        self.strategy == ComparisonStrategy::Exact
    }

    pub(crate) fn ignores(&self, output_type: &str, name: &str) -> bool {
        self.ignored
            .iter()
            .any(|ignored| ignored.matches(output_type, name))
    }
}

/// Which dates and times may differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// Those that the run took from its clock: they lie within a day of it. Dates that are data count.
    #[default]
    OfTheRun,
    /// All.
    All,
    /// None.
    Compared,
}

/// A kind of output that is left out: a type of nbformat (`stream`, `error`, `display_data`, `execute_result`), a
/// stream's name, or a MIME type, where `image/*` stands for all images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredOutput(String);

impl IgnoredOutput {
    /// Fails where the word can match nothing.
    pub fn new(word: &str) -> Result<Self, String> {
        let known = [
            "stream",
            "error",
            "display_data",
            "execute_result",
            "stdout",
            "stderr",
        ];
        let word = word.trim();
        if known.contains(&word) || (word.contains('/') && !word.starts_with('/') && !word.ends_with('/')) {
            return Ok(Self(word.to_owned()));
        }
        Err(format!(
            "`{word}` is no kind of output; there are {}, and MIME types such as image/png or image/*",
            known.join(", ")
        ))
    }

    fn matches(&self, output_type: &str, name: &str) -> bool {
        let family = self.0.strip_suffix('*').filter(|family| family.ends_with('/'));
        self.0 == output_type || self.0 == name || family.is_some_and(|family| name.starts_with(family))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_of_mime_types_is_ignored_by_its_star() {
        let ignored = IgnoredOutput::new("image/*").unwrap();
        assert!(ignored.matches("display_data", "image/svg+xml"));
        assert!(!ignored.matches("display_data", "text/html"));
    }

    #[test]
    fn a_word_that_matches_nothing_is_refused() {
        assert!(IgnoredOutput::new("streams").is_err());
        assert!(IgnoredOutput::new("stderr").is_ok());
    }
}
