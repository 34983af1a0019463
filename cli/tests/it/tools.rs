//! explain, rules, schema, init, and what all commands share.

use std::{fs, io::Read as _, process::Stdio};

use expect_test::expect;

use crate::sandbox::{Sandbox, notebook};

#[test]
fn explain_knows_ids_and_names_and_offers_neighbours() {
    let sandbox = Sandbox::new();
    let by_id = sandbox.output(&["explain", "nb201"]);
    let by_name = sandbox.output(&["explain", "bare-except"]);
    assert_eq!((by_id.status.code(), &by_id.stdout), (Some(0), &by_name.stdout));
    assert!(
        String::from_utf8(by_id.stdout)
            .unwrap()
            .starts_with("NB201 bare-except\n\nGroup silent-failure; learning: note")
    );
    sandbox.check(
        &["explain", "bare-exept"],
        &expect![[r#"
        exit 2
        --- stderr
        error: there is no rule `bare-exept`

        hint: did you mean `bare-except`?
    "#]],
    );
    sandbox.check(
        &["explain", "zzz"],
        &expect![[r#"
        exit 2
        --- stderr
        error: there is no rule `zzz`
    "#]],
    );
}

#[test]
fn rules_gives_the_same_rules_as_a_table_and_as_json() {
    let sandbox = Sandbox::new();
    let table = String::from_utf8(sandbox.output(&["rules"]).stdout).unwrap();
    let json = sandbox.output(&["rules", "--format", "json"]).stdout;
    let rules: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
    assert!(!rules.is_empty());
    let rows = table.lines().take_while(|line| !line.is_empty());
    assert_eq!(rows.count(), rules.len() + 1);
    for (rule, line) in rules.iter().zip(table.lines().skip(1)) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let levels = ["learning", "development", "staging", "production"];
        let mut expected = vec![&rule["id"], &rule["name"], &rule["group"]];
        expected.extend(levels.map(|level| &rule["severities"][level]));
        let mark = serde_json::Value::from("*");
        expected.extend(rule.get("row").map(|_| &mark));
        assert_eq!(
            words,
            expected
                .iter()
                .map(|value| value.as_str().unwrap())
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn schema_prints_the_committed_schema() {
    let committed = include_str!("../../../analyzer/report/schema/report.v1.json");
    assert_eq!(
        String::from_utf8(Sandbox::new().output(&["schema"]).stdout).unwrap(),
        committed
    );
}

#[test]
fn init_writes_a_file_that_lint_accepts_and_never_overwrites_one_unasked() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["x = 1\nassert x"]));
    sandbox.check(
        &["init"],
        &expect![[r#"
        exit 0
        --- stdout
        wrote nbvet.toml
    "#]],
    );
    assert_eq!(sandbox.output(&["lint", "a.ipynb"]).status.code(), Some(0));
    fs::write(sandbox.path("nbvet.toml"), "mine").unwrap();
    sandbox.check(
        &["init"],
        &expect![[r#"
        exit 2
        --- stderr
        error: nbvet.toml is there already

        hint: `--force` overwrites it
    "#]],
    );
    assert_eq!(fs::read_to_string(sandbox.path("nbvet.toml")).unwrap(), "mine");
    assert_eq!(sandbox.output(&["init", "--force"]).status.code(), Some(0));
    assert_ne!(fs::read_to_string(sandbox.path("nbvet.toml")).unwrap(), "mine");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(&["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn help_and_version_go_to_stdout_and_succeed() {
    let sandbox = Sandbox::new();
    sandbox.check(
        &["--version"],
        &expect![[r#"
        exit 0
        --- stdout
        nbvet 0.1.0
    "#]],
    );
    let help = sandbox.output(&["validate", "--help"]);
    assert_eq!((help.status.code(), help.stderr.len()), (Some(0), 0));
    sandbox.check(
        &["--help"],
        &expect![[r#"
            exit 0
            --- stdout
            Says truthfully whether a Jupyter notebook works.

            `nbvet validate` reads a notebook, runs it from a clean start and judges what it saw: exceptions,
            None and NaN where values were meant, errors that the notebook hides, commands that failed
            unnoticed.

            Usage: nbvet <COMMAND>

            Commands:
              validate  Read, run and judge notebooks: the main job
              lint      Judge notebooks by reading them, without running anything
              run       Run notebooks from a clean start and say whether they get to their end
              report    Validate notebooks and write one HTML page about them, for those who review or grade
              expect    Propose what to expect of a good notebook's values: what two runs of it agree upon
              deps      Tell what notebooks need, where that was found, and what is missing, unpinned or
                        contradicts itself
              image     Plan, build and publish the image that a notebook runs in
              explain   Tell what a rule is about, why it matters and how to mend it
              rules     List all rules with their severity at each level
              schema    Print the JSON Schema of `--format json`
              init      Write an `nbvet.toml` with every setting explained
              server    Speak the language server protocol on stdin and stdout, for editors
              help      Print this message or the help of the given subcommand(s)

            Options:
              -h, --help
                      Print help (see a summary with '-h')

              -V, --version
                      Print version

            Places: `a.ipynb:57 · cell 3, In [2]` is line 57 of the file, in its cell 3, counted from 0 and with
            text cells, which Jupyter shows as In [2].
            Exit codes: 0 passed, 1 a notebook failed, 2 something else is at fault or wrong usage, 3 a fault of
            nbvet.
        "#]],
    );
}
