//! The table of the fields and the table of what is promised about security: each row names the tests that show it. No field
//! of the definition is without a row, and no row names a test that is not there.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use crate::{check_committed, reference::is_core, root, schema::fields};

const FIELDS: &str = include_str!("../../fixtures/fields.tsv");
const STATUS: &str = include_str!("../../fixtures/status-fields.tsv");
const SECURITY: &str = include_str!("../../fixtures/security.tsv");

/// How a field is met.
const WAYS: [(&str, &str); 4] = [
    ("acts", "acts"),
    ("core", "acts; as in core/v1 with all that is below it"),
    ("answered", "answered by `FieldsSupported`"),
    ("group", ""),
];

fn lines(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().skip(1).map(|line| line.split('\t').collect())
}

/// The tests of a row that are nowhere.
fn missing(tests: &str) -> Vec<String> {
    let is_there = |test: &&str| {
        let Some((file, name)) = test.split_once("::") else {
            return false;
        };
        let Ok(text) = fs::read_to_string(root().join(file)) else {
            return false;
        };
        let Some((before, _)) = text.split_once(&format!("fn {name}(")) else {
            return false;
        };
        // What marks it stands right before it.
        let marks = before.rsplit("\n\n").next().unwrap_or_default();
        marks.contains("#[test]") || marks.contains("#[tokio::test")
    };
    tests
        .split(' ')
        .filter(|test| !is_there(test))
        .map(str::to_owned)
        .collect()
}

/// A test as its sentence, with where it stands.
fn told(tests: &str) -> String {
    let one = |test: &str| {
        let (file, name) = test.split_once("::").unwrap_or((test, ""));
        format!(
            "{} ([{}](../../{file}))",
            name.replace('_', " "),
            file.rsplit('/').next().unwrap_or(file)
        )
    };
    tests
        .split(' ')
        .filter(|test| !test.is_empty())
        .map(one)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn every_field_of_the_spec_acts_or_is_answered_and_a_test_shows_it() {
    let declared: Vec<_> = fields()
        .into_iter()
        .filter(|field| field.path.starts_with("spec.") && !is_core(&field.path))
        .collect();
    let rows: Vec<Vec<&str>> = lines(FIELDS).collect();
    let named: BTreeSet<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(named.len(), rows.len(), "a field has one row");
    let mut wrong = Vec::new();
    for field in &declared {
        if !named.contains(&*field.path) {
            wrong.push(format!(
                "{}: has no row in operator/api/fixtures/fields.tsv",
                field.path
            ));
        }
    }
    let mut page = String::new();
    for row in &rows {
        let (path, how, tests) = (row[0], row[1], row[5]);
        let Some(field) = declared.iter().find(|field| field.path == path) else {
            wrong.push(format!("{path}: is no field"));
            continue;
        };
        let below = if field.schema["items"].is_object() {
            &field.schema["items"]
        } else {
            &field.schema
        };
        match how {
            "group" if below["properties"].is_object() => continue,
            "group" => wrong.push(format!("{path}: has no fields below it")),
            "core"
                if !declared
                    .iter()
                    .any(|other| other.path.starts_with(&format!("{path}."))) => {}
            "acts" | "answered" => {}
            _ => wrong.push(format!("{path}: no such way: {how}")),
        }
        wrong.extend(
            missing(tests)
                .into_iter()
                .map(|test| format!("{path}: no such test: {test}")),
        );
        let way = WAYS
            .iter()
            .find(|(name, _)| *name == how)
            .map_or("", |(_, way)| way);
        let _ = writeln!(page, "| `{path}` | {way} | {} |", told(tests));
    }
    assert_eq!(wrong, Vec::<String>::new());
    let of_status = of_status();
    let page = format!(
        "<!-- Written by `cargo xtask gen` from fields.tsv and status-fields.tsv in operator/api/fixtures; edits belong there. -->\n\
         # Every field, and what shows that it acts\n\n\
         Each field of a job's `spec` does something, or the condition `FieldsSupported` says that it does not. The tests \
         behind each run with the others. One of them holds all rows at once: of two values of a field, something that is \
         done or said differs ([fields.rs](../../operator/decide/tests/it/fields.rs)). What fields mean: [crd.md](crd.md).\n\n\
         | field | | shown by |\n| --- | --- | --- |\n{page}{of_status}"
    );
    check_committed("docs/reference/fields.md", &page);
}

/// How a field of the status comes to be.
const ORIGINS: [(&str, &str); 3] = [
    ("written", "written in the course of a run"),
    ("kept", "kept as another controller left it"),
    ("read", "of other controllers' finished jobs: not written"),
];

/// The fields of the status, of which none is without a row.
fn of_status() -> String {
    let declared: BTreeSet<String> = fields()
        .into_iter()
        .filter(|field| field.path.starts_with("status."))
        .filter(|field| {
            let below = ["items", "additionalProperties"].iter().find_map(|below| {
                let below = &field.schema[below];
                below.is_object().then_some(below)
            });
            !below.unwrap_or(&field.schema)["properties"].is_object()
        })
        .map(|field| field.path)
        .collect();
    let named: BTreeSet<String> = lines(STATUS).map(|row| row[0].to_owned()).collect();
    assert_eq!(named, declared, "operator/api/fixtures/status-fields.tsv");
    let mut page = "\n## Status\n\nOne story, and that of a build that fails, write all that are written \
                    ([status_fields.rs](../../operator/decide/tests/it/status_fields.rs)), and each value of every moment \
                    stands in [status.txt](../../operator/decide/tests/golden/status.txt); another keeps what is kept. A \
                    field that is in no row, or in a row and not in the story, fails a test. What a real controller \
                    writes is read in [kubectl's golden texts](../../operator/kubectl/tests/golden).\n\n\
                    | field | | its value is shown by |\n| --- | --- | --- |\n"
        .to_owned();
    let mut wrong = Vec::new();
    for row in lines(STATUS) {
        let origin = ORIGINS.iter().find(|(name, _)| *name == row[1]);
        let origin = origin.unwrap_or_else(|| panic!("{}: no such way", row[0])).1;
        if row[1] != "read" {
            wrong.extend(
                missing(row[2])
                    .into_iter()
                    .map(|test| format!("{}: no such test: {test}", row[0])),
            );
        }
        let _ = writeln!(page, "| `{}` | {origin} | {} |", row[0], told(row[2]));
    }
    assert_eq!(wrong, Vec::<String>::new());
    page
}

#[test]
fn every_promise_about_security_is_shown_by_a_test() {
    let mut page = String::new();
    let mut wrong = Vec::new();
    for row in lines(SECURITY) {
        wrong.extend(
            missing(row[1])
                .into_iter()
                .map(|test| format!("{}: no such test: {test}", row[0])),
        );
        let _ = writeln!(page, "| {} | {} |", row[0], told(row[1]));
    }
    assert_eq!(wrong, Vec::<String>::new());
    let page = format!(
        "<!-- Written by `cargo xtask gen` from operator/api/fixtures/security.tsv; edits belong there. -->\n\
         # What the operator promises about security, and what shows it\n\n\
         | promise | shown by |\n| --- | --- |\n{page}"
    );
    check_committed("docs/reference/security.md", &page);
}

#[test]
fn a_row_that_names_no_test_is_found() {
    for (tests, wrong) in [
        (
            "operator/api/tests/it/tables.rs::a_row_that_names_no_test_is_found",
            0,
        ),
        ("operator/api/tests/it/tables.rs::no_such_test", 1),
        // A function that is no test.
        ("operator/api/tests/it/tables.rs::told", 1),
        (
            "operator/api/tests/it/nowhere.rs::a_row_that_names_no_test_is_found",
            1,
        ),
        ("", 1),
    ] {
        assert_eq!(missing(tests).len(), wrong, "{tests}");
    }
}
