//! Why a file is no notebook, in words for whoever finds it: an empty file, a web page, a merge conflict, a script, a
//! file that was cut off. Everything here is fatal.

use nbvet_report::Location;
use serde_json::value::RawValue;

use crate::{
    json,
    problem::{Problem, ProblemKind},
    read::RawCells,
    skim::{List, RawCell, RawNotebook, Shape},
};

fn fatal(location: Location, message: impl Into<String>, help: Option<&str>) -> Problem {
    Problem {
        kind: ProblemKind::NotANotebook,
        message: message.into(),
        help: help.map(str::to_owned),
        location,
        fix: None,
    }
}

/// The point in the file at a byte offset.
pub(crate) fn place(text: &str, offset: usize) -> Location {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Location::in_file(
        number(memchr::memchr_iter(b'\n', before.as_bytes()).count()),
        number(before[line_start..].chars().count()),
    )
}

/// A count of what comes before, as the 1-based number of what follows.
pub(crate) fn number(before: usize) -> u32 {
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

/// What some kinds of file begin with.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a zip archive (or an Office document)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"\x7fELF", "a program"),
];

const UTF16: &str = "save it again as UTF-8 (on Windows, PowerShell's `>` writes UTF-16)";

/// The file as text, if it is UTF-8 and could be JSON at all.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Problem> {
    let start = Location::file_start;
    if let Some((_, what)) = SIGNATURES
        .iter()
        .find(|(signature, _)| bytes.starts_with(signature))
    {
        return Err(fatal(start(), format!("this is {what}, not a notebook"), None));
    }
    if looks_like_utf16(bytes) {
        return Err(fatal(
            start(),
            "the file is not UTF-8 but UTF-16 text",
            Some(UTF16),
        ));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        let help = "save the file as UTF-8 without a byte order mark";
        return Err(fatal(
            start(),
            "the file begins with a byte order mark; Jupyter cannot open it",
            Some(help),
        ));
    }
    let text = str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    if text.trim().is_empty() {
        let help =
            "a notebook has at least a list of cells; make a new one in Jupyter, or get the file again";
        return Err(fatal(start(), "the file is empty", Some(help)));
    }
    Ok(text)
}

/// By its byte order mark, or by the zeros that every other byte of a `{` and what follows it is.
fn looks_like_utf16(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{' | b'[', 0, _, 0, ..] | [0, b'{' | b'[', 0, ..]
    )
}

fn not_utf8(bytes: &[u8], valid: usize) -> Problem {
    let before = String::from_utf8_lossy(&bytes[..valid]);
    fatal(
        place(&before, before.len()),
        format!(
            "the file is not UTF-8 text: the byte 0x{:02x} does not belong here",
            bytes[valid]
        ),
        Some(
            "the file may be damaged, or written in another encoding; open it in an editor and save it as UTF-8",
        ),
    )
}

/// JSON, but not an object.
pub(crate) fn top_level(kind: &str) -> Problem {
    fatal(
        Location::file_start(),
        format!("this is JSON, but {kind} and not a notebook: a notebook is an object with `cells`"),
        None,
    )
}

/// Why the text is no JSON: what it looks like, else what the parser says.
pub(crate) fn not_json(text: &str, error: &serde_json::Error) -> Problem {
    conflict(text)
        .or_else(|| other_kind(text))
        .unwrap_or_else(|| broken_json(text, error))
}

/// Marks of a merge that git left to be resolved.
fn conflict(text: &str) -> Option<Problem> {
    let marks = ["<<<<<<< ", ">>>>>>> "].map(|mark| line_starting_with(text, mark));
    // One is enough: somebody may have taken the other away by hand.
    let offset = marks.into_iter().flatten().min()?;
    Some(fatal(
        place(text, offset),
        "git left a merge conflict in the file: this line is a conflict mark",
        Some(
            "resolve the conflict (nbdime's `nbdime mergetool` knows notebooks), or take one side: `git checkout --ours FILE`",
        ),
    ))
}

fn line_starting_with(text: &str, mark: &str) -> Option<usize> {
    if text.starts_with(mark) {
        return Some(0);
    }
    memchr::memmem::find(text.as_bytes(), format!("\n{mark}").as_bytes()).map(|newline| newline + 1)
}

/// Files of another kind under a notebook's name.
fn other_kind(text: &str) -> Option<Problem> {
    const PYTHON: [&str; 8] = [
        "import ",
        "from ",
        "def ",
        "class ",
        "print(",
        "\"\"\"",
        "%%",
        "%matplotlib",
    ];
    let start = text.trim_start();
    let at = place(text, text.len() - start.len());
    if start.starts_with('<') {
        let help = "download the file itself: on GitHub with the button Raw, or by `git clone`";
        return Some(fatal(at, "this is a web page, not a notebook", Some(help)));
    }
    if start.starts_with("version https://git-lfs") {
        let help = "fetch the file with `git lfs pull`";
        return Some(fatal(
            at,
            "this is only a pointer to the notebook, which is stored in Git LFS",
            Some(help),
        ));
    }
    if start.starts_with('#') || PYTHON.iter().any(|word| start.starts_with(word)) {
        let help = "name it .py, or make a notebook of it: `jupytext --to notebook FILE`";
        return Some(fatal(
            at,
            "this is a Python script (or other text), not a notebook",
            Some(help),
        ));
    }
    None
}

fn broken_json(text: &str, error: &serde_json::Error) -> Problem {
    if error.is_eof() {
        return fatal(
            place(text, text.len()),
            "the file ends in the middle: it was cut off while it was written, copied or downloaded",
            Some("get the file again, or restore it from git or from .ipynb_checkpoints"),
        );
    }
    let (at, offset) = error_place(text, error);
    let (message, help) = in_words(&error.to_string(), &text[offset..]);
    fatal(at, format!("the file is not valid JSON: {message}"), help)
}

/// Where the parser stopped. It counts columns in bytes, from 1.
fn error_place(text: &str, error: &serde_json::Error) -> (Location, usize) {
    let lines_before = error.line().saturating_sub(1);
    let line_start = match lines_before {
        0 => 0,
        _ => memchr::memchr_iter(b'\n', text.as_bytes())
            .nth(lines_before - 1)
            .map_or(text.len(), |end| end + 1),
    };
    let offset = text.floor_char_boundary(line_start + error.column().saturating_sub(1));
    (place(text, offset), offset)
}

fn in_words(error: &str, rest: &str) -> (String, Option<&'static str>) {
    let message = error.split(" at line ").next().unwrap_or(error);
    match message {
        "trailing comma" => (
            "there is a comma too many before this".to_owned(),
            Some("delete the comma"),
        ),
        "expected `,` or `]`" | "expected `,` or `}`" => (
            "a comma, a quote or a bracket is missing here or just before".to_owned(),
            None,
        ),
        "key must be a string" if rest.starts_with('\'') => (
            "names need double quotes".to_owned(),
            Some("this looks like a printed Python dict: write it with `json.dump`"),
        ),
        "trailing characters" => (
            "the notebook ends before this, and more follows".to_owned(),
            Some("delete what follows"),
        ),
        "control character (\\u0000-\\u001F) found while parsing a string" => (
            "a text is not closed before the end of its line".to_owned(),
            Some("a quote may be missing at its end"),
        ),
        other => (other.to_owned(), None),
    }
}

/// The format's numbers, if it is one that we read.
pub(crate) fn format(text: &str, raw: &RawNotebook<'_>) -> Result<(u32, u32), Problem> {
    let Some(major) = raw.nbformat else {
        return Err(no_format(raw));
    };
    let at = place(text, offset_of(text, major));
    let minor = raw
        .nbformat_minor
        .and_then(|minor| minor.get().parse().ok())
        .unwrap_or(0);
    match major.get().parse() {
        Ok(major @ 2..=4) => Ok((major, minor)),
        Ok(old @ 0..=1) => Err(fatal(
            at,
            format!("the notebook is in nbformat {old}, which is from before 2011"),
            Some("open it in Jupyter and save it"),
        )),
        Ok(new) => Err(fatal(
            at,
            format!("the notebook is in nbformat {new}, which is newer than nbvet knows (4)"),
            Some("update nbvet, or save the notebook as nbformat 4"),
        )),
        Err(_) => Err(fatal(
            at,
            format!("`nbformat` is {}, where 4 belongs", json::kind(major.get())),
            None,
        )),
    }
}

/// The raw value's offset; it may lie in a copy of the text made standard, at the same offset.
fn offset_of(text: &str, raw: &RawValue) -> usize {
    let whole = text.as_ptr().addr()..=text.as_ptr().addr() + text.len();
    let start = raw.get().as_ptr().addr();
    if whole.contains(&start) {
        start - text.as_ptr().addr()
    } else {
        0
    }
}

fn no_format(raw: &RawNotebook<'_>) -> Problem {
    let message = if raw.cells.is_some() || raw.worksheets.is_some() {
        "this looks like a notebook, but its `nbformat` number is missing, so Jupyter cannot tell how to read it"
    } else {
        "this is JSON, but not a notebook: it has neither `cells` nor `nbformat`"
    };
    fatal(Location::file_start(), message, None)
}

/// The cells, of all worksheets where the format has them.
pub(crate) fn cells(format: (u32, u32), raw: RawNotebook<'_>) -> Result<Vec<Shape<RawCell<'_>>>, Problem> {
    if format.0 >= 4 {
        return cell_list(raw.cells, "cells");
    }
    let worksheets = match raw.worksheets {
        Some(Shape::Good(List(worksheets))) => worksheets,
        Some(Shape::Wrong(kind)) => return Err(wrong_list("worksheets", kind)),
        None => return Err(no_list("worksheets")),
    };
    let mut cells = Vec::new();
    for worksheet in worksheets {
        match worksheet {
            Shape::Good(worksheet) => cells.extend(cell_list(worksheet.cells, "cells")?),
            Shape::Wrong(kind) => return Err(wrong_list("worksheets", kind)),
        }
    }
    Ok(cells)
}

fn cell_list<'a>(cells: Option<RawCells<'a>>, name: &str) -> Result<Vec<Shape<RawCell<'a>>>, Problem> {
    match cells {
        Some(Shape::Good(List(cells))) => Ok(cells),
        Some(Shape::Wrong(kind)) => Err(wrong_list(name, kind)),
        None => Err(no_list(name)),
    }
}

fn wrong_list(name: &str, kind: &str) -> Problem {
    fatal(
        Location::file_start(),
        format!("this is no notebook: `{name}` is {kind}, where a list belongs"),
        None,
    )
}

fn no_list(name: &str) -> Problem {
    fatal(
        Location::file_start(),
        format!("this is no notebook: it has no `{name}`"),
        None,
    )
}
