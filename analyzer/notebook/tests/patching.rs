//! Single edits: the text of the file changes where the edit is, and nowhere else.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests; they may fail loudly"
)]

use std::{
    env, fs,
    ops::Range,
    path::{Path, PathBuf},
};

use expect_test::{Expect, expect};
use nbvet_notebook::read;
use nbvet_report::{Edit, Location};

/// A file whose only cell has this source, and the edits: a text of the source, and what replaces it.
fn check(source: &str, edits: &[(&str, &str)], expected: &Expect) {
    let file = format!("{{\"cells\": [{{\"cell_type\": \"code\", \"source\": {source}}}], \"nbformat\": 4}}");
    let notebook = read(file.as_bytes()).notebook.unwrap();
    let text = &notebook.cells()[0].source;
    let mut wanted = String::new();
    let mut done = 0;
    let mut editor = notebook.edit();
    for (old, new) in edits {
        let start = done + text[done..].find(old).unwrap();
        wanted.push_str(&text[done..start]);
        wanted.push_str(new);
        done = start + old.len();
        editor.apply(&Edit {
            location: notebook.location(0, start..done),
            replacement: (*new).to_owned(),
        });
    }
    wanted.push_str(&text[done..]);
    let edited = String::from_utf8(editor.finish()).unwrap();
    assert_eq!(
        read(edited.as_bytes()).notebook.unwrap().cells()[0].source,
        wanted
    );
    let start = file.find(source).unwrap();
    let end = edited.len() - (file.len() - start - source.len());
    assert_eq!(edited[..start], file[..start]);
    assert_eq!(edited[end..], file[start + source.len()..]);
    expected.assert_eq(&edited[start..end]);
}

#[test]
fn escapes_around_an_edit_stay_as_they_were_written() {
    check(
        r#"["\u0061 = '\u00e9'\n", "b = '\/é\ud83d\ude00'; c\n"]"#,
        &[("; c", "; \"ü\"")],
        &expect![[r#"["\u0061 = '\u00e9'\n", "b = '\/é\ud83d\ude00'; \"ü\"\n"]"#]],
    );
}

#[test]
fn a_new_line_becomes_a_text_of_its_own_in_a_list() {
    check(
        "[\n    \"!x\\n\",\n    \"y\"\n]",
        &[("x", "x\nz")],
        &expect![[r#"
            [
                "!x\n",
                "z\n",
                "y"
            ]"#]],
    );
    check(r#"["!x"]"#, &[("x", "x\nz")], &expect![[r#"["!x\n", "z"]"#]]);
    check(
        r#"["!x\n"]"#,
        &[("x\n", "x\nz\n")],
        &expect![[r#"["!x\n", "z\n"]"#]],
    );
    check(r#""!x\ny""#, &[("x", "x\nz")], &expect![[r#""!x\nz\ny""#]]);
}

#[test]
fn what_is_taken_away_over_several_lines_joins_what_is_left() {
    check(
        r#"["a\n", "b\n", "c\n", "d"]"#,
        &[("b\nc\n", "")],
        &expect![[r#"["a\n", "d"]"#]],
    );
    check(r#"["(a,\n", " b)"]"#, &[(",\n b", "")], &expect![[r#"["(a)"]"#]]);
}

#[test]
fn several_edits_are_made_at_once() {
    check(
        r#"["x = x.sort()\n", "y = y.sort()"]"#,
        &[("x = ", ""), ("y = ", ""), ("()", "()  # é")],
        &expect![[r#"["x.sort()\n", "y.sort()  # é"]"#]],
    );
}

#[test]
fn a_place_that_is_not_there_has_no_bytes() {
    let notebook = read(br#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": "ab\nc"}]}"#)
        .notebook
        .unwrap();
    let at = |cell, line, column| Location {
        cell,
        line,
        column,
        end_line: line,
        end_column: column,
        ..Location::default()
    };
    let bytes = |location| notebook.range_of(&location);
    assert_eq!(bytes(at(Some(0), 1, 3)), Some(2..2));
    assert_eq!(bytes(at(Some(0), 2, 2)), Some(4..4));
    for place in [
        at(Some(0), 1, 4),
        at(Some(0), 3, 1),
        at(Some(1), 1, 1),
        at(Some(0), 0, 1),
        at(None, 2, 1),
    ] {
        assert_eq!(bytes(place.clone()), None, "{place:?}");
    }
}

/// Every cell of every fiftieth notebook of the corpus: one character in its middle is replaced.
#[test]
fn an_edit_of_a_real_notebook_changes_its_own_bytes_alone() {
    let mut edited_cells = 0;
    for path in corpus().into_iter().step_by(50) {
        let bytes = fs::read(&path).unwrap();
        let Some(notebook) = read(&bytes).notebook else {
            continue;
        };
        for cell in notebook.cells() {
            let middle = cell.source.floor_char_boundary(cell.source.len() / 2);
            let Some(character) = cell.source[middle..].chars().next().filter(|c| *c != '\n') else {
                continue;
            };
            let range = middle..middle + character.len_utf8();
            let location = notebook.location(cell.index, range.clone());
            assert_eq!(
                notebook.range_of(&location),
                Some(range.clone()),
                "{}",
                path.display()
            );
            let mut editor = notebook.edit();
            editor.apply(&Edit {
                location,
                replacement: "§".to_owned(),
            });
            let edited = editor.finish();
            let place = format!("{} cell {}", path.display(), cell.index);
            assert!(changed(&bytes, &edited) <= 12, "{place}");
            if edited_cells % 50 == 0 {
                assert_eq!(
                    read(&edited).notebook.unwrap().cells()[cell.index as usize].source,
                    replaced(&cell.source, range, "§"),
                    "{place}"
                );
            }
            edited_cells += 1;
        }
    }
    println!("{edited_cells} cells edited");
}

fn replaced(text: &str, range: Range<usize>, new: &str) -> String {
    let mut text = text.to_owned();
    text.replace_range(range, new);
    text
}

/// The length of the old file's part that is not the same in both.
fn changed(old: &[u8], new: &[u8]) -> usize {
    let before = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - before;
    let after = (old.iter().rev().zip(new.iter().rev()).take(rest))
        .take_while(|(a, b)| a == b)
        .count();
    old.len() - before - after
}

fn corpus() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = env::var_os("NBVET_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let mut files = Vec::new();
    let mut folders = vec![shared.join("corpus/notebooks")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ipynb") {
                files.push(path);
            }
        }
    }
    files.sort();
    if files.is_empty() {
        println!("skipped: no corpus");
    }
    files
}
