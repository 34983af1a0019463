//! Colours, counts, durations and wrapped remarks. Knows no report.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use crate::harmless_block;
pub(super) use crate::words::{count, seconds};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
pub(super) const GREEN: Style = AnsiColor::Green.on_default().bold();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();

/// `text` in `style`; nothing for no text.
pub(super) fn paint(style: Style, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{style}{text}{style:#}")
    }
}

/// `  help: text`, the text wrapped and indented under itself. Lines of the text that are indented already
/// (code) and fenced code stay as they are.
pub(super) fn remark(word: &str, text: &str, width: usize) -> String {
    let head = format!("  {word}: ");
    let indent = " ".repeat(head.width());
    let room = width.clamp(40, 110).saturating_sub(head.width());
    let lines: Vec<String> = harmless_block(text)
        .lines()
        .flat_map(|line| wrap(line, room))
        .collect();
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        let start = if number == 0 {
            format!("  {} ", paint(CYAN, &format!("{word}:")))
        } else {
            indent.clone()
        };
        out += format!("{start}{line}").trim_end();
        out.push('\n');
    }
    out
}

/// `  mended: code`, further lines under the first; no line is broken.
pub(super) fn code(word: &str, text: &str) -> String {
    let mut out = String::new();
    for (number, line) in harmless_block(text).lines().enumerate() {
        let start = if number == 0 {
            paint(CYAN, &format!("{word}:"))
        } else {
            " ".repeat(word.width() + 1)
        };
        out.extend(["  ", &start, " ", line, "\n"]);
    }
    out
}

/// Breaks a line between words; code between backticks counts as one. Indented lines are code and stay whole.
fn wrap(line: &str, room: usize) -> Vec<String> {
    if line.starts_with(' ') || line.width() <= room {
        return vec![line.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in words(line) {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].width() + 1 + word.width() > room {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

/// The words of a line: spaces between backticks separate none.
fn words(line: &str) -> Vec<&str> {
    let (mut words, mut start, mut in_code) = (Vec::new(), 0, false);
    for (at, c) in line.char_indices() {
        match c {
            '`' => in_code = !in_code && line[at + 1..].contains('`'),
            ' ' if !in_code => {
                words.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&line[start..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_is_wrapped_under_itself_and_code_is_not() {
        let text = "one two three four five six seven eight nine ten\n    indented code that is longer than the width";
        assert_eq!(
            plain(&remark("help", text, 40)),
            "  help: one two three four five six\n        seven eight nine ten\n            indented code that is longer than the width\n"
        );
    }

    #[test]
    fn code_is_not_broken_over_two_lines() {
        assert_eq!(words("a `b c` d` e"), ["a", "`b c`", "d`", "e"]);
    }

    fn plain(text: &str) -> String {
        harmless_block(text)
    }
}
