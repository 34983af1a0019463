//! Text of notebooks, repositories and servers as it may stand in a status, an event or a terminal.

use crate::hidden::is_hidden;

/// A text without what a terminal or a reader's eye would take for something else, on one line, and of so many bytes at
/// most: control characters and those that turn the direction of text or have no width become spaces, runs of spaces one;
/// where it is cut it ends with `…`.
pub fn plain(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut space = false;
    for character in text.chars() {
        if character.is_whitespace() || is_hidden(character) {
            space = !out.is_empty();
            continue;
        }
        let needed = character.len_utf8() + usize::from(space);
        if out.len() + needed > most {
            cut(&mut out, most);
            return out;
        }
        if std::mem::take(&mut space) {
            out.push(' ');
        }
        out.push(character);
    }
    out
}

/// Makes room for the sign that something is missing.
fn cut(out: &mut String, most: usize) {
    const SIGN: char = '…';
    if most < SIGN.len_utf8() {
        return;
    }
    while out.len() + SIGN.len_utf8() > most {
        out.pop();
    }
    out.push(SIGN);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, most: usize, expected: &str) {
        let out = plain(text, most);
        assert_eq!(out, expected);
        assert!(out.len() <= most);
    }

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        check("a\u{1b}[2Jb\r\nc\u{7}", 100, "a [2Jb c");
        check("user\u{202e}txt.exe \u{200b}\u{feff}x", 100, "user txt.exe x");
        check("\n\n  a \t b  ", 100, "a b");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        check("héllo wörld", 100, "héllo wörld");
        check("ééééé", 7, "éé…");
        check("abc", 3, "abc");
        check("abcd", 3, "…");
        check("abcd", 2, "ab");
        check("a b", 2, "a");
    }
}
