//! `nbvet validate --golden`, with a real Python.

use std::fs;

use expect_test::expect;
use serde_json::{Value, json};

use crate::{
    python::python,
    sandbox::{Sandbox, notebook},
};

/// A notebook of code cells with the text that each has printed.
fn printed(cells: &[(&str, &str)]) -> String {
    let sources: Vec<&str> = cells.iter().map(|(source, _)| *source).collect();
    let mut value: Value = serde_json::from_str(&notebook(&sources)).unwrap();
    for (cell, (_, text)) in value["cells"].as_array_mut().unwrap().iter_mut().zip(cells) {
        cell["execution_count"] = json!(1);
        if !text.is_empty() {
            cell["outputs"] = json!([{"output_type": "stream", "name": "stdout", "text": text}]);
        }
    }
    serde_json::to_string_pretty(&value).unwrap() + "\n"
}

#[test]
fn a_run_is_held_against_the_outputs_of_another_notebook() {
    let Some(python) = python() else { return };
    let cells = [
        "loss = 0.57",
        "print('start')\nprint('loss', loss)",
        "print(1.00004)",
    ];
    let golden = printed(&[
        (cells[0], ""),
        (cells[1], "start\nloss 0.5\n"),
        (cells[2], "1.00005\n"),
    ]);
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&cells))
        .file("golden.ipynb", &golden);
    sandbox.check(
        &[
            "validate",
            "a.ipynb",
            "--golden",
            "golden.ipynb",
            "--python",
            &python,
        ],
        &expect![[r#"
            exit 1
            --- stdout
            ✗ Failed a.ipynb  at development · 3 cells ran in [s] · Python [version] (`--python`)
              golden outputs (golden.ipynb): 2 of 3 cells equal · accepted: numbers within the tolerance (1)

            error[NB112]: stdout, line 2 differs from the golden notebook: expected `loss 0.5`, got `loss 0.57` (14 % apart, 0.01 % allowed)
               ╭─[ a.ipynb:20 · cell 1, In [2]:1:1 ]
               │
             1 │ print('start')
               │ ───────┬──────
               │        ╰──────── golden-mismatch
            ───╯
              stdout, - golden, + this run:
              │   start
              │ - loss 0.5
              │ + loss 0.57
              help: if the new output is right, write the golden notebook anew:
                    `nbvet run NOTEBOOK -o golden.ipynb`

            1 notebook: 1 failed · 1 error · [s]
            `nbvet explain NB112` tells more about a rule
        "#]],
    );
    sandbox.check(
        &[
            "validate",
            "a.ipynb",
            "--golden",
            "golden.ipynb",
            "--rtol",
            "0.2",
            "--python",
            &python,
        ],
        &expect![[r#"
            exit 0
            --- stdout
            ✓ Passed a.ipynb  at development · 3 cells ran in [s] · Python [version] (`--python`)
              golden outputs (golden.ipynb): 3 of 3 cells equal · accepted: numbers within the tolerance (2)
            1 notebook: 1 passed · [s]
        "#]],
    );
    sandbox.check(
        &[
            "validate",
            "a.ipynb",
            "--golden",
            "golden.ipynb",
            "--format",
            "markdown",
            "--python",
            &python,
        ],
        &expect![[r#"
            exit 1
            --- stdout
            ## nbvet: the notebook did not pass

            | | notebook | level | cells | errors | warnings | notes |
            | --- | --- | --- | --- | --: | --: | --: |
            | ❌ failed | a.ipynb | development | 3 of 3 ran | 1 | 0 | 0 |

            <details open><summary>a.ipynb: 1 finding</summary>

            Outputs against golden.ipynb: 2 of 3 cells equal · accepted: numbers within the tolerance (1)

            - **error** NB112 golden-mismatch, cell 1, In \[2\], line 1: stdout, line 2 differs from the golden notebook: expected `loss 0.5`, got `loss 0.57` (14 % apart, 0.01 % allowed)

              ```python
              print('start')
              ```

              ```diff
                start
              - loss 0.5
              + loss 0.57
              ```

              help: if the new output is right, write the golden notebook anew: `nbvet run NOTEBOOK -o golden.ipynb`

            </details>
        "#]],
    );
}

#[test]
fn severities_of_a_mismatch_follow_the_level() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new().file(
        "a.ipynb",
        &printed(&[("assert True is not None\nprint(1)", "2\n")]),
    );
    let code = |level: &str| {
        let call = [
            "validate", "a.ipynb", "--golden", "stored", "--level", level, "--python", &python,
        ];
        sandbox.output(&call).status.code()
    };
    let levels = ["learning", "development", "staging", "production"];
    assert_eq!(levels.map(code), [Some(0), Some(1), Some(1), Some(1)]);
}

#[test]
fn the_report_says_what_was_compared_and_what_was_accepted() {
    let Some(python) = python() else { return };
    let cells = [
        (
            "class A: pass\nprint(A())",
            "<__main__.A object at 0x7f0000000001>\n",
        ),
        (
            "from IPython.display import HTML\nHTML('<table><tr><td>2</td></tr></table>')",
            "",
        ),
        ("# NBVAL_IGNORE_OUTPUT\nprint('anything')", "else\n"),
    ];
    let mut stored: Value = serde_json::from_str(&printed(&cells)).unwrap();
    stored["cells"][1]["outputs"] = json!([{"output_type": "execute_result", "execution_count": 2, "metadata": {},
        "data": {"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "<IPython.core.display.HTML object>"}}]);
    let sandbox = Sandbox::new().file("a.ipynb", &stored.to_string());
    let call = [
        "validate", "a.ipynb", "--golden", "stored", "--format", "json", "--python", &python,
    ];
    let output = sandbox.output(&call);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let comparison = &report["notebooks"][0]["comparison"];
    expect![[r#"
        {
          "golden": "stored",
          "strategy": "normalized",
          "result": "failed",
          "totalCells": 2,
          "matchedCells": 1,
          "mismatchedCells": 1,
          "skippedCells": 1,
          "normalised": [
            {
              "rule": "addresses",
              "count": 1
            }
          ],
          "diffs": [
            {
              "cellIndex": 1,
              "goldenCellIndex": 1,
              "cellType": "code",
              "diffType": "content",
              "output": "text/html",
              "place": "row 1, column 1",
              "expected": "1",
              "actual": "2",
              "diff": "- row 1, column 1: 1\n+ row 1, column 1: 2\n"
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(comparison).unwrap());
}

#[test]
fn a_folder_of_golden_notebooks_is_what_output_writes() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new()
        .file("nbs/a.ipynb", &notebook(&["print('a')"]))
        .file("nbs/deep/b.ipynb", &notebook(&["print('b')"]));
    let run = sandbox.output(&["run", "nbs", "-o", "goldens", "--python", &python]);
    assert_eq!(run.status.code(), Some(0));
    let compared = |golden: &str, paths: &[&str]| {
        let call = [&["validate", "--golden", golden, "--python", &python], paths].concat();
        let output = sandbox.output(&call);
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text.matches("1 of 1 cell equal").count())
    };
    assert_eq!(compared("goldens", &["nbs"]), (Some(0), 2));
    assert_eq!(
        compared("goldens/nbs", &["nbs"]),
        (Some(0), 2),
        "the same paths below the folder"
    );
    assert_eq!(
        compared("goldens/nbs", &["nbs/a.ipynb"]),
        (Some(0), 1),
        "the same name"
    );
    fs::remove_file(sandbox.path("goldens/nbs/deep/b.ipynb")).unwrap();
    let (code, equal) = compared("goldens", &["nbs"]);
    assert_eq!(
        (code, equal),
        (Some(2), 1),
        "a golden notebook that is missing is no pass"
    );
}

#[test]
fn a_settings_file_says_it_once_for_all() {
    let Some(python) = python() else { return };
    let settings = "[comparison]\ngolden = \"goldens\"\nfloating-point-tolerance = 0.5\nignore-output-types = [\"stderr\"]\n\
                    sanitize = [\"names.cfg\"]\n";
    let source = "import sys\nprint('loss', 0.57, 'by eve')\nprint('x', file=sys.stderr)";
    let sandbox = Sandbox::new()
        .file("nbvet.toml", settings)
        .file("names.cfg", "[names]\nregex: by \\w+\nreplace: by X\n")
        .file("nbs/a.ipynb", &notebook(&[source]))
        .file("goldens/nbs/a.ipynb", &printed(&[(source, "loss 0.5 by bob\n")]));
    let call = ["validate", "nbs/a.ipynb", "--python", &python];
    let output = sandbox.output(&call);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("1 of 1 cell equal · accepted: numbers within the tolerance (1), sanitized (2)"),
        "{text}"
    );
    let exact = [&call[..], &["--comparison", "exact"]].concat();
    assert_eq!(
        sandbox.output(&exact).status.code(),
        Some(1),
        "the command line wins"
    );
}

#[test]
fn a_golden_notebook_that_cannot_be_used_is_an_error_and_never_a_pass() {
    let Some(python) = python() else { return };
    let r = json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {"language_info": {"name": "R"}},
        "cells": [{"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "1", "outputs": []}]});
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["print(1)"]))
        .file("b.ipynb", &notebook(&["print(1)"]))
        .file("empty.ipynb", "")
        .file("broken.ipynb", "{\"cells\": [")
        .file("r.ipynb", &r.to_string())
        .file("bytes.ipynb", "\u{feff}\u{0}");
    for (golden, told) in [
        ("empty.ipynb", "the golden file empty.ipynb is no notebook: "),
        ("broken.ipynb", "the golden file broken.ipynb is no notebook: "),
        ("bytes.ipynb", "the golden file bytes.ipynb is no notebook: "),
        (
            "r.ipynb",
            "the golden notebook r.ipynb cannot be used: it is written in R, and the notebook in Python",
        ),
        (
            "b.ipynb",
            "the golden notebook b.ipynb cannot be used: no cell of it has outputs or was run",
        ),
        (
            "stored",
            "the golden notebook a.ipynb cannot be used: no cell of it has outputs or was run",
        ),
        ("missing.ipynb", "`missing.ipynb` does not exist"),
        (".", ""),
    ] {
        let output = sandbox.output(&["validate", "a.ipynb", "--golden", golden, "--python", &python]);
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{golden}: {text}");
        assert!(text.contains(told), "{golden}: {text}");
        assert!(
            !text.contains("cells ran") && !text.contains("cell ran"),
            "{golden}: nothing runs first: {text}"
        );
    }
}

#[test]
fn what_is_wrong_with_the_call_is_said_before_anything_runs() {
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["print(1)"]))
        .file("b.ipynb", &notebook(&["print(1)"]))
        .file("g.ipynb", &printed(&[("print(1)", "1\n")]))
        .file("bad.cfg", "[a]\nregex: (\nreplace: x\n")
        .file(
            "endless/nbvet.toml",
            "[comparison]\ncustom-timestamp-patterns = [\"ok\", \"(?=x)\"]\n",
        )
        .file("endless/a.ipynb", &notebook(&["1"]))
        .file("typo/nbvet.toml", "[comparison]\nfloating-point-tolerence = 1\n")
        .file("typo/a.ipynb", &notebook(&["1"]))
        .file("range/nbvet.toml", "\n[comparison]\nabsolute-tolerance = -1.0\n")
        .file("range/a.ipynb", &notebook(&["1"]));
    for (call, told) in [
        (
            &["validate", "a.ipynb", "b.ipynb", "--golden", "g.ipynb"][..],
            "is one file, and there are 2 notebooks",
        ),
        (
            &["validate", "a.ipynb", "--golden", "g.ipynb", "--rtol=-1"],
            "write a number such as 0.0001 or 1e-6",
        ),
        (
            &["validate", "a.ipynb", "--golden", "g.ipynb", "--rtol", "much"],
            "`much` is no number",
        ),
        (
            &[
                "validate",
                "a.ipynb",
                "--golden",
                "g.ipynb",
                "--ignore-output",
                "plots",
            ],
            "`plots` is no kind of output",
        ),
        (
            &[
                "validate",
                "a.ipynb",
                "--golden",
                "g.ipynb",
                "--sanitize",
                "bad.cfg",
            ],
            "bad.cfg:2: section `a`: this is no pattern: unclosed group",
        ),
        (
            &[
                "validate",
                "a.ipynb",
                "--golden",
                "g.ipynb",
                "--sanitize",
                "no.cfg",
            ],
            "failed to read the sanitize file no.cfg",
        ),
        (
            &["validate", "endless/a.ipynb"],
            "nbvet.toml:2: this is no pattern: look-around",
        ),
        (
            &["validate", "typo/a.ipynb"],
            "nbvet.toml:2: there is no setting `floating-point-tolerence` in [comparison]",
        ),
        (
            &["validate", "range/a.ipynb"],
            "nbvet.toml:3: write a number such as 0.0001 or 1e-6 here, not -1",
        ),
    ] {
        let output = sandbox.output(call);
        let text = String::from_utf8_lossy(&output.stderr)
            .replace("\n  ", "; ")
            .replace("hint: ", "");
        assert_eq!(output.status.code(), Some(2), "{call:?}: {text}");
        assert!(text.contains(told), "{call:?}: {text}");
    }
}

#[test]
fn what_a_notebook_puts_out_cannot_act_on_the_terminal_or_leak_a_secret() {
    let Some(python) = python() else { return };
    // Put together here, so that scanners of repositories do not take this file for a leak.
    let token = ["ghp", "q7RkZ2mVb9TxLc4HnWs8JdYf3GpAe6UoKiQv"].join("_");
    let source = "print('\\x1b]0;title\\x07\\x1b[2J', open('token').read())";
    let sandbox = Sandbox::new()
        .file("token", &token)
        .file("a.ipynb", &printed(&[(source, "quiet\n")]));
    for format in ["text", "json", "markdown", "junit", "sarif", "github"] {
        let call = [
            "validate", "a.ipynb", "--golden", "stored", "--format", format, "--python", &python,
        ];
        let text = String::from_utf8(sandbox.output(&call).stdout).unwrap();
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{7}'),
            "{format}: {text}"
        );
        assert!(!text.contains(&token[4..]), "{format}: {text}");
        assert!(
            text.contains("golden-mismatch") || text.contains("NB112"),
            "{format}: {text}"
        );
    }
}

#[test]
fn outputs_of_a_hundred_megabytes_are_compared_and_told_in_a_few_lines() {
    let Some(python) = python() else { return };
    let source = "for _ in range(100): print('x' * 999_999)";
    let sandbox = Sandbox::new().file("a.ipynb", &printed(&[(source, "x\n")]));
    let output = sandbox.output(&["validate", "a.ipynb", "--golden", "stored", "--python", &python]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.len() < 20_000, "{} bytes", output.stdout.len());
}

#[test]
fn a_configuration_in_the_shape_of_the_custom_resource_acts() {
    let Some(python) = python() else { return };
    let source = "import sys\nprint('run 2: loss', 0.57)\nprint('x', file=sys.stderr)";
    let order = |comparison: &Value| json!({"comparisonConfig": comparison}).to_string();
    let all = json!({"strategy": "normalized", "floatingPointTolerance": "0.2", "ignoreTimestamps": true,
        "ignoreExecutionCount": true, "customTimestampPatterns": ["run \\d"], "ignoreOutputTypes": ["stderr"]});
    let sandbox = Sandbox::new().file("a.ipynb", &printed(&[(source, "run 1: loss 0.5\n")]));
    let told = |sandbox: &Sandbox| {
        let call = [
            "validate",
            "a.ipynb",
            "--golden",
            "stored",
            "--validation-config",
            "job.json",
            "--python",
            &python,
        ];
        let output = sandbox.output(&call);
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let sandbox = sandbox.file("job.json", &order(&all));
    assert_eq!(told(&sandbox).0, Some(0), "{}", told(&sandbox).1);
    let mut sandbox = sandbox;
    for (field, value) in [
        ("floatingPointTolerance", json!(0.0001)),
        ("customTimestampPatterns", json!([])),
        ("ignoreOutputTypes", json!([])),
        ("ignoreExecutionCount", json!(false)),
        ("strategy", json!("exact")),
    ] {
        let mut other = all.clone();
        other[field] = value;
        // Its own count is 1 in the file and in the run.
        let expected = i32::from(field != "ignoreExecutionCount");
        sandbox = sandbox.file("job.json", &order(&other));
        assert_eq!(told(&sandbox).0, Some(expected), "{field}: {}", told(&sandbox).1);
    }
    for (field, value, said) in [
        (
            "floatingPointTolerance",
            json!(-1),
            "comparisonConfig.floatingPointTolerance: write a number",
        ),
        (
            "customTimestampPatterns",
            json!(["a", "("]),
            "comparisonConfig.customTimestampPatterns[1]: this is no pattern",
        ),
        (
            "ignoreOutputTypes",
            json!(["plots"]),
            "comparisonConfig.ignoreOutputTypes[0]: `plots` is no kind of output",
        ),
        ("strategie", json!("exact"), "strategie"),
        ("strategy", json!("close"), "comparisonConfig.strategy"),
    ] {
        let mut other = all.clone();
        other[field] = value;
        sandbox = sandbox.file("job.json", &order(&other));
        let (code, text) = told(&sandbox);
        assert_eq!(code, Some(2), "{field}: {text}");
        assert!(text.contains(said), "{field}: {text}");
    }
}

#[test]
fn a_notebook_without_code_is_written_as_it_is_and_has_nothing_to_compare() {
    let Some(python) = python() else { return };
    let text = r##"{"cells": [{"cell_type": "markdown", "metadata": {}, "source": ["# Text"]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}"##;
    let sandbox = Sandbox::new()
        .file("n/text.ipynb", text)
        .file("n/empty.ipynb", &notebook(&["", "# nothing yet"]))
        .file("n/code.ipynb", &notebook(&["assert 1 < 2\nprint(1)"]));
    let code = |call: &[&str]| {
        let output = sandbox.output(&[call, &["--python", &python]].concat());
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), told)
    };
    let (run, told) = code(&["run", "n", "-o", "golden"]);
    assert_eq!(run, Some(0), "{told}");
    let written = fs::read_to_string(sandbox.path("golden/n/text.ipynb"));
    assert_eq!(written.unwrap(), text);
    let (compared, told) = code(&["validate", "n", "--golden", "golden"]);
    assert_eq!(compared, Some(0), "{told}");
    // A golden notebook without outputs is none for a notebook that has some.
    let (compared, told) = code(&["validate", "n/code.ipynb", "--golden", "golden/n/text.ipynb"]);
    assert_eq!(compared, Some(2), "{told}");
}

#[test]
fn output_over_the_limit_is_said_in_the_report_and_in_the_executed_notebook() {
    let Some(python) = python() else { return };
    let source = "for line in range(24):\n    print('x' * 999_999)\nassert line == 23";
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[source]));
    let told = |call: &[&str]| {
        let output = sandbox.output(&[call, &["--python", &python]].concat());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = told(&["run", "a.ipynb", "-o", "done.ipynb"]);
    assert!(text.contains("\n  output left out: cell 0 (3.0 MB)"), "{text}");
    let done: Value = serde_json::from_slice(&fs::read(sandbox.path("done.ipynb")).unwrap()).unwrap();
    let lines = done["cells"][0]["outputs"][0]["text"].as_array().unwrap();
    assert_eq!(lines.last().unwrap(), "[nbvet: 3.0 MB of output left out]\n");
    let text = told(&["validate", "a.ipynb", "--golden", "done.ipynb"]);
    assert!(text.contains("1 of 1 cell equal"), "{text}");
}
