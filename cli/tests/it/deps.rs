//! `nbvet deps`: what is needed, found, missing and refused, from files alone.

use expect_test::expect;

use crate::sandbox::{Sandbox, notebook};

const CODE: &str =
    "import os\nimport pandas as pd\nfrom sklearn.svm import SVC\nimport helper\nimport nobody_knows";

fn sandbox() -> Sandbox {
    Sandbox::new()
        .file("a.ipynb", &notebook(&[CODE]))
        .file("helper.py", "import yaml\n")
}

#[test]
fn what_a_notebook_needs_is_held_against_what_its_folder_asks_for() {
    let sandbox = sandbox()
        .file("requirements.txt", "pandas==2.2.3\nscikit-learn>=1.5\n")
        .file("pyproject.toml", "[tool.ruff]\nline-length = 100\n");
    sandbox.check(
        &["deps", "a.ipynb"],
        &expect![[r#"
        exit 0
        --- stdout
        ✓ Passed a.ipynb  at development · not run

          environment from requirements.txt (requirements in pip's form)
            - pyproject.toml  not used: it names no dependencies, only settings of tools
          imports
            ? nobody_knows  ?             which distribution?  cell 0
              note: no table of nbvet's has it: name its distribution in the dependency file; a guess could
                    install anybody's
            ✓ pandas        pandas        requirements.txt:1  cell 0
            ✓ sklearn       scikit-learn  requirements.txt:2  cell 0
            ✗ yaml          pyyaml        missing
          asks for 2 requirements: 1 pinned, 0 with hashes

        1 notebook: 1 passed · 1 note · [s]
        -v shows the notes
    "#]],
    );
}

#[test]
fn what_is_refused_fails_at_every_level_and_shows_no_password() {
    let sandbox = sandbox().file(
        "requirements.txt",
        "pandas==2.2.3\n--extra-index-url https://me:hunter2@packages.example/simple\n",
    );
    for level in ["learning", "production"] {
        let output = sandbox.output(&["deps", "a.ipynb", "--level", level]);
        assert_eq!(output.status.code(), Some(1), "{level}");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            told.contains("NB910") && told.contains("requirements.txt:2"),
            "{told}"
        );
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn unpinned_lines_are_graded_by_level_and_by_the_setting() {
    let codes = |settings: &str, level: &str| {
        let sandbox = sandbox()
            .file("requirements.txt", "pandas>=2\nscikit-learn==1.5.2\n")
            .file("nbvet.toml", settings);
        sandbox
            .output(&["deps", "a.ipynb", "--level", level])
            .status
            .code()
    };
    for (settings, expected) in [
        ("", [0, 0, 0, 1]),
        ("[dependencies]\nallow-unpinned = true\n", [0, 0, 0, 0]),
        ("[dependencies]\nallow-unpinned = false\n", [1, 1, 1, 1]),
    ] {
        let levels = ["learning", "development", "staging", "production"];
        for (level, expected) in levels.into_iter().zip(expected) {
            assert_eq!(codes(settings, level), Some(expected), "{settings:?} {level}");
        }
    }
}

#[test]
fn a_dependency_file_that_cannot_be_read_is_told_with_its_line() {
    let sandbox = sandbox().file("requirements.txt", "six==1.17.0\npandas = 2.2.3\n");
    sandbox.check(&["deps", "a.ipynb", "--format", "github"], &expect![[r#"
        exit 1
        --- stdout
        ::error file=requirements.txt,line=2,endLine=2,title=NB900 unreadable-dependencies::this line cannot be read: `pandas = 2.2.3` is not understood from `= 2.2.3` on: write `==`
    "#]]);
}

#[test]
fn a_proposal_is_written_once_and_overwrites_nothing() {
    let sandbox = sandbox().file("requirements.in", "mine\n");
    let output = sandbox.output(&["deps", "a.ipynb", "--write"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("requirements.in is there already"), "{told}");
    assert_eq!(
        std::fs::read_to_string(sandbox.path("requirements.in")).unwrap(),
        "mine\n"
    );
}

#[test]
fn where_a_notebook_runs_elsewhere_refusals_grade_and_where_something_is_built_they_stand() {
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["x = 1\nassert x == 1"]))
        .file("requirements.txt", "-r ../other.txt\n");
    let lint = sandbox.output(&["lint", "a.ipynb"]);
    assert_eq!(lint.status.code(), Some(0));
    let Some(python) = crate::python::python() else {
        return;
    };
    for (command, level, expected) in [
        ("validate", "development", 0),
        ("validate", "production", 1),
        ("deps", "learning", 1),
    ] {
        let mut arguments = vec![command, "a.ipynb", "--level", level, "-v"];
        if command == "validate" {
            arguments.extend(["--python", &python]);
        }
        let output = sandbox.output(&arguments);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(expected), "{command} {level} {told}");
        assert!(told.contains("NB907"), "{told}");
    }
}

#[test]
fn what_is_no_notebook_has_no_dependencies_that_could_pass() {
    let sandbox = Sandbox::new().file("a.ipynb", "no json");
    let output = sandbox.output(&["deps", "a.ipynb"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("NB921"));
}
