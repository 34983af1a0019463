//! Text that came from a notebook, made safe for a terminal or a log: no control character, escape sequence or
//! bidirectional override gets through. One character stays one character, so that columns hold.

use crate::hidden::acts;

/// One line: control characters, line ends among them, become visible signs (`␛`, `␊`).
pub fn harmless(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// Several lines: as [`harmless`], but line feeds and tabs stay, and colour codes are taken out first.
pub fn harmless_block(text: &str) -> String {
    without_colours(text)
        .replace("\r\n", "\n")
        .chars()
        .map(|c| if matches!(c, '\n' | '\t') { c } else { visible(c) })
        .collect()
}

/// The sign that stands for a character that a terminal would act on.
pub fn visible(c: char) -> char {
    match c {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        acting if acts(acting) => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

/// Takes out the sequences that only set colours (`ESC [ digits m`), which IPython's tracebacks are full of.
fn without_colours(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        kept.push_str(&rest[..start]);
        let parameters = &rest[start + 2..];
        let end = parameters.find(|c: char| !(c.is_ascii_digit() || matches!(c, ';' | ':')));
        if let Some(end) = end.filter(|&end| parameters[end..].starts_with('m')) {
            rest = &parameters[end + 1..];
        } else {
            kept.push_str("\u{1b}[");
            rest = parameters;
        }
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_becomes_visible_and_acts_no_more() {
        assert_eq!(harmless("a\u{1b}]0;title\u{7}b\n"), "a␛]0;title␇b␊");
        assert_eq!(harmless("\u{9b}31m\u{202e}x\u{7f}"), "\u{fffd}31m\u{fffd}x␡");
    }

    #[test]
    fn colours_of_a_traceback_go_and_other_sequences_stay_visible() {
        assert_eq!(
            harmless_block("\u{1b}[0;31mError\u{1b}[0m\tx\r\n\u{1b}[2J\u{1b}["),
            "Error\tx\n␛[2J␛["
        );
    }

    #[test]
    fn one_character_stays_one_character() {
        let every: String = (0..0x3000).filter_map(char::from_u32).collect();
        assert_eq!(harmless(&every).chars().count(), every.chars().count());
        assert!(!harmless(&every).chars().any(char::is_control));
    }
}
