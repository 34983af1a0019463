//! What a fault leaves behind, short: the frames outside the cell (the cell's own line is drawn already) and
//! the last lines that it printed.

use std::fmt::Write as _;

use nbvet_report::{CellRun, Diagnostic, NotebookReport};

use super::style::{DIM, paint};
use crate::harmless_block;

/// At either end of the stack, how many frames may be shown.
const FRAMES: usize = 4;
/// How frames in a cell begin; the last is IPython 7's.
const NOTEBOOK: [&str; 4] = ["Cell In[", "Cell In [", "Input In [", "<ipython-input-"];
/// Lines of a frame around its arrow.
const AROUND: usize = 2;
/// Lines of output shown.
const OUTPUT: usize = 8;

/// The traceback and the last output of the cell at fault; empty where there is nothing to add.
pub(super) fn block(notebook: &NotebookReport, found: &Diagnostic) -> String {
    let Some(run) = notebook
        .cells
        .iter()
        .find(|run| Some(run.cell) == found.location.cell)
    else {
        return String::new();
    };
    let mut out = traceback(run);
    if let Some(printed) = &run.last_output {
        out += &section(
            "the cell's last output",
            &last_lines(&harmless_block(printed), OUTPUT),
        );
    }
    out
}

fn traceback(run: &CellRun) -> String {
    let Some(error) = &run.error else {
        return String::new();
    };
    let text = harmless_block(&error.traceback.join("\n"));
    let frames = frames(&text);
    if frames.len() < 2 {
        return String::new();
    }
    let mut lines = Vec::new();
    let mut left_out = 0;
    for (number, frame) in frames.iter().enumerate() {
        if is_shown(number, &frames) {
            lines.extend(gap(&mut left_out));
            lines.extend(trimmed(frame));
        } else {
            left_out += 1;
        }
    }
    section("traceback, most recent call last", &lines)
}

/// The notebook's own frames, and where it was raised; of a deep recursion only the ends.
fn is_shown(number: usize, frames: &[Vec<&str>]) -> bool {
    let is_end = number < FRAMES || number + FRAMES >= frames.len();
    let is_own = NOTEBOOK.iter().any(|start| frames[number][0].starts_with(start));
    number + 1 == frames.len() || (is_own && is_end)
}

/// Says how many frames were left out since the last one shown.
fn gap(left_out: &mut usize) -> Option<String> {
    let count = std::mem::take(left_out);
    (count > 0).then(|| format!("… {count} more {} …", if count == 1 { "frame" } else { "frames" }))
}

/// The frames of an IPython traceback. What stands before the first (the headline) and the exception's own line
/// belong to none.
fn frames(traceback: &str) -> Vec<Vec<&str>> {
    let mut frames: Vec<Vec<&str>> = Vec::new();
    for line in traceback.lines() {
        if begins_frame(line) {
            frames.push(vec![line]);
        } else if let Some(frame) = frames.last_mut() {
            frame.push(line);
        }
    }
    frames
}

/// `Cell In[1], line 2` and `File a.py:3, in f(x)`; IPython 7 writes `<ipython-input-1-…> in <module>` and
/// `/a.py in f(x)`.
fn begins_frame(line: &str) -> bool {
    NOTEBOOK
        .iter()
        .chain(["File "].iter())
        .any(|start| line.starts_with(start))
        || (line.contains(" in ") && ["/", "~/"].iter().any(|start| line.starts_with(start)))
}

/// A frame's first line and the lines around its arrow.
fn trimmed(frame: &[&str]) -> Vec<String> {
    let arrow = frame.iter().position(|line| line.trim_start().starts_with("--"));
    let numbered = |line: &str| {
        line.trim_start()
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
    };
    frame
        .iter()
        .enumerate()
        .filter(|(number, line)| {
            *number == 0 || (numbered(line) && arrow.is_none_or(|arrow| number.abs_diff(arrow) <= AROUND))
        })
        .map(|(_, line)| (*line).to_owned())
        .collect()
}

fn last_lines(text: &str, most: usize) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(most)..]
        .iter()
        .map(|line| line.chars().take(160).collect())
        .collect()
}

fn section(title: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut out = format!("  {}\n", paint(DIM, &format!("{title}:")));
    for line in lines {
        let _ = writeln!(out, "  {} {line}", paint(DIM, "│"));
    }
    out
}
