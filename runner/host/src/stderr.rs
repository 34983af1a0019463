//! What a cell wrote to stderr, line by line, without the lines that somebody allows.

use nbvet_report::Fact;
use regex::RegexSet;

/// Longest line that is waited for; progress bars end theirs with a carriage return.
const MAX_LINE: usize = 64 * 1024;
/// Bytes kept of the end.
const MAX_TAIL: usize = 4 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Stderr {
    /// Bytes of whole lines that count, and the end of these.
    bytes: u64,
    tail: String,
    /// A line that has not ended.
    open: String,
}

impl Stderr {
    pub(crate) fn take(&mut self, text: &str, allow: &RegexSet) {
        for piece in text.split_inclusive(['\n', '\r']) {
            self.open.push_str(piece);
            if piece.ends_with(['\n', '\r']) || self.open.len() > MAX_LINE {
                let line = std::mem::take(&mut self.open);
                if counts(&line, allow) {
                    self.bytes += line.len() as u64;
                    self.tail.push_str(&line);
                    keep_end(&mut self.tail);
                }
            }
        }
    }

    /// `None` where nothing counts.
    pub(crate) fn fact(&self, allow: &RegexSet) -> Option<Fact> {
        let (mut bytes, mut text) = (self.bytes, self.tail.clone());
        if !self.open.is_empty() && counts(&self.open, allow) {
            bytes += self.open.len() as u64;
            text.push_str(&self.open);
            keep_end(&mut text);
        }
        (bytes > 0).then_some(Fact::Stderr { text, bytes })
    }
}

/// An allowed line takes its end with it; an empty one counts as whatever else is there.
fn counts(line: &str, allow: &RegexSet) -> bool {
    !allow.is_match(line.trim_end_matches(['\n', '\r']))
}

/// Cuts a text that grows to its end.
fn keep_end(text: &mut String) {
    let excess = text.len().saturating_sub(MAX_TAIL);
    text.drain(..text.ceil_char_boundary(excess));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&str], allow: &[&str], expected: Option<(&str, u64)>) {
        let allow = RegexSet::new(allow).expect("the patterns are good");
        let mut stderr = Stderr::default();
        for piece in pieces {
            stderr.take(piece, &allow);
        }
        let fact = stderr.fact(&allow);
        let expected = expected.map(|(text, bytes)| Fact::Stderr {
            text: text.to_owned(),
            bytes,
        });
        assert_eq!(fact, expected, "{pieces:?}");
    }

    #[test]
    fn allowed_lines_are_left_out_however_they_arrive() {
        let allow = ["^INFO ", "loaded [0-9]+ rows"];
        check(&["INFO a\nIN", "FO b\n", "loaded 3 rows"], &allow, None);
        check(&["INFO a\nwrong\nINFO b\n"], &allow, Some(("wrong\n", 6)));
        check(&["wrong", " again"], &allow, Some(("wrong again", 11)));
        check(&["not INFO \n"], &["^INFO"], Some(("not INFO \n", 10)));
        check(&[], &allow, None);
    }
}
