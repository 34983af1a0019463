//! The only place that writes to stdout and stderr, but for the messages of `nbvet server`. stdout gets results and
//! nothing else; a closed pipe ends the output quietly. Colours are taken out where the stream is no terminal or
//! `NO_COLOR` is set.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use nbvet_render::harmless_block;
use nbvet_report::Readers;

use crate::usage::UsageError;

const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default().bold();

/// Where the reader of stdout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Still reading.
    There,
    /// Gone: `nbvet … | head`. Nothing more needs to be made.
    Gone,
}

/// A result could not be written though somebody was there to read it.
static LOST: AtomicBool = AtomicBool::new(false);

/// Nothing is said on stderr.
static SILENT: AtomicBool = AtomicBool::new(false);

/// From now on nothing is said on stderr: what notebooks and repositories say must stand nowhere beside a result that is
/// read out of the same log.
pub(crate) fn silence() {
    SILENT.store(true, Ordering::Relaxed);
}

/// Whether any result was lost: then nobody may take the exit code for a verdict.
pub(crate) fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Writes a result to stdout.
pub(crate) fn print(text: &str) -> Reader {
    let mut out = AutoStream::auto(io::stdout().lock());
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Reader::There,
        Err(error) => {
            if error.kind() != io::ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) {
                stderr(RED, "error", &format!("failed to write to stdout: {error}"));
            }
            Reader::Gone
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

/// Says on stderr what was done.
pub(crate) fn note(word: &str, text: &str) {
    stderr(CYAN, word, text);
}

/// Says on stderr what is odd but stops nothing.
pub(crate) fn warning(text: &str) {
    stderr(YELLOW, "warning", text);
}

/// Says on stderr what was wrong with the call, and what to do.
pub(crate) fn usage_error(error: &UsageError) {
    stderr(RED, "error", &error.to_string());
    let hint = error.hint().unwrap_or_default();
    match hint.to(Readers::Terminal) {
        "" => {}
        words => stderr(CYAN, "\nhint", words),
    }
}

/// Writes on stderr what is for people, where stdout is for programs.
pub(crate) fn told(text: &str) {
    if !SILENT.load(Ordering::Relaxed) {
        // Nobody can be told that stderr is closed.
        let _ = anstream::stderr().write_all(text.as_bytes());
    }
}

/// Says on stderr that nbvet itself is at fault.
pub(crate) fn internal_error(message: &str) {
    stderr(RED, "error", &format!("this is a fault of nbvet: {message}"));
    stderr(
        CYAN,
        "\nhint",
        "please report it; RUST_BACKTRACE=1 shows where it happened",
    );
}

fn stderr(style: Style, word: &str, text: &str) {
    if SILENT.load(Ordering::Relaxed) {
        return;
    }
    // Nobody can be told that stderr is closed.
    let _ = writeln!(
        anstream::stderr(),
        "{style}{word}{style:#}: {}",
        harmless_block(text)
    );
}
