//! What to do about something, in the words of those who read it: at a terminal there are options and commands, in a
//! cluster there are fields of a job. Whoever writes a hint gives both; whoever shows it knows its readers.

use std::borrow::Cow;

/// Who reads what nbvet says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Readers {
    /// Whoever has called nbvet, and can call it otherwise.
    #[default]
    Terminal,
    /// Whoever has created a job, and can change its fields: they reach neither nbvet's options nor the machine.
    Cluster,
}

/// What to do about something. Most is the same for all readers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint {
    common: Cow<'static, str>,
    in_cluster: Option<Cow<'static, str>>,
}

impl Hint {
    /// In other words where there is a job: with `field` in the place of an option.
    #[must_use]
    pub fn in_cluster(mut self, words: impl Into<Cow<'static, str>>) -> Self {
        self.in_cluster = Some(words.into());
        self
    }

    /// The words for these readers.
    pub fn to(&self, readers: Readers) -> &str {
        match (readers, &self.in_cluster) {
            (Readers::Cluster, Some(words)) => words,
            _ => &self.common,
        }
    }
}

impl From<&'static str> for Hint {
    fn from(words: &'static str) -> Self {
        Self {
            common: Cow::Borrowed(words),
            in_cluster: None,
        }
    }
}

impl From<String> for Hint {
    fn from(words: String) -> Self {
        Self {
            common: Cow::Owned(words),
            in_cluster: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_has_other_words_where_they_are_given_and_else_the_same() {
        let same = Hint::from("pin it");
        assert_eq!(same.to(Readers::Terminal), same.to(Readers::Cluster));
        let limit = Hint::from("raise `--timeout`").in_cluster("raise `spec.timeout`");
        assert_eq!(limit.to(Readers::Terminal), "raise `--timeout`");
        assert_eq!(limit.to(Readers::Cluster), "raise `spec.timeout`");
    }
}
