//! Small trees, and what is decided for them.

use std::{fmt::Write as _, fs, os::unix::fs::symlink, path::Path};

use expect_test::{Expect, expect};
use nbvet_report::Readers;
use tempfile::TempDir;

use super::*;

mod refused;

/// Files of a tree: `name -> target` is a symlink, a name with `/` at its end a folder, `name|` a named pipe.
fn tree_of(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name.trim_end_matches(['|', '/']));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else if name.ends_with('|') {
            mkfifo(&path);
        } else if let Some(target) = text.strip_prefix("-> ") {
            symlink(target, path).unwrap();
        } else {
            fs::write(path, text).unwrap();
        }
    }
    folder
}

fn mkfifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn asked(notebook: &str) -> Asked {
    Asked {
        notebook: notebook.to_owned(),
        ..Asked::default()
    }
}

fn told(tree: &Tree, asked: &Asked) -> String {
    told_to(Readers::Terminal, tree, asked)
}

fn told_to(readers: Readers, tree: &Tree, asked: &Asked) -> String {
    let detection = match detect(tree, asked) {
        Ok(detection) => detection,
        Err(refused) => return format!("refused: {}\n", refused.told(readers)),
    };
    let mut told = match &detection.decision {
        Decision::Dependencies { file, format, .. } => format!("{file} as {}", name_of(*format)),
        Decision::Dockerfile { file, target } => {
            format!("{file} as a Dockerfile, stage {target:?}")
        }
        Decision::Inferred => "the imports".to_owned(),
        Decision::BaseImageAlone => "the base image alone".to_owned(),
    };
    if let Needs::Buildah(because) = detection.needs() {
        let _ = write!(told, "; needs buildah: {because}");
    }
    told.push('\n');
    for look in &detection.looked_at {
        let _ = writeln!(told, "  {}: {}", look.file, look.why.told(readers));
    }
    for note in &detection.notes {
        let sign = if note.is_warning() { "warning" } else { "note" };
        let _ = writeln!(told, "  {sign}: {}", note.told(readers));
    }
    told
}

fn check(files: &[(&str, &str)], asked: &Asked, expected: &Expect) {
    let folder = tree_of(files);
    expected.assert_eq(&told(&Tree::open(folder.path()).unwrap(), asked));
}

const STAGES: &str = "FROM python:3.12 AS Build\nRUN true\nFROM python:3.12\nCOPY --from=build /a /a\n";

#[test]
fn nearer_folders_come_first_and_every_place_is_told() {
    check(
        &[
            ("a/b/x.ipynb", ""),
            ("a/b/README.md", ""),
            ("a/requirements.txt", "six==1.17.0"),
            ("requirements.txt", "six"),
            ("uv.lock", "version = 1"),
        ],
        &asked("a/b/x.ipynb"),
        &expect![[r#"
            a/requirements.txt as requirements
              a/b/: no dependency file in it
              a/requirements.txt: used
              uv.lock: not used: a/requirements.txt comes before it
              requirements.txt: not used: a/requirements.txt comes before it
        "#]],
    );
}

#[test]
fn in_one_folder_locks_come_before_loose_files() {
    let names = [
        "setup.py",
        "environment.yaml",
        "environment.yml",
        "Pipfile",
        "requirements.txt",
        "Pipfile.lock",
        "poetry.lock",
        "uv.lock",
        "pylock.gpu.toml",
        "pylock.toml",
        "pylock.a.b.toml",
    ];
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (*name, "x = 1")).collect();
    files.push((
        "pyproject.toml",
        "[project]\nname = 'x'\ndependencies = ['six']\n",
    ));
    files.push(("Dockerfile", STAGES));
    check(
        &files,
        &asked("x.ipynb"),
        &expect![[r#"
            pylock.toml as pylock
              pylock.toml: used
              pylock.gpu.toml: not used: pylock.toml comes before it
              uv.lock: not used: pylock.toml comes before it
              poetry.lock: not used: pylock.toml comes before it
              Pipfile.lock: not used: pylock.toml comes before it
              requirements.txt: not used: pylock.toml comes before it
              pyproject.toml: not used: pylock.toml comes before it
              Pipfile: not used: pylock.toml comes before it
              environment.yml: not used: pylock.toml comes before it
              environment.yaml: not used: pylock.toml comes before it
              setup.py: not used: pylock.toml comes before it
              Dockerfile: not used: pylock.toml comes before a Dockerfile without `--prefer-dockerfile` (preferDockerfile)
              warning: pylock.toml is used and Dockerfile is not; set `--prefer-dockerfile` (preferDockerfile) to build from Dockerfile
              warning: pylock.toml is used, of several locks in its folder (not pylock.gpu.toml, uv.lock, poetry.lock, Pipfile.lock); name the one that is meant with `--requirements-file` (requirementsFile), or delete what is stale
        "#]],
    );
}

#[test]
fn each_kind_wins_alone_and_says_what_it_needs() {
    let mut all = String::new();
    for (name, text) in [
        ("pylock.cpu.toml", "lock-version = '1.0'"),
        ("poetry.lock", "x = 1"),
        ("Pipfile.lock", "{}"),
        ("Pipfile", "[packages]"),
        ("environment.yaml", "dependencies: [gdal]"),
        ("setup.py", "import setuptools"),
        ("Dockerfile", "FROM x"),
        ("pyproject.toml", "[tool.poetry.dependencies]\npython = '3.12'"),
        (
            "pyproject.toml",
            "[tool.poetry.group.main.dependencies]\nsix = '*'",
        ),
        ("pyproject.toml", "[project]\ndependencies = []"),
        (
            "pyproject.toml",
            "[project]\ndynamic = ['version', 'dependencies']",
        ),
        ("pyproject.toml", "[project]\nname = 'x'"),
        ("pyproject.toml", "[tool.ruff]\nline-length = 100"),
        ("pyproject.toml", "[project\n"),
    ] {
        let folder = tree_of(&[(name, text)]);
        let told = told(&Tree::open(folder.path()).unwrap(), &asked("x.ipynb"));
        let first = told.lines().next().unwrap();
        let _ = writeln!(all, "{name} {text:?}: {first}");
    }
    expect![[r#"
        pylock.cpu.toml "lock-version = '1.0'": pylock.cpu.toml as pylock
        poetry.lock "x = 1": poetry.lock as poetry-lock
        Pipfile.lock "{}": Pipfile.lock as pipfile-lock
        Pipfile "[packages]": Pipfile as pipfile
        environment.yaml "dependencies: [gdal]": environment.yaml as conda-environment; needs buildah: packages of conda are no wheels
        setup.py "import setuptools": setup.py as setup-py; needs buildah: only running setup.py tells what it needs
        Dockerfile "FROM x": Dockerfile as a Dockerfile, stage None; needs buildah: a Dockerfile is a list of commands to run
        pyproject.toml "[tool.poetry.dependencies]\npython = '3.12'": pyproject.toml as pyproject
        pyproject.toml "[tool.poetry.group.main.dependencies]\nsix = '*'": pyproject.toml as pyproject
        pyproject.toml "[project]\ndependencies = []": pyproject.toml as pyproject
        pyproject.toml "[project]\ndynamic = ['version', 'dependencies']": pyproject.toml as pyproject; needs buildah: its dependencies are dynamic: only running its build backend tells them
        pyproject.toml "[project]\nname = 'x'": the base image alone
        pyproject.toml "[tool.ruff]\nline-length = 100": the base image alone
        pyproject.toml "[project\n": pyproject.toml as pyproject
    "#]].assert_eq(&all);
}

#[test]
fn a_pyproject_with_settings_of_tools_alone_loses_and_it_is_said() {
    check(
        &[
            ("n/pyproject.toml", "[tool.ruff]\nline-length = 100\n"),
            ("requirements.txt", "six"),
        ],
        &asked("n/x.ipynb"),
        &expect![[r#"
            requirements.txt as requirements
              n/pyproject.toml: not used: it names no dependencies, only settings of tools
              requirements.txt: used
        "#]],
    );
}

#[test]
fn an_empty_file_wins_and_it_is_said() {
    check(
        &[
            ("n/requirements.txt", "\n  # later\r\n"),
            ("requirements.txt", "six"),
        ],
        &asked("n/x.ipynb"),
        &expect![[r#"
            n/requirements.txt as requirements
              n/requirements.txt: used
              requirements.txt: not used: n/requirements.txt comes before it
              note: n/requirements.txt names no dependencies: nothing is added to the base image
        "#]],
    );
}

#[test]
fn what_a_file_was_resolved_from_is_told() {
    check(
        &[("requirements.txt", "six==1.17.0"), ("requirements.in", "six")],
        &asked("x.ipynb"),
        &expect![[r#"
            requirements.txt as requirements
              requirements.txt: used
              requirements.in: not used: requirements.txt was resolved from it
              note: requirements.txt is used as it stands; after a change in requirements.in resolve it anew
        "#]],
    );
    check(
        &[("Pipfile.lock", "{}"), ("Pipfile", "[packages]")],
        &asked("x.ipynb"),
        &expect![[r#"
            Pipfile.lock as pipfile-lock
              Pipfile.lock: used
              Pipfile: not used: Pipfile.lock was resolved from it
              note: Pipfile.lock is used as it stands; after a change in Pipfile resolve it anew
        "#]],
    );
}

#[test]
fn named_files_are_used_whatever_else_is_there() {
    let files = [
        ("deps/prod.txt", "six"),
        ("docker/nb.Dockerfile", STAGES),
        ("requirements.txt", "six"),
    ];
    let with = |requirements: Option<&str>, dockerfile: Option<&str>, prefer_dockerfile: bool| Asked {
        requirements_file: requirements.map(str::to_owned),
        dockerfile: dockerfile.map(str::to_owned),
        prefer_dockerfile,
        ..asked("n/x.ipynb")
    };
    check(
        &files,
        &with(Some("deps/prod.txt"), None, false),
        &expect![[r#"
            deps/prod.txt as requirements
              deps/prod.txt: used
        "#]],
    );
    check(
        &files,
        &with(None, Some("docker/nb.Dockerfile"), false),
        &expect![[r#"
            docker/nb.Dockerfile as a Dockerfile, stage None; needs buildah: a Dockerfile is a list of commands to run
              docker/nb.Dockerfile: used
        "#]],
    );
    let both = (Some("deps/prod.txt"), Some("docker/nb.Dockerfile"));
    check(
        &files,
        &with(both.0, both.1, false),
        &expect![[r#"
            deps/prod.txt as requirements
              deps/prod.txt: used
              docker/nb.Dockerfile: not used: deps/prod.txt comes before a Dockerfile without `--prefer-dockerfile` (preferDockerfile)
              warning: deps/prod.txt is used and docker/nb.Dockerfile is not; set `--prefer-dockerfile` (preferDockerfile) to build from docker/nb.Dockerfile
        "#]],
    );
    check(
        &files,
        &with(both.0, both.1, true),
        &expect![[r#"
            docker/nb.Dockerfile as a Dockerfile, stage None; needs buildah: a Dockerfile is a list of commands to run
              deps/prod.txt: not used: `--prefer-dockerfile` (preferDockerfile) is set, and there is docker/nb.Dockerfile
              docker/nb.Dockerfile: used
              warning: docker/nb.Dockerfile is used and deps/prod.txt is not: `--prefer-dockerfile` (preferDockerfile) is set
        "#]],
    );
}

#[test]
fn requirements_sources_come_before_the_notebooks_folder() {
    let with = |sources: &[&str]| Asked {
        requirements_sources: sources.iter().map(ToString::to_string).collect(),
        ..asked("n/x.ipynb")
    };
    let files = [
        ("n/requirements.txt", "six"),
        ("deps/ci.txt", "six"),
        ("locks/uv.lock", "version = 1"),
        ("Dockerfile", "FROM x"),
    ];
    check(
        &files,
        &with(&["none.txt", "deps/ci.txt", "locks"]),
        &expect![[r#"
            deps/ci.txt as requirements
              none.txt: not there
              deps/ci.txt: used
              locks/uv.lock: not used: deps/ci.txt comes before it
              n/requirements.txt: not used: deps/ci.txt comes before it
              Dockerfile: not used: deps/ci.txt comes before a Dockerfile without `--prefer-dockerfile` (preferDockerfile)
              warning: deps/ci.txt is used and Dockerfile is not; set `--prefer-dockerfile` (preferDockerfile) to build from Dockerfile
        "#]],
    );
    check(
        &files,
        &with(&["locks", "deps/ci.txt"]),
        &expect![[r#"
            locks/uv.lock as uv-lock
              locks/uv.lock: used
              deps/ci.txt: not used: locks/uv.lock comes before it
              n/requirements.txt: not used: locks/uv.lock comes before it
              Dockerfile: not used: locks/uv.lock comes before a Dockerfile without `--prefer-dockerfile` (preferDockerfile)
              warning: locks/uv.lock is used and Dockerfile is not; set `--prefer-dockerfile` (preferDockerfile) to build from Dockerfile
        "#]],
    );
    check(
        &files,
        &with(&["none.txt", "no/folder/"]),
        &expect![[r#"
            n/requirements.txt as requirements
              none.txt: not there
              no/folder: not there
              n/requirements.txt: used
              Dockerfile: not used: n/requirements.txt comes before a Dockerfile without `--prefer-dockerfile` (preferDockerfile)
              warning: nothing that `--requirements-source` (requirementsSources) names is there
              warning: n/requirements.txt is used and Dockerfile is not; set `--prefer-dockerfile` (preferDockerfile) to build from Dockerfile
        "#]],
    );
    check(
        &files,
        &with(&["Dockerfile"]),
        &expect![[r#"
            refused: `--requirements-source` (requirementsSources) names `Dockerfile`, whose name tells no format: dependency files are pylock.toml, uv.lock, poetry.lock, Pipfile.lock, pyproject.toml, Pipfile, environment.yml, setup.py, and any other name but .toml, .json, .py and .cfg for pip's requirements; a Dockerfile is named as dockerfile
        "#]],
    );
    check(
        &files,
        &with(&["../../etc/passwd"]),
        &expect![[r#"
        refused: ../../etc/passwd would be used, but cannot: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)
    "#]],
    );
}

#[test]
fn with_both_kinds_prefer_dockerfile_decides_and_the_winner_is_named() {
    let files = [
        ("n/Dockerfile", "FROM x"),
        ("requirements.txt", "six"),
        ("Dockerfile", "FROM y"),
    ];
    check(
        &files,
        &asked("n/x.ipynb"),
        &expect![[r#"
            requirements.txt as requirements
              n/Dockerfile: not used: requirements.txt comes before a Dockerfile without `--prefer-dockerfile` (preferDockerfile)
              requirements.txt: used
              Dockerfile: not used: requirements.txt comes before a Dockerfile without `--prefer-dockerfile` (preferDockerfile)
              warning: requirements.txt is used and n/Dockerfile is not; set `--prefer-dockerfile` (preferDockerfile) to build from n/Dockerfile
        "#]],
    );
    let prefer = Asked {
        prefer_dockerfile: true,
        ..asked("n/x.ipynb")
    };
    check(
        &files,
        &prefer,
        &expect![[r#"
            n/Dockerfile as a Dockerfile, stage None; needs buildah: a Dockerfile is a list of commands to run
              n/Dockerfile: used
              requirements.txt: not used: `--prefer-dockerfile` (preferDockerfile) is set, and there is n/Dockerfile
              Dockerfile: not used: n/Dockerfile comes before it
              warning: n/Dockerfile is used and requirements.txt is not: `--prefer-dockerfile` (preferDockerfile) is set
        "#]],
    );
}

#[test]
fn in_a_cluster_settings_are_called_by_their_fields_and_no_option_is_named() {
    let files = [
        ("n/uv.lock", ""),
        ("n/Pipfile.lock", ""),
        ("n/Dockerfile", "FROM a:1"),
        ("m/x.ipynb", ""),
    ];
    let folder = tree_of(&files);
    let tree = Tree::open(folder.path()).unwrap();
    let all = [
        asked("n/x.ipynb"),
        Asked {
            prefer_dockerfile: true,
            ..asked("n/x.ipynb")
        },
        Asked {
            requirements_sources: vec!["nothing.txt".to_owned()],
            ..asked("m/x.ipynb")
        },
        Asked {
            requirements_file: Some("n/uv.lok".to_owned()),
            ..asked("n/x.ipynb")
        },
        Asked {
            requirements_file: Some("n/Dockerfile".to_owned()),
            ..asked("n/x.ipynb")
        },
        Asked {
            fallback: Fallback::Fail,
            ..asked("m/x.ipynb")
        },
        Asked {
            fallback: Fallback::Auto,
            ..asked("m/x.ipynb")
        },
    ];
    let told: String = all
        .iter()
        .map(|asked| told_to(Readers::Cluster, &tree, asked))
        .collect();
    assert!(!told.contains("--") && !told.contains("nbvet deps"), "{told}");
    for field in [
        "preferDockerfile",
        "requirementsFile",
        "requirementsSources",
        "fallbackStrategy",
    ] {
        let field = format!("`spec.podConfig.buildConfig.{field}`");
        assert!(told.contains(&field), "{field}: {told}");
    }
}

#[test]
fn where_nothing_is_found_the_fallback_decides() {
    let files = [("n/x.ipynb", ""), ("n/data.csv", "")];
    let with = |fallback, auto_generate_requirements| Asked {
        auto_generate_requirements,
        fallback,
        ..asked("n/x.ipynb")
    };
    check(
        &files,
        &with(Fallback::Warn, false),
        &expect![[r#"
        the base image alone
          n/: no dependency file in it
          ./: no dependency file in it
          warning: no dependency file was found: the base image is used as it is; write a requirements.txt beside the notebook, or let `nbvet deps --write` propose it
    "#]],
    );
    check(
        &files,
        &with(Fallback::Fail, false),
        &expect![[r#"
            refused: no dependency file was found in the 2 places that were looked at, and `--fallback-strategy` (fallbackStrategy) is `fail`; write a requirements.txt beside the notebook, or name a file with `--requirements-file` (requirementsFile)
        "#]],
    );
    check(
        &files,
        &with(Fallback::Auto, false),
        &expect![[r#"
            the imports
              n/: no dependency file in it
              ./: no dependency file in it
              note: no dependency file was found; `--fallback-strategy` (fallbackStrategy) is `auto`: the imports tell what is needed, without versions
        "#]],
    );
    check(
        &files,
        &with(Fallback::Fail, true),
        &expect![[r#"
            the imports
              n/: no dependency file in it
              ./: no dependency file in it
              note: no dependency file was found; `--auto-generate-requirements` (autoGenerateRequirements) is set: the imports tell what is needed, without versions
        "#]],
    );
}

#[test]
fn folders_of_binder_are_heeded() {
    check(
        &[
            ("binder/environment.yml", "dependencies: []"),
            ("binder/apt.txt", "gdal"),
            ("binder/postBuild", "#!/bin/sh"),
            ("requirements.txt", "six"),
        ],
        &asked("n/x.ipynb"),
        &expect![[r#"
            binder/environment.yml as conda-environment; needs buildah: packages of conda are no wheels
              n/: not there
              binder/environment.yml: used
              requirements.txt: not used: binder/environment.yml comes before it
              note: binder/apt.txt, binder/postBuild: repo2docker would heed it too; nbvet takes packages of Python alone
        "#]],
    );
    check(
        &[(".binder/Dockerfile", "FROM x"), ("n/README", "")],
        &asked("n/x.ipynb"),
        &expect![[r#"
            .binder/Dockerfile as a Dockerfile, stage None; needs buildah: a Dockerfile is a list of commands to run
              n/: no dependency file in it
              .binder/Dockerfile: used
              ./: no dependency file in it
        "#]],
    );
    let two = [
        ("binder/requirements.txt", "six"),
        (".binder/requirements.txt", "six"),
    ];
    check(
        &two,
        &asked("n/x.ipynb"),
        &expect![[r#"
            refused: ./ holds a folder `binder` and a folder `.binder`; keep one of them
        "#]],
    );
    check(
        &[two[0], two[1], ("n/requirements.txt", "six")],
        &asked("n/x.ipynb"),
        &expect![[r#"
            n/requirements.txt as requirements
              n/requirements.txt: used
              ./: not used: it holds a folder `binder` and a folder `.binder`; keep one of them
        "#]],
    );
    // A file of that name is none of Binder's.
    check(
        &[("binder", ""), ("requirements.txt", "")],
        &asked("x.ipynb"),
        &expect![[r#"
            requirements.txt as requirements
              requirements.txt: used
              note: requirements.txt names no dependencies: nothing is added to the base image
        "#]],
    );
}

#[test]
fn symlinks_that_stay_inside_are_followed() {
    check(
        &[
            ("shared/r.txt", "six"),
            ("n/requirements.txt", "-> ../shared/r.txt"),
            ("binder", "-> shared"),
        ],
        &asked("n/x.ipynb"),
        &expect![[r#"
            n/requirements.txt as requirements
              n/requirements.txt: used
              binder/: no dependency file in it
              ./: no dependency file in it
        "#]],
    );
}

#[test]
fn a_decision_has_a_form_for_machines() {
    let folder = tree_of(&[
        ("requirements.txt", "six==1.17.0"),
        ("requirements.in", "six"),
        ("Dockerfile", "FROM x"),
        ("pyproject.toml", "[tool.ruff]"),
    ]);
    let detection = detect(&Tree::open(folder.path()).unwrap(), &asked("x.ipynb")).unwrap();
    let json = serde_json::to_string_pretty(&detection).unwrap();
    expect![[r#"
        {
          "decision": {
            "from": "dependencies",
            "file": "requirements.txt",
            "format": "requirements",
            "input": "requirements.in",
            "needs": {
              "builder": "assemble"
            }
          },
          "looked_at": [
            {
              "file": "requirements.txt",
              "why": {
                "result": "won"
              },
              "message": "used"
            },
            {
              "file": "pyproject.toml",
              "why": {
                "result": "only-tools"
              },
              "message": "not used: it names no dependencies, only settings of tools"
            },
            {
              "file": "Dockerfile",
              "why": {
                "result": "not-preferred",
                "winner": "requirements.txt"
              },
              "message": "not used: requirements.txt comes before a Dockerfile without `--prefer-dockerfile` (preferDockerfile)"
            },
            {
              "file": "requirements.in",
              "why": {
                "result": "input-of",
                "winner": "requirements.txt"
              },
              "message": "not used: requirements.txt was resolved from it"
            }
          ],
          "notes": [
            {
              "note": "both",
              "warning": true,
              "message": "requirements.txt is used and Dockerfile is not; set `--prefer-dockerfile` (preferDockerfile) to build from Dockerfile"
            },
            {
              "note": "resolved-from",
              "warning": false,
              "message": "requirements.txt is used as it stands; after a change in requirements.in resolve it anew"
            }
          ]
        }"#]].assert_eq(&json);
}
