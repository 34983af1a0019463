//! `nbvet deps`: what is needed, found, missing and refused, from files alone.

use expect_test::expect;
use nbvet_testkit::{Index, Release, or_skip};

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

            warning[NB932]: `yaml` is imported, and `requirements.txt` asks for nothing that has it
               ╭─[ helper.py:1:1 ]
               │
             1 │ import yaml
               │ ─────┬─────
               │      ╰─────── undeclared-import
            ───╯
              help: add `pyyaml` to `requirements.txt`, with the versions that you validated (`pip freeze` tells
                    them)

            1 notebook: 1 passed · 1 warning, 1 note · [s]
            -v shows the notes; `nbvet explain NB932` tells more about a rule
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
        // Production is asked for on the command line, which wins.
        ("[dependencies]\nallow-unpinned = true\n", [0, 0, 0, 1]),
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
fn a_proposal_that_could_not_be_locked_is_taken_up_again() {
    let sandbox = sandbox();
    let write = || sandbox.output(&["deps", "a.ipynb", "--write", "--uv", "./no-uv"]);
    let first = write();
    let proposed = std::fs::read(sandbox.path("requirements.in")).unwrap();
    let again = write();
    assert_eq!((first.status.code(), again.status.code()), (Some(2), Some(2)));
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        told.contains("cannot be run as uv") && !told.contains("is there already"),
        "{told}"
    );
    assert_eq!(std::fs::read(sandbox.path("requirements.in")).unwrap(), proposed);
}

#[test]
fn one_proposal_is_written_for_all_notebooks_of_a_folder() {
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["import pandas"]))
        .file("b.ipynb", &notebook(&["x = 1", "import pandas, yaml"]));
    let output = sandbox.output(&["deps", ".", "--write", "--uv", "./no-uv"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!told.contains("nothing is written"), "{told}");
    let proposed = std::fs::read_to_string(sandbox.path("requirements.in")).unwrap();
    expect![[r#"
        # From the imports of a.ipynb, b.ipynb, as nbvet reads them. Look at it, then pin it:
        #   uv pip compile requirements.in --generate-hashes -o requirements.txt

        pandas  # import pandas (a.ipynb, cell 0; b.ipynb, cell 1)
        PyYAML  # import yaml (b.ipynb, cell 1)
    "#]]
    .assert_eq(&proposed);
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

/// Four releases of which three have something wrong.
fn index() -> Option<Index> {
    let index = or_skip(Index::start())?;
    for release in [
        Release {
            name: "pandas",
            version: "2.2.3",
            requires: &["numpy>=1.26", "pytz>=2020.1", "pywin32; sys_platform == 'win32'"],
            requires_python: Some(">=3.9"),
            ..Release::default()
        },
        Release {
            name: "numpy",
            version: "2.1.3",
            ..Release::default()
        },
        Release {
            name: "attrs",
            version: "21.1.0",
            yanked: Some("breaks <the> build"),
            ..Release::default()
        },
        Release {
            name: "docopt",
            version: "0.6.2",
            only_source: true,
            ..Release::default()
        },
    ] {
        or_skip(index.add(&release))?;
    }
    Some(index)
}

const PINNED: &str = "pandas==2.2.3\nnumpy==2.1.3\nattrs==21.1.0\ndocopt==0.6.2\nnowhere==1.0\n";

#[test]
fn an_index_is_asked_only_on_request_and_tells_what_is_withdrawn_missing_or_has_no_wheel() {
    let Some(index) = index() else {
        return;
    };
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["import pandas"]))
        .file("requirements.txt", PINNED);
    let run = |further: &[&str]| {
        let url = index.url();
        let words = [
            "deps",
            "a.ipynb",
            "--level",
            "production",
            "--index-url",
            &url,
            "--python-version",
            "3.11",
        ];
        let mut command = sandbox.command(&[&words[..], further].concat());
        command.env("XDG_CACHE_HOME", sandbox.path("cache"));
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, told) = run(&[]);
    assert_eq!((code, index.requests()), (Some(0), 0), "{told}");
    let (code, told) = run(&["--check-index"]);
    assert_eq!(code, Some(1), "{told}");
    for expected in [
        "NB913]: `pandas==2.2.3` needs `pytz>=2020.1`, which no line names",
        "NB914]: the authors withdrew `attrs==21.1.0`",
        "NB914]: the index has no `nowhere==1.0`, and knows no project `nowhere`",
        "NB916]: `docopt==0.6.2` has no wheel for Python 3.11 on Linux",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    assert!(!told.contains("3.11.99") && !told.contains("pywin32"), "{told}");
    let (_, told) = run(&["--check-index", "--allow-sdist"]);
    assert!(!told.contains("NB916"), "{told}");
    // What was answered is believed for a day, but not that something is missing.
    let asked = index.requests();
    run(&["--check-index"]);
    assert_eq!(index.requests(), asked + 1);
}

#[test]
fn for_a_version_that_is_not_there_the_newest_that_is_is_named() {
    let Some(index) = index() else {
        return;
    };
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["import pandas"]))
        .file("requirements.txt", "pandas==9.0\n");
    let words = [
        "deps",
        "a.ipynb",
        "--level",
        "production",
        "--check-index",
        "--index-url",
    ];
    let mut command = sandbox.command(&[&words[..], &[&index.url()]].concat());
    command.env("XDG_CACHE_HOME", sandbox.path("cache"));
    let told = String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned();
    let words: Vec<&str> = told.split_whitespace().collect();
    let told = words.join(" ");
    assert!(told.contains("such as pandas==2.2.3, its newest"), "{told}");
    assert!(!told.contains("mv requirements.txt"), "{told}");
}

#[test]
fn what_check_index_did_not_look_at_is_told() {
    let Some(index) = index() else {
        return;
    };
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["import pandas"]))
        .file(
            "requirements.txt",
            "pandas==2.2.3\nnumpy==2.1.3\nsix\nattrs>=20\ndocopt==0.6.2\nnowhere==1.0\n",
        );
    let url = index.url();
    let words = [
        "deps",
        "a.ipynb",
        "--check-index",
        "--index-url",
        &url,
        "--python-version",
        "3.11",
    ];
    let told = |words: &[&str]| {
        let mut command = sandbox.command(words);
        command.env("XDG_CACHE_HOME", sandbox.path("cache"));
        let told = String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned();
        let words: Vec<&str> = told.split_whitespace().collect();
        words.join(" ")
    };
    let found = told(&words);
    let expected = "`--check-index` did not look at `six`, `attrs>=20`, as no single version stands in the line; nor at \
                    what is needed by `nowhere==1.0`, as the index does not have it; nor at what is needed by \
                    `docopt==0.6.2`, as the index tells it only in whole files";
    assert!(found.contains(expected), "{found}");
    assert!(!told(&words[..2]).contains("did not look"), "nobody asked for it");
}

#[test]
fn what_a_notebook_installs_itself_is_told_beside_what_the_file_asks_for() {
    let sandbox = Sandbox::new()
        .file(
            "a.ipynb",
            &notebook(&[
                "%pip install pandas==1.5.3 yfinance",
                "!pip install -r more.txt\nimport pandas",
            ]),
        )
        .file("requirements.txt", "pandas==2.2.3\n");
    sandbox.check(
        &["deps", "a.ipynb"],
        &expect![[r#"
        exit 0
        --- stdout
        ✓ Passed a.ipynb  at development · not run

          environment from requirements.txt (requirements in pip's form)
          note: the notebook itself installs `pandas==1.5.3` (cell 0; requirements.txt:1 asks for
                `pandas==2.2.3`), `yfinance` (cell 0), `pip install -r more.txt` (cell 1): what a run
                installs is in no image, and each run needs the network for it. Instead, let
                requirements.txt ask for it
          imports
            ✓ pandas  pandas  requirements.txt:1  cell 1
          asks for 1 requirement: 1 pinned, 0 with hashes

        1 notebook: 1 passed · [s]
    "#]],
    );
    std::fs::remove_file(sandbox.path("requirements.txt")).unwrap();
    sandbox.check(
        &["deps", "a.ipynb"],
        &expect![[r#"
        exit 0
        --- stdout
        ✓ Passed a.ipynb  at development · not run

          environment from nothing: there is no dependency file
            - ./  no dependency file in it
          note: no dependency file was found: the base image is used as it is; write a requirements.txt
                beside the notebook, or let `nbvet deps --write` propose it
          note: this is no git repository: dependency files were looked for in the notebook's folder alone
          note: the notebook itself installs `pandas==1.5.3` (cell 0), `yfinance` (cell 0),
                `pip install -r more.txt` (cell 1): what a run installs is in no image, and each run needs
                the network for it. Instead, `nbvet deps --write` takes distributions over
          imports
            ✗ pandas  pandas  missing  cell 1

        1 notebook: 1 passed · 1 note · [s]
        -v shows the notes
    "#]],
    );
}

#[test]
fn of_two_versions_that_notebooks_of_a_folder_install_one_is_proposed_and_the_other_told() {
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["%pip install pandas==2.2.3 six"]))
        .file("b.ipynb", &notebook(&["%pip install pandas==1.5.3 six==1.17.0"]));
    let output = sandbox.output(&["deps", ".", "--write", "--uv", "./no-uv"]);
    assert_eq!(output.status.code(), Some(2));
    let proposed = std::fs::read_to_string(sandbox.path("requirements.in")).unwrap();
    expect![[r#"
        # From the imports of a.ipynb, b.ipynb, as nbvet reads them. Look at it, then pin it:
        #   uv pip compile requirements.in --generate-hashes -o requirements.txt

        pandas==2.2.3  # pip install (a.ipynb, cell 0)
        six==1.17.0  # pip install (a.ipynb, cell 0; b.ipynb, cell 0)

        # Not proposed:
        #   pip install pandas==1.5.3 (b.ipynb, cell 0): another notebook asks for another version, which is the line above
    "#]].assert_eq(&proposed);
}

#[test]
fn json_holds_nothing_that_acts_on_a_terminal() {
    let name = "a\u{202e}\u{9b}31m.ipynb";
    let sandbox = Sandbox::new().file(name, &notebook(&["import pandas"]));
    for format in ["json", "sarif"] {
        let output = sandbox.output(&["deps", ".", "--format", format]);
        let told = String::from_utf8(output.stdout).unwrap();
        let acts = |c: char| c != '\n' && nbvet_report::hidden::acts(c);
        assert!(!told.contains(acts), "{told:?}");
        serde_json::from_str::<serde_json::Value>(&told).unwrap();
        assert_eq!(told.contains("\\u202e"), format == "json", "{told:?}");
    }
}

#[test]
fn an_index_that_cannot_be_asked_is_an_error_and_no_pass() {
    let sandbox = sandbox().file(
        "requirements.txt",
        "pandas==2.2.3\nscikit-learn==1.5.2\npyyaml==6.0.2\n",
    );
    let words = [
        "deps",
        "a.ipynb",
        "--check-index",
        "--index-url",
        "http://127.0.0.1:9/simple",
    ];
    let mut command = sandbox.command(&words);
    let output = command
        .env("XDG_CACHE_HOME", sandbox.path("cache"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("127.0.0.1:9") && told.contains("without `--check-index`"),
        "{told}"
    );
}

#[test]
fn a_host_that_a_file_trusts_is_refused_unless_it_is_allowed() {
    let text = "--trusted-host packages.example\npandas==2.2.3\nscikit-learn==1.5.2\npyyaml==6.0.2\n";
    let allowed = "[dependencies]\nallowed-hosts = [\"packages.example\"]\n";
    for (settings, further, expected) in [
        ("", &[][..], Some(1)),
        ("", &["--allow-host", "packages.example"], Some(0)),
        ("", &["--allow-host", "other.example"], Some(1)),
        (allowed, &[], Some(0)),
    ] {
        let sandbox = sandbox()
            .file("requirements.txt", text)
            .file("nbvet.toml", settings);
        let output = sandbox.output(&[&["deps", "a.ipynb"], further].concat());
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), expected, "{settings} {further:?} {told}");
        assert_eq!(told.contains("NB910"), expected == Some(1), "{told}");
    }
}

#[test]
fn what_is_imported_and_surely_not_brought_is_told_with_the_line_that_is_missing() {
    let sandbox = Sandbox::new()
        .file(
            "a.ipynb",
            &notebook(&[
                "import numpy\nimport pandas as pd\n",
                "from sklearn.svm import SVC\nimport yaml",
            ]),
        )
        .file("requirements.txt", "pandas==2.2.3\n");
    sandbox.check(
        &["deps", "a.ipynb"],
        &expect![[r#"
        exit 0
        --- stdout
        ✓ Passed a.ipynb  at development · not run

          environment from requirements.txt (requirements in pip's form)
          imports
            · numpy    numpy         comes along with pandas; name it yourself  cell 0
            ✓ pandas   pandas        requirements.txt:1  cell 0
            ✗ sklearn  scikit-learn  missing  cell 1
            ✗ yaml     pyyaml        missing  cell 1
          asks for 1 requirement: 1 pinned, 0 with hashes

        warning[NB932]: `sklearn`, `yaml` are imported, and `requirements.txt` asks for nothing that has them
           ╭─[ a.ipynb:21 · cell 1:1:1 ]
           │
         1 │ from sklearn.svm import SVC
           │ ─────────────┬─────────────
           │              ╰─────────────── undeclared-import
         2 │ import yaml
           │ ─────┬─────
           │      ╰─────── `yaml` too
        ───╯
          help: add `scikit-learn`, `pyyaml` to `requirements.txt`, with the versions that you validated
                (`pip freeze` tells them)

        1 notebook: 1 passed · 1 warning · [s]
        `nbvet explain NB932` tells more about a rule
    "#]],
    );
}

/// Precision: whatever may bring it silences the finding.
#[test]
fn what_may_come_along_is_no_finding() {
    let told = |file: &str, text: &str, code: &str| {
        let sandbox = Sandbox::new()
            .file("a.ipynb", &notebook(&[code]))
            .file(file, text);
        let output = sandbox.output(&["deps", "a.ipynb", "--level", "production", "--allow-unpinned"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let sklearn = "from sklearn.svm import SVC";
    for (file, text, code, expected) in [
        ("requirements.txt", "matplotlib==3.9.2\n", sklearn, true),
        ("requirements.txt", "", sklearn, true),
        ("requirements.txt", "matplotlib==3.9.2\n", "import numpy", false),
        ("requirements.txt", "seaborn==0.13.2\n", "import scipy", false),
        ("requirements.txt", "our-tools==1.0\n", sklearn, false),
        ("requirements.txt", "matplotlib[dev]==3.9.2\n", sklearn, false),
        (
            "requirements.txt",
            "git+https://h.example/x.git@e83c5163316f89bfbde7d9ab23ca2e25604af290#egg=x\n",
            sklearn,
            false,
        ),
        (
            "requirements.txt",
            "matplotlib==3.9.2\n",
            "import our_tools",
            false,
        ),
        (
            "requirements.txt",
            "matplotlib==3.9.2\n",
            "import os, json",
            false,
        ),
        (
            "requirements.txt",
            "matplotlib==3.9.2\n",
            "try:\n    import sklearn\nexcept ImportError:\n    pass",
            false,
        ),
        (
            "requirements.txt",
            "matplotlib==3.9.2\n",
            "%pip install scikit-learn\nimport sklearn",
            false,
        ),
        (
            "requirements.txt",
            "matplotlib==3.9.2\n",
            "%pip install -r more.txt\nimport sklearn",
            false,
        ),
        (
            "environment.yml",
            "dependencies:\n  - scikit-learn\n  - pip:\n    - matplotlib\n",
            sklearn,
            false,
        ),
        ("setup.py", "import setuptools\n", sklearn, false),
        ("Dockerfile", "FROM python:3.12\n", sklearn, false),
    ] {
        let told = told(file, text, code);
        assert_eq!(told.contains("NB932"), expected, "{text}{code}\n{told}");
    }
}

#[test]
fn many_unpinned_lines_are_one_finding_and_json_has_each() {
    let lines: Vec<String> = (0..25).map(|number| format!("p{number}>={number}\n")).collect();
    let lines = lines.concat();
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["x = 1"]))
        .file("requirements.txt", &lines);
    let output = sandbox.output(&["deps", "a.ipynb", "--level", "production", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let one = &report["notebooks"][0];
    let found: Vec<&serde_json::Value> = one["diagnostics"].as_array().unwrap().iter().collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        found[0]["message"],
        "25 lines do not say which version is installed: `p0>=0`, `p1>=1`, `p2>=2` and 22 more"
    );
    let requirements = one["dependencies"]["requirements"].as_array().unwrap();
    assert_eq!(requirements.len(), 25);
    assert!(requirements.iter().all(|line| line["pinned"] == false));
    assert_eq!(requirements[24]["line"], 25);
    // A baseline knows the lines, not only that there are some.
    let deps = |further: &[&str]| {
        let words = [
            "deps",
            "a.ipynb",
            "--level",
            "production",
            "--baseline",
            "known.json",
        ];
        sandbox.output(&[&words[..], further].concat()).status.code()
    };
    assert_eq!(deps(&["--write-baseline"]), Some(0));
    assert_eq!(deps(&[]), Some(0));
    std::fs::write(sandbox.path("requirements.txt"), lines + "one-more\n").unwrap();
    assert_eq!(deps(&[]), Some(1));
}

#[test]
fn a_file_of_constraints_pins_and_places_are_told_straight() {
    let sandbox = Sandbox::new()
        .file(".git/HEAD", "ref: refs/heads/main\n")
        .file("nbs/a.ipynb", &notebook(&["import pandas"]))
        .file("nbs/requirements.txt", "-r ../base/all.txt\n-c constraints.txt\n")
        .file("nbs/constraints.txt", "pandas==2.2.3\n")
        .file("base/all.txt", "pandas\nsix\n");
    sandbox.check(&["deps", "nbs/a.ipynb", "-v"], &expect![[r#"
        exit 0
        --- stdout
        ✓ Passed nbs/a.ipynb  at development · not run

          environment from nbs/requirements.txt (requirements in pip's form)
            - ./  no dependency file in it
          imports
            ✓ pandas  pandas  base/all.txt:1  cell 0
          asks for 2 requirements: 1 pinned, 0 with hashes

        note[NB901]: `six` may install a different six tomorrow than the one you validated
           ╭─[ base/all.txt:2:1 ]
           │
         2 │ six
           │ ─┬─
           │  ╰─── unpinned-requirement
           │
           ├─[ nbs/requirements.txt:1:1 ]
           │
         1 │ -r ../base/all.txt
           │ ─────────┬────────
           │          ╰────────── included here
        ───╯
          help: pin the version that you validated (`pip freeze` tells it), or keep what you ask for in
                `nbs/requirements.in` and lock it:
                `mv nbs/requirements.txt nbs/requirements.in && uv pip compile nbs/requirements.in --generate-hashes -o nbs/requirements.txt`

        1 notebook: 1 passed · 1 note · [s]
        `nbvet explain NB901` tells more about a rule
    "#]]);
}

#[test]
fn what_cannot_be_assembled_is_told_with_what_happens_then() {
    let text = "six==1.17.0\nt @ git+https://h.example/t.git@e83c5163316f89bfbde7d9ab23ca2e25604af290\n\
                https://h.example/docopt-0.6.2.tar.gz --hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["x = 1"]))
        .file("requirements.txt", text);
    sandbox.check(
        &["deps", "a.ipynb", "--rule", "NB908=off"],
        &expect![[r#"
        exit 0
        --- stdout
        ✓ Passed a.ipynb  at development · not run

          environment from requirements.txt (requirements in pip's form)
          note: 2 lines are no wheels, and images are assembled from wheels: requirements.txt:2:
                `t @ git+https://h.example/t.git@e83c5163316f89bfbde7d9ab23ca2e25604af290` installs a
                repository, which has no digest; make a wheel of it and name its URL and digest;
                requirements.txt:3: `https://h.example/docopt-0.6.2.tar.gz` is a source distribution, whose
                code runs to make a wheel; name a wheel (`pip wheel --no-deps URL` makes one). In a cluster
                such an image is built by commands (buildah), where the namespace allows that
          asks for 3 requirements: 3 pinned, 1 with hashes

        1 notebook: 1 passed · 1 note · [s]
        -v shows the notes
    "#]],
    );
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["x = 1"])).file(
        "environment.yml",
        "dependencies:\n  - gdal\n  - proj\n  - geos\n  - numpy\n  - scipy\n",
    );
    sandbox.check(
        &["deps", "a.ipynb"],
        &expect![[r#"
            exit 0
            --- stdout
            ✓ Passed a.ipynb  at development · not run

              environment from environment.yml (a conda environment)
              note: no image can be assembled from environment.yml: packages of conda are no wheels. In a
                    cluster such an image is built by commands (buildah), where the namespace allows that. Here,
                    for `nbvet image`, list what it needs in a requirements.txt
              note: environment.yml:2: conda package `gdal`: conda has it, and an image of wheels holds packages
                    of PyPI alone: write its name on PyPI under `pip:`, or build with a Dockerfile
              note: environment.yml:3: conda package `proj`: conda has it, and an image of wheels holds packages
                    of PyPI alone: write its name on PyPI under `pip:`, or build with a Dockerfile
              note: environment.yml:4: conda package `geos`: conda has it, and an image of wheels holds packages
                    of PyPI alone: write its name on PyPI under `pip:`, or build with a Dockerfile
              note: environment.yml:5: conda package `numpy`: the same holds of it, and of 1 more

            1 notebook: 1 passed · [s]
        "#]],
    );
}

#[test]
fn outside_of_git_it_is_told_that_the_folders_above_were_not_looked_at() {
    let words = "this is no git repository";
    let inside = Sandbox::new()
        .file(".git/HEAD", "ref: refs/heads/main\n")
        .file("nbs/a.ipynb", &notebook(&["x = 1"]));
    let outside = Sandbox::new()
        .file("requirements.txt", "six==1.17.0\n")
        .file("nbs/a.ipynb", &notebook(&["x = 1"]));
    for (sandbox, expected) in [(inside, false), (outside, true)] {
        let output = sandbox.output(&["deps", "nbs/a.ipynb"]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(told.contains(words), expected, "{told}");
    }
}

/// `allow-unpinned = true` of a repository weakened what the command line asked for.
#[test]
fn production_on_the_command_line_wins_over_a_file_that_allows_less() {
    let sandbox = sandbox()
        .file(
            "requirements.txt",
            "pandas>=2\nscikit-learn==1.5.2\npyyaml==6.0.2\n",
        )
        .file(
            "nbvet.toml",
            "strict = true\n[dependencies]\nallow-unpinned = true\n",
        );
    for (further, expected) in [
        (&[][..], Some(0)),
        (&["--strict"], Some(1)),
        (&["--level", "production"], Some(1)),
        (&["--strict", "--allow-unpinned"], Some(0)),
    ] {
        let output = sandbox.output(&[&["deps", "a.ipynb"], further].concat());
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), expected, "{further:?} {told}");
    }
}

#[test]
fn a_validation_tells_where_it_ran_with_other_versions_than_are_pinned() {
    let Some(python) = crate::python::python() else {
        return;
    };
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["x = 1\nassert x == 1"]))
        .file("requirements.txt", "pip==0.1\nnot-installed==1.0\n");
    let told = |text: &str| {
        std::fs::write(sandbox.path("requirements.txt"), text).unwrap();
        let output = sandbox.output(&["validate", "a.ipynb", "--python", &python, "-v"]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{told}");
        told
    };
    let found = told("six\npip==0.1\nnot-installed==1.0\n");
    assert!(
        found.contains("NB933") && found.contains("`pip==0.1` is pinned"),
        "{found}"
    );
    let found = told("pip\npip-tools==0.1 ; python_version < '3'\n");
    assert!(!found.contains("NB933"), "{found}");
}

#[test]
fn an_image_has_no_options_of_runs() {
    let output = Sandbox::new().output(&["image", "build", "--help"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    for option in [
        "--fail-on-stderr",
        "--verify-assertions",
        "--baseline",
        "--educational-mode",
    ] {
        assert!(!told.contains(option), "{option}");
    }
    assert!(told.contains("--strict") && told.contains("--ignore"), "{told}");
}
