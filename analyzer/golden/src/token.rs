//! A line in tokens: what may differ by rule, numbers, blanks, and the rest. Two lines are equal where their tokens
//! are, one by one.

use std::{iter::Peekable, vec};

use crate::{
    masks::{Counts, Flavour, Mask, Span, count, spans},
    moments,
    options::{Options, Timestamps},
};

/// A part of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind,
    pub(crate) text: &'t str,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// A rule speaks of it.
    Masked(Mask),
    /// A number with a point or an exponent.
    Number(f64),
    /// Blanks.
    Space,
    /// Anything else; whole numbers too, which are compared digit by digit.
    Word,
}

/// Reads tokens one by one, so that a line of any length takes no memory.
pub(crate) struct Tokens<'t> {
    line: &'t str,
    at: usize,
    masked: Peekable<vec::IntoIter<Span>>,
}

impl<'t> Tokens<'t> {
    pub(crate) fn new(line: &'t str, flavour: Flavour) -> Self {
        Self {
            line,
            at: 0,
            masked: spans(line, flavour).into_iter().peekable(),
        }
    }

    fn token(&mut self, kind: Kind, end: usize) -> Token<'t> {
        let text = &self.line[self.at..end];
        self.at = end;
        Token { kind, text }
    }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        if let Some(span) = self.masked.next_if(|span| span.start == self.at) {
            return Some(self.token(Kind::Masked(span.mask), span.end));
        }
        let end = self.masked.peek().map_or(self.line.len(), |span| span.start);
        let rest = &self.line[self.at..end];
        let first = rest.chars().next()?;
        if first.is_whitespace() {
            let blanks = rest.len() - rest.trim_start().len();
            return Some(self.token(Kind::Space, self.at + blanks));
        }
        let before = self.line[..self.at].chars().next_back();
        let (kind, length) = match number(rest, before) {
            Some((value, length)) => (Kind::Number(value), length),
            None => (Kind::Word, word(rest)),
        };
        Some(self.token(kind, self.at + length))
    }
}

/// A number that stands at the beginning of the text, and its length: `-0.5`, `1e-3`, `.5`, `2.`. Whole numbers,
/// versions (`1.2.3`), and digits of a name (`x1.5`, `12e4a`) are none.
fn number(text: &str, before: Option<char>) -> Option<(f64, usize)> {
    let glued = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    if before.is_some_and(glued) {
        return None;
    }
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    // After a closing bracket a sign is an operator.
    let signed = matches!(bytes[0], b'-' | b'+') && before.is_none_or(|c| !matches!(c, ')' | ']'));
    let start = usize::from(signed);
    let whole = digits(start);
    let mut end = start + whole;
    let mut is_float = false;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        // `5.` at the end of a sentence is a whole number.
        let is_sentence = fraction == 0 && text[end + 1..].trim_start().is_empty();
        if whole + fraction == 0 || is_sentence {
            return None;
        }
        end += 1 + fraction;
        is_float = true;
    }
    if whole + (end - start) == 0 {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        let exponent = digits((end + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            end += 1 + sign + exponent;
            is_float = true;
        }
    }
    let mut after = text[end..].chars();
    let next = after.next();
    let is_version = next == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit());
    // `1.5s` is a number with its unit, but `12e4a` is a name.
    let is_name = next.is_some_and(|c| c.is_alphanumeric() || c == '_') && !text[..end].contains('.');
    if !is_float || is_version || is_name {
        return None;
    }
    let value: f64 = text[..end].parse().ok()?;
    value.is_finite().then_some((value, end))
}

/// The length of a word: letters and digits together, with the points within versions; any other sign by itself.
fn word(text: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut chars = text.char_indices().peekable();
    let Some((_, first)) = chars.next() else {
        return 0;
    };
    if !is_part(first) {
        return first.len_utf8();
    }
    let mut end = first.len_utf8();
    while let Some((at, c)) = chars.next() {
        let goes_on = is_part(c)
            || (c == '.'
                && text.as_bytes()[at - 1].is_ascii_digit()
                && chars.peek().is_some_and(|(_, next)| next.is_ascii_digit()));
        if !goes_on {
            break;
        }
        end = at + c.len_utf8();
    }
    end
}

/// The first tokens that differ between two lines; `None` on a side whose line has ended.
pub(crate) type Unequal<'t> = (Option<Token<'t>>, Option<Token<'t>>);

/// Whether two lines say the same; what was accepted on the way is counted only then.
pub(crate) fn equal_lines<'t>(
    expected: &'t str,
    actual: &'t str,
    flavour: Flavour,
    options: &Options,
    counts: &mut Counts,
) -> Result<(), Unequal<'t>> {
    if expected == actual {
        return Ok(());
    }
    let mut accepted = Counts::new();
    let (left, right) = (expected.trim_end(), actual.trim_end());
    if expected.len() - left.len() != actual.len() - right.len() {
        count(&mut accepted, Mask::Whitespace, 1);
    }
    let (mut left, mut right) = (Tokens::new(left, flavour), Tokens::new(right, flavour));
    loop {
        let (expected, actual) = match (left.next(), right.next()) {
            (None, None) => break,
            (Some(expected), Some(actual)) => (expected, actual),
            unequal => return Err(unequal),
        };
        match accepts(expected, actual, options) {
            Some(Accepted::Equal) => {}
            Some(Accepted::By(mask)) => count(&mut accepted, mask, 1),
            None => return Err((Some(expected), Some(actual))),
        }
    }
    for (mask, times) in accepted {
        count(counts, mask, times);
    }
    Ok(())
}

enum Accepted {
    Equal,
    By(Mask),
}

fn accepts(expected: Token<'_>, actual: Token<'_>, options: &Options) -> Option<Accepted> {
    if expected.text == actual.text {
        return Some(Accepted::Equal);
    }
    match (expected.kind, actual.kind) {
        (Kind::Space, Kind::Space) => Some(Accepted::By(Mask::Whitespace)),
        (Kind::Number(wanted), Kind::Number(given)) => options
            .tolerance
            .accepts(wanted, given)
            .then_some(Accepted::By(Mask::Numbers)),
        (Kind::Masked(Mask::Timestamps), Kind::Masked(Mask::Timestamps)) => {
            let of_the_run = || options.now.is_some_and(|now| moments::is_about(actual.text, now));
            let accepted = match options.timestamps {
                Timestamps::All => true,
                Timestamps::OfTheRun => of_the_run(),
                Timestamps::Compared => false,
            };
            accepted.then_some(Accepted::By(Mask::Timestamps))
        }
        (Kind::Masked(wanted), Kind::Masked(given)) if wanted == given => Some(Accepted::By(wanted)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, actual: &str, accepted: Result<&str, ()>) {
        let mut counts = Counts::new();
        let options = Options {
            now: Some(1_795_775_709),
            ..Options::default()
        };
        let equal = equal_lines(expected, actual, Flavour::Plain, &options, &mut counts);
        let counted: Vec<String> = counts
            .iter()
            .map(|(mask, times)| format!("{} {times}", mask.as_str()))
            .collect();
        let result = equal.map(|()| counted.join(", ")).map_err(|_| ());
        assert_eq!(
            result.as_deref(),
            accepted.as_ref().copied(),
            "{expected:?} {actual:?}"
        );
    }

    #[test]
    fn numbers_in_a_text_are_compared_as_numbers() {
        let numbers = Ok("numbers within the tolerance 1");
        check("acc 1.00005", "acc 1.00004", numbers);
        check("lr 1.0e-6", "lr 9.0e-6", Err(()));
        check("1e-05", "1e-5", numbers);
        check("[0.5, -1.25]", "[0.50001, -1.25]", numbers);
        check("x=-1.5", "x=1.5", Err(()));
        check("took 1.5s", "took 900.5s", Err(()));
        check("took 1.5s", "took 1.50001s", numbers);
        check("2.", "2.", Ok(""));
        check("[1. 2.]", "[1. 2.00001]", numbers);
    }

    #[test]
    fn names_made_of_digits_are_not_numbers() {
        check("id 1234567890", "id 1234567891", Err(()));
        check("v1.2.3", "v1.2.4", Err(()));
        check("1.2.3", "1.2.4", Err(()));
        check("10.0.0.10001", "10.0.0.10002", Err(()));
        check("there are 10001.", "there are 10002.", Err(()));
        check("x10000.5", "x10000.6", Err(()));
        check("12e45678", "12e45679", Err(()));
    }

    #[test]
    fn a_count_that_became_a_fraction_is_another_value() {
        check("3", "3.0", Err(()));
    }

    #[test]
    fn blanks_in_a_row_count_as_one_and_not_as_none() {
        check("a   b ", "a b", Ok("whitespace 2"));
        check("ab", "a b", Err(()));
    }

    #[test]
    fn what_is_made_up_is_accepted_and_counted() {
        check("<a at 0x7f0001>", "<a at 0x7fffff>", Ok("addresses 1"));
        check("<a at 0x7f0001>", "<b at 0x7fffff>", Err(()));
    }

    #[test]
    fn moments_of_the_run_may_differ_and_dates_that_are_data_may_not() {
        check(
            "now 2025-01-01 10:00:00",
            "now 2026-11-27 10:35:00",
            Ok("timestamps 1"),
        );
        check("from 2024-01-01", "from 2024-01-02", Err(()));
    }

    #[test]
    fn tokens_cover_a_line_of_anything() {
        for line in [
            "",
            "é1.5µ 2.",
            "1e",
            "1e+",
            "-",
            "+.",
            ".5.5",
            "..",
            "𝟙.5",
            "a.b",
            "1._2",
            "\u{0}1.0\u{7f}",
        ] {
            let joined: String = Tokens::new(line, Flavour::Markup)
                .map(|token| token.text)
                .collect();
            assert_eq!(joined, line);
        }
    }
}
