//! Questions about the values that cells left: answered, stopped when they take too long, and survived.

use std::{collections::BTreeMap, time::Duration};

use nbvet_host::{Questions, RunOutcome};
use nbvet_report::{CellOutcome, Extreme, Question, RunEnd};

use crate::support::{Bench, marked};

fn expression(text: &str) -> Question {
    Question {
        name: None,
        aspects: Vec::new(),
        equals: None,
        contains: Vec::new(),
        tolerance: 0.0,
        expression: Some(text.to_owned()),
    }
}

/// Runs cells and asks these expressions after the first.
fn ask(cells: &[&str], expressions: &[&str]) -> RunOutcome {
    let mut bench = Bench::new(cells).cell_limit(1500);
    let questions = expressions.iter().map(|text| expression(text)).collect();
    bench.job.questions = Questions::Given(BTreeMap::from([(0, questions)]));
    let outcome = bench.run();
    assert_eq!(marked(&bench.mark), [] as [String; 0], "nothing lives on");
    outcome
}

fn holds(outcome: &RunOutcome) -> Vec<Option<bool>> {
    let answers = outcome.asked.iter().map(|asked| asked.answer.as_ref());
    answers
        .map(|answer| Some(answer?.expression.as_ref()?.holds))
        .collect()
}

#[test]
fn what_is_asked_is_answered_in_its_order_and_the_run_goes_on() {
    let outcome = ask(&["x = 3", "y = x + 1"], &["x == 3", "x == 4", "nowhere"]);
    assert_eq!(holds(&outcome), [Some(true), Some(false), None]);
    assert_eq!(outcome.end, Some(RunEnd::Completed));
    let failures = &outcome.asked[2]
        .answer
        .as_ref()
        .expect("it was answered")
        .failures;
    assert_eq!(failures[0].reason, "NameError: name 'nowhere' is not defined");
}

#[test]
fn a_question_that_takes_too_long_is_stopped_and_the_notebook_goes_on() {
    let outcome = ask(
        &["import time", "print('after')"],
        &["time.sleep(100) is None", "1 == 1"],
    );
    let first = outcome.asked[0].answer.as_ref().expect("it was answered");
    assert!(first.interrupted, "{first:?}");
    assert_eq!(outcome.asked[1].answer, None);
    assert_eq!(outcome.end, Some(RunEnd::Completed));
    assert_eq!(outcome.cells[1].outcome, CellOutcome::Ok);
}

#[test]
fn a_question_that_ignores_the_interrupt_ends_its_cell_as_timed_out() {
    let code = "def wait():\n    while True:\n        try:\n            while True: sum(range(99))\n        except KeyboardInterrupt: pass";
    let outcome = ask(&[code, "1"], &["wait()"]);
    assert_eq!(outcome.end, Some(RunEnd::CellTimedOut { cell: 0, limit: 1.5 }));
    let outcomes: Vec<_> = outcome.cells.iter().map(|cell| cell.outcome).collect();
    assert_eq!(outcomes, [CellOutcome::Timeout, CellOutcome::NotRun]);
    assert_eq!(outcome.asked[0].answer, None);
}

#[test]
fn a_question_that_ends_the_process_is_the_notebooks_death() {
    let outcome = ask(&["import os", "1"], &["os._exit(3)"]);
    let end = RunEnd::Died {
        cell: Some(0),
        status: Some(3),
        signal: None,
    };
    assert_eq!(outcome.end, Some(end));
    assert_eq!(outcome.cells[0].outcome, CellOutcome::Error);
}

#[test]
fn what_a_question_prints_harms_nothing() {
    let outcome = ask(&["x = 1"], &["print('loud') is None", "x == 1"]);
    assert_eq!(holds(&outcome), [Some(true), Some(true)]);
    assert_eq!(outcome.end, Some(RunEnd::Completed));
}

#[test]
fn everything_is_the_result_and_each_name_that_a_cell_changed() {
    let mut bench = Bench::new(&[
        "import math\nsizes = [1, 2.5]\nsizes",
        "sizes.append(7)\nname = 'a'",
    ]);
    bench.job.questions = Questions::Everything;
    bench.job.limits.questions = Duration::from_secs(20);
    let outcome = bench.run();
    let told: Vec<_> = outcome
        .asked
        .iter()
        .filter(|asked| asked.question.name.as_deref() != Some("math"))
        .map(|asked| {
            let answer = asked.answer.clone().unwrap_or_default();
            let range = answer.range.map(|ends| ends.map(Extreme::value));
            (asked.cell, asked.question.name.clone(), answer.length, range)
        })
        .collect();
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(
        told,
        [
            (0, None, Some(2), Some([1.0, 2.5])),
            (0, name("sizes"), Some(2), Some([1.0, 2.5])),
            (1, name("sizes"), Some(3), Some([1.0, 7.0])),
            (1, name("name"), Some(1), None),
        ]
    );
}
