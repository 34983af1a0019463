//! The only place that writes to stdout and stderr. Results go to stdout and nothing else does; colours are taken out where
//! the stream is no terminal or `NO_COLOR` is set.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use nbvet_operator_api::text::clean;
use nbvet_render::harmless_block;
use serde::Serialize;

use crate::{args::ObjectFormat, error::Error};

pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// A result could not be written though somebody was there to read it.
static LOST: AtomicBool = AtomicBool::new(false);

/// Whether any result was lost.
pub(crate) fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// A text in a style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes a result to stdout; whether anybody still reads.
pub(crate) fn print(text: &str) -> bool {
    let mut out = AutoStream::auto(io::stdout().lock());
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != io::ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) {
                stderr(RED, "error", &format!("failed to write to stdout: {error}"));
            }
            false
        }
    }
}

/// Columns that text for people may take.
pub(crate) fn width() -> usize {
    const UNKNOWN: usize = 100;
    if !io::stdout().is_terminal() {
        return UNKNOWN;
    }
    terminal_size::terminal_size().map_or(UNKNOWN, |(width, _)| usize::from(width.0))
}

/// Says on stderr what is going on.
pub(crate) fn note(text: &str) {
    stderr(CYAN, "note", text);
}

/// Says on stderr what kept the command from being done, and what to do.
pub(crate) fn error(error: &Error) {
    stderr(RED, "error", &error.to_string());
    if let Some(hint) = error.hint() {
        stderr(CYAN, "\nhint", &hint);
    }
}

fn stderr(style: Style, word: &str, text: &str) {
    // Nobody can be told that stderr is closed.
    let _ = writeln!(
        anstream::stderr(),
        "{style}{word}{style:#}: {}",
        harmless_block(text)
    );
}

/// Values for programs. What a terminal would act on is escaped, as both forms can.
pub(crate) fn objects(format: ObjectFormat, value: &impl Serialize) -> bool {
    #[expect(clippy::expect_used, reason = "objects of Kubernetes are plain data")]
    let json = serde_json::to_value(value).expect("objects serialize");
    match format {
        ObjectFormat::Json => print(&escaped(&format!("{json:#}\n"))),
        ObjectFormat::Yaml => print(&yaml(&json)),
    }
}

/// Whether a character is shown, and does nothing else.
fn is_plain(character: char) -> bool {
    let text = character.encode_utf8(&mut [0; 4]).to_owned();
    clean(&text) == text
}

/// JSON in which characters that act on a terminal stand as `\u…`: they occur in its texts alone.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_plain(character) {
            text.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// YAML, in which texts that hold such characters are written as JSON writes them, which is YAML too.
fn yaml(value: &serde_json::Value) -> String {
    let plain = serde_saphyr::to_string(value).unwrap_or_default();
    if plain.chars().all(is_plain) {
        plain
    } else {
        escaped(&format!("{value:#}\n"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_means_the_same() {
        let value = json!({"message": "a\u{1b}[2Jb\u{202e}c\u{9b}d\u{200b} ä\n"});
        for text in [escaped(&format!("{value:#}\n")), yaml(&value)] {
            assert!(text.chars().all(is_plain), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), value);
        }
    }

    #[test]
    fn harmless_objects_are_written_as_yaml() {
        assert_eq!(
            yaml(&json!({"a": {"b": [1, "x"]}})).trim(),
            "a:\n  b:\n  - 1\n  - x"
        );
    }
}
