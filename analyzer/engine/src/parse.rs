//! Cells to syntax trees, each cell alone: one bad cell never silences the others.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    ast::{MAX_DEPTH, deepest},
    beside::{Beside, Exports},
};
use nbvet_notebook::{
    Cell, CellKind, Notebook,
    magics::{self, CellCode, PythonText},
};
use ruff_python_ast::{Expr, IpyEscapeKind, ModModule, Stmt, token::TokenKind};
use ruff_python_parser::{
    Mode, ParseOptions, Parsed, parse_cells_unchecked, parse_expression, parse_unchecked,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// CPython's own limit on nested brackets (`MAXLEVEL` of its tokenizer).
const MAX_BRACKET_DEPTH: usize = 200;

/// All code cells of a notebook, parsed.
pub struct ParsedNotebook<'a> {
    notebook: &'a Notebook,
    cells: Vec<ParsedCell<'a>>,
    beside: Option<&'a Beside>,
}

impl<'a> ParsedNotebook<'a> {
    /// Parses every code cell. Never fails: what is wrong with a cell is in [`ParsedCell::error`].
    pub fn new(notebook: &'a Notebook) -> Self {
        let python = notebook.language().is_python();
        let cells = notebook
            .cells()
            .iter()
            .filter(|cell| cell.kind == CellKind::Code)
            .map(|cell| ParsedCell::new(cell, python))
            .collect();
        Self {
            notebook,
            cells,
            beside: None,
        }
    }

    /// The same, where it is known what is bound by others than its cells.
    pub fn with_others(notebook: &'a Notebook, beside: &'a Beside) -> Self {
        let parsed = Self::new(notebook);
        Self {
            beside: Some(beside),
            ..parsed
        }
    }

    /// What a file binds that the notebook runs, where that is known.
    pub(crate) fn exports(&self, file: &str) -> Option<&'a Exports> {
        self.beside?.exports(file)
    }

    /// The parameters that are set after this cell, or before all.
    pub(crate) fn given_after(&self, cell: Option<u32>) -> &'a [String] {
        self.beside.map_or(&[], |beside| beside.given_after(cell))
    }

    /// The notebook as it was read.
    pub fn notebook(&self) -> &'a Notebook {
        self.notebook
    }

    /// The code cells, in the notebook's order.
    pub fn cells(&self) -> &[ParsedCell<'a>] {
        &self.cells
    }
}

/// One code cell.
pub struct ParsedCell<'a> {
    /// The cell as it was read.
    pub cell: &'a Cell,
    /// What kind of code it holds.
    pub code: CellCode,
    /// The first thing that keeps it from compiling.
    pub error: Option<SyntaxError>,
    syntax: Option<Parsed<ModModule>>,
    /// The code within `%time …` lines, by the offset at which the line begins.
    embedded: Vec<(TextSize, Parsed<ModModule>)>,
}

/// Why a cell does not parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What the parser said.
    pub message: String,
    /// Where, in bytes of the cell's source.
    pub range: Range<usize>,
}

/// The syntax of a cell's Python. The parser panics (`ruff_python_parser` 0.0.10, `unreachable!` in expressions) on a
/// bracket where none can stand, as behind `import` or `def`, with one of IPython's signs on the line below: `import {`,
/// `?`. Such a text is wrong in any case; it is read again with a sign in that place that the parser takes everywhere.
fn parsed_module(text: &str) -> Option<Parsed<ModModule>> {
    let parse = |text: &str| parse_unchecked(text, ParseOptions::from(Mode::Ipython)).try_into_module();
    catch_unwind(AssertUnwindSafe(|| parse(text))).unwrap_or_else(|_| parse(&without_signs(text)))
}

/// Longest text that is looked at as one expression.
const MAX_EXPRESSION: usize = 10_000;

/// Whether a text is one expression of Python.
pub fn is_expression(text: &str) -> bool {
    if text.len() > MAX_EXPRESSION || deepest(text) > MAX_DEPTH {
        return false;
    }
    catch_unwind(|| parse_expression(text).is_ok()).unwrap_or(false)
}

/// The text with a `%` for each other sign of IPython at the begin of a line; nothing moves.
fn without_signs(text: &str) -> String {
    let mut calm = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (indent, code) = line.split_at(line.len() - line.trim_start().len());
        calm.push_str(indent);
        match code.strip_prefix(['?', '/', ',', ';']) {
            Some(rest) => {
                calm.push('%');
                calm.push_str(rest);
            }
            None => calm.push_str(code),
        }
    }
    calm
}

impl<'a> ParsedCell<'a> {
    fn new(cell: &'a Cell, python: bool) -> Self {
        let code = magics::cell_code(&cell.source);
        let mut parsed = Self {
            cell,
            code,
            error: None,
            syntax: None,
            embedded: Vec::new(),
        };
        let foreign = cell
            .language
            .as_ref()
            .is_some_and(|language| !language.is_python());
        let CellCode::Python(text) = &parsed.code else {
            return parsed;
        };
        if !python || foreign || text.text.len() > MAX_DEPTH && deepest(&text.text) > MAX_DEPTH {
            return parsed;
        }
        let syntax = parsed_module(&text.text);
        parsed.error = syntax.as_ref().and_then(|syntax| first_error(syntax, text));
        parsed.embedded = syntax
            .as_ref()
            .map_or_else(Vec::new, |syntax| embedded_code(syntax.suite(), &text.text));
        parsed.syntax = syntax;
        parsed
    }

    /// The cell's statements; of a cell with an error, those that could be recovered.
    pub fn body(&self) -> &[Stmt] {
        self.syntax.as_ref().map_or(&[], |syntax| syntax.suite())
    }

    /// The code of the `%time` (or similar) line that begins at this offset, if it parses.
    pub(crate) fn embedded(&self, offset: TextSize) -> Option<&[Stmt]> {
        let (_, syntax) = self.embedded.iter().find(|(start, _)| *start == offset)?;
        Some(syntax.suite())
    }

    /// The code of every such line.
    pub(crate) fn embedded_bodies(&self) -> impl Iterator<Item = &[Stmt]> {
        self.embedded.iter().map(|(_, syntax)| syntax.suite().as_slice())
    }

    /// The magic of a cell that is no Python, and where in the cell's source begins what it takes.
    pub fn foreign(&self) -> Option<(&magics::CellMagic, usize)> {
        match &self.code {
            CellCode::Foreign {
                magic, body_start, ..
            } => Some((magic, *body_start)),
            _ => None,
        }
    }

    /// The cell's tokens, comments among them; none where the cell was not parsed.
    pub fn tokens(&self) -> &[ruff_python_ast::token::Token] {
        self.syntax.as_ref().map_or(&[], |syntax| syntax.tokens())
    }

    /// Where its comments stand, as bytes of the cell's source.
    pub fn comments(&self) -> Vec<Range<usize>> {
        let comments = self
            .tokens()
            .iter()
            .filter(|token| token.kind() == TokenKind::Comment);
        comments.map(|token| self.source_range(token.range())).collect()
    }

    /// The text that the syntax tree's ranges point into.
    pub fn text(&self) -> &str {
        match &self.code {
            CellCode::Python(text) => &text.text,
            _ => "",
        }
    }

    /// The text under a range of the syntax tree.
    pub fn slice(&self, range: TextRange) -> &str {
        self.text()
            .get(range.start().to_usize()..range.end().to_usize())
            .unwrap_or_default()
    }

    /// A range of the syntax tree as bytes of the cell's source.
    pub fn source_range(&self, range: TextRange) -> Range<usize> {
        match &self.code {
            CellCode::Python(text) => {
                text.source_offset(range.start().to_usize())..text.source_offset(range.end().to_usize())
            }
            _ => 0..0,
        }
    }

    /// It was parsed and nothing keeps it from compiling.
    pub fn is_valid(&self) -> bool {
        self.syntax.is_some() && self.error.is_none()
    }

    /// Tagged so that a run leaves it out.
    pub fn is_skipped(&self) -> bool {
        self.cell.has_tag("skip-execution")
    }

    /// Tagged as one that is meant to raise.
    pub fn may_raise(&self) -> bool {
        self.cell.has_tag("raises-exception")
    }
}

fn first_error(syntax: &Parsed<ModModule>, text: &PythonText) -> Option<SyntaxError> {
    let source_range = |range: TextRange| {
        text.source_offset(range.start().to_usize())..text.source_offset(range.end().to_usize())
    };
    if let Some(error) = syntax.errors().iter().min_by_key(|error| error.location.start()) {
        return Some(SyntaxError {
            message: error.error.to_string(),
            range: source_range(error.location),
        });
    }
    let bracket = too_deep(syntax)?;
    Some(SyntaxError {
        message: "Too many nested brackets".to_owned(),
        range: source_range(bracket),
    })
}

/// The bracket that is nested deeper than CPython allows: valid for our parser, refused by every CPython.
fn too_deep(syntax: &Parsed<ModModule>) -> Option<TextRange> {
    let mut depth = 0usize;
    for token in syntax.tokens() {
        match token.kind() {
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                depth += 1;
                if depth > MAX_BRACKET_DEPTH {
                    return Some(token.range());
                }
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Line magics that run Python code given on their own line.
const CODE_MAGICS: &[&str] = &["time", "timeit", "prun", "memit", "mprun", "lprun"];

/// Parses the code within `%time f(x)` lines (as statements or on the right of `=`), at its own offsets.
fn embedded_code(body: &[Stmt], text: &str) -> Vec<(TextSize, Parsed<ModModule>)> {
    body.iter()
        .filter_map(|statement| embedded_in(statement, text))
        .collect()
}

fn embedded_in(statement: &Stmt, text: &str) -> Option<(TextSize, Parsed<ModModule>)> {
    let (kind, range) = match statement {
        Stmt::IpyEscapeCommand(command) => (command.kind, command.range),
        Stmt::Assign(assign) => match &*assign.value {
            Expr::IpyEscapeCommand(command) => (command.kind, command.range),
            _ => return None,
        },
        _ => return None,
    };
    if !matches!(kind, IpyEscapeKind::Magic) {
        return None;
    }
    let line = &text[range.start().to_usize()..range.end().to_usize()];
    let start = code_start(line)?;
    let code = TextRange::new(range.start() + TextSize::try_from(start).ok()?, range.end());
    let syntax = parse_cells_unchecked(text, [code], &ParseOptions::from(Mode::Ipython));
    syntax.has_no_syntax_errors().then_some((range.start(), syntax))
}

/// Where the code begins in a line such as `%timeit -n 10 f(x)`.
fn code_start(line: &str) -> Option<usize> {
    let mut offset = 0;
    let mut skip_value = false;
    for word in line.split_inclusive(char::is_whitespace) {
        let bare = word.trim();
        let is_magic = offset == 0 && CODE_MAGICS.contains(&bare.trim_start_matches('%'));
        let takes_value = matches!(bare, "-n" | "-r" | "-p" | "-s" | "-l" | "-D" | "-T" | "-f" | "-m");
        let is_option = bare.starts_with('-') && bare.len() > 1 && bare.as_bytes()[1].is_ascii_alphabetic();
        if offset == 0 && !is_magic {
            return None;
        }
        if !(is_magic || is_option || skip_value || bare.is_empty()) {
            return Some(offset);
        }
        skip_value = takes_value;
        offset += word.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_ipython_below_a_misplaced_bracket_is_an_error_and_no_panic() {
        for start in [
            "import {",
            "import [",
            "from a import {",
            "def {",
            "lambda [",
            "x = {a",
        ] {
            for sign in ["?", "??", "/b", ",b", ";b", "%b", "!b"] {
                let text = format!("{start}\n{sign}\ny = 1\n");
                let syntax = parsed_module(&text).expect("a module was asked for");
                assert!(!syntax.has_valid_syntax(), "{text}");
            }
        }
    }
}
