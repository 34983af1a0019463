//! The parser against another one, `rustpython-parser`: a cell of plain Python that only one of them takes is a
//! finding. On fixture cells always, on a corpus where `NBVET_SHARED` (or `../shared`) has one.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use nbvet_engine::ParsedNotebook;
use nbvet_notebook::magics::CellCode;

/// Cells that each parser must judge alike.
const FIXTURES: &[(&str, bool)] = &[
    ("x = 1\n", true),
    ("def f(a, /, b, *, c=1, **d):\n    return a\n", true),
    ("with open('a') as f, open('b') as g:\n    pass\n", true),
    ("print('%.2f' % x)\n", true),
    ("f'{x!r:>{width}}'\n", true),
    ("lambda *a, **k: (a, k)\n", true),
    ("async def f():\n    async with a as b:\n        await c\n", true),
    (
        "match x:\n    case {'a': 1, **rest}:\n        pass\n    case [1, *_] | (2, 3):\n        pass\n",
        true,
    ),
    ("x: int = 3\n", true),
    ("[y for x in z if x for y in x]\n", true),
    ("try:\n    pass\nexcept* ValueError:\n    pass\n", true),
    ("x = (yield)\n", true),
    ("print 'hello'\n", false),
    ("x = = 1\n", false),
    ("def f(:\n", false),
    ("for x in\n", false),
    ("'unterminated\n", false),
    ("x = ?\n", false),
    ("if x:\npass\n", false),
    ("except:\n    pass\n", false),
];

fn oracle_accepts(text: &str) -> bool {
    rustpython_parser::parse(text, rustpython_parser::Mode::Module, "<cell>").is_ok()
}

fn notebook(source: &str) -> Vec<u8> {
    let cell = serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
        "source": source});
    serde_json::to_vec(
        &serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}),
    )
    .unwrap()
}

#[test]
fn both_parsers_judge_the_fixture_cells_alike() {
    for (source, valid) in FIXTURES {
        let notebook = nbvet_notebook::read(&notebook(source)).notebook.unwrap();
        let parsed = ParsedNotebook::new(&notebook);
        assert_eq!(parsed.cells()[0].is_valid(), *valid, "{source}");
        // `x = ?` and unterminated strings are refused by both; magics are ours alone and not among these.
        assert_eq!(oracle_accepts(source), *valid, "oracle: {source}");
    }
}

#[derive(Debug, Default)]
struct Count {
    cells: usize,
    both: usize,
    neither: usize,
    only_ours: usize,
    only_oracle: Vec<String>,
}

fn compare(path: &Path, count: &mut Count) {
    let bytes = std::fs::read(path).unwrap();
    let Some(notebook) = nbvet_notebook::read(&bytes).notebook else {
        return;
    };
    let parsed = ParsedNotebook::new(&notebook);
    for cell in parsed.cells() {
        let CellCode::Python(text) = &cell.code else {
            continue;
        };
        // Magics are nodes of our tree and errors of the oracle's.
        let has_magics = cell
            .tokens()
            .iter()
            .any(|token| token.kind() == nbvet_engine::ast::token::TokenKind::IpyEscapeCommand);
        if has_magics || (cell.error.is_none() && !cell.is_valid()) {
            continue;
        }
        count.cells += 1;
        match (cell.is_valid(), oracle_accepts(&text.text)) {
            (true, true) => count.both += 1,
            (false, false) => count.neither += 1,
            (true, false) => count.only_ours += 1,
            (false, true) => count
                .only_oracle
                .push(format!("{} cell {}", path.display(), cell.cell.index)),
        }
    }
}

fn notebooks(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            notebooks(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "ipynb") {
            found.push(path);
        }
    }
}

#[test]
fn no_corpus_cell_is_taken_by_the_oracle_alone() -> ExitCode {
    let root = std::env::var_os("NBVET_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let corpus = root.join("corpus/notebooks");
    if !corpus.is_dir() {
        println!("skipped: no corpus");
        return ExitCode::SUCCESS;
    }
    let mut paths = Vec::new();
    notebooks(&corpus, &mut paths);
    // Every fourth notebook: the oracle is the slow side.
    let mut count = Count::default();
    for path in paths.iter().step_by(4) {
        compare(path, &mut count);
    }
    println!(
        "{} cells of plain Python: both {}, neither {}, only ours {}, only the oracle {}",
        count.cells,
        count.both,
        count.neither,
        count.only_ours,
        count.only_oracle.len()
    );
    // The oracle does not check assignment targets, so it takes a few cells that CPython refuses.
    assert!(count.only_oracle.len() <= 3, "{:#?}", count.only_oracle);
    assert!(count.both > 1000);
    ExitCode::SUCCESS
}
