//! IPython's cell syntax, as far as it decides what a Python parser should see: indentation and prompts that IPython
//! takes away, `%%` lines, commands without their `%`. What stands within the lines (`!ls`, `x = %pwd`, `name?`) is
//! left to the parser's own IPython mode. Follows `TransformerManager` of IPython 8 and 9; where the two differ, the
//! one that accepts more.

mod automagic;
mod cleanup;
mod lines;
mod prompts;

use std::ops::Range;

use self::lines::{Line, is_space, split};

/// How many cell magics may stand on one another, each a cell of its own to IPython.
const MOST_STACKED: usize = 32;

/// What a code cell holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellCode {
    /// Nothing but white space.
    Empty,
    /// Python.
    Python(PythonText),
    /// Something that a cell magic takes as it is: a script, a file to be written, another language.
    Foreign {
        /// The magic.
        magic: CellMagic,
        /// Where what it takes begins, in bytes of the cell's source.
        body_start: usize,
        /// Python cell magics above it: `%%capture out`.
        outer: Vec<CellMagic>,
    },
    /// One line that IPython takes for a line magic without its `%`: `pip install x`. A variable of that name would
    /// have precedence; whether there is one, a cell alone does not tell.
    Automagic(String),
}

/// The Python of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonText {
    /// What the parser should see, in IPython mode.
    pub text: String,
    /// The cell magics around it, outermost first.
    pub cell_magics: Vec<CellMagic>,
    /// Offset in the text and in the cell's source, for the beginning of each line.
    offsets: Vec<(usize, usize)>,
    /// Bytes of the cell's source.
    source_length: usize,
}

impl PythonText {
    /// The offset in the cell's source for one in the text.
    pub fn source_offset(&self, offset: usize) -> usize {
        let after = self.offsets.partition_point(|(text, _)| *text <= offset);
        let (text, source) = after.checked_sub(1).map_or((0, 0), |line| self.offsets[line]);
        (source + offset.min(self.text.len()).saturating_sub(text)).min(self.source_length)
    }
}

/// A `%%` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellMagic {
    /// Its name, without the `%%`.
    pub name: String,
    /// What follows on its line.
    pub arguments: String,
    /// The line in the cell's source, without the white space at its end.
    pub span: Range<usize>,
}

/// Whether IPython itself has a line magic of that name, so that it works without the `%`.
pub fn is_line_magic(name: &str) -> bool {
    automagic::is_line_magic(name)
}

/// Tells what a code cell holds. Takes any text, in linear time.
pub fn cell_code(source: &str) -> CellCode {
    let mut lines = split(source);
    let mut cell_magics = Vec::new();
    let mut own_code = Vec::new();
    let mut first = 0;
    loop {
        first += cleanup::clean(source, &mut lines[first..]);
        let Some(line) = lines.get(first) else { break };
        let Some(magic) = cell_magic(source, line) else {
            break;
        };
        let body_start = line.end;
        if !is_python_bodied(&magic.name) || cell_magics.len() == MOST_STACKED {
            return CellCode::Foreign {
                magic,
                body_start,
                outer: cell_magics,
            };
        }
        own_code.extend(code_on_line(source, &magic));
        cell_magics.push(magic);
        first += 1;
    }
    if cell_magics.is_empty() {
        if first == lines.len() {
            return CellCode::Empty;
        }
        if let Some(command) = automagic::command(source, &lines[first..]) {
            return CellCode::Automagic(command);
        }
    }
    CellCode::Python(python(source, own_code, &lines[first..], cell_magics))
}

fn python(source: &str, own_code: Vec<Line>, lines: &[Line], cell_magics: Vec<CellMagic>) -> PythonText {
    let mut text = String::with_capacity(source.len());
    let mut offsets = Vec::with_capacity(own_code.len() + lines.len());
    for line in own_code {
        offsets.push((text.len(), line.start));
        text.push_str(line.text(source));
        text.push('\n');
    }
    for line in lines {
        offsets.push((text.len(), line.start));
        text.push_str(line.text(source));
    }
    PythonText {
        text,
        cell_magics,
        offsets,
        source_length: source.len(),
    }
}

/// The cell magic on a cell's first line. `%%time?` asks for help and is none.
fn cell_magic(source: &str, line: &Line) -> Option<CellMagic> {
    let text = line.text(source).trim_end_matches(is_space);
    let content = text.strip_prefix("%%")?;
    let word = content.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_');
    if word.len() < content.len() && word.starts_with('?') {
        return None;
    }
    let (name, arguments) = content.split_once(' ').unwrap_or((content, ""));
    Some(CellMagic {
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        span: line.start..line.start + text.len(),
    })
}

/// Magics that run the cell's body as Python.
fn is_python_bodied(name: &str) -> bool {
    matches!(
        name,
        "capture" | "debug" | "ipytest" | "prun" | "pypy" | "python" | "python3" | "time" | "timeit"
    )
}

/// Python that stands on the magic's own line: the set-up of `%%timeit`, the statement of `%%prun` and `%%time`.
fn code_on_line(source: &str, magic: &CellMagic) -> Option<Line> {
    let options_with_value = match magic.name.as_str() {
        "time" => "",
        "timeit" => "nrpv",
        "prun" => "DlsT",
        _ => return None,
    };
    let end = magic.span.end;
    let mut start = end - magic.arguments.len();
    loop {
        start += source[start..end].len() - source[start..end].trim_start().len();
        let word = source[start..end].split_whitespace().next()?;
        let Some(option) = word.strip_prefix('-') else {
            return Some(Line { start, end });
        };
        start += word.len();
        if option == "-" {
            continue;
        }
        if option.len() == 1 && options_with_value.contains(option) {
            start += source[start..end].len() - source[start..end].trim_start().len();
            start += source[start..end].split_whitespace().next().map_or(0, str::len);
        }
    }
}
