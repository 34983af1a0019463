//! Markup as a list of pieces: tags, attributes and texts, each with its place in a table.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
        states::RawKind,
    },
};

/// Markup that has been read.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) pieces: Vec<Piece>,
    /// Ids in the order in which they appear.
    ids: Vec<String>,
}

/// A tag, an attribute's value or a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// `<td>`, `</td>`, `td@class`, or empty for a text.
    pub(super) kind: String,
    pub(super) text: String,
    cell: Option<Cell>,
    /// It is no text that people see, and may name ids: an attribute, a style, a script.
    names_ids: bool,
}

/// A place in a table; all numbers from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    table: usize,
    row: usize,
    column: usize,
    in_head: bool,
    is_header: bool,
}

/// What is known of a table.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: usize,
    columns: usize,
    /// Texts of the last row of its head, by column.
    heads: BTreeMap<usize, String>,
    /// Texts of header cells in its body, by row.
    names: BTreeMap<usize, String>,
}

impl Table {
    pub(super) fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }
}

impl Piece {
    /// For people.
    pub(super) fn told(&self) -> String {
        if self.kind.is_empty() || self.kind.contains('@') {
            self.text.clone()
        } else {
            self.kind.clone()
        }
    }
}

impl Document {
    pub(super) fn read(markup: &str) -> Self {
        let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
        let input = BufferQueue::default();
        input.push_back(StrTendril::from_slice(markup));
        // It stops after each script; what follows is fed anew.
        while !input.is_empty() {
            let _ = tokenizer.feed(&input);
        }
        tokenizer.end();
        let mut state = tokenizer.sink.0.into_inner();
        state.end_text();
        let mut document = state.document;
        document.rename_ids();
        document
    }

    /// Ids of elements become their number: which ones a library makes up means nothing.
    fn rename_ids(&mut self) {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        for id in &self.ids {
            let next = numbers.len() + 1;
            numbers.entry(id).or_insert(next);
        }
        for piece in self.pieces.iter_mut().filter(|piece| piece.names_ids) {
            piece.text = renamed(&piece.text, &numbers);
        }
    }

    /// How many ids are others than those of the other document.
    pub(super) fn renamed_differently(&self, other: &Self) -> u64 {
        let differing = self
            .ids
            .iter()
            .zip(&other.ids)
            .filter(|(left, right)| left != right);
        differing.count() as u64
    }

    /// All tables, in order.
    pub(super) fn tables(&self) -> Vec<Table> {
        let mut tables: Vec<Table> = Vec::new();
        for piece in &self.pieces {
            let Some(cell) = piece.cell else { continue };
            while tables.len() <= cell.table {
                tables.push(Table::default());
            }
            let table = &mut tables[cell.table];
            table.rows = table.rows.max(cell.row + 1);
            table.columns = table.columns.max(cell.column + 1);
            if !piece.kind.is_empty() {
                continue;
            }
            if cell.in_head {
                table.heads.insert(cell.column, piece.text.clone());
            } else if cell.is_header {
                table.names.entry(cell.row).or_insert_with(|| piece.text.clone());
            }
        }
        tables
    }

    /// `row "3", column "price"`, where the piece is in a table.
    pub(super) fn place(&self, piece: &Piece) -> Option<String> {
        let cell = piece.cell?;
        let tables = self.tables();
        let table = tables.get(cell.table)?;
        let number_or = |name: Option<&String>, number: usize| {
            let short = |name: &&String| !name.is_empty() && name.chars().count() <= 40;
            name.filter(short)
                .map_or_else(|| (number + 1).to_string(), |name| format!("{name:?}"))
        };
        let row = number_or(table.names.get(&cell.row), cell.row);
        let column = number_or(table.heads.get(&cell.column), cell.column);
        Some(format!("row {row}, column {column}"))
    }
}

/// The text with known ids replaced, word by word.
fn renamed(text: &str, numbers: &HashMap<&str, usize>) -> String {
    if numbers.is_empty() {
        return text.to_owned();
    }
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        out.push_str(&rest[..start]);
        let word = &rest[start..];
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        match numbers.get(&word[..end]) {
            Some(number) => {
                let _ = write!(out, "id-{number}");
            }
            None => out.push_str(&word[..end]),
        }
        rest = &word[end..];
    }
    out + rest
}

/// Takes what the tokenizer finds.
#[derive(Default)]
struct Sink(RefCell<State>);

#[derive(Default)]
struct State {
    document: Document,
    text: String,
    tables: usize,
    /// The tables that are open, each with the place that was reached in it.
    open: Vec<Cell>,
    in_cell: bool,
    /// In a style or a script.
    in_raw: bool,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => state.text.push_str(&text),
            Token::TagToken(tag) => return state.tag(&tag),
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

impl State {
    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        self.end_text();
        let name = &*tag.name;
        if tag.kind == TagKind::EndTag {
            self.in_raw = false;
            self.push(format!("</{name}>"), String::new());
            self.leave(name);
            return TokenSinkResult::Continue;
        }
        self.enter(name);
        self.in_raw = matches!(name, "style" | "script");
        self.push(format!("<{name}>"), String::new());
        let mut attributes: Vec<(&str, &str)> = tag
            .attrs
            .iter()
            .map(|attribute| (&*attribute.name.local, &*attribute.value))
            .collect();
        attributes.sort_unstable();
        for (attribute, value) in attributes {
            if attribute == "id" && value.contains(|c: char| c.is_alphabetic()) {
                self.document.ids.push(value.to_owned());
            }
            self.push(format!("{name}@{attribute}"), collapsed(value));
        }
        match name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => TokenSinkResult::RawData(RawKind::Rawtext),
            "textarea" | "title" => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }

    fn enter(&mut self, name: &str) {
        if name == "table" {
            self.open.push(Cell {
                table: self.tables,
                row: usize::MAX,
                column: usize::MAX,
                in_head: false,
                is_header: false,
            });
            self.tables += 1;
            self.in_cell = false;
        }
        let Some(place) = self.open.last_mut() else {
            return;
        };
        match name {
            "thead" => place.in_head = true,
            "tbody" | "tfoot" => place.in_head = false,
            "tr" => {
                place.row = place.row.wrapping_add(1);
                place.column = usize::MAX;
                self.in_cell = false;
            }
            "td" | "th" if place.row != usize::MAX => {
                place.column = place.column.wrapping_add(1);
                place.is_header = name == "th";
                self.in_cell = true;
            }
            _ => {}
        }
    }

    fn leave(&mut self, name: &str) {
        match name {
            "table" => {
                self.open.pop();
                // What holds an inner table is a cell.
                self.in_cell = self.open.last().is_some_and(|place| place.column != usize::MAX);
            }
            "td" | "th" | "tr" => self.in_cell = false,
            _ => {}
        }
    }

    fn end_text(&mut self) {
        let text = collapsed(&std::mem::take(&mut self.text));
        if !text.is_empty() {
            self.push(String::new(), text);
        }
    }

    fn push(&mut self, kind: String, text: String) {
        let cell = self.open.last().copied().filter(|_| self.in_cell);
        let names_ids = kind.contains('@') || (kind.is_empty() && self.in_raw);
        self.document.pieces.push(Piece {
            kind,
            text,
            cell,
            names_ids,
        });
    }
}

/// Blanks in a row are one to a browser; the one that does not break is no blank.
fn collapsed(text: &str) -> String {
    let words = text
        .split([' ', '\n', '\t', '\r', '\u{c}'])
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}
