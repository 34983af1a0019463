//! The baseline: findings that were there before, told apart from new ones.

use std::fs;

use expect_test::expect;

use crate::{
    python::python,
    sandbox::{Sandbox, notebook},
};

const NONE: &str = "scores = [3, 1]\nscores = scores.sort()\nassert scores is None";
const OTHER: &str = "names = ['b']\nnames = names.reverse()\nassert names is None";

fn written(notebooks: &[(&str, &str)]) -> Sandbox {
    let mut sandbox = Sandbox::new();
    for (path, source) in notebooks {
        sandbox = sandbox.file(path, &notebook(&[source]));
    }
    let output = sandbox.output(&["lint", ".", "--baseline", "known.json", "--write-baseline"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    sandbox
}

#[test]
fn what_is_in_the_baseline_passes_and_is_counted() {
    let sandbox = Sandbox::new().file("w/a.ipynb", &notebook(&[NONE]));
    sandbox.check(
        &["lint", "w", "--baseline", "known.json", "--write-baseline"],
        &expect![[r#"
            exit 0
            --- stdout
            ✓ Passed w/a.ipynb  at development · not run
            1 notebook: 1 passed · 1 in the baseline · [s]
            --- stderr
            baseline: 1 finding now in known.json
        "#]],
    );
    sandbox.check(
        &["lint", "w", "--baseline", "known.json"],
        &expect![[r#"
            exit 0
            --- stdout
            ✓ Passed w/a.ipynb  at development · not run
            1 notebook: 1 passed · 1 in the baseline · [s]
        "#]],
    );
    let file = fs::read_to_string(sandbox.path("known.json")).unwrap();
    expect![[r#"
        {
          "version": 1,
          "notebooks": {
            "w/a.ipynb": {
              "08c6954f0c59ccaa:1": "NB401 none-method-assigned"
            }
          }
        }
    "#]]
    .assert_eq(&file);
}

#[test]
fn old_findings_stay_hidden_while_the_notebook_changes_and_new_ones_are_told() {
    let sandbox = written(&[("a.ipynb", NONE)]).file("a.ipynb", &notebook(&["size = 1", OTHER, NONE]));
    sandbox.check(
        &[
            "lint",
            "a.ipynb",
            "--baseline",
            "known.json",
            "--format",
            "github",
        ],
        &expect![[r#"
            exit 1
            --- stdout
            ::error file=a.ipynb,line=21,endLine=21,title=NB401 none-method-assigned::cell 1, line 2: `names` becomes None: `list.reverse()` works in place and returns nothing%0Ahelp: call `names.reverse()` on a line of its own
        "#]],
    );
    // The same code in another notebook is new there.
    let sandbox = sandbox.file("b.ipynb", &notebook(&[NONE]));
    let output = sandbox.output(&["lint", "b.ipynb", "--baseline", "known.json"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_configuration_names_the_baseline_from_its_own_folder() {
    let sandbox = Sandbox::new()
        .file("w/nbvet.toml", "baseline = \"known.json\"")
        .file("w/a.ipynb", &notebook(&[NONE]));
    let code = |arguments: &[&str]| sandbox.output(arguments).status.code();
    assert_eq!(code(&["lint", "w"]), Some(2), "it is not there yet");
    assert_eq!(code(&["lint", "w", "--write-baseline"]), Some(0));
    assert!(sandbox.path("w/known.json").is_file());
    assert_eq!(code(&["lint", "w"]), Some(0));
}

#[test]
fn a_baseline_beside_the_notebooks_folder_names_them_by_relative_paths() {
    let sandbox = Sandbox::new()
        .file("ci/README", "")
        .file("w/a.ipynb", &notebook(&[NONE]));
    let call = ["lint", "w", "--baseline", "ci/known.json"];
    sandbox.output(&[&call[..], &["--write-baseline"]].concat());
    let file = fs::read_to_string(sandbox.path("ci/known.json")).unwrap();
    assert!(file.contains("\"../w/a.ipynb\""), "{file}");
    assert_eq!(sandbox.output(&call).status.code(), Some(0));
}

#[test]
fn writing_it_anew_keeps_what_was_not_looked_at_and_drops_what_is_gone() {
    let sandbox = written(&[("a.ipynb", NONE), ("b.ipynb", OTHER), ("c.ipynb", OTHER)]);
    fs::remove_file(sandbox.path("c.ipynb")).unwrap();
    let sandbox = sandbox.file("a.ipynb", &notebook(&["x = 1\nassert x"]));
    sandbox.output(&["lint", "a.ipynb", "--baseline", "known.json", "--write-baseline"]);
    let file: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(sandbox.path("known.json")).unwrap()).unwrap();
    let notebooks: Vec<&String> = file["notebooks"].as_object().unwrap().keys().collect();
    assert_eq!(notebooks, ["b.ipynb"]);
}

#[test]
fn a_file_that_is_no_notebook_never_gets_into_the_baseline() {
    let sandbox = Sandbox::new().file("a.ipynb", "{");
    let output = sandbox.output(&["lint", "a.ipynb", "--baseline", "known.json", "--write-baseline"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        sandbox
            .output(&["lint", "a.ipynb", "--baseline", "known.json"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn a_baseline_that_cannot_be_used_is_told_and_only_an_old_one_is_overwritten() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[NONE]));
    let call = ["lint", "a.ipynb", "--baseline", "known.json"];
    sandbox.check(
        &call,
        &expect![[r#"
        exit 2
        --- stderr
        error: failed to read the baseline known.json: No such file or directory (os error 2)

        hint: `--write-baseline` writes it from what is found now
    "#]],
    );
    sandbox.check(
        &["lint", "a.ipynb", "--write-baseline"],
        &expect![[r#"
        exit 2
        --- stderr
        error: `--write-baseline` needs to know the file

        hint: add `--baseline FILE`, or write `baseline = "FILE"` to nbvet.toml
    "#]],
    );
    let sandbox = sandbox.file("known.json", "{\"version\": 2, \"notebooks\": {}}");
    sandbox.check(
        &call,
        &expect![[r#"
        exit 2
        --- stderr
        error: known.json is a baseline of version 2, and this nbvet reads version 1

        hint: `--write-baseline` writes it anew
    "#]],
    );
    let sandbox = sandbox.file("other.json", &notebook(&[NONE]));
    sandbox.check(
        &["lint", "a.ipynb", "--baseline", "other.json", "--write-baseline"],
        &expect![[r#"
            exit 2
            --- stderr
            error: other.json:1: this is no baseline of nbvet: `version` is missing
        "#]],
    );
    let sandbox = sandbox.file("broken.json", "{\"version\": 1,\n \"notebook\": {}}");
    sandbox.check(&["lint", "a.ipynb", "--baseline", "broken.json"], &expect![[r#"
        exit 2
        --- stderr
        error: broken.json:2: this is no baseline of nbvet: unknown field `notebook`, expected `version` or `notebooks` at line 2 column 11
    "#]]);
    let output = sandbox.output(&[&call[..], &["--write-baseline"]].concat());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(sandbox.output(&call).status.code(), Some(0));
}

#[test]
fn findings_that_are_gone_are_told_where_their_rule_could_have_told_them() {
    let sandbox = written(&[("a.ipynb", NONE)]).file("a.ipynb", &notebook(&["x = 1\nassert x"]));
    sandbox.check(
        &["lint", ".", "--baseline", "known.json"],
        &expect![[r#"
        exit 0
        --- stdout
        ✓ Passed a.ipynb  at development · not run
        1 notebook: 1 passed · [s]
        --- stderr
        baseline: 1 finding in it no more; `--write-baseline` takes that out
    "#]],
    );
    let output = sandbox.output(&["lint", ".", "--baseline", "known.json", "--select", "NB2"]);
    assert_eq!(output.stderr, b"");
}

#[test]
fn a_run_that_fails_is_never_hidden_and_findings_of_runs_are_not_missed_by_lint() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new()
        .file(
            "raises.ipynb",
            &notebook(&["rates = {}\nassert not rates\nrates['usd']"]),
        )
        .file(
            "nan.ipynb",
            &notebook(&[
                "import numpy as np\nvalues = np.array([1.0])\nmean = values[values > 5].mean()\nprint(mean)",
            ]),
        );
    let validate = ["validate", ".", "--baseline", "known.json", "--python", &python];
    let codes = |arguments: &[&str]| -> Vec<String> {
        let output = sandbox.output(&[arguments, &["--format", "json"]].concat());
        assert_eq!(
            String::from_utf8_lossy(&output.stderr).matches("no more").count(),
            0
        );
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let notebooks = report["notebooks"].as_array().unwrap();
        let codes = notebooks.iter().map(|notebook| &notebook["verdict"]["exitCode"]);
        codes.map(|code| code.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        codes(&[&validate[..], &["--write-baseline"]].concat()),
        ["passed", "failed"]
    );
    assert_eq!(codes(&validate), ["passed", "failed"]);
    let file = fs::read_to_string(sandbox.path("known.json")).unwrap();
    assert!(file.contains("NB312") && !file.contains("NB001"), "{file}");
    assert_eq!(
        codes(&["lint", ".", "--baseline", "known.json"]),
        ["passed", "passed"]
    );
}

#[test]
fn run_does_not_ask_the_baseline() {
    let Some(python) = python() else { return };
    let sandbox = written(&[("a.ipynb", NONE)]).file("nbvet.toml", "baseline = \"known.json\"");
    let run = || sandbox.output(&["run", "a.ipynb", "--python", &python]);
    assert_eq!((run().status.code(), run().stderr), (Some(0), Vec::new()));
    fs::remove_file(sandbox.path("known.json")).unwrap();
    assert_eq!(run().status.code(), Some(0));
}

#[test]
fn what_is_no_baseline_of_ours_is_never_overwritten() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[NONE]));
    let write = ["lint", "a.ipynb", "--baseline", "known.json", "--write-baseline"];
    for (text, why) in [
        (r#"{"version":99,"my":"data"}"#, "`notebooks` is missing"),
        (
            r#"{"version":99,"notebooks":{"a":1}}"#,
            "`notebooks` is missing or",
        ),
        (r#"{"version":-1,"notebooks":{}}"#, "`version` is -1"),
        ("[]", "it is no object"),
    ] {
        fs::write(sandbox.path("known.json"), text).unwrap();
        let output = sandbox.output(&write);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why), "{said}");
        assert_eq!(fs::read_to_string(sandbox.path("known.json")).unwrap(), text);
    }
}

#[cfg(unix)]
#[test]
fn a_baseline_or_settings_that_are_no_ordinary_file_are_told() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[NONE]));
    let path = |name: &str| sandbox.path(name);
    std::os::unix::fs::symlink("nowhere.json", path("dangling.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("zero.json")).unwrap();
    let output = |name: &str| sandbox.output(&["lint", "a.ipynb", "--baseline", name, "--write-baseline"]);
    for (name, why) in [
        ("dangling.json", "a link to a file that is not there"),
        ("zero.json", "no ordinary file"),
    ] {
        let output = output(name);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why), "{said}");
        assert!(path(name).is_symlink());
    }
    std::os::unix::fs::symlink("/dev/zero", path("nbvet.toml")).unwrap();
    let output = sandbox.output(&["lint", "a.ipynb"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("nbvet.toml: it is no ordinary file"), "{said}");
}
