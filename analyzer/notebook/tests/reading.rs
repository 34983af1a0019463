//! Bytes in; a notebook, or problems with line and column, out.

#![expect(clippy::panic, reason = "helpers of tests; they may fail loudly")]

use expect_test::{Expect, expect};
use nbvet_notebook::{CellKind, Language, Notebook, Output, ProblemKind, Reading, read};
use serde_json::json;

fn problems(bytes: &[u8]) -> String {
    let Reading { problems, notebook } = read(bytes);
    let fatal = problems.iter().any(|problem| problem.kind.is_fatal());
    assert_eq!(
        notebook.is_none(),
        fatal,
        "there is a notebook, or a fatal problem"
    );
    let line = |problem: &nbvet_notebook::Problem| {
        let at = &problem.location;
        let cell = at.cell.map(|cell| format!("cell {cell} ")).unwrap_or_default();
        let help = problem
            .help
            .as_deref()
            .map(|help| format!(" ({help})"))
            .unwrap_or_default();
        format!(
            "{:?} {cell}{}:{} line {}: {}{help}\n",
            problem.kind, at.line, at.column, at.file_line, problem.message
        )
    };
    problems.iter().map(line).collect()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a table of cases reads better without references"
)]
fn check(file: impl AsRef<[u8]>, expected: Expect) {
    expected.assert_eq(&problems(file.as_ref()));
}

fn notebook(file: &str) -> Notebook {
    let reading = read(file.as_bytes());
    reading
        .notebook
        .unwrap_or_else(|| panic!("a notebook: {:?}", reading.problems))
}

fn with_cells(cells: &str) -> String {
    format!(r#"{{"nbformat": 4, "nbformat_minor": 5, "metadata": {{}}, "cells": [{cells}]}}"#)
}

fn code_cell(source: &str) -> String {
    format!(
        r#"{{"cell_type": "code", "metadata": {{}}, "outputs": [], "execution_count": null, "source": {source}}}"#
    )
}

#[test]
fn files_of_another_kind_are_named() {
    check(
        "",
        expect![[r#"
        NotANotebook 1:1 line 1: the file is empty (a notebook has at least a list of cells; make a new one in Jupyter, or get the file again)
    "#]],
    );
    check(
        " \n\n",
        expect![[r#"
        NotANotebook 1:1 line 1: the file is empty (a notebook has at least a list of cells; make a new one in Jupyter, or get the file again)
    "#]],
    );
    check(
        "\n<!DOCTYPE html>\n<html>",
        expect![[r#"
        NotANotebook 2:1 line 2: this is a web page, not a notebook (download the file itself: on GitHub with the button Raw, or by `git clone`)
    "#]],
    );
    check(
        "version https://git-lfs.github.com/spec/v1\noid sha256:12",
        expect![[r#"
        NotANotebook 1:1 line 1: this is only a pointer to the notebook, which is stored in Git LFS (fetch the file with `git lfs pull`)
    "#]],
    );
    check(
        "import pandas as pd\n",
        expect![[r#"
        NotANotebook 1:1 line 1: this is a Python script (or other text), not a notebook (name it .py, or make a notebook of it: `jupytext --to notebook FILE`)
    "#]],
    );
    check(
        "PK\u{3}\u{4}rest",
        expect![[r#"
        NotANotebook 1:1 line 1: this is a zip archive (or an Office document), not a notebook
    "#]],
    );
    check(
        b"\xff\xfe{\0\"\0",
        expect![[r#"
        NotANotebook 1:1 line 1: the file is not UTF-8 but UTF-16 text (save it again as UTF-8 (on Windows, PowerShell's `>` writes UTF-16))
    "#]],
    );
    check(
        b"{\0\"\0n\0",
        expect![[r#"
        NotANotebook 1:1 line 1: the file is not UTF-8 but UTF-16 text (save it again as UTF-8 (on Windows, PowerShell's `>` writes UTF-16))
    "#]],
    );
    check(
        "\u{feff}{}",
        expect![[r#"
        NotANotebook 1:1 line 1: the file begins with a byte order mark; Jupyter cannot open it (save the file as UTF-8 without a byte order mark)
    "#]],
    );
    check(
        b"{\"a\":\n \"\xe9\"}",
        expect![[r#"
        NotANotebook 2:3 line 2: the file is not UTF-8 text: the byte 0xe9 does not belong here (the file may be damaged, or written in another encoding; open it in an editor and save it as UTF-8)
    "#]],
    );
}

#[test]
fn a_merge_conflict_is_named_with_its_line() {
    check(
        "{\n \"cells\": [\n<<<<<<< HEAD\n  1\n=======\n  2\n>>>>>>> branch\n ]\n}",
        expect![[r#"
        NotANotebook 3:1 line 3: git left a merge conflict in the file: this line is a conflict mark (resolve the conflict (nbdime's `nbdime mergetool` knows notebooks), or take one side: `git checkout --ours FILE`)
    "#]],
    );
}

#[test]
fn half_a_merge_conflict_is_one() {
    for (file, line) in [
        ("<<<<<<< HEAD\n{\"cells\": []}\n=======\n", 1),
        ("{\n=======\n>>>>>>> branch\n}", 3),
    ] {
        let Reading { problems, .. } = read(file.as_bytes());
        assert!(problems[0].message.contains("merge conflict"), "{problems:?}");
        assert_eq!(problems[0].location.file_line, line);
    }
}

#[test]
fn broken_json_has_line_and_column() {
    check(
        "{",
        expect![[r#"
        NotANotebook 1:2 line 1: the file ends in the middle: it was cut off while it was written, copied or downloaded (get the file again, or restore it from git or from .ipynb_checkpoints)
    "#]],
    );
    check(
        "{\"cells\": [\n  {\"cell_type\": \"co",
        expect![[r#"
        NotANotebook 2:20 line 2: the file ends in the middle: it was cut off while it was written, copied or downloaded (get the file again, or restore it from git or from .ipynb_checkpoints)
    "#]],
    );
    check(
        "{\"é\": 1,\n \"é\": x}",
        expect![[r#"
        NotANotebook 2:7 line 2: the file is not valid JSON: expected value
    "#]],
    );
    check(
        "{\"cells\": [1,\n]}",
        expect![[r#"
        NotANotebook 2:1 line 2: the file is not valid JSON: there is a comma too many before this (delete the comma)
    "#]],
    );
    check(
        "{\"cells\": [1 2]}",
        expect![[r#"
        NotANotebook 1:14 line 1: the file is not valid JSON: a comma, a quote or a bracket is missing here or just before
    "#]],
    );
    check(
        "{'cells': []}",
        expect![[r#"
        NotANotebook 1:2 line 1: the file is not valid JSON: names need double quotes (this looks like a printed Python dict: write it with `json.dump`)
    "#]],
    );
    check(
        "{\"a\": \"b\n\"}",
        expect![[r#"
        NotANotebook 1:8 line 1: the file is not valid JSON: a text is not closed before the end of its line (a quote may be missing at its end)
    "#]],
    );
    check(
        "{}\n{}",
        expect![[r#"
        NotANotebook 2:1 line 2: the file is not valid JSON: the notebook ends before this, and more follows (delete what follows)
    "#]],
    );
    check(
        "\0",
        expect![[r#"
        NotANotebook 1:1 line 1: the file is not valid JSON: expected value
    "#]],
    );
    check(
        "{\"a\": \"\0\"}",
        expect![[r#"
        NotANotebook 1:7 line 1: the file is not valid JSON: a text is not closed before the end of its line (a quote may be missing at its end)
    "#]],
    );
}

#[test]
fn json_that_is_no_notebook_is_named() {
    check(
        "[]",
        expect![[r#"
        NotANotebook 1:1 line 1: this is JSON, but a list and not a notebook: a notebook is an object with `cells`
    "#]],
    );
    check(
        "3",
        expect![[r#"
        NotANotebook 1:1 line 1: this is JSON, but a number and not a notebook: a notebook is an object with `cells`
    "#]],
    );
    check(
        "\"text\"",
        expect![[r#"
        NotANotebook 1:1 line 1: this is JSON, but a text and not a notebook: a notebook is an object with `cells`
    "#]],
    );
    check(
        "{}",
        expect![[r#"
        NotANotebook 1:1 line 1: this is JSON, but not a notebook: it has neither `cells` nor `nbformat`
    "#]],
    );
    check(
        r#"{"cells": []}"#,
        expect![[r#"
        NotANotebook 1:1 line 1: this looks like a notebook, but its `nbformat` number is missing, so Jupyter cannot tell how to read it
    "#]],
    );
    check(
        r#"{"nbformat": 4}"#,
        expect![[r#"
        NotANotebook 1:1 line 1: this is no notebook: it has no `cells`
    "#]],
    );
    check(
        r#"{"nbformat": 4, "cells": {"a": 1}}"#,
        expect![[r#"
        NotANotebook 1:1 line 1: this is no notebook: `cells` is an object, where a list belongs
    "#]],
    );
    check(
        "{\"cells\": [],\n \"nbformat\": 5}",
        expect![[r#"
        NotANotebook 2:14 line 2: the notebook is in nbformat 5, which is newer than nbvet knows (4) (update nbvet, or save the notebook as nbformat 4)
    "#]],
    );
    check(
        r#"{"nbformat": 1, "cells": []}"#,
        expect![[r#"
        NotANotebook 1:14 line 1: the notebook is in nbformat 1, which is from before 2011 (open it in Jupyter and save it)
    "#]],
    );
    check(
        r#"{"nbformat": "4", "cells": []}"#,
        expect![[r#"
        NotANotebook 1:14 line 1: `nbformat` is a text, where 4 belongs
    "#]],
    );
    check(
        r#"{"nbformat": 3, "cells": []}"#,
        expect![[r#"
        NotANotebook 1:1 line 1: this is no notebook: it has no `worksheets`
    "#]],
    );
    check(
        r#"{"nbformat": 3, "worksheets": [3]}"#,
        expect![[r#"
        NotANotebook 1:1 line 1: this is no notebook: `worksheets` is a number, where a list belongs
    "#]],
    );
}

#[test]
fn what_only_python_reads_is_read_and_said() {
    let file = with_cells(&code_cell(r#""a = \"NaN\" \ud83d""#)).replace(
        r#""metadata": {},"#,
        "\"metadata\": {\"loss\":\n NaN, \"x\": [-Infinity, Infinity]},",
    );
    check(
        &file,
        expect![[r#"
        NonstandardJson 2:2 line 2: the file holds `NaN`, which is no JSON; only Python reads it (mend the value where it comes from (often a metric in metadata or an output) and save the notebook again)
    "#]],
    );
    let notebook = notebook(&file);
    assert_eq!(notebook.cells()[0].source, "a = \"NaN\" \u{fffd}");
    assert_eq!(
        serde_json::Value::from(notebook.metadata()),
        json!({"loss": null, "x": [null, null]})
    );
    check(
        with_cells(&code_cell(r#""\udc00\ud83d\ude00 \\ud83d""#)),
        expect![[r#"
        NonstandardJson 1:153 line 1: the file holds half of a character (a lone surrogate), which no text can hold; only Python reads it (mend the text where it comes from and save the notebook again)
    "#]],
    );
    check(with_cells(&code_cell(r#""\ud83d\ude00 \\ud83d""#)), expect![""]);
}

#[test]
fn malformed_cells_are_recovered_and_said() {
    check(
        with_cells("3, null, [[1]], \"x\", {}"),
        expect![[r#"
            UnreadCell cell 0 1:1 line 1: cell is a number, where an object belongs: if it is code, it does not run (open the notebook in Jupyter and save it, or mend this part by hand)
            UnreadCell cell 1 1:1 line 1: cell is null, where an object belongs: if it is code, it does not run (open the notebook in Jupyter and save it, or mend this part by hand)
            UnreadCell cell 2 1:1 line 1: cell is a list, where an object belongs: if it is code, it does not run (open the notebook in Jupyter and save it, or mend this part by hand)
            UnreadCell cell 3 1:1 line 1: cell is a text, where an object belongs: if it is code, it does not run (open the notebook in Jupyter and save it, or mend this part by hand)
            UnreadCell cell 4 1:1 line 1: cell has no `cell_type`: if it is code, it does not run (open the notebook in Jupyter and save it, or mend this part by hand)
            MalformedCell cell 4 1:1 line 1: cell has no `source`; it was read as empty (open the notebook in Jupyter and save it, or mend this part by hand)
        "#]],
    );
    check(
        with_cells(&code_cell("5")),
        expect![[r#"
            UnreadCell cell 0 1:1 line 1: the cell's source is a number, where a text or a list of texts belongs (open the notebook in Jupyter and save it, or mend this part by hand)
        "#]],
    );
    check(
        with_cells(&code_cell(r#"["a", null, {"b": [1]}, "c"]"#)),
        expect![[r#"
            UnreadCell cell 0 1:1 line 1: the cell's source is a list with something other than texts in it (open the notebook in Jupyter and save it, or mend this part by hand)
        "#]],
    );
    check(
        with_cells(r#"{"cell_type": "kode", "source": ""}"#),
        expect![[r#"
            UnreadCell cell 0 1:1 line 1: cell has the unknown `cell_type` "kode": if it is code, it does not run (open the notebook in Jupyter and save it, or mend this part by hand)
        "#]],
    );
    check(
        with_cells(
            r#"{"cell_type": "code", "metadata": [], "outputs": 1, "execution_count": 1e400, "id": 3}"#,
        ),
        expect![[r#"
            UnreadCell cell 0 1:1 line 1: cell has no `source`; it was read as empty (open the notebook in Jupyter and save it, or mend this part by hand)
            MalformedCell cell 0 1:1 line 1: the cell's metadata are a list, where an object belongs (open the notebook in Jupyter and save it, or mend this part by hand)
            MalformedCell cell 0 1:1 line 1: the cell's id is a number, where a text belongs (open the notebook in Jupyter and save it, or mend this part by hand)
            MalformedCell cell 0 1:1 line 1: the cell's execution count is 1e400 (open the notebook in Jupyter and save it, or mend this part by hand)
            MalformedCell cell 0 1:1 line 1: the cell's outputs are a number, where a list belongs (open the notebook in Jupyter and save it, or mend this part by hand)
        "#]],
    );
    check(
        with_cells(r#"{"cell_type": "raw", "metadata": {"tags": "skip"}, "source": "x"}"#),
        expect![[r#"
        MalformedCell cell 0 1:1 line 1: the cell's tags are a text, where a list of texts belongs (open the notebook in Jupyter and save it, or mend this part by hand)
    "#]],
    );
    check(
        with_cells(&code_cell("1").replace("null", "99999999999999999999999999999999999999999999999")),
        expect![[r#"
            UnreadCell cell 0 1:1 line 1: the cell's source is a number, where a text or a list of texts belongs (open the notebook in Jupyter and save it, or mend this part by hand)
            MalformedCell cell 0 1:1 line 1: the cell's execution count is 9999999999999999999999999999999999999999… (open the notebook in Jupyter and save it, or mend this part by hand)
        "#]],
    );
    let notebook = notebook(&with_cells(&code_cell(r#"["a", null, {"b": [1]}, "c"]"#)));
    assert_eq!(notebook.cells()[0].source, "ac");
}

#[test]
fn two_cells_with_one_id_are_said() {
    let cell = r#"{"cell_type": "raw", "metadata": {}, "source": "x", "id": "a"}"#;
    check(
        with_cells(&format!("{cell},\n{cell},\n{cell}")),
        expect![[r#"
        DuplicateCellId cell 1 1:1 line 2: cell 1 and cell 0 have the same id "a" (open the notebook in Jupyter and save it: it gives new ids)
        DuplicateCellId cell 2 1:1 line 3: cell 2 and cell 0 have the same id "a" (open the notebook in Jupyter and save it: it gives new ids)
    "#]],
    );
}

#[test]
fn the_last_of_repeated_keys_counts_as_in_python() {
    let notebook = notebook(&with_cells(
        r#"{"source": "first", "cell_type": "raw", "source": "last", "cell_type": "code"}"#,
    ));
    assert_eq!(
        (notebook.cells()[0].kind, notebook.cells()[0].source.as_str()),
        (CellKind::Code, "last")
    );
}

#[test]
fn cells_have_kind_id_source_tags_and_count() {
    let notebook = notebook(&with_cells(
        r#"{"cell_type": "markdown", "metadata": {}, "source": ["\u00e9\n", "b"]},
           {"cell_type": "code", "metadata": {"tags": ["a", "b"], "vscode": {"languageId": "R"}}, "id": "x",
            "outputs": [], "execution_count": 7, "source": ""}"#,
    ));
    assert_eq!(
        (notebook.cells()[0].kind, notebook.cells()[0].source.as_str()),
        (CellKind::Markdown, "é\nb")
    );
    let code = notebook.code_cells().next().unwrap();
    assert_eq!(
        (code.index, code.id.as_deref(), code.execution_count),
        (1, Some("x"), Some(7))
    );
    assert!(code.has_tag("b") && !code.has_tag("c"));
    assert_eq!(code.language, Some(Language::Other("R".to_owned())));
    assert_eq!(notebook.format(), (4, 5));
}

#[test]
fn the_language_is_the_kernels() {
    for (metadata, expected) in [
        (
            r#"{"kernelspec": {"language": "python", "name": "x"}}"#,
            Language::Python,
        ),
        (
            r#"{"kernelspec": {"name": "ir"}}"#,
            Language::Other("R".to_owned()),
        ),
        (
            r#"{"kernelspec": {"name": "julia-1.6"}}"#,
            Language::Other("Julia".to_owned()),
        ),
        (r#"{"kernelspec": {"name": "my-env"}}"#, Language::Unspecified),
        (r#"{"kernelspec": {"name": "python3"}}"#, Language::Python),
        (
            r#"{"language_info": {"name": "scala"}}"#,
            Language::Other("scala".to_owned()),
        ),
        (r#"{"kernelspec": 3}"#, Language::Unspecified),
        ("[]", Language::Unspecified),
    ] {
        let file = format!(r#"{{"nbformat": 4, "metadata": {metadata}, "cells": []}}"#);
        assert_eq!(notebook(&file).language(), expected, "{metadata}");
    }
}

const OLD: &str = r#"{"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "old"}, "worksheets": [
 {"cells": [{"cell_type": "heading", "level": 1, "metadata": {}, "source": "Title"},
  {"cell_type": "code", "collapsed": false, "input": ["x = 1\n", "x"], "language": "python", "metadata": {},
   "outputs": [
    {"output_type": "stream", "stream": "stderr", "text": ["a\n", "b"]},
    {"output_type": "pyout", "prompt_number": 2, "text": ["1"], "html": "<b>", "json": "[1]", "metadata": {}},
    {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": ["t"]},
    {"output_type": "odd"}], "prompt_number": 2}]},
 {"cells": [{"cell_type": "markdown", "metadata": {}, "source": ["b"]}]}]}"#;

#[test]
fn nbformat_3_is_read_into_the_same_model() {
    let notebook = notebook(OLD);
    let kinds: Vec<CellKind> = notebook.cells().iter().map(|cell| cell.kind).collect();
    assert_eq!(kinds, [CellKind::Markdown, CellKind::Code, CellKind::Markdown]);
    assert_eq!(notebook.cells()[1].source, "x = 1\nx");
    assert_eq!(notebook.cells()[1].execution_count, Some(2));
    assert_eq!(notebook.language(), Language::Python);
    let outputs = notebook.outputs(1);
    assert_eq!(
        outputs[0],
        Output::Stream {
            name: "stderr".to_owned(),
            text: "a\nb".to_owned()
        }
    );
    let Output::ExecuteResult {
        data,
        execution_count: Some(2),
        ..
    } = &outputs[1]
    else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        serde_json::Value::from(data.clone()),
        json!({"text/plain": "1", "text/html": "<b>", "application/json": [1]})
    );
    assert!(matches!(outputs[2], Output::Error { .. }));
    assert!(matches!(outputs[3], Output::Unknown(_)));
}

#[test]
fn outputs_are_typed_and_their_lines_joined() {
    let file = with_cells(&code_cell("\"\"").replace(
        r#""outputs": []"#,
        r#""outputs": [{"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]},
            {"output_type": "display_data", "metadata": {"k": 1}, "data": {"text/plain": ["a", "b"], "application/vnd.x+json": ["a", "b"]}},
            {"output_type": "stream", "name": "stdout"}, 3, NaN]"#,
    ));
    let outputs = notebook(&file).outputs(0);
    assert_eq!(
        outputs[0],
        Output::Stream {
            name: "stdout".to_owned(),
            text: "a\nb".to_owned()
        }
    );
    let Output::DisplayData { data, metadata } = &outputs[1] else {
        panic!("{outputs:?}")
    };
    assert_eq!(
        serde_json::Value::from(data.clone()),
        json!({"text/plain": "ab", "application/vnd.x+json": ["a", "b"]})
    );
    assert_eq!(serde_json::Value::from(metadata.clone()), json!({"k": 1}));
    assert!(
        outputs[2..]
            .iter()
            .all(|output| matches!(output, Output::Unknown(_)))
    );
    assert_eq!(outputs.len(), 5);
}

#[test]
fn places_are_given_in_the_cell_and_in_the_file() {
    let file = "{\"nbformat\": 4,\n\"cells\": [{\"cell_type\": \"code\", \"id\": \"c\",\n\"source\": [\n \"é = 1\\n\",\n \"b\",\n \" = 2\\n\"\n]},\n{\"cell_type\": \"code\", \"source\": \"a\\n\\u00e9\\nb\"}, 3]}";
    let notebook = notebook(file);
    let place = |cell, range| {
        let at = notebook.location(cell, range);
        format!(
            "{}:{}-{}:{} file {}-{}",
            at.line, at.column, at.end_line, at.end_column, at.file_line, at.file_end_line
        )
    };
    assert_eq!(notebook.cells()[0].source, "é = 1\nb = 2\n");
    assert_eq!(place(0, 0..2), "1:1-1:2 file 4-4");
    assert_eq!(place(0, 3..6), "1:3-1:6 file 4-4");
    assert_eq!(place(0, 7..8), "2:1-2:2 file 5-6");
    assert_eq!(place(0, 11..12), "2:5-2:6 file 6-6");
    assert_eq!(place(0, 0..999), "1:1-3:1 file 4-6");
    assert_eq!(
        place(0, 1..1),
        "1:1-1:1 file 4-4",
        "within a character: its beginning"
    );
    assert_eq!(place(1, 2..4), "2:1-2:2 file 8-8");
    assert_eq!(place(2, 0..0), "1:1-1:1 file 8-8");
    assert_eq!(place(99, 0..0), "1:1-1:1 file 1-1");
    assert_eq!(notebook.location(0, 0..1).cell_id.as_deref(), Some("c"));
}

#[test]
fn no_depth_of_nesting_overflows_the_stack() {
    let deep = "[".repeat(1_000_000);
    assert!(problems(deep.as_bytes()).contains("ends in the middle"));
    let closed = deep.clone() + &"]".repeat(1_000_000);
    assert!(problems(closed.as_bytes()).contains("a list"));
    for cell in [
        closed.clone(),
        code_cell(&closed),
        code_cell("\"\"").replace("[]", &closed),
    ] {
        let reading = read(with_cells(&cell).as_bytes());
        let notebook = reading.notebook.expect("deep values are skipped");
        notebook.outputs(0);
        let mut editor = notebook.edit();
        editor.set_source(0, "x");
        editor.finish();
    }
    let metadata = format!(r#"{{"nbformat": 4, "metadata": {{"kernelspec": {closed}}}, "cells": []}}"#);
    assert!(notebook(&metadata).metadata().is_empty());
}

#[test]
fn fifty_megabytes_are_read() {
    let output = format!(
        r#"{{"output_type": "stream", "name": "stdout", "text": "{}"}}"#,
        "0".repeat(48_000_000)
    );
    let big = code_cell("\"a = 1\"").replace(r#""outputs": []"#, &format!(r#""outputs": [{output}]"#));
    let long = code_cell(&format!("\"{}\"", "y = 1\\n".repeat(300_000)));
    let file = with_cells(&format!("{big}, {}, {long}", code_cell("\"b\"")));
    assert!(file.len() > 49_000_000);
    let notebook = notebook(&file);
    assert_eq!(notebook.cells().len(), 3);
    assert_eq!(notebook.location(2, 12..13).line, 3);
}

#[test]
fn every_beginning_of_a_notebook_gives_a_problem_or_a_notebook() {
    for end in 0..OLD.len() {
        let found = read(&OLD.as_bytes()[..end]);
        assert!(
            found
                .problems
                .iter()
                .any(|problem| problem.kind == ProblemKind::NotANotebook),
            "cut off at {end}"
        );
    }
}

#[test]
fn a_name_of_no_number_counts_only_where_it_stands_alone() {
    for glued in ["1NaN", "1-Infinity", "NaN1", "-NaN", "1.Infinity"] {
        let file = with_cells(&code_cell(r#""a""#))
            .replace("\"metadata\": {}", &format!("\"metadata\": {{\"a\": {glued}}}"));
        assert!(file.contains(glued));
        assert!(read(file.as_bytes()).notebook.is_none(), "{glued}");
    }
}
