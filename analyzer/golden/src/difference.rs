//! One difference as it is found, before it becomes part of the report, and lines cut to what people read.

use std::fmt::Write as _;

use crate::options::Options;

/// Characters of a line that is shown.
const LINE: usize = 200;
/// Bytes of a text that are looked at for secrets before a part of it is shown.
const WINDOW: usize = 64 * 1024;
/// Lines of a diff that are shown.
const LINES: usize = 24;

/// What differs in one output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) place: Option<String>,
    pub(crate) expected: Option<String>,
    pub(crate) actual: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) diff: String,
}

/// A line of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiffLine<'t> {
    Same(&'t str),
    Expected(&'t str),
    Actual(&'t str),
    /// So many lines are left out.
    Gap(usize),
}

/// A text without secrets, its first line where it has many, cut.
pub(crate) fn excerpt(text: &str, options: &Options) -> String {
    let masked = (options.mask)(window(text));
    let line = masked.trim_end().lines().next().unwrap_or_default();
    cut(line)
}

/// The lines without secrets, each with its sign; of very many the first.
pub(crate) fn shown(lines: &[DiffLine<'_>], options: &Options) -> String {
    let mut text = String::new();
    for line in lines.iter().take(LINES) {
        let (sign, content) = match line {
            DiffLine::Same(line) => (' ', excerpt(line, options)),
            DiffLine::Expected(line) => ('-', excerpt(line, options)),
            DiffLine::Actual(line) => ('+', excerpt(line, options)),
            DiffLine::Gap(count) => (
                '…',
                format!("{count} equal line{}", if *count == 1 { "" } else { "s" }),
            ),
        };
        text.push(sign);
        text.push(' ');
        text.push_str(&content);
        text.push('\n');
    }
    if lines.len() > LINES {
        let _ = writeln!(text, "… {} more lines", lines.len() - LINES);
    }
    text
}

/// The part of a line around an offset, without secrets.
pub(crate) fn around(line: &str, offset: usize, options: &Options) -> String {
    const BEFORE: usize = 60;
    let start = line.floor_char_boundary(offset.saturating_sub(WINDOW / 2));
    let shown = window(&line[start..]);
    let before = offset - start;
    match (options.mask)(shown) {
        std::borrow::Cow::Borrowed(shown) if before > LINE / 2 => {
            let from = shown.floor_char_boundary(before - BEFORE);
            "…".to_owned() + &cut(&shown[from..])
        }
        masked => cut(masked.trim_end()),
    }
}

fn window(text: &str) -> &str {
    &text[..text.floor_char_boundary(WINDOW)]
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LINE) {
        Some((end, _)) => line[..end].to_owned() + "…",
        None => line.to_owned(),
    }
}
