//! Texts that notebooks and other programs wrote, made fit to stand in a status, an event or a terminal: without
//! escapes, without characters that nobody sees, and no longer than there is room for.

use nbvet_report::hidden::is_hidden;

/// What stands where a text was cut.
const CUT: char = '…';

/// Without terminal escapes, control characters (but for line ends and tabs) and characters that turn the direction of
/// writing. Carriage returns become line ends, as progress bars would otherwise run into one line.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\u{1b}' => rest = after_escape(rest),
            '\u{9b}' => rest = after_sequence(rest),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => rest = after_string(rest),
            '\r' if rest.starts_with('\n') => {}
            '\r' => clean.push('\n'),
            '\n' | '\t' => clean.push(character),
            _ if is_hidden(character) => {}
            _ => clean.push(character),
        }
    }
    clean
}

/// What comes after an escape whose first character was read.
fn after_escape(text: &str) -> &str {
    let Some(kind) = text.chars().next() else {
        return text;
    };
    let rest = &text[kind.len_utf8()..];
    match kind {
        '[' => after_sequence(rest),
        ']' | 'P' | 'X' | '^' | '_' => after_string(rest),
        // Of two parts: which character set, and where.
        ' '..='/' => {
            let end = rest
                .find(|c: char| !(' '..='/').contains(&c))
                .unwrap_or(rest.len());
            let last = rest[end..].chars().next().filter(|c| ('0'..='~').contains(c));
            &rest[end + last.map_or(0, char::len_utf8)..]
        }
        '0'..='~' => rest,
        // No escape after all: what follows is text, or another control character.
        _ => text,
    }
}

/// A control sequence: parameters, then one character that ends it.
fn after_sequence(text: &str) -> &str {
    let end = text
        .find(|c: char| !(' '..='?').contains(&c))
        .unwrap_or(text.len());
    let last = text[end..].chars().next().filter(|c| ('@'..='~').contains(c));
    &text[end + last.map_or(0, char::len_utf8)..]
}

/// A string that ends with BEL or ST; one without an end takes its line with it, and no more.
fn after_string(text: &str) -> &str {
    let Some(end) = text.find(['\u{7}', '\u{9c}', '\u{1b}', '\n']) else {
        return "";
    };
    let rest = &text[end..];
    if let Some(rest) = rest.strip_prefix("\u{1b}\\") {
        return rest;
    }
    rest.strip_prefix(['\u{7}', '\u{9c}']).unwrap_or(rest)
}

/// At most this many bytes, cut at the end of a character, with a mark where it was cut.
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    match most.checked_sub(CUT.len_utf8()) {
        Some(room) => format!("{}{CUT}", &text[..text.floor_char_boundary(room)]),
        None => text[..text.floor_char_boundary(most)].to_owned(),
    }
}

/// As [`cut`], but the end of the text is kept: there a traceback says what happened.
pub fn cut_front(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let tail = |room: usize| &text[text.ceil_char_boundary(text.len() - room)..];
    match most.checked_sub(CUT.len_utf8()) {
        Some(room) => format!("{CUT}{}", tail(room)),
        None => tail(most).to_owned(),
    }
}

/// In one line, for messages: line ends and tabs become blanks.
pub fn one_line(text: &str, most: usize) -> String {
    let clean = clean(text);
    let words: Vec<&str> = clean.split_whitespace().collect();
    cut(&words.join(" "), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_terminals_are_taken_out_and_text_stays() {
        for (text, clear) in [
            ("\u{1b}[0;31mValueError\u{1b}[0m: no", "ValueError: no"),
            (
                "\u{1b}]8;;https://evil.example\u{7}link\u{1b}]8;;\u{1b}\\",
                "link",
            ),
            ("\u{1b}]0;a title without end\nnext", "\nnext"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}(Bplain", "plain"),
            ("\u{1b}cgone", "gone"),
            ("10%\r50%\r\n", "10%\n50%\n"),
            ("a\u{0}b\u{8}c\u{7f}", "abc"),
            ("user\u{202e}txt.exe", "usertxt.exe"),
            ("tab\tand ünïcode ✓", "tab\tand ünïcode ✓"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("\u{1b}\u{1b}[1mx", "x"),
        ] {
            assert_eq!(clean(text), clear, "{text:?}");
        }
    }

    #[test]
    fn a_text_is_cut_at_the_end_of_a_character() {
        assert_eq!(cut("hällo", 6), "hällo");
        assert_eq!(cut("hällo", 5), "h…");
        assert_eq!(cut("✓✓✓", 6), "✓…");
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(cut_front("hällo", 5), "…lo");
        assert_eq!(cut_front("✓✓✓", 8), "…✓");
        assert_eq!(cut_front("abc", 2), "bc");
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(one_line("  a\n\tb \u{1b}[1mc\u{1b}[0m\r\n", 100), "a b c");
        assert_eq!(one_line("a \u{1b}]0;a title without end\nb", 100), "a b");
    }
}
