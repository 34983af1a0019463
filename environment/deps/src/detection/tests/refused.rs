//! What is refused, and in which words.

use std::{fs, os::unix::fs::PermissionsExt as _};

use expect_test::expect;

use super::{super::search, STAGES, asked, check, told, tree_of};
use crate::{Tree, detection::Asked};

#[test]
fn a_named_file_that_is_not_there_is_refused_with_what_looks_alike() {
    let files = [
        ("deps/Requirements.txt", "six"),
        ("n/requirements.txt", "six"),
        ("n/requirements-dev.txt", "six"),
        ("docker/dockerfile", STAGES),
        ("other/uv.lock", ""),
    ];
    let refused = |requirements: Option<&str>, dockerfile: Option<&str>| {
        let folder = tree_of(&files);
        let asked = Asked {
            requirements_file: requirements.map(str::to_owned),
            dockerfile: dockerfile.map(str::to_owned),
            ..asked("n/x.ipynb")
        };
        told(&Tree::open(folder.path()).unwrap(), &asked)
    };
    let all = [
        refused(Some("deps/requirements.txt"), None),
        refused(Some("requirement.txt"), None),
        refused(Some("other/pins"), None),
        refused(Some("none/at/all.lock"), None),
        refused(None, Some("docker/Dockerfile")),
        refused(None, Some("Dockerfile.gpu")),
        refused(Some("n/requirements.txt"), Some("Dockerfile.gpu")),
        refused(Some("/etc/passwd"), None),
        refused(Some("../requirements.txt"), None),
        refused(Some("n/requirements.txt\nRUN x"), None),
        refused(Some("n"), None),
        refused(Some("conf.toml"), None),
        refused(Some("Dockerfile"), None),
    ];
    expect![[r#"
        refused: `--requirements-file` (requirementsFile) names `deps/requirements.txt`, which is not there; what looks alike: `deps/Requirements.txt`, `n/requirements.txt`, `n/requirements-dev.txt`
        refused: `--requirements-file` (requirementsFile) names `requirement.txt`, which is not there; what looks alike: `n/requirements.txt`, `n/requirements-dev.txt`
        refused: `--requirements-file` (requirementsFile) names `other/pins`, which is not there; what is there: `other/uv.lock`, `n/requirements.txt`
        refused: `--requirements-file` (requirementsFile) names `none/at/all.lock`, which is not there; what is there: `n/requirements.txt`
        refused: `--dockerfile` names `docker/Dockerfile`, which is not there; what looks alike: `docker/dockerfile`
        refused: `--dockerfile` names `Dockerfile.gpu`, which is not there; no dependency file is in its folder or around the notebook
        refused: `--dockerfile` names `Dockerfile.gpu`, which is not there; no dependency file is in its folder or around the notebook
        refused: /etc/passwd would be used, but cannot: it is absolute; write it as seen from the root of the tree
        refused: ../requirements.txt would be used, but cannot: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)
        refused: n/requirements.txt\nRUN x would be used, but cannot: it holds a line break or another control character
        refused: n would be used, but cannot: it is a folder, not a file
        refused: `--requirements-file` (requirementsFile) names `conf.toml`, whose name tells no format: dependency files are pylock.toml, uv.lock, poetry.lock, Pipfile.lock, pyproject.toml, Pipfile, environment.yml, setup.py, and any other name but .toml, .json, .py and .cfg for pip's requirements; a Dockerfile is named as dockerfile
        refused: `--requirements-file` (requirementsFile) names `Dockerfile`, whose name tells no format: dependency files are pylock.toml, uv.lock, poetry.lock, Pipfile.lock, pyproject.toml, Pipfile, environment.yml, setup.py, and any other name but .toml, .json, .py and .cfg for pip's requirements; a Dockerfile is named as dockerfile
    "#]].assert_eq(&all.concat());
}

#[test]
fn a_target_is_a_stage_of_the_dockerfile() {
    let with = |target: &str| Asked {
        target: Some(target.to_owned()),
        ..asked("x.ipynb")
    };
    let files = [("Dockerfile", STAGES)];
    check(
        &files,
        &with("BUILD"),
        &expect![[r#"
        Dockerfile as a Dockerfile, stage Some("build"); needs buildah: a Dockerfile is a list of commands to run
          Dockerfile: used
    "#]],
    );
    check(
        &files,
        &with("1"),
        &expect![[r#"
        Dockerfile as a Dockerfile, stage Some("1"); needs buildah: a Dockerfile is a list of commands to run
          Dockerfile: used
    "#]],
    );
    check(
        &files,
        &with("2"),
        &expect![[r#"
        refused: Dockerfile has no stage `2`; its stages: `build`
    "#]],
    );
    check(
        &files,
        &with("x\ny"),
        &expect![[r#"
        refused: Dockerfile has no stage `x\ny`; its stages: `build`
    "#]],
    );
    check(
        &[("Dockerfile", "FROM x")],
        &with("final"),
        &expect![[r#"
        refused: Dockerfile has no stage `final`; none of its stages has a name: write `FROM … AS name`
    "#]],
    );
    check(
        &[("Dockerfile", "RUN no from")],
        &with("final"),
        &expect![[r#"
            Dockerfile as a Dockerfile, stage Some("final"); needs buildah: a Dockerfile is a list of commands to run
              Dockerfile: used
              note: Dockerfile cannot be read as a Dockerfile: expected FROM at line 1 column 1; whether it has a stage `final` was not looked at
        "#]],
    );
    check(
        &[("Dockerfile", "")],
        &asked("x.ipynb"),
        &expect![[r#"
        Dockerfile as a Dockerfile, stage None; needs buildah: a Dockerfile is a list of commands to run
          Dockerfile: used
          note: Dockerfile cannot be read as a Dockerfile: expected at least one FROM instruction
    "#]],
    );
    check(
        &[("requirements.txt", "six")],
        &with("final"),
        &expect![[r#"
        requirements.txt as requirements
          requirements.txt: used
          note: target `final` has no effect: no Dockerfile is used
    "#]],
    );
}

#[test]
fn what_stands_in_the_way_of_a_file_is_an_error_and_never_another_file() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("requirements.txt"), "six").unwrap();
    let absolute = format!("-> {}", outside.path().join("requirements.txt").display());
    let large = "#".repeat(crate::requirements::MAX_BYTES + 1);
    let mut all = String::new();
    for (name, text) in [
        ("n/requirements.txt|", ""),
        ("n/requirements.txt", "-> ../../outside.txt"),
        ("n/requirements.txt", "-> requirements.txt"),
        ("n/requirements.txt", "-> nothing.txt"),
        ("n/requirements.txt", &large),
        ("n/requirements.txt/", ""),
        ("n", "-> .."),
    ] {
        let folder = tree_of(&[(name, text), ("requirements.txt", "six")]);
        let told = told(&Tree::open(folder.path()).unwrap(), &asked("n/x.ipynb"));
        all.push_str(&told);
    }
    expect![[r#"
        refused: n/requirements.txt would be used, but cannot: it is a named pipe; only ordinary files are read
        refused: n/requirements.txt would be used, but cannot: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)
        refused: n/requirements.txt would be used, but cannot: its symlinks lead in a circle, or one to another too often
        refused: n/requirements.txt would be used, but cannot: it is a symlink to nothing
        refused: n/requirements.txt would be used, but cannot: it is larger than 1024 KiB
        requirements.txt as requirements
          n/requirements.txt: not used: it is a folder, not a file
          requirements.txt: used
        refused: n/ would be used, but cannot: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)
    "#]].assert_eq(&all);
    let folder = tree_of(&[("requirements.txt", &absolute)]);
    let tree = Tree::open(folder.path()).unwrap();
    assert!(told(&tree, &asked("x.ipynb")).starts_with("refused: requirements.txt would be used"));
}

#[test]
fn a_file_that_may_not_be_read_is_told_as_such() {
    let folder = tree_of(&[("n/requirements.txt", "six"), ("requirements.txt", "six")]);
    let closed = fs::Permissions::from_mode(0o000);
    fs::set_permissions(folder.path().join("n/requirements.txt"), closed).unwrap();
    crate::tree::without_rights(|| {
        let told = told(&Tree::open(folder.path()).unwrap(), &asked("n/x.ipynb"));
        expect![[r#"
            refused: n/requirements.txt would be used, but cannot: permission denied; let the user that runs nbvet read it
        "#]].assert_eq(&told);
    });
}

#[test]
fn a_named_symlink_to_nothing_and_a_source_with_a_bad_name_are_told() {
    let with = |requirements: Option<&str>, sources: &[&str]| Asked {
        requirements_file: requirements.map(str::to_owned),
        requirements_sources: sources.iter().map(ToString::to_string).collect(),
        ..asked("x.ipynb")
    };
    let files = [("r.txt", "-> none.txt"), ("s.txt", "six")];
    check(
        &files,
        &with(Some("r.txt"), &[]),
        &expect![[r#"
        refused: r.txt would be used, but cannot: it is a symlink to nothing
    "#]],
    );
    check(
        &files,
        &with(None, &["s.txt", "a\nb.txt", "r.txt", "/etc/passwd"]),
        &expect![[r#"
            s.txt as requirements
              s.txt: used
              a\nb.txt: not used: it holds a line break or another control character
              r.txt: not there
              /etc/passwd: not used: it is absolute; write it as seen from the root of the tree
              ./: no dependency file in it
        "#]],
    );
}

#[test]
fn what_stands_in_the_way_behind_the_winner_is_only_told() {
    check(
        &[
            ("n/uv.lock", "version = 1"),
            ("n/requirements.txt|", ""),
            ("link", "-> n/uv.lock"),
        ],
        &asked("n/x.ipynb"),
        &expect![[r#"
            n/uv.lock as uv-lock
              n/uv.lock: used
              n/requirements.txt: not used: it is a named pipe; only ordinary files are read
              ./: no dependency file in it
        "#]],
    );
}

#[test]
fn the_name_of_the_notebook_stays_inside() {
    for name in ["../x.ipynb", "/x.ipynb", "a/../../x.ipynb", "", "a\nb.ipynb"] {
        let folder = tree_of(&[]);
        let told = told(&Tree::open(folder.path()).unwrap(), &asked(name));
        assert!(told.starts_with("refused: the notebook: "), "{name}: {told}");
    }
    let chain = search::folders("./a//b/x.ipynb").unwrap();
    assert_eq!(chain, ["a/b", "a", ""]);
}
