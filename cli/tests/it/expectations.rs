//! Expectations from all the places that they can be written in, with a real Python.

use std::fs;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::{
    python::python,
    sandbox::{Sandbox, notebook},
};

/// The expectations of a notebook's report, one a line: subject, status, reasons.
fn expectations(sandbox: &Sandbox, arguments: &[&str]) -> Option<String> {
    let python = python()?;
    let all = [
        &["validate", "a.ipynb", "--format", "json", "--python", &python],
        arguments,
    ]
    .concat();
    let output = sandbox.output(&all);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| unreachable!("{}", String::from_utf8_lossy(&output.stderr)));
    let none = Vec::new();
    let told = report["notebooks"][0]["expectations"].as_array().unwrap_or(&none);
    let line = |one: &Value| {
        let word = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let reasons: Vec<&str> = one["reasons"]
            .as_array()
            .unwrap_or(&none)
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let told = format!("{} {}: {}", word("status"), word("subject"), word("expected"));
        format!("{} | {}", told, reasons.join("; "))
            .trim_end_matches(" | ")
            .to_owned()
            + "\n"
    };
    Some(told.iter().map(line).collect())
}

fn check(sandbox: &Sandbox, expected: &Expect) {
    if let Some(told) = expectations(sandbox, &[]) {
        expected.assert_eq(&told);
    }
}

#[test]
fn every_field_holds_for_what_it_is_meant_for_and_not_for_its_opposite() {
    let fields = [
        ("type", json!("Base"), json!("dict")),
        ("type", json!("int | __main__.Rows"), json!("int")),
        ("length", json!(3), json!(4)),
        ("notEmpty", json!(true), Value::Null),
        ("noNaN", json!(true), Value::Null),
        ("minValue", json!(1), json!("1.5")),
        ("maxValue", json!("3.0"), json!(2)),
        ("range", json!([0, 3]), json!([2, "3"])),
        ("equals", json!([1, 2, 3]), json!([1, 2])),
        ("contains", json!([1, 3]), json!([1, 7])),
        ("matches", json!("^\\[1"), json!("^1")),
        ("monotone", json!("strictly-increasing"), json!("decreasing")),
        ("unique", json!(true), Value::Null),
        ("expression", json!("sum(value) == 6"), json!("sum(value) > 6")),
    ];
    let [good, bad]: [Vec<Value>; 2] = [1, 2].map(|side| {
        let of = |(field, yes, no): &(&str, Value, Value)| {
            let value = if side == 1 { yes } else { no };
            (!value.is_null()).then(|| json!({"cell": 0, *field: value}))
        };
        fields.iter().filter_map(of).collect()
    });
    let code = "class Base(list): pass\nclass Rows(Base): pass\nRows([1, 2, 3])";
    for (expected, status) in [(good, "met"), (bad, "unmet")] {
        let count = expected.len();
        let file = json!({"expectedOutputs": expected}).to_string();
        let sandbox = Sandbox::new()
            .file("a.ipynb", &notebook(&[code]))
            .file("v.json", &file);
        let Some(told) = expectations(&sandbox, &["--validation-config", "v.json"]) else {
            return;
        };
        let met = told
            .lines()
            .filter(|line| line.starts_with(&format!("{status} ")))
            .count();
        assert_eq!(met, count, "{told}");
    }
}

#[test]
fn tables_are_checked_by_shape_columns_and_data_types() {
    let code = "import pandas as pd\ntable = pd.DataFrame({'a': [1, 2], 'b': [0.5, None]})\ntable";
    let sidecar = "\
expectedOutputs:
- {cellId: cell-0, shape: '-1, 2', columns: [a, b], dtypes: {a: int64, b: float}, type: pandas.DataFrame}
- {cellId: cell-0, shape: [3, -1], columns: [b, a], dtypes: {a: float, c: int}, noNaN: true}
- {name: table, notEmpty: true, unique: true, length: 2, range: [0.5, 2]}
";
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&[code]))
        .file("a.expect.yaml", sidecar);
    check(
        &sandbox,
        &expect![[r#"
            met the result: type pandas.DataFrame, shape (-1, 2), columns [a, b], dtypes {a: int64, b: float}
            unmet the result: shape (3, -1), no NaN, columns [b, a], dtypes {a: float, c: int} | shape is (2, 2), expected (3, -1); 1 of 4 values are NaN, None or null, expected no NaN; columns are a, b, expected b, a (in another order, or some twice); column `a` has dtype int64, expected float; there is no column `c`, expected one of dtype int
            met `table`: from 0.5 to 2, not empty, length 2, unique
        "#]],
    );
}

#[test]
fn expectations_of_all_places_add_up() {
    let mut file: Value = serde_json::from_str(&notebook(&["x = 1  # expect: x: 1", "x = 2\nx"])).unwrap();
    file["cells"][1]["metadata"] = json!({"tags": ["last"], "nbvet": {"expect": {"equals": 3}}});
    let settings = "[[expected-outputs]]\ntag = \"last\"\nmin-value = 5\n\n[[per-file]]\nfiles = [\"a.ipynb\"]\n\
                    [[per-file.expected-outputs]]\nname = \"x\"\nno-nan = true\n";
    let sandbox = Sandbox::new()
        .file("a.ipynb", &file.to_string())
        .file("nbvet.toml", settings)
        .file("a.expect.yaml", "expectedOutputs: [{cell: 1, contains: 1}]")
        .file(
            "v.yaml",
            "validationConfig:\n  expectedOutputs: [{cell: 7, length: 1}]\n",
        );
    let Some(told) = expectations(&sandbox, &["--validation-config", "v.yaml"]) else {
        return;
    };
    expect![[r#"
        met `x`: equals 1
        unmet the result: equals 3 | it is 2, expected 3
        unmet the result: min 5 | smallest number is 2, expected at least 5
        met `x`: no NaN
        not-checked the result: length 1 | there is no cell 7: the notebook has 2, counted from 0
        unmet the result: contains 1 | its parts could not be seen (TypeError: a int has no parts), expected 1 in it
    "#]]
    .assert_eq(&told);
}

#[test]
fn s2_an_unmet_expectation_fails_from_development_on() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["x = 1\nx  # expect: 2"]));
    let code = |level: &str| {
        let output = sandbox.output(&["validate", "a.ipynb", "--level", level, "--python", &python]);
        output.status.code()
    };
    let codes = ["learning", "development", "staging", "production"].map(code);
    assert_eq!(codes, [Some(0), Some(1), Some(1), Some(1)]);
    // Only whether it gets to its end counts here.
    let run = sandbox.output(&["run", "a.ipynb", "--python", &python]);
    assert_eq!(run.status.code(), Some(0));
}

#[test]
fn what_makes_no_sense_in_a_file_is_told_with_its_field_before_anything_runs() {
    for (text, said) in [
        (
            r#"{"expectedOutputs": [{"cell": 0, "minvalue": 1}]}"#,
            "v.json: expectedOutputs[0]: there is no field `minvalue`\n\nhint: did you mean `minValue` or `maxValue`?",
        ),
        (
            r#"{"expectedOutputs": [{"cell": 0, "range": [2, 1]}]}"#,
            "v.json: expectedOutputs[0].range: no number is at least 2 and at most 1",
        ),
        (
            r#"{"expectedOutputs": [{"cell": 0, "minValue": 2, "maxValue": 1}]}"#,
            "v.json: expectedOutputs[0].minValue: no number is at least 2 and at most 1",
        ),
        (
            r#"{"expectedOutputs": [{"cell": 0, "minValue": true}]}"#,
            "v.json: expectedOutputs[0].minValue: write a finite number here, not boolean `true`",
        ),
        (
            r#"{"expectedOutputs": [{"cell": 0, "shape": "a"}]}"#,
            "v.json: expectedOutputs[0].shape: write a shape such as \"-1,10\" or [-1, 10], where -1 stands for any size here, not string \"a\"",
        ),
        (
            r#"{"expectedOutputs": [{"cell": 0, "matches": "(a"}]}"#,
            "v.json: expectedOutputs[0].matches: `(a` is no regular expression: unclosed group",
        ),
        (
            r#"{"expectedOutputs": [{"cell": 0, "matches": "(a{500}){500}"}]}"#,
            "v.json: expectedOutputs[0].matches: `(a{500}){500}` is no regular expression: it is too large",
        ),
        (
            r#"{"expectedOutputs": [{"cell": 0, "expression": "value ="}]}"#,
            "v.json: expectedOutputs[0].expression: `value =` is no expression of Python",
        ),
        (
            r#"{"expectedOutputs": [{"cell": 0}]}"#,
            "v.json: expectedOutputs[0]: nothing is expected: add what, such as `shape`, `notEmpty: true` or `equals`",
        ),
        (
            r#"{"expectedOutputs": [{"equals": 1}]}"#,
            "v.json: expectedOutputs[0]: of which value? write `cell` (its index, counted from 0), `cellId`, `tag` or `name`",
        ),
        (
            r#"{"expectedOutputs": [{"cell": 0, "tag": "t", "equals": 1}]}"#,
            "v.json: expectedOutputs[0]: write one of `cell`, `cellId` and `tag`",
        ),
        (
            r#"{"validationConfig": {"level": "hard"}}"#,
            "v.json: validationConfig.level: `hard` is not known here; write `learning`, `development`, `staging` or `production`",
        ),
        (
            r#"{"failOnStder": true}"#,
            "v.json: there is no field `failOnStder`\n\nhint: did you mean `failOnStderr` or `failOnWarnings`?",
        ),
        (
            r#"{"strictMode": "yes"}"#,
            "v.json: strictMode: write `true` or `false` here, not string \"yes\"",
        ),
        (
            r#"{"rules": {"NB20": "off"}}"#,
            "v.json: rules: there is no rule `NB20`",
        ),
        (
            r#"{"rules": {"NB001": "off"}}"#,
            "v.json: rules: NB001 tells what keeps a notebook from running; it has one severity",
        ),
        ("[]", "v.json: write an object with fields here"),
        (
            "{",
            "v.json: this is no JSON: EOF while parsing an object at line 1 column 1",
        ),
    ] {
        let output = refused_text("v.json", text);
        assert!(output.starts_with(&format!("error: {said}")), "{text}\n{output}");
    }
}

#[test]
fn s3_check_output_types_takes_no_class_that_inherits_from_the_expected_one() {
    let code = "class Rows(list): pass\nRows([1])";
    for (exact, status) in [(true, "unmet"), (false, "met")] {
        let file = json!({"checkOutputTypes": exact, "expectedOutputs": [{"cell": 0, "type": "list"}]});
        let sandbox = Sandbox::new()
            .file("a.ipynb", &notebook(&[code]))
            .file("v.json", &file.to_string());
        let Some(told) = expectations(&sandbox, &["--validation-config", "v.json"]) else {
            return;
        };
        assert!(told.starts_with(&format!("{status} ")), "{told}");
    }
}

fn refused_text(name: &str, text: &str) -> String {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["1"])).file(name, text);
    let arguments: &[&str] = match name {
        "v.json" => &["validate", "a.ipynb", "--validation-config", "v.json"],
        _ => &["validate", "a.ipynb"],
    };
    let output = sandbox.output(arguments);
    assert_eq!(output.status.code(), Some(2), "{text}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn sidecars_and_settings_tell_their_own_names_of_fields() {
    let said = refused_text("a.expect.yaml", "expectedOutputs:\n- cell: 0\n  lenght: 1\n");
    assert!(
        said.starts_with("error: a.expect.yaml: expectedOutputs[0]: there is no field `lenght`"),
        "{said}"
    );
    let said = refused_text("a.expect.yaml", "a: &a [1]\nb: [*a, *a]\n");
    assert!(
        said.starts_with("error: a.expect.yaml: there is no field `a`"),
        "{said}"
    );
    let said = refused_text("a.expect.yaml", "a: [\n");
    assert!(
        said.starts_with("error: a.expect.yaml: this is no YAML: "),
        "{said}"
    );
    let said = refused_text(
        "nbvet.toml",
        "level = \"staging\"\n[[expected-outputs]]\ncell = 0\nnot-emty = true\n",
    );
    assert!(
        said.contains("nbvet.toml:2: there is no field `not-emty`"),
        "{said}"
    );
    assert!(said.contains("did you mean `not-empty`?"), "{said}");
    let said = refused_text("nbvet.toml", "stderr-allow = [\"(\"]\n");
    assert!(
        said.contains("nbvet.toml:1: `(` is no regular expression: unclosed group"),
        "{said}"
    );
}

#[test]
fn a_yaml_bomb_is_refused_in_no_time() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb = format!("{bomb}a{level}: &a{level} [{before}]\n");
    }
    let said = refused_text("a.expect.yaml", &bomb);
    assert!(said.contains("the file holds too much"), "{said}");
}

#[test]
fn secrets_in_values_are_masked() {
    let code = "key = 'AKIAIOSFODNN7EXAMPL3'\nkey  # expect: matches \"^nothing\"";
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[code]));
    let Some(told) = expectations(&sandbox, &[]) else {
        return;
    };
    assert!(
        told.starts_with("unmet ") && !told.contains("IOSFODNN7"),
        "{told}"
    );
    fs::remove_file(sandbox.path("a.ipynb")).unwrap();
}

#[test]
fn what_is_proposed_can_be_read_again_and_acts_on_nobody() {
    let Some(python) = python() else { return };
    let cells = [
        "globals()['weird name: x'] = 5\nmark = 'a\\u202eb\\u2028c\\n'",
        "shape = (5, 3)\nmean = 4.5\nmean",
    ];
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&cells));
    sandbox.check(
        &["expect", "a.ipynb", "--accept", "--python", &python],
        &expect![[r#"
            exit 0
            --- stdout
            a.expect.yaml
            + cell 0, `mark`: type str, equals 'a�b�c\n'
            + cell 1, `shape`: type tuple, equals [5, 3]
            + cell 1, `mean`: type float, equals 4.5 within 0.000001
            3 expectations, 0 of them there already, 0 values not the same twice
            written to a.expect.yaml
        "#]],
    );
    let file = fs::read_to_string(sandbox.path("a.expect.yaml")).unwrap();
    assert!(file.contains(r"a\u202eb\u2028c\n"), "{file}");
    let call = ["validate", "a.ipynb", "--python", &python];
    assert_eq!(sandbox.output(&call).status.code(), Some(0));
}
