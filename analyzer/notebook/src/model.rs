//! The typed notebook. Code, ids and tags are read; metadata and outputs stay raw spans until somebody asks.

use std::{fmt, ops::Range, sync::OnceLock};

use nbvet_report::Location;
use serde_json::{Map, Value};

use crate::{
    edit::Editor,
    json,
    outputs::{self, Output},
    refusal::number,
    source::{self, SourceMap},
};

/// A notebook, with the text of its file.
#[derive(Debug)]
pub struct Notebook {
    text: String,
    format: (u32, u32),
    metadata: Option<Range<usize>>,
    kernelspec: Option<String>,
    language: Language,
    cells: Vec<Cell>,
    /// The text holds what only Python's json module accepts.
    nonstandard: bool,
    /// Where the file's lines end.
    lines: OnceLock<Vec<usize>>,
}

/// One cell.
#[derive(Debug)]
pub struct Cell {
    /// 0-based over all cells.
    pub index: u32,
    /// Its kind.
    pub kind: CellKind,
    /// Its id, where the file has ids (nbformat 4.5).
    pub id: Option<String>,
    /// What was typed into it.
    pub source: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The `n` of `In [n]` as stored.
    pub execution_count: Option<u32>,
    /// The language of this cell alone, where an editor has written one down.
    pub language: Option<Language>,
    pub(crate) parts: Parts,
    pub(crate) map: OnceLock<SourceMap>,
}

/// Where the parts of a cell lie in the file.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) source: Option<Range<usize>>,
    pub(crate) metadata: Option<Range<usize>>,
    pub(crate) outputs: Option<Range<usize>>,
    pub(crate) id: Option<Range<usize>>,
    /// Some offset in the cell.
    pub(crate) anchor: usize,
}

impl Cell {
    /// Whether it has this tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }
}

/// The kinds of cell. Headings and HTML of nbformat 3 are markdown, as Jupyter makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// Code.
    Code,
    /// Text for people.
    Markdown,
    /// Text for converters; also a cell whose kind nobody knows.
    Raw,
}

/// The language of code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Language {
    /// Python.
    Python,
    /// Another one, by the name in the file.
    Other(String),
    /// The file names none; such notebooks are Python's.
    Unspecified,
}

impl Language {
    /// Python, or nothing else.
    pub fn is_python(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    pub(crate) fn named(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "" => Self::Unspecified,
            "python" | "python2" | "python3" | "ipython" | "ipython2" | "ipython3" | "py" | "pyspark" => {
                Self::Python
            }
            _ => Self::Other(name.trim().to_owned()),
        }
    }

    /// By the name of a kernel, where it says nothing of its language otherwise.
    fn of_kernel(name: &str) -> Self {
        const KERNELS: &[(&str, &str)] = &[
            ("python", "Python"),
            ("ir", "R"),
            ("julia", "Julia"),
            ("bash", "Bash"),
            ("javascript", "JavaScript"),
            ("typescript", "TypeScript"),
            ("deno", "TypeScript"),
            ("xcpp", "C++"),
            ("octave", "Octave"),
            ("matlab", "MATLAB"),
            ("sparkkernel", "Scala"),
            ("scala", "Scala"),
            ("almond", "Scala"),
            ("spylon", "Scala"),
            ("sparkrkernel", "R"),
            ("ihaskell", "Haskell"),
            ("haskell", "Haskell"),
            ("gophernotes", "Go"),
            ("rust", "Rust"),
            ("ruby", "Ruby"),
            (".net-csharp", "C#"),
            (".net-fsharp", "F#"),
            (".net-powershell", "PowerShell"),
        ];
        let name = name.to_ascii_lowercase();
        let stem = name.trim_end_matches(|last: char| last.is_ascii_digit() || last == '.' || last == '-');
        let known = KERNELS
            .iter()
            .find(|(kernel, _)| *kernel == stem || *kernel == name);
        known.map_or(Self::Unspecified, |(_, language)| Self::named(language))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python => f.pad("Python"),
            Self::Other(name) => f.pad(name),
            Self::Unspecified => f.pad("an unnamed language"),
        }
    }
}

impl Notebook {
    /// `json` is the text, or the text made standard at the same offsets.
    pub(crate) fn new(
        text: &str,
        json: &str,
        format: (u32, u32),
        metadata: Option<Range<usize>>,
        cells: Vec<Cell>,
        nonstandard: bool,
    ) -> Self {
        let raw = metadata.clone().map_or("", |span| &json[span]);
        let (kernelspec, language) = kernel(raw, &cells);
        let text = text.to_owned();
        Self {
            text,
            format,
            metadata,
            kernelspec,
            language,
            cells,
            nonstandard,
            lines: OnceLock::new(),
        }
    }

    /// All cells, in order.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The code cells, in order.
    pub fn code_cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.kind == CellKind::Code)
    }

    /// The language of the code cells, as the kernel's description says.
    pub fn language(&self) -> Language {
        self.language.clone()
    }

    /// The name of the kernel that the notebook was written with.
    pub fn kernelspec_name(&self) -> Option<&str> {
        self.kernelspec.as_deref()
    }

    /// The file's format: `(4, 5)`.
    pub fn format(&self) -> (u32, u32) {
        self.format
    }

    /// The notebook's metadata, read anew each time. Empty where there are none, or where they are no object.
    pub fn metadata(&self) -> Map<String, Value> {
        self.object(self.metadata.as_ref())
    }

    /// A cell's metadata, read anew each time. Empty where there are none, or no such cell.
    pub fn cell_metadata(&self, cell: u32) -> Map<String, Value> {
        self.object(self.cell(cell).and_then(|cell| cell.parts.metadata.as_ref()))
    }

    /// A cell's metadata as the file has them, in JSON. Empty where there are none.
    pub fn cell_metadata_text(&self, cell: u32) -> &str {
        let span = self.cell(cell).and_then(|cell| cell.parts.metadata.clone());
        span.map_or("", |span| &self.text[span])
    }

    /// A cell's stored outputs, read anew each time. Empty where there are none, or no such cell.
    pub fn outputs(&self, cell: u32) -> Vec<Output> {
        let span = self.cell(cell).and_then(|cell| cell.parts.outputs.clone());
        span.map_or_else(Vec::new, |span| outputs::parse(&self.text[span], self.format))
    }

    /// A cell's stored outputs as the file has them, in JSON. Empty where there are none.
    pub fn outputs_text(&self, cell: u32) -> &str {
        let span = self.cell(cell).and_then(|cell| cell.parts.outputs.clone());
        span.map_or("", |span| &self.text[span])
    }

    /// A range of bytes of a cell's source, as a place for people and for tools. A range that reaches out of the
    /// source is cut; where there is no such cell, the place is the file.
    pub fn location(&self, cell: u32, range: Range<usize>) -> Location {
        let Some(cell) = self.cell(cell) else {
            return Location::file_start();
        };
        let map = self.map_of(cell);
        let range = source::clamp(&cell.source, &range);
        let (line, column) = point(&cell.source, map, range.start);
        let (end_line, end_column) = point(&cell.source, map, range.end);
        Location {
            file: None,
            cell: Some(cell.index),
            cell_id: cell.id.clone(),
            line,
            column,
            end_line,
            end_column,
            file_line: self.file_line(cell, map, range.start),
            file_end_line: self.file_line(cell, map, range.end),
        }
    }

    /// A range of bytes of the file's text, as a place outside of any cell.
    pub(crate) fn file_location(&self, range: &Range<usize>) -> Location {
        let point = |offset: usize| {
            let ends = self.line_ends();
            let line = ends.partition_point(|end| *end < offset);
            let start = line.checked_sub(1).map_or(0, |before| ends[before] + 1);
            (number(line), number(self.text[start..offset].chars().count()))
        };
        let ((line, column), (end_line, end_column)) = (point(range.start), point(range.end));
        Location {
            end_line,
            end_column,
            file_end_line: end_line,
            ..Location::in_file(line, column)
        }
    }

    /// The bytes that a location stands for: of the cell's source, or of the file's text where the location is in no
    /// cell. `None` where this notebook has no such place.
    pub fn range_of(&self, location: &Location) -> Option<Range<usize>> {
        let ends = [
            (location.line, location.column),
            (location.end_line, location.end_column),
        ];
        let [start, end] = if let Some(index) = location.cell {
            let cell = self.cell(index)?;
            let map = self.map_of(cell);
            ends.map(|(line, column)| map.offset(&cell.source, line, column))
        } else {
            ends.map(|(line, column)| self.file_offset(line, column))
        };
        Some(start?..end?).filter(|range| range.start <= range.end)
    }

    /// Begins changes to the file.
    pub fn edit(&self) -> Editor<'_> {
        Editor::new(self)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_nonstandard(&self) -> bool {
        self.nonstandard
    }

    pub(crate) fn cell(&self, index: u32) -> Option<&Cell> {
        self.cells.get(usize::try_from(index).ok()?)
    }

    fn object(&self, span: Option<&Range<usize>>) -> Map<String, Value> {
        match span.and_then(|span| json::value(&self.text[span.clone()])) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }

    pub(crate) fn map_of<'c>(&self, cell: &'c Cell) -> &'c SourceMap {
        cell.map.get_or_init(|| self.source_map(cell))
    }

    fn source_map(&self, cell: &Cell) -> SourceMap {
        let span = cell.parts.source.clone().unwrap_or(0..0);
        SourceMap::new(&cell.source, &self.text[span.clone()], span.start)
    }

    fn file_line(&self, cell: &Cell, map: &SourceMap, offset: usize) -> u32 {
        let offset = map.file_offset(offset).unwrap_or(cell.parts.anchor);
        number(self.line_ends().partition_point(|end| *end < offset))
    }

    fn line_ends(&self) -> &[usize] {
        self.lines
            .get_or_init(|| memchr::memchr_iter(b'\n', self.text.as_bytes()).collect())
    }

    /// The offset in the file of a 1-based line and column.
    fn file_offset(&self, line: u32, column: u32) -> Option<usize> {
        let ends = self.line_ends();
        let line = usize::try_from(line.checked_sub(1)?).ok()?;
        let start = match line.checked_sub(1) {
            Some(before) => ends.get(before)? + 1,
            None => 0,
        };
        let end = ends.get(line).copied().unwrap_or(self.text.len());
        let column = usize::try_from(column.checked_sub(1)?).ok()?;
        source::column_offset(&self.text[start..end], column).map(|offset| start + offset)
    }
}

/// Line and column, 1-based, of an offset in a cell's source.
fn point(source: &str, map: &SourceMap, offset: usize) -> (u32, u32) {
    let (line, start) = map.line(offset);
    (number(line), number(source[start..offset].chars().count()))
}

/// The kernel's name, and the language: the kernel's word comes first, then that of the editor, then what the
/// kernel's name tells, then what nbformat 3 wrote into its cells.
fn kernel(metadata: &str, cells: &[Cell]) -> (Option<String>, Language) {
    let member = |object: &str, name| {
        json::member(metadata, object)
            .and_then(|raw| json::member(raw, name))
            .and_then(json::string)
    };
    let name = member("kernelspec", "name");
    let said = [member("kernelspec", "language"), member("language_info", "name")];
    let language = said
        .into_iter()
        .flatten()
        .map(|name| Language::named(&name))
        .chain(name.as_deref().map(Language::of_kernel))
        .find(|language| *language != Language::Unspecified)
        .or_else(|| common_language(cells));
    (name, language.unwrap_or(Language::Unspecified))
}

/// The language that every code cell names.
fn common_language(cells: &[Cell]) -> Option<Language> {
    let mut languages = cells
        .iter()
        .filter(|cell| cell.kind == CellKind::Code)
        .map(|cell| cell.language.as_ref());
    let first = languages.next()??;
    languages
        .all(|language| language == Some(first))
        .then(|| first.clone())
}
