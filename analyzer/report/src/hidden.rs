//! Which characters do not show themselves: the one place that lists those that a terminal or an editor acts on, and those
//! that no reader sees. What becomes of them is the affair of whoever shows a text; in JSON it is [`escaped`] and nothing is lost.

use std::{borrow::Cow, fmt::Write as _};

/// A control character, or one of Unicode that ends a line or turns the direction of the text around it. None of them has
/// more than four hexadecimal digits.
pub fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// It [`acts`], or is not seen: two names that differ in it alone look the same. Joiners are among these, which some
/// scripts and emoji need, so only names and messages are rid of them.
pub fn is_hidden(character: char) -> bool {
    acts(character)
        || matches!(
            character,
            '\u{ad}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// JSON as it may be printed: what [`acts`], and a byte order mark, stands as `\u` and four digits, which a reader of JSON
/// takes for the same text. Line feeds stay, as they can only stand between values.
pub fn escaped(json: &str) -> Cow<'_, str> {
    let is_told = |character: char| character != '\n' && (acts(character) || character == '\u{feff}');
    if !json.contains(is_told) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_told(character) {
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_to_a_program_and_does_nothing_to_a_terminal() {
        let told = vec!["a\u{9b}31m\u{202e}\u{7f}\u{2028}\u{1b}é\n\u{feff}"; 2];
        let json = serde_json::to_string_pretty(&told).unwrap();
        let shown = escaped(&json);
        assert!(
            shown.contains(r"a\u009b31m\u202e\u007f\u2028\u001bé\n\ufeff"),
            "{shown}"
        );
        assert!(!shown.contains(|c| c != '\n' && acts(c)), "{shown:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), told);
        assert!(matches!(escaped("{\n  \"a\": 1\n}"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_acts_is_hidden_too_and_letters_of_all_scripts_are_neither() {
        for character in (0..=0x0010_ffff).filter_map(char::from_u32) {
            assert!(!acts(character) || is_hidden(character), "{character:?}");
            assert!(
                !acts(character) || u32::from(character) <= 0xffff,
                "{character:?}"
            );
            assert!(
                !(character.is_alphanumeric() && is_hidden(character)),
                "{character:?}"
            );
        }
        for text in ["\u{1b}", "\u{9b}", "\u{202e}", "\u{2066}", "\u{2029}", "\n"] {
            assert!(text.chars().all(acts), "{text:?}");
        }
        for text in ["\u{200d}", "\u{feff}", "\u{e0041}"] {
            assert!(text.chars().all(is_hidden) && !text.chars().any(acts), "{text:?}");
        }
    }
}
