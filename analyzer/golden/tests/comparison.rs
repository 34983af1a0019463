//! Whole comparisons: notebooks in, what the report says out. The cases that the public operator for validating
//! notebooks gets wrong are among them.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use nbvet_golden::{GoldenUnusable, IgnoredOutput, Options, Pattern, Sanitizer, Side, Timestamps, compare};
use nbvet_notebook::{Notebook, Output};
use nbvet_report::{CellOutcome, CellRun, Comparison, ComparisonStrategy};
use serde_json::{Value, json};

/// One code cell: its source and outputs.
fn cell(source: &str, outputs: &[Value]) -> Value {
    json!({"cell_type": "code", "metadata": {}, "execution_count": 1, "source": source, "outputs": outputs})
}

fn stdout(text: &str) -> Value {
    json!({"output_type": "stream", "name": "stdout", "text": text})
}

fn stderr(text: &str) -> Value {
    json!({"output_type": "stream", "name": "stderr", "text": text})
}

fn shown(data: &Value) -> Value {
    json!({"output_type": "display_data", "metadata": {}, "data": data})
}

fn result(data: &Value) -> Value {
    json!({"output_type": "execute_result", "metadata": {}, "data": data, "execution_count": 1})
}

fn raised(name: &str, value: &str, traceback: &str) -> Value {
    json!({"output_type": "error", "ename": name, "evalue": value, "traceback": [traceback]})
}

fn notebook(cells: &[Value]) -> Notebook {
    let text = json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}).to_string();
    nbvet_notebook::read(text.as_bytes()).notebook.unwrap()
}

/// A run in which every cell ended well, with the outputs that the second notebook stores.
fn compared(golden: &[Value], run: &[Value], options: &Options) -> Comparison {
    let (golden, run) = (notebook(golden), notebook(run));
    let outputs: Vec<Vec<Output>> = run.cells().iter().map(|cell| run.outputs(cell.index)).collect();
    let runs: Vec<CellRun> = run
        .cells()
        .iter()
        .map(|cell| ran(cell.index, CellOutcome::Ok))
        .collect();
    let executed = Side::executed(&run, &runs, |cell| &outputs[cell as usize]);
    compare(
        &Side::golden(&golden).unwrap(),
        &executed,
        "golden.ipynb",
        options,
    )
}

fn ran(cell: u32, outcome: CellOutcome) -> CellRun {
    CellRun {
        cell,
        cell_id: None,
        outcome,
        seconds: 0.0,
        execution_count: Some(1),
        error: None,
        output_bytes_cut: 0,
        last_output: None,
        facts: Vec::new(),
    }
}

fn told(comparison: &Comparison) -> String {
    let Comparison {
        matched_cells,
        total_cells,
        skipped_cells,
        normalised,
        diffs,
        ..
    } = comparison;
    let mut text = format!("{matched_cells} of {total_cells} equal, {skipped_cells} skipped\n");
    for rule in normalised {
        let _ = writeln!(text, "  {} {}", rule.rule, rule.count);
    }
    for diff in diffs {
        let kind = serde_json::to_value(diff.diff_type).unwrap();
        let number = |cell: Option<u32>| cell.map_or_else(|| "-".to_owned(), |cell| cell.to_string());
        let (golden, own) = (number(diff.golden_cell_index), number(diff.cell_index));
        let _ = write!(text, "{golden}/{own} {} {}", kind.as_str().unwrap(), diff.output);
        let parts = [&diff.place, &diff.expected, &diff.actual, &diff.detail];
        text += &parts
            .map(|part| format!(" | {}", part.as_deref().unwrap_or("-")))
            .concat();
        text.push('\n');
    }
    text
}

fn check(golden: &[Value], run: &[Value], expected: &Expect) {
    check_with(golden, run, &Options::default(), expected);
}

fn check_with(golden: &[Value], run: &[Value], options: &Options, expected: &Expect) {
    expected.assert_eq(&told(&compared(golden, run, options)));
}

/// One cell that prints.
fn check_text(golden: &str, run: &str, is_equal: bool) {
    let comparison = compared(
        &[cell("f()", &[stdout(golden)])],
        &[cell("f()", &[stdout(run)])],
        &Options::default(),
    );
    assert_eq!(
        comparison.mismatched_cells == 0,
        is_equal,
        "{golden:?} and {run:?}"
    );
}

#[test]
fn an_identical_notebook_matches_in_every_cell() {
    let cells = [
        cell("print(1)", &[stdout("1\n")]),
        cell(
            "df",
            &[result(
                &json!({"text/plain": "   a\n0  1", "text/html": "<table></table>"}),
            )],
        ),
        cell("x = 1", &[]),
    ];
    check(
        &cells,
        &cells,
        &expect![[r#"
        3 of 3 equal, 0 skipped
    "#]],
    );
}

#[test]
fn numbers_within_the_tolerance_are_equal_and_others_are_not() {
    check_text("acc 1.00005", "acc 1.00004", true);
    check_text("lr 1.0e-6", "lr 9.0e-6", false);
    check_text("id 1234567890", "id 9999999999", false);
    check_text("took 1.5s", "took 900.5s", false);
    check_text("on 2024-01-01", "on 2024-06-30", false);
}

#[test]
fn results_tables_and_pictures_are_compared_and_not_only_printed_text() {
    let golden = [
        cell("x", &[result(&json!({"text/plain": "0.5"}))]),
        cell(
            "df",
            &[shown(
                &json!({"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "1"}),
            )],
        ),
        cell("plot()", &[shown(&json!({"image/png": "aaaa"}))]),
    ];
    let run = [
        cell("x", &[result(&json!({"text/plain": "0.7"}))]),
        cell(
            "df",
            &[shown(
                &json!({"text/html": "<table><tr><td>2</td></tr></table>", "text/plain": "2"}),
            )],
        ),
        cell("plot()", &[shown(&json!({"image/png": "aaab"}))]),
    ];
    check(
        &golden,
        &run,
        &expect![[r#"
        0 of 3 equal, 0 skipped
        0/0 content text/plain | - | 0.5 | 0.7 | 40 % apart, 0.01 % allowed
        1/1 content text/html | row 1, column 1 | 1 | 2 | -
        2/2 content image/png | - | image of 3 bytes | image of 3 bytes | -
    "#]],
    );
}

#[test]
fn more_or_fewer_outputs_are_told_by_their_kind() {
    check(
        &[cell(
            "f()",
            &[stdout("a\n"), shown(&json!({"image/png": "aaaa"}))],
        )],
        &[cell("f()", &[stdout("a\n"), stderr("careful\n")])],
        &expect![[r#"
            0 of 1 equal, 0 skipped
            0/0 missing-output image/png | - | aaaa | - | -
            0/0 extra-output stderr | - | - | careful | -
        "#]],
    );
}

#[test]
fn streams_are_joined_by_name_whatever_came_between() {
    check(
        &[cell(
            "f()",
            &[stdout("a\n"), stderr("x\n"), stdout("b\n"), stderr("y\n")],
        )],
        &[cell("f()", &[stderr("x\ny\n"), stdout("a\nb\n")])],
        &expect![[r#"
            1 of 1 equal, 0 skipped
        "#]],
    );
}

#[test]
fn exceptions_are_equal_by_class_and_message_whatever_their_traceback() {
    check(
        &[cell(
            "f()",
            &[raised("ValueError", "no <a at 0x7f0001>", "old lines")],
        )],
        &[cell(
            "f()",
            &[raised("ValueError", "no <a at 0x7f0002>", "other lines")],
        )],
        &expect![[r#"
            1 of 1 equal, 0 skipped
              addresses 1
        "#]],
    );
    check(
        &[cell("f()", &[raised("ValueError", "no", "")])],
        &[cell("f()", &[raised("TypeError", "no", "")])],
        &expect![[r#"
            0 of 1 equal, 0 skipped
            0/0 content error | - | ValueError: no | TypeError: no | -
        "#]],
    );
}

#[test]
fn a_cell_put_in_between_is_one_cell_more_and_a_lost_one_is_missed() {
    check(
        &[
            cell("a = 1", &[]),
            cell("print(a)", &[stdout("1\n")]),
            cell("plot(a)", &[stdout("drawn\n")]),
        ],
        &[
            cell("a = 1", &[]),
            cell("quite_new(2, 3)", &[stdout("?\n")]),
            cell("print(a)", &[stdout("1\n")]),
        ],
        &expect![[r#"
            2 of 3 equal, 1 skipped
            -/1 extra-cell  | - | - | - | -
            2/- missing-cell  | - | - | - | -
        "#]],
    );
}

#[test]
fn text_is_cut_between_characters_and_secrets_are_masked_before_it_is() {
    let options = Options {
        mask: |text| text.replace("hunter2secret", "[masked]").into(),
        ..Options::default()
    };
    let long = "é".repeat(195) + "hunter2secret" + &"é".repeat(500);
    let comparison = compared(
        &[cell("f()", &[stdout("x")])],
        &[cell("f()", &[stdout(&long)])],
        &options,
    );
    let actual = comparison.diffs[0].actual.clone().unwrap();
    assert!(!actual.contains("hunter") && actual.ends_with('…'), "{actual}");
}

#[test]
fn nothing_is_accepted_by_the_strategy_exact() {
    let exact = Options {
        strategy: ComparisonStrategy::Exact,
        ..Options::default()
    };
    let pairs = [
        ("1.00005", "1.00004"),
        ("<a at 0x7f0001>", "<a at 0x7f0002>"),
        ("Wall time: 1 ms", "Wall time: 2 ms"),
        ("a  b", "a b"),
    ];
    for (golden, run) in pairs {
        let (golden, run) = (cell("f()", &[stdout(golden)]), cell("f()", &[stdout(run)]));
        let (golden, run) = (std::slice::from_ref(&golden), std::slice::from_ref(&run));
        assert_eq!(compared(golden, run, &exact).mismatched_cells, 1);
        assert_eq!(compared(golden, run, &Options::default()).mismatched_cells, 0);
    }
}

#[test]
fn timestamps_differ_as_the_user_says() {
    let golden = [cell("f()", &[stdout("from 2024-01-01 00:00:00\n")])];
    let run = [cell("f()", &[stdout("from 2024-01-02 00:00:00\n")])];
    for (timestamps, mismatched) in [
        (Timestamps::All, 0),
        (Timestamps::OfTheRun, 1),
        (Timestamps::Compared, 1),
    ] {
        let options = Options {
            timestamps,
            now: Some(1_795_775_709),
            ..Options::default()
        };
        assert_eq!(
            compared(&golden, &run, &options).mismatched_cells,
            mismatched,
            "{timestamps:?}"
        );
    }
}

#[test]
fn own_patterns_sanitize_files_and_ignored_outputs_take_out_what_they_name() {
    let options = Options {
        patterns: vec![Pattern::new(r"run-\w+").unwrap()],
        sanitizer: Sanitizer::parse("[user]\nregex: user=\\w+\nreplace: user=USER\n").unwrap(),
        ignored: vec![
            IgnoredOutput::new("stderr").unwrap(),
            IgnoredOutput::new("image/*").unwrap(),
        ],
        ..Options::default()
    };
    check_with(
        &[cell(
            "f()",
            &[
                stdout("run-a user=eve\n"),
                stderr("x"),
                shown(&json!({"image/png": "aaaa"})),
            ],
        )],
        &[cell("f()", &[stdout("run-b user=bob\n"), stderr("y")])],
        &options,
        &expect![[r#"
            1 of 1 equal, 0 skipped
              own patterns 2
              sanitized 2
        "#]],
    );
}

#[test]
fn marks_of_nbval_leave_cells_out_or_choose_them() {
    let golden = [
        cell("# NBVAL_IGNORE_OUTPUT\nrandom()", &[stdout("1")]),
        cell("#NBVAL_CHECK_OUTPUT\nf()", &[stdout("1")]),
        cell("g()", &[stdout("1")]),
    ];
    let run = [
        cell("# NBVAL_IGNORE_OUTPUT\nrandom()", &[stdout("2")]),
        cell("#NBVAL_CHECK_OUTPUT\nf()", &[stdout("1")]),
        cell("g()", &[stdout("2")]),
    ];
    check(
        &golden,
        &run,
        &expect![[r#"
        1 of 2 equal, 1 skipped
        2/2 content stdout | - | 1 | 2 | -
    "#]],
    );
    let marked = Options {
        only_marked: true,
        ..Options::default()
    };
    check_with(
        &golden,
        &run,
        &marked,
        &expect![[r#"
        1 of 1 equal, 2 skipped
    "#]],
    );
}

#[test]
fn execution_counts_are_compared_when_asked_for() {
    let mut run = cell("f()", &[]);
    run["execution_count"] = json!(7);
    let options = Options {
        execution_counts: true,
        ..Options::default()
    };
    // The run of these tests numbers every cell 1.
    check_with(
        &[run.clone()],
        &[run],
        &options,
        &expect![[r#"
        0 of 1 equal, 0 skipped
        0/0 execution-count  | - | In [7] | In [1] | -
    "#]],
    );
}

#[test]
fn cells_that_did_not_run_are_not_compared() {
    let golden = notebook(&[cell("f()", &[stdout("1")]), cell("g()", &[stdout("1")])]);
    let runs = [ran(0, CellOutcome::Timeout), ran(1, CellOutcome::NotRun)];
    let executed = Side::executed(&golden, &runs, |_| &[]);
    let comparison = compare(
        &Side::golden(&golden).unwrap(),
        &executed,
        "g",
        &Options::default(),
    );
    expect![[r#"
        0 of 0 equal, 2 skipped
    "#]]
    .assert_eq(&told(&comparison));
    assert_eq!(comparison.result, nbvet_report::ComparisonResult::Skipped);
}

#[test]
fn a_notebook_that_holds_nothing_to_compare_with_is_refused() {
    let refused = |notebook: &Notebook| Side::golden(notebook).unwrap_err();
    let mut never = cell("f()", &[]);
    never["execution_count"] = Value::Null;
    assert_eq!(refused(&notebook(&[never])), GoldenUnusable::NeverRun);
    assert_eq!(refused(&notebook(&[])), GoldenUnusable::NoCells);
    let text = json!({"nbformat": 4, "nbformat_minor": 4, "cells": [cell("f()", &[])],
        "metadata": {"language_info": {"name": "R"}}})
    .to_string();
    let other = nbvet_notebook::read(text.as_bytes()).notebook.unwrap();
    assert_eq!(refused(&other), GoldenUnusable::OtherLanguage("R".to_owned()));
}

#[test]
fn outputs_of_no_known_shape_are_compared_too() {
    let odd = |value: u32| json!({"output_type": "pyout", "x": value});
    check(
        &[cell("f()", &[odd(1)])],
        &[cell("f()", &[odd(2)])],
        &expect![[r#"
        0 of 1 equal, 0 skipped
        0/0 content unknown | $.x | 1 | 2 | 100 % apart, 0.01 % allowed
    "#]],
    );
    check(
        &[cell("f()", &[shown(&json!({"text/plain": ["a", "b"]}))])],
        &[cell("f()", &[shown(&json!({"text/plain": {"a": 1}}))])],
        &expect![[r#"
            0 of 1 equal, 0 skipped
            0/0 content text/plain | $ | "ab" | {"a":1} | -
        "#]],
    );
}

#[test]
fn thousands_of_differences_are_counted_and_the_first_are_listed() {
    let cells = |text: &str| -> Vec<Value> {
        (0..500)
            .map(|n| cell(&format!("f_{n}({n})"), &[stdout(&format!("{text} {n}"))]))
            .collect()
    };
    let comparison = compared(&cells("a"), &cells("b"), &Options::default());
    assert_eq!(
        (
            comparison.mismatched_cells,
            comparison.diffs.len(),
            comparison.diffs_left_out
        ),
        (500, 200, 300)
    );
}
