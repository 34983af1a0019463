//! Cells that cannot affect each other may stand in either order: the findings are the same.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

mod corpus;
mod notebook;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use nbvet_engine::{Beside, Settings, check};
use nbvet_notebook::{CellKind, read};
use nbvet_report::{Level, Severity};
use nbvet_rules::ALL;

/// A finding by what it says and where; the cell by its place in the first order.
type Found = (String, Severity, usize, u32, String);

/// Words of the language and names that hold no state of a notebook.
const SHARED: &[&str] = &[
    "and", "as", "assert", "break", "class", "continue", "def", "del", "elif", "else", "except", "False",
    "finally", "for", "if", "import", "in", "is", "lambda", "None", "not", "or", "pass", "raise", "return",
    "True", "try", "while", "with", "yield", "print", "len", "range", "sum", "min", "max", "str", "int",
    "float", "list", "dict",
];

/// Everything in a cell that may be a name, strings and comments too.
fn words(source: &str) -> BTreeSet<&str> {
    let words = source.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    words
        .filter(|word| word.starts_with(|letter: char| letter.is_alphabetic() || letter == '_'))
        .filter(|word| !SHARED.contains(word))
        .collect()
}

/// What may stand at any place: nothing but Python, that changes nothing for all that follows.
fn is_plain(source: &str) -> bool {
    let far_reaching = ["global", "exec", "eval", "warnings", "seed", "random", "nbvet"];
    !source.trim().is_empty()
        && !source.contains(['%', '!', '?', '*'])
        && !far_reaching.iter().any(|word| source.contains(word))
}

/// The cells that define a function or class, by its name.
fn definitions(cells: &[String]) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for cell in cells {
        for line in cell.lines().map(str::trim_start) {
            let defined = ["def ", "class ", "async def "]
                .iter()
                .find_map(|keyword| line.strip_prefix(keyword));
            if let Some(name) = defined.and_then(|rest| rest.split(['(', ':', ' ']).next()) {
                found.entry(name).or_default().push(cell);
            }
        }
    }
    found
}

/// The words of a cell, and those of the cells whose functions and classes it names: calls need them too.
fn reached<'a>(cell: &'a str, definitions: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    let mut waiting = vec![cell];
    while let Some(source) = waiting.pop() {
        for word in words(source) {
            if all.insert(word) {
                waiting.extend(definitions.get(word).into_iter().flatten());
            }
        }
    }
    all
}

/// The order with independent neighbours exchanged: neither reaches a name of the other.
fn exchanged(cells: &[String]) -> Vec<usize> {
    let definitions = definitions(cells);
    let mut order: Vec<usize> = (0..cells.len()).collect();
    let mut at = 0;
    while at + 1 < cells.len() {
        let (first, second) = (&cells[at], &cells[at + 1]);
        // Most are not, which the words of the cells alone tell.
        let may_be = is_plain(first) && is_plain(second) && words(first).is_disjoint(&words(second));
        if may_be && reached(first, &definitions).is_disjoint(&reached(second, &definitions)) {
            order.swap(at, at + 1);
            at += 1;
        }
        at += 1;
    }
    order
}

fn findings(cells: &[String], order: &[usize]) -> BTreeSet<Found> {
    let settings = Settings {
        level: Level::Staging,
        ..Settings::default()
    };
    let reading = notebook::reading(order.iter().map(|&index| notebook::code(&cells[index])));
    check(&reading, &Beside::default(), None, ALL, &settings)
        .into_iter()
        .filter(|found| found.rule.id != "NB101")
        .map(|found| {
            let cell = found
                .location
                .cell
                .map_or(usize::MAX, |cell| order[cell as usize]);
            let line = found.location.line;
            // Messages may name cells by their place.
            let message = found.message.replace(|letter: char| letter.is_ascii_digit(), "");
            (found.rule.id.to_string(), found.severity, cell, line, message)
        })
        .collect()
}

fn code_cells(path: &Path) -> Vec<String> {
    let reading = read(&fs::read(path).unwrap());
    let Some(notebook) = reading.notebook else {
        return Vec::new();
    };
    let code = notebook.cells().iter().filter(|cell| cell.kind == CellKind::Code);
    code.map(|cell| cell.source.clone()).collect()
}

#[test]
fn an_exchange_of_independent_cells_changes_no_finding() {
    let cells = [
        "import json\n\ndef first(path):\n    try:\n        return json.load(open(path))\n    except Exception:\n        pass",
        "x = [2, 1]\ny = x.sort()\nz = y",
        "prices = prices * rate",
    ]
    .map(str::to_owned);
    assert_eq!(exchanged(&cells), [1, 0, 2]);
    let found = findings(&cells, &[0, 1, 2]);
    assert!(found.len() >= 3, "{found:?}");
    for order in [[1, 0, 2], [2, 1, 0], [0, 2, 1], [1, 2, 0]] {
        assert_eq!(findings(&cells, &order), found);
    }
}

#[test]
fn an_exchange_of_independent_cells_changes_no_finding_in_the_corpus() {
    let files = corpus::notebooks();
    if files.is_empty() {
        println!("skipped: no corpus");
        return;
    }
    let (mut changed, mut compared) = (0, 0);
    for path in files {
        let cells = code_cells(&path);
        let as_it_is: Vec<usize> = (0..cells.len()).collect();
        let order = exchanged(&cells);
        if order == as_it_is {
            continue;
        }
        changed += 1;
        let before = findings(&cells, &as_it_is);
        compared += before.len();
        assert_eq!(findings(&cells, &order), before, "{}", path.display());
    }
    println!("{changed} notebooks with cells exchanged, {compared} findings the same");
    assert!(changed > 100);
}
