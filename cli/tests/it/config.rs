//! Which rules judge a notebook: files of settings, what they extend, tables for single notebooks, and the command
//! line over all of them.

use std::fs;

use expect_test::expect;

use crate::sandbox::{Sandbox, notebook};

/// Checks nothing (NB101) and throws an error away (NB202).
const LOADER: &str = "\
import pandas as pd
try:
    frame = pd.read_csv('x.csv')
except Exception:
    pass
print(frame.mean())
";

/// The ids with their severities that a notebook gets at production.
fn told(sandbox: &Sandbox, path: &str, arguments: &[&str]) -> Vec<String> {
    let all = [&["lint", "--strict", "--format", "json", path], arguments].concat();
    let output = sandbox.output(&all);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| unreachable!("{}", String::from_utf8_lossy(&output.stderr)));
    let found = report["notebooks"][0]["diagnostics"].as_array().unwrap();
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    found
        .iter()
        .map(|found| format!("{} {}", word(&found["rule"]["id"]), word(&found["severity"])))
        .collect()
}

#[test]
fn rules_are_selected_and_ignored_on_the_command_line() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[LOADER]));
    let told = |arguments: &[&str]| told(&sandbox, "a.ipynb", arguments);
    assert_eq!(told(&[]), ["NB101 warning", "NB202 error"]);
    assert_eq!(told(&["--select", "NB2"]), ["NB202 error"]);
    assert_eq!(told(&["--select", "NB3,verification"]), ["NB101 warning"]);
    assert_eq!(told(&["--ignore", "silent-failure"]), ["NB101 warning"]);
    assert_eq!(
        told(&["--ignore", "ALL", "--extend-select", "except-pass"]),
        ["NB202 error"]
    );
    assert_eq!(told(&["--select", "NB3", "--rule", "NB101=note"]), ["NB101 note"]);
    // Who asks for assertions is told of them, whatever else was selected.
    assert_eq!(
        told(&["--select", "NB2", "--verify-assertions"]),
        ["NB101 error", "NB202 error"]
    );
}

#[test]
fn the_command_line_wins_over_what_a_file_selects() {
    let told = |settings: &str, arguments: &[&str]| {
        let sandbox = Sandbox::new()
            .file("a.ipynb", &notebook(&[LOADER]))
            .file("nbvet.toml", settings);
        told(&sandbox, "a.ipynb", arguments)
    };
    let file = "ignore = [\"NB2\"]\n[rules]\nNB101 = \"error\"\n";
    assert_eq!(told(file, &[]), ["NB101 error"]);
    assert_eq!(
        told(file, &["--extend-select", "NB202"]),
        ["NB101 error", "NB202 error"]
    );
    assert_eq!(told(file, &["--select", "NB2"]), ["NB202 error"]);
    assert_eq!(told(file, &["--select", "NB1"]), ["NB101 error"]);
    assert_eq!(
        told("select = [\"NB2\"]", &["--ignore", "NB202"]),
        Vec::<String>::new()
    );
    // A switch of the file is stronger than the file's own list.
    assert_eq!(
        told("ignore = [\"ALL\"]\nverify-assertions = true", &[]),
        ["NB101 error"]
    );
}

#[test]
fn nobody_can_switch_off_that_a_file_is_no_notebook() {
    let sandbox = Sandbox::new()
        .file("a.ipynb", "{")
        .file("nbvet.toml", "ignore = [\"ALL\"]");
    assert_eq!(
        told(&sandbox, "a.ipynb", &["--select", "NB3", "--ignore", "NB9"]),
        ["NB921 error"]
    );
    sandbox.check(
        &["lint", "a.ipynb", "--ignore", "not-a-notebook"],
        &expect![[r#"
            exit 2
            --- stderr
            error: `not-a-notebook` is an error at every level: a notebook that does not run cannot pass
        "#]],
    );
    sandbox.check(
        &["lint", "a.ipynb", "--rule", "NB001=note"],
        &expect![[r#"
            exit 2
            --- stderr
            error: `NB001` is an error at every level: a notebook that does not run cannot pass
        "#]],
    );
}

#[test]
fn a_word_for_no_rule_is_told_with_its_neighbours() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["1"]));
    sandbox.check(
        &["lint", "a.ipynb", "--select", "NB2,verificaton"],
        &expect![[r#"
        exit 2
        --- stderr
        error: there is no rule or group `verificaton`

        hint: did you mean `verification`?
    "#]],
    );
    let sandbox = sandbox.file("nbvet.toml", "\nignore = [\n  \"NB2\",\n  \"except-pas\",\n]\n");
    sandbox.check(
        &["lint", "a.ipynb"],
        &expect![[r#"
        exit 2
        --- stderr
        error: [folder]/nbvet.toml:4: there is no rule or group `except-pas`

        hint: did you mean `except-pass` or `except-print-only` or `except-return-default`?
    "#]],
    );
    let sandbox = sandbox.file("nbvet.toml", "[rules]\nprocess-died = \"off\"\n");
    sandbox.check(&["lint", "a.ipynb"], &expect![[r#"
        exit 2
        --- stderr
        error: [folder]/nbvet.toml:2: `process-died` is an error at every level: a notebook that does not run cannot pass
    "#]]);
    let sandbox = sandbox.file("nbvet.toml", "select = \"NB2\"\n");
    sandbox.check(
        &["lint", "a.ipynb"],
        &expect![[r#"
        exit 2
        --- stderr
        error: [folder]/nbvet.toml:1: write a list here, such as `select = ["…"]`
    "#]],
    );
}

#[test]
fn a_file_lies_over_the_one_that_it_extends() {
    let sandbox = Sandbox::new()
        .file(
            "shared/base.toml",
            "select = [\"NB1\"]\nstrict = true\n[rules]\nNB202 = \"note\"\n",
        )
        .file(
            "a/pyproject.toml",
            "[tool.nbvet]\nextend = \"../shared/base.toml\"\nextend-select = [\"NB202\"]\n",
        )
        .file("a/x.ipynb", &notebook(&[LOADER]));
    assert_eq!(told(&sandbox, "a/x.ipynb", &[]), ["NB101 warning", "NB202 note"]);
    let sandbox = sandbox.file("shared/base.toml", "extend = \"../a/pyproject.toml\"");
    sandbox.check(
        &["lint", "a/x.ipynb"],
        &expect![[r#"
        exit 2
        --- stderr
        error: [folder]/shared/base.toml:1: `../a/pyproject.toml` extends this file in turn
    "#]],
    );
    let sandbox = sandbox.file("a/pyproject.toml", "[tool.nbvet]\n\nextend = \"../base.toml\"\n");
    sandbox.check(&["lint", "a/x.ipynb"], &expect![[r#"
        exit 2
        --- stderr
        error: [folder]/a/pyproject.toml:3: `../base.toml` cannot be read: No such file or directory (os error 2)
    "#]]);
}

#[test]
fn single_notebooks_have_settings_of_their_own() {
    let sandbox = Sandbox::new()
        .file(
            "nbvet.toml",
            "strict = true\n\
             [[per-file]]\nfiles = [\"drafts/\", \"old_*.ipynb\"]\nignore = [\"NB2\"]\n\
             [[per-file]]\nfiles = [\"/w/drafts/b.ipynb\"]\nlevel = \"learning\"\nextend-select = [\"NB202\"]\n",
        )
        .file("w/x.ipynb", &notebook(&[LOADER]))
        .file("w/drafts/a.ipynb", &notebook(&[LOADER]))
        .file("w/drafts/b.ipynb", &notebook(&[LOADER]))
        .file("old_x.ipynb", &notebook(&[LOADER]));
    assert_eq!(told(&sandbox, "w/x.ipynb", &[]), ["NB101 warning", "NB202 error"]);
    assert_eq!(told(&sandbox, "w/drafts/a.ipynb", &[]), ["NB101 warning"]);
    assert_eq!(told(&sandbox, "old_x.ipynb", &[]), ["NB101 warning"]);
    let output = sandbox.output(&["lint", "--format", "json", "w/drafts/b.ipynb"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["level"], &report["notebooks"][0]["verdict"]["notes"]),
        (&"learning".into(), &2.into())
    );
}

#[test]
fn a_pattern_that_matches_nothing_is_told_where_everything_was_searched() {
    let sandbox = Sandbox::new()
        .file(
            "w/nbvet.toml",
            "\n[[per-file]]\nfiles = [\n  \"a.ipynb\",\n  \"test/\",\n]\nstrict = true\n",
        )
        .file("w/a.ipynb", &notebook(&["x = 1\nassert x"]));
    sandbox.check(
        &["lint", "."],
        &expect![[r#"
            exit 0
            --- stdout
            ✓ Passed w/a.ipynb  at production · not run
            1 notebook: 1 passed · [s]
            --- stderr
            warning: [folder]/w/nbvet.toml:5: `test/` matches no notebook
        "#]],
    );
    sandbox.check(
        &["lint", "w/a.ipynb"],
        &expect![[r#"
            exit 0
            --- stdout
            ✓ Passed w/a.ipynb  at production · not run
            1 notebook: 1 passed · [s]
        "#]],
    );
}

#[test]
fn what_is_wrong_in_a_table_for_single_notebooks_is_told_with_its_line() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["1"]));
    let sandbox = sandbox.file("nbvet.toml", "[[per-file]]\nlevel = \"learning\"\n");
    sandbox.check(&["lint", "a.ipynb"], &expect![[r#"
        exit 2
        --- stderr
        error: [folder]/nbvet.toml:1: `files` is missing: say which notebooks are meant, such as `files = ["drafts/"]`
    "#]]);
    let sandbox = sandbox.file("nbvet.toml", "[[per-file]]\nfiles = [\"a{b\"]\n");
    sandbox.check(&["lint", "a.ipynb"], &expect![[r#"
        exit 2
        --- stderr
        error: [folder]/nbvet.toml:2: this is no pattern: error parsing glob 'a{b': unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
    "#]]);
    let sandbox = sandbox.file("nbvet.toml", "[[per-file]]\nfiles = [\"a\"]\nextend = \"b\"\n");
    sandbox.check(
        &["lint", "a.ipynb"],
        &expect![[r#"
        exit 2
        --- stderr
        error: [folder]/nbvet.toml:3: there is no setting `extend`

        hint: did you mean `extend-select`?
    "#]],
    );
    let sandbox = sandbox.file("nbvet.toml", "[per-file]\n\"a.ipynb\" = 1\n");
    sandbox.check(
        &["lint", "a.ipynb"],
        &expect![[r#"
        exit 2
        --- stderr
        error: [folder]/nbvet.toml:1: write `[[per-file]]` and below it `files` and the settings for them
    "#]],
    );
}

#[test]
fn what_would_silently_mean_nothing_is_refused() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["1"]));
    for (file, text, expected) in [
        (
            "nbvet.toml",
            "strict = true\nselect = []",
            "nbvet.toml:2: `select` is empty: no rule would judge; write `[\"ALL\"]` or leave it out",
        ),
        (
            "nbvet.toml",
            "[[per-file]]\nfiles = [\n\"!a.ipynb\"]",
            "nbvet.toml:3: `!a.ipynb` matches nothing: write a path or a pattern",
        ),
        (
            "nbvet.toml",
            "[tool.nbvet]\nstrict = true",
            "nbvet.toml:1: there is no setting `tool`; `[tool.nbvet]` is for pyproject.toml, here its settings stand by \
             themselves",
        ),
        (
            "nbvet.toml",
            "[rules]\nNB202 = 3",
            "nbvet.toml:2: write text in quotes here",
        ),
        (
            "nbvet.toml",
            "\nextend = \".\"",
            "nbvet.toml:2: `.` cannot be read: it is no file",
        ),
        (
            "pyproject.toml",
            "[tool]\nnbvet = 1",
            "pyproject.toml:2: write a table here: `[tool.nbvet]`",
        ),
    ] {
        let path = sandbox.path(file);
        fs::write(&path, text).unwrap();
        let output = sandbox.output(&["lint", "a.ipynb"]);
        fs::remove_file(&path).unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.lines().next().unwrap().ends_with(expected), "{told}");
    }
}

#[test]
fn an_unknown_key_is_told_with_those_that_there_are() {
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["assert 1 < 2"]))
        .file("nbvet.toml", "[[per-file]]\npatterns = ['a/']\n");
    let output = sandbox.output(&["lint", "a.ipynb"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("`patterns`; there are `files`, `level`, "),
        "{said}"
    );
}
