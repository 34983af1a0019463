//! What is left to read of a requirement, by the tokens of `packaging`.

/// The rest of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t> {
    rest: &'t str,
    /// The character before the rest.
    before: Option<char>,
}

impl<'t> Text<'t> {
    pub(super) const fn new(rest: &'t str) -> Self {
        Self { rest, before: None }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) const fn rest(&self) -> &'t str {
        self.rest
    }

    /// Its beginning, to be shown.
    pub(super) fn shown(&self) -> String {
        if self.rest.is_empty() {
            return "the end".to_owned();
        }
        format!("`{}`", super::shown(self.rest))
    }

    /// Passes over blanks and tabs; whether there were any.
    pub(super) fn blanks(&mut self) -> bool {
        !self.take_while(|c| c == ' ' || c == '\t').is_empty()
    }

    pub(super) fn take(&mut self, wanted: char) -> bool {
        let is_there = self.rest.starts_with(wanted);
        if is_there {
            self.skip(wanted.len_utf8());
        }
        is_there
    }

    pub(super) fn take_text(&mut self, wanted: &str) -> bool {
        let is_there = self.rest.starts_with(wanted);
        if is_there {
            self.skip(wanted.len());
        }
        is_there
    }

    pub(super) fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !is_wanted(c)).unwrap_or(self.rest.len());
        self.skip(end)
    }

    /// This word, and not as a part of another.
    pub(super) fn word(&mut self, wanted: &str) -> bool {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let Some(behind) = self.rest.strip_prefix(wanted) else {
            return false;
        };
        if self.before.is_some_and(is_word) || behind.starts_with(is_word) {
            return false;
        }
        self.skip(wanted.len());
        true
    }

    /// A name: letters and digits, within it also `.`, `_` and `-`; empty if there is none.
    pub(super) fn identifier(&mut self) -> &'t str {
        if !self.rest.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return "";
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let name = self.rest[..end].trim_end_matches(['.', '-']);
        self.skip(name.len())
    }

    /// What stands between quotes, if there are some.
    pub(super) fn quoted(&mut self) -> Option<&'t str> {
        let quote = self.rest.chars().next().filter(|c| *c == '\'' || *c == '"')?;
        let end = self.rest[1..].find(quote)?;
        let whole = self.skip(end + 2);
        Some(&whole[1..=end])
    }

    fn skip(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.before = taken.chars().next_back().or(self.before);
        self.rest = rest;
        taken
    }
}
