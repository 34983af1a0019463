//! `nbvet lint` on real files.

use std::fs;

use expect_test::expect;

use crate::sandbox::{Sandbox, notebook};

const LOADER: &str = "\
def load(path):
    try:
        return open(path).read()
    except:
        pass
";

#[test]
fn a_notebook_without_findings_passes_in_two_lines() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["x = 1\n", "assert x == 1"]));
    sandbox.check(
        &["lint", "a.ipynb"],
        &expect![[r#"
            exit 0
            --- stdout
            ✓ Passed a.ipynb  at development · not run
            1 notebook: 1 passed · [s]
        "#]],
    );
}

#[test]
fn findings_are_shown_with_the_cells_own_lines() {
    let cells = [
        "scores = [3, 1, 2]\n",
        LOADER,
        "scores = scores.sort()\nprint(scores[0])",
    ];
    let sandbox = Sandbox::new().file("work/a.ipynb", &notebook(&cells));
    sandbox.check(
        &["lint", "work"],
        &expect![[r#"
            exit 1
            --- stdout
            ✗ Failed work/a.ipynb  at development · not run

            warning[NB202]: `except:` throws every error away
               ╭─[ work/a.ipynb:23 · cell 1:4:5 ]
               │
             4 │     except:
               │     ───┬───
               │        ╰───── except-pass
            ───╯
              help: catch the one exception that you expect, and collect what was skipped so that it can be
                    checked

            error[NB401]: `scores` becomes None: `list.sort()` works in place and returns nothing
               ╭─[ work/a.ipynb:34 · cell 2:1:10 ]
               │
             1 │ scores = scores.sort()
               │          ──────┬──────
               │                ╰──────── none-method-assigned
            ───╯
              help: call `scores.sort()` on a line of its own
              fix: call it on a line of its own (`nbvet lint --fix`)

            1 notebook: 1 failed · 1 error, 1 warning, 1 note · [s]
            -v shows the notes; `nbvet explain NB401` tells more about a rule
        "#]],
    );
}

#[test]
fn a_level_a_switch_and_a_rule_change_the_verdict() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[LOADER, "assert load('x') is None"]));
    let code = |arguments: &[&str]| {
        let all = [&["lint", "a.ipynb"], arguments].concat();
        sandbox.output(&all).status.code()
    };
    assert_eq!(code(&[]), Some(0));
    assert_eq!(code(&["--level", "staging"]), Some(1));
    assert_eq!(code(&["--strict"]), Some(1));
    assert_eq!(code(&["--strict", "--detect-silent-failures=false"]), Some(0));
    assert_eq!(code(&["--rule", "NB202=error"]), Some(1));
}

#[test]
fn the_command_line_wins_over_the_nearest_configuration() {
    let sandbox = Sandbox::new()
        .file("nbvet.toml", "strict = true")
        .file("a/pyproject.toml", "[tool.nbvet]\nlevel = \"learning\"")
        .file("a/b/x.ipynb", &notebook(&[LOADER, "assert 1 == 1"]))
        .file("c/x.ipynb", &notebook(&[LOADER, "assert 1 == 1"]));
    let levels = |arguments: &[&str]| -> Vec<String> {
        let all = [&["lint", "--format", "json", "a", "c"], arguments].concat();
        let report: serde_json::Value = serde_json::from_slice(&sandbox.output(&all).stdout).unwrap();
        let notebooks = report["notebooks"].as_array().unwrap();
        notebooks
            .iter()
            .map(|notebook| notebook["verdict"]["level"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(levels(&[]), ["learning", "production"]);
    assert_eq!(levels(&["--level", "staging"]), ["staging", "staging"]);
}

#[test]
fn many_notebooks_keep_their_order_and_the_highest_exit_code_wins() {
    let mut sandbox = Sandbox::new();
    for number in 0..40 {
        let size = if number == 0 { 2000 } else { 1 };
        let cells = vec!["x = 1\nassert x"; size];
        sandbox = sandbox.file(&format!("w/{number:02}.ipynb"), &notebook(&cells));
    }
    let sandbox = sandbox.file("w/20.ipynb", "not a notebook");
    let output = sandbox.output(&["lint", "w", "--format", "json", "-j", "8"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let paths: Vec<&str> = report["notebooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        (paths.len(), paths.is_sorted(), output.status.code()),
        (40, true, Some(1))
    );
    let text = String::from_utf8(sandbox.output(&["lint", "w", "-j", "8"]).stdout).unwrap();
    let positions: Vec<_> = paths.iter().map(|path| text.find(path)).collect();
    assert!(
        positions.is_sorted() && positions.iter().all(Option::is_some),
        "{text}"
    );
}

#[test]
fn what_is_no_notebook_fails_with_its_place_and_the_others_go_on() {
    let sandbox = Sandbox::new()
        .file("bad/empty.ipynb", "")
        .file("bad/list.ipynb", "[1, 2]")
        .file("bad/prose.ipynb", "{\n  \"cells\": oops\n}\n")
        .file("good.ipynb", &notebook(&["x = 1\nassert x"]));
    sandbox.check(
        &["lint", "bad", "good.ipynb"],
        &expect![[r#"
            exit 1
            --- stdout
            ✗ Failed bad/empty.ipynb  at development · not run

            error[NB921]: the file is empty
              at bad/empty.ipynb:1:1 · not-a-notebook
              help: a notebook has at least a list of cells; make a new one in Jupyter, or get the file again

            ✗ Failed bad/list.ipynb  at development · not run

            error[NB921]: this is JSON, but a list and not a notebook: a notebook is an object with `cells`
               ╭─[ bad/list.ipynb:1:1 ]
               │
             1 │ [1, 2]
               │ ┬
               │ ╰── not-a-notebook
            ───╯

            ✗ Failed bad/prose.ipynb  at development · not run

            error[NB921]: the file is not valid JSON: expected value
               ╭─[ bad/prose.ipynb:2:12 ]
               │
             2 │   "cells": oops
               │            ┬
               │            ╰── not-a-notebook
            ───╯

            ✓ Passed good.ipynb  at development · not run
            4 notebooks: 1 passed, 3 failed · 3 errors · [s]
            `nbvet explain NB921` tells more about a rule
        "#]],
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_no_verdict() {
    use std::os::unix::fs::symlink;

    // A dangling link: root reads every file, so permissions prove nothing here.
    let sandbox = Sandbox::new().file("good.ipynb", &notebook(&["x = 1\nassert x"]));
    symlink("nowhere", sandbox.path("a.ipynb")).unwrap();
    sandbox.check(
        &["lint", "a.ipynb", "good.ipynb"],
        &expect![[r#"
            exit 2
            --- stdout
            ! No verdict a.ipynb  at development · not run

            error: failed to read a.ipynb: No such file or directory (os error 2)

            ✓ Passed good.ipynb  at development · not run
            2 notebooks: 1 passed, 1 without a verdict · [s]
        "#]],
    );
}

#[test]
fn annotations_and_sarif_name_the_line_of_the_file() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["x = [1].sort()\nassert x"]));
    let text = fs::read_to_string(sandbox.path("a.ipynb")).unwrap();
    let line = text.lines().position(|line| line.contains("sort()")).unwrap() + 1;
    let github =
        String::from_utf8(sandbox.output(&["lint", "a.ipynb", "--format", "github"]).stdout).unwrap();
    assert!(
        github.starts_with(&format!("::error file=a.ipynb,line={line},")),
        "{github}"
    );
    let sarif = sandbox.output(&["lint", "a.ipynb", "--format", "sarif"]).stdout;
    let sarif: serde_json::Value = serde_json::from_slice(&sarif).unwrap();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["region"]["startLine"], line);
}

#[test]
fn escapes_in_a_notebook_reach_no_terminal() {
    let evil = "x = '\u{1b}]0;owned\u{7}'.sort()\ny = [2].sort()  # \u{9b}31m\u{202e}\nprint(y)";
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[evil]));
    for format in ["text", "github", "sarif"] {
        let output = sandbox.output(&["lint", "a.ipynb", "-v", "--format", format]);
        let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(shown.contains("sort()"), "{shown}");
        assert!(
            !shown
                .chars()
                .any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')),
            "{shown:?}"
        );
    }
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["x = [1].sort()\nprint(x)"]));
    let coloured = |name: &str, value: &str| {
        let output = sandbox
            .command(&["lint", "a.ipynb"])
            .env(name, value)
            .output()
            .unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!coloured("LANG", "C"));
    assert!(coloured("CLICOLOR_FORCE", "1"));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_notebook_and_is_not_waited_for() {
    let sandbox = Sandbox::new();
    let made = std::process::Command::new("mkfifo")
        .arg(sandbox.path("pipe.ipynb"))
        .status();
    assert!(made.unwrap().success());
    let output = sandbox.output(&["lint", "pipe.ipynb"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("is no ordinary file"));
}

#[test]
fn every_format_for_machines_is_one_document_with_the_cells_own_lines() {
    let sandbox = Sandbox::new().file(
        "a.ipynb",
        &notebook(&["scores = [3, 1]\nscores = scores.sort()\nprint(scores)"]),
    );
    for (format, begins) in [
        ("json", "{\n  \"schemaVersion\""),
        ("sarif", "{\n  \"$schema\""),
        (
            "junit",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites ",
        ),
        ("markdown", "## nbvet: the notebook did not pass\n"),
    ] {
        let output = sandbox.output(&["lint", "a.ipynb", "--format", format]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            (output.status.code(), text.starts_with(begins)),
            (Some(1), true),
            "{text}"
        );
        assert_eq!(
            text.contains("    scores = scores.sort()\n"),
            format == "junit",
            "{text}"
        );
        assert_eq!(
            text.contains("\n  scores = scores.sort()\n"),
            format == "markdown",
            "{text}"
        );
    }
}

#[test]
fn a_notebook_that_another_one_runs_is_asked_which_names_it_binds() {
    let cells = ["%run shared/helpers.ipynb", "table = load('x')\ntable = lod('y')"];
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&cells)).file(
        "shared/helpers.ipynb",
        &notebook(&["def load(path):\n    return path"]),
    );
    sandbox.check(
        &["lint", "a.ipynb", "--select", "NB601"],
        &expect![[r#"
            exit 1
            --- stdout
            ✗ Failed a.ipynb  at development · not run

            error[NB601]: no cell defines `lod`
               ╭─[ a.ipynb:21 · cell 1:2:9 ]
               │
             2 │ table = lod('y')
               │         ─┬─
               │          ╰─── undefined-name
            ───╯
              help: define or import `lod` in a cell above

            1 notebook: 1 failed · 1 error · [s]
            `nbvet explain NB601` tells more about a rule
        "#]],
    );
    fs::remove_file(sandbox.path("shared/helpers.ipynb")).unwrap();
    sandbox.check(
        &["lint", "a.ipynb", "--select", "NB601"],
        &expect![[r#"
            exit 0
            --- stdout
            ✓ Passed a.ipynb  at development · not run
            1 notebook: 1 passed · [s]
        "#]],
    );
}

#[test]
fn statistics_count_each_rule_and_say_how_often_it_is_right() {
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["assert nowhere", "print(neither, nor)"]))
        .file("b.ipynb", &notebook(&["assert missing"]));
    let output = sandbox.output(&["lint", "--statistics", "."]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0].join(" "),
        "id name severity found notebooks judged harmful by readers"
    );
    assert_eq!(rows[1][..5], ["NB601", "undefined-name", "error", "4", "2"]);
    // How many hits readers have judged grows with time.
    assert_eq!(rows[1][6], "of");
    assert!(text.contains("2 notebooks: 2 failed"), "{text}");
    // At another level the same finding has another severity than readers saw.
    let output = sandbox.output(&["lint", "--statistics", "--level", "staging", "."]);
    let text = String::from_utf8(output.stdout).unwrap();
    let row = text.lines().find(|line| line.starts_with("NB601")).unwrap();
    assert!(row.ends_with("  -"), "{text}");
}

#[test]
fn learners_are_told_what_is_done_well() {
    let sandbox = Sandbox::new().file(
        "a.ipynb",
        &notebook(&[
            "import random\nrandom.seed(1)",
            "x = random.random()\nassert 0 <= x < 1\nassert x != 1",
        ]),
    );
    let text = |level: &str| {
        String::from_utf8(sandbox.output(&["lint", "--level", level, "a.ipynb"]).stdout).unwrap()
    };
    let told = "done well: 2 assertions (first in cell 1) · 1 seed for random numbers (cell 0)";
    assert!(text("learning").contains(told), "{}", text("learning"));
    assert!(!text("development").contains("done well"));
}

#[test]
fn statistics_are_no_format() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["assert 1 < x"]));
    let output = sandbox.output(&["lint", "--statistics", "--format", "json", "a.ipynb"]);
    assert_eq!(output.status.code(), Some(2));
}
