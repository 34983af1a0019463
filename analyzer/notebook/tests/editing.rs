//! Edits: only the values that change are written anew, in the file's own way of writing.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests; they may fail loudly"
)]

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use expect_test::{Expect, expect};
use nbvet_notebook::{CellKind, Notebook, Output, read};
use serde_json::{Map, Value, json};

fn notebook(file: &[u8]) -> Notebook {
    let reading = read(file);
    reading
        .notebook
        .unwrap_or_else(|| panic!("a notebook: {:?}", reading.problems))
}

fn bundle(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else {
        panic!("a bundle is an object")
    };
    members
}

fn outputs() -> Vec<Output> {
    vec![
        Output::Stream {
            name: "stdout".to_owned(),
            text: "é\nb".to_owned(),
        },
        Output::DisplayData {
            data: bundle(json!({"image/png": "iVBO", "text/plain": "a\nb"})),
            metadata: Map::new(),
        },
        Output::ExecuteResult {
            data: bundle(json!({"text/plain": "1", "application/json": {"a": [1, "b\nc"]}})),
            metadata: bundle(json!({"k": true})),
            execution_count: Some(3),
        },
        Output::Error {
            ename: "E".to_owned(),
            evalue: "v".to_owned(),
            traceback: vec!["\u{1b}[31mt".to_owned()],
        },
    ]
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a table of cases reads better without references"
)]
fn check(file: &str, outputs: &[Output], expected: Expect) {
    let notebook = notebook(file.as_bytes());
    let mut editor = notebook.edit();
    editor
        .set_source(0, "x = \"é\"\ny")
        .set_outputs(0, outputs, Some(3));
    let edited = editor.finish();
    expected.assert_eq(str::from_utf8(&edited).unwrap());
    reads_again(&edited, outputs);
}

fn reads_again(edited: &[u8], outputs: &[Output]) {
    let again = notebook(edited);
    assert_eq!(again.cells()[0].source, "x = \"é\"\ny");
    assert_eq!(again.cells()[0].execution_count, Some(3));
    assert_eq!(again.outputs(0), outputs);
}

const STREAM: usize = 1;

#[test]
fn an_indented_file_keeps_its_indentation_and_lists_of_lines() {
    check(
        "{\n  \"cells\": [\n    {\n      \"cell_type\": \"code\",\n      \"execution_count\": null,\n      \"metadata\": {},\n      \"outputs\": [],\n      \"source\": [\n        \"old\"\n      ]\n    }\n  ],\n  \"metadata\": {},\n  \"nbformat\": 4,\n  \"nbformat_minor\": 4\n}\n",
        &outputs(),
        expect![[r#"
            {
              "cells": [
                {
                  "cell_type": "code",
                  "execution_count": 3,
                  "metadata": {},
                  "outputs": [
                    {
                      "name": "stdout",
                      "output_type": "stream",
                      "text": [
                        "é\n",
                        "b"
                      ]
                    },
                    {
                      "data": {
                        "image/png": "iVBO",
                        "text/plain": [
                          "a\n",
                          "b"
                        ]
                      },
                      "metadata": {},
                      "output_type": "display_data"
                    },
                    {
                      "data": {
                        "text/plain": [
                          "1"
                        ],
                        "application/json": {
                          "a": [
                            1,
                            "b\nc"
                          ]
                        }
                      },
                      "execution_count": 3,
                      "metadata": {
                        "k": true
                      },
                      "output_type": "execute_result"
                    },
                    {
                      "ename": "E",
                      "evalue": "v",
                      "output_type": "error",
                      "traceback": [
                        "\u001b[31mt"
                      ]
                    }
                  ],
                  "source": [
                    "x = \"é\"\n",
                    "y"
                  ]
                }
              ],
              "metadata": {},
              "nbformat": 4,
              "nbformat_minor": 4
            }
        "#]],
    );
}

#[test]
fn a_file_on_one_line_stays_on_it() {
    let compact = r#"{"cells":[{"source":"old","cell_type":"code","metadata":{},"outputs":[],"execution_count":1}],"metadata":{"a":"\u00e9"},"nbformat":4,"nbformat_minor":4}"#;
    check(
        compact,
        &outputs()[..STREAM],
        expect![[
            r#"{"cells":[{"source":"x = \"\u00e9\"\ny","cell_type":"code","metadata":{},"outputs":[{"name":"stdout","output_type":"stream","text":"\u00e9\nb"}],"execution_count":3}],"metadata":{"a":"\u00e9"},"nbformat":4,"nbformat_minor":4}"#
        ]],
    );
    check(
        &compact.replace(':', ": ").replace(',', ", "),
        &outputs()[..STREAM],
        expect![[
            r#"{"cells": [{"source": "x = \"\u00e9\"\ny", "cell_type": "code", "metadata": {}, "outputs": [{"name": "stdout", "output_type": "stream", "text": "\u00e9\nb"}], "execution_count": 3}], "metadata": {"a": "\u00e9"}, "nbformat": 4, "nbformat_minor": 4}"#
        ]],
    );
}

#[test]
fn nbformat_3_is_written_in_its_own_shapes() {
    check(
        "{\n \"metadata\": {\"name\": \"x\"},\n \"nbformat\": 3,\n \"nbformat_minor\": 0,\n \"worksheets\": [\n  {\n   \"cells\": [\n    {\n     \"cell_type\": \"code\",\n     \"input\": \"old\",\n     \"language\": \"python\",\n     \"metadata\": {},\n     \"outputs\": []\n    }\n   ],\n   \"metadata\": {}\n  }\n ]\n}",
        &outputs(),
        expect![[r#"
            {
             "metadata": {"name": "x"},
             "nbformat": 3,
             "nbformat_minor": 0,
             "worksheets": [
              {
               "cells": [
                {
                 "cell_type": "code",
                 "input": "x = \"é\"\ny",
                 "language": "python",
                 "metadata": {},
                 "outputs": [
                  {
                   "output_type": "stream",
                   "stream": "stdout",
                   "text": "é\nb"
                  },
                  {
                   "png": "iVBO",
                   "text": "a\nb",
                   "metadata": {},
                   "output_type": "display_data"
                  },
                  {
                   "text": "1",
                   "json": "{\"a\":[1,\"b\\nc\"]}",
                   "metadata": {
                    "k": true
                   },
                   "output_type": "pyout",
                   "prompt_number": 3
                  },
                  {
                   "ename": "E",
                   "evalue": "v",
                   "output_type": "pyerr",
                   "traceback": [
                    "\u001b[31mt"
                   ]
                  }
                 ],
                 "prompt_number": 3
                }
               ],
               "metadata": {}
              }
             ]
            }"#]],
    );
}

#[test]
fn a_value_that_was_not_there_is_added() {
    check(
        r#"{"nbformat": 4, "cells": [{"cell_type": "code"}]}"#,
        &[],
        expect![[
            r#"{"nbformat": 4, "cells": [{"cell_type": "code", "execution_count": 3, "outputs": [], "source": ["x = \"é\"\n", "y"]}]}"#
        ]],
    );
}

#[test]
fn line_ends_of_windows_are_kept() {
    let file = "{\r\n \"cells\": [\r\n  {\r\n   \"cell_type\": \"code\",\r\n   \"execution_count\": null,\r\n   \"outputs\": [],\r\n   \"source\": []\r\n  }\r\n ],\r\n \"nbformat\": 4\r\n}";
    let notebook = notebook(file.as_bytes());
    let mut editor = notebook.edit();
    editor.set_source(0, "a\nb");
    let edited = String::from_utf8(editor.finish()).unwrap();
    assert_eq!(
        edited,
        file.replace("[]\r\n  }", "[\r\n    \"a\\n\",\r\n    \"b\"\r\n   ]\r\n  }")
    );
}

#[test]
fn cells_that_are_no_objects_stay() {
    let file = br#"{"nbformat": 4, "cells": [3, {}]}"#;
    let notebook = notebook(file);
    let mut editor = notebook.edit();
    editor.set_source(0, "x").set_source(1, "y");
    assert_eq!(
        editor.finish(),
        br#"{"nbformat": 4, "cells": [3, {"source": ["y"]}]}"#
    );
}

#[test]
fn what_only_python_reads_stays_when_something_else_changes() {
    let file = r#"{"nbformat": 4, "metadata": {"a": NaN}, "cells": [{"cell_type": "raw", "source": "x", "metadata": {"b": -Infinity, "c": "\ud800"}}]}"#;
    let notebook = notebook(file.as_bytes());
    let mut editor = notebook.edit();
    editor.set_source(0, "y");
    assert_eq!(editor.finish(), file.replace("\"x\"", "\"y\"").as_bytes());
}

#[test]
#[should_panic(expected = "only code cells have outputs")]
fn outputs_of_text_are_our_own_fault() {
    let notebook = notebook(br#"{"nbformat": 4, "cells": [{"cell_type": "raw", "source": "x"}]}"#);
    notebook.edit().set_outputs(0, &[], None);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders down")
        .to_owned()
}

fn files_under(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files_under(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "ipynb") {
            files.push(path);
        }
    }
}

/// Notebooks of the corpus, where there is one: all, or every so many.
fn corpus(step: usize) -> Vec<PathBuf> {
    let shared = env::var_os("NBVET_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let mut files = Vec::new();
    files_under(&shared.join("corpus/notebooks"), &mut files);
    if files.is_empty() {
        println!("skipped: no corpus");
    }
    files.sort();
    files.into_iter().step_by(step).collect()
}

#[test]
fn a_real_notebook_without_changes_is_written_as_it_was() {
    for path in corpus(1) {
        let bytes = fs::read(&path).unwrap();
        let Some(notebook) = read(&bytes).notebook else {
            continue;
        };
        assert!(notebook.edit().finish() == bytes, "{}", path.display());
    }
}

#[test]
fn editing_one_source_of_a_real_notebook_changes_that_source_alone() {
    for path in corpus(5) {
        let bytes = fs::read(&path).unwrap();
        let Some(notebook) = read(&bytes).notebook else {
            continue;
        };
        let Some(cell) = notebook.cells().iter().rfind(|cell| !cell.source.is_empty()) else {
            continue;
        };
        let mut editor = notebook.edit();
        editor.set_source(cell.index, "§");
        let edited = editor.finish();
        let changed = bytes.len() - unchanged(&bytes, &edited);
        let most = 8 * cell.source.len() + 40 * cell.source.lines().count() + 40;
        assert!(changed <= most, "{}: {changed} bytes changed", path.display());
        let again = self::notebook(&edited);
        for (old, new) in notebook.cells().iter().zip(again.cells()) {
            let expected = if old.index == cell.index {
                "§"
            } else {
                &old.source
            };
            assert_eq!(new.source, expected, "{} cell {}", path.display(), old.index);
        }
    }
}

/// How many bytes two files have in common at their beginning and at their end.
fn unchanged(old: &[u8], new: &[u8]) -> usize {
    let shorter = old.len().min(new.len());
    let longest = |is_same: &dyn Fn(usize) -> bool, most: usize| {
        let (mut same, mut differs) = (0, most + 1);
        while differs - same > 1 {
            let middle = usize::midpoint(same, differs);
            if is_same(middle) {
                same = middle;
            } else {
                differs = middle;
            }
        }
        same
    };
    let before = longest(&|length| old[..length] == new[..length], shorter);
    let after = longest(
        &|length| old[old.len() - length..] == new[new.len() - length..],
        shorter - before,
    );
    before + after
}

#[test]
fn setting_the_outputs_that_a_real_notebook_has_keeps_their_meaning() {
    for path in corpus(20) {
        let bytes = fs::read(&path).unwrap();
        let Some(notebook) = read(&bytes).notebook else {
            continue;
        };
        let mut editor = notebook.edit();
        for cell in notebook.code_cells() {
            editor.set_outputs(cell.index, &notebook.outputs(cell.index), cell.execution_count);
        }
        let again = self::notebook(&editor.finish());
        for cell in notebook.code_cells() {
            assert!(
                again.outputs(cell.index) == notebook.outputs(cell.index),
                "{} cell {}",
                path.display(),
                cell.index
            );
        }
    }
}

/// Edited notebooks as `nbformat` sees them, where the project's Python environment has it.
#[test]
fn edited_notebooks_are_valid_by_the_formats_own_schema() {
    let python = root().join(".venv/bin/python");
    let has_nbformat = Command::new(&python)
        .args(["-c", "import nbformat"])
        .stderr(Stdio::null())
        .status();
    if !has_nbformat.is_ok_and(|status| status.success()) {
        println!("skipped: no nbformat in .venv");
        return;
    }
    let current = br#"{"cells":[{"source":"old","cell_type":"code","metadata":{},"outputs":[],"execution_count":1,"id":"a"}],"metadata":{},"nbformat":4,"nbformat_minor":5}"#;
    let old = br#"{"metadata":{"name":"x"},"nbformat":3,"nbformat_minor":0,"worksheets":[{"metadata":{},"cells":[{"input":"old","cell_type":"code","language":"python","collapsed":false,"metadata":{},"outputs":[],"prompt_number":1}]}]}"#;
    for file in [current.as_slice(), old] {
        let notebook = notebook(file);
        let mut editor = notebook.edit();
        editor.set_source(0, "a\nb").set_outputs(0, &outputs(), Some(3));
        validate(&python, &editor.finish());
    }
}

fn validate(python: &Path, file: &[u8]) {
    let script = "import sys, json, nbformat; nbformat.validate(json.load(sys.stdin.buffer))";
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(file).unwrap();
    assert!(
        child.wait().unwrap().success(),
        "{}",
        String::from_utf8_lossy(file)
    );
}

#[test]
fn kinds_of_cells_survive_an_edit() {
    let notebook = notebook(br#"{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "x"}]}"#);
    let mut editor = notebook.edit();
    editor.set_source(0, "y");
    assert_eq!(
        self::notebook(&editor.finish()).cells()[0].kind,
        CellKind::Markdown
    );
}

#[test]
fn what_is_no_text_is_written_as_text_where_the_format_has_only_text() {
    let file = br#"{"cells":[{"cell_type":"code","source":"x","metadata":{},"outputs":[],"execution_count":1}],"metadata":{},"nbformat":4,"nbformat_minor":4}"#;
    let notebook = notebook(file);
    let data = json!({"text/html": null, "application/x-own": {"n": 1}, "application/x-own+json": {"n": 1}});
    let shown = Output::DisplayData {
        data: bundle(data),
        metadata: Map::new(),
    };
    let mut editor = notebook.edit();
    editor.set_outputs(0, &[shown], Some(1));
    let written: Value = serde_json::from_slice(&editor.finish()).unwrap();
    let expected =
        json!({"text/html": "null", "application/x-own": "{\"n\":1}", "application/x-own+json": {"n": 1}});
    assert_eq!(written["cells"][0]["outputs"][0]["data"], expected);
}
