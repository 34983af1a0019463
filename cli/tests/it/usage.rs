//! Calls that are wrong before any notebook is opened.

use expect_test::expect;

use crate::sandbox::{Sandbox, notebook};

#[test]
fn a_path_that_does_not_exist_is_told_with_its_neighbours() {
    let sandbox = Sandbox::new().file("work/train.ipynb", &notebook(&["1"]));
    sandbox.check(
        &["lint", "work/trian.ipynb"],
        &expect![[r#"
        exit 2
        --- stderr
        error: `work/trian.ipynb` does not exist

        hint: did you mean `work/train.ipynb`?
    "#]],
    );
}

#[test]
fn standard_input_is_refused_in_words() {
    Sandbox::new().check(
        &["lint", "-"],
        &expect![[r#"
        exit 2
        --- stderr
        error: reading a notebook from standard input is not supported

        hint: give the path of a notebook file
    "#]],
    );
}

#[test]
fn a_folder_without_notebooks_says_so() {
    let sandbox = Sandbox::new()
        .file("a/.ipynb_checkpoints/x.ipynb", "{}")
        .file("a/.hidden/x.ipynb", "{}")
        .file("a/env/pyvenv.cfg", "")
        .file("a/env/x.ipynb", "{}")
        .file("a/x.py", "");
    sandbox.check(&["lint", "a"], &expect![[r#"
        exit 2
        --- stderr
        error: there is no notebook in `a`

        hint: folders are searched for `.ipynb` files; hidden folders, virtual environments and what git ignores are left out; a file named itself is always taken
    "#]]);
}

#[test]
fn an_unknown_rule_on_the_command_line_is_told_with_its_neighbours() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["1"]));
    sandbox.check(
        &["lint", "a.ipynb", "--rule", "bare-exept=off"],
        &expect![[r#"
        exit 2
        --- stderr
        error: there is no rule `bare-exept`

        hint: did you mean `bare-except`?
    "#]],
    );
}

#[test]
fn wrong_values_are_told_with_what_is_possible() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["1"]));
    sandbox.check(
        &["lint", "a.ipynb", "--level", "produktion"],
        &expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'produktion' for '--level <LEVEL>'
          [possible values: learning, development, staging, production]

          tip: a similar value exists: 'production'

        For more information, try '--help'.
    "#]],
    );
    sandbox.check(
        &["validate", "a.ipynb", "--timeout", "30"],
        &expect![[r#"
        exit 2
        --- stderr
        error: invalid value '30' for '--timeout <DURATION>': `30` has no unit; write 30s for seconds or 30m for minutes

        For more information, try '--help'.
    "#]],
    );
    sandbox.check(
        &["lint", "a.ipynb", "--rule", "NB201"],
        &expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'NB201' for '--rule <RULE=SEVERITY>': write RULE=SEVERITY, such as NB201=off

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn run_judges_nothing_and_takes_no_option_that_would_say_how() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["1"]));
    for option in [
        "--strict",
        "--fail-on-warnings",
        "--level=staging",
        "--rule=NB201=off",
    ] {
        let output = sandbox.output(&["run", "a.ipynb", option]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{option}: {said}");
        assert!(said.contains("unexpected argument"), "{option}: {said}");
    }
}

#[test]
fn a_faulty_configuration_is_told_with_its_line() {
    let sandbox = Sandbox::new()
        .file("a/b/x.ipynb", &notebook(&["1"]))
        .file("a/nbvet.toml", "level = \"staging\"\nstrickt = true\n");
    sandbox.check(
        &["lint", "a/b/x.ipynb"],
        &expect![[r#"
        exit 2
        --- stderr
        error: [folder]/a/nbvet.toml:2: there is no setting `strickt`

        hint: did you mean `strict`?
    "#]],
    );
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_utf8_is_no_obstacle() {
    use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _};

    let sandbox = Sandbox::new();
    let path = sandbox.path("").join(OsStr::from_bytes(b"\xff\x1b[2J.ipynb"));
    fs::write(&path, notebook(&["x = 1\nassert x == 1"])).unwrap();
    for arguments in [
        vec!["lint", "."],
        vec!["lint", "--format", "json", "."],
        vec!["lint", "--format", "sarif", "."],
    ] {
        let output = sandbox.output(&arguments);
        assert_eq!(
            (output.status.code(), output.stdout.contains(&0x1b)),
            (Some(0), false)
        );
        let name = String::from_utf8(output.stdout).unwrap();
        assert!(name.contains('\u{fffd}') || name.contains("%EF%BF%BD"), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_written_is_no_verdict() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["assert 1 < 2\n"]));
    for format in ["text", "json"] {
        let mut command = sandbox.command(&["lint", "--format", format, "a.ipynb"]);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.matches("failed to write to stdout").count(), 1, "{said}");
    }
}
