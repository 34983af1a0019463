//! Comments and tags that switch nothing off are told of, where their rule could have spoken.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use nbvet_engine::{Beside, Run, Settings, check};
use nbvet_report::{CellOutcome, CellRun, Diagnostic, Level, RunEnd, Severity};
use nbvet_rules::ALL;

fn diagnostics(
    source: &str,
    tags: &[&str],
    run: Option<CellOutcome>,
    settings: &Settings,
) -> Vec<Diagnostic> {
    let cell = serde_json::json!({"cell_type": "code", "metadata": {"tags": tags}, "outputs": [],
        "execution_count": null, "source": source});
    let notebook = serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]});
    let reading = nbvet_notebook::read(&serde_json::to_vec(&notebook).unwrap());
    let runs: Vec<CellRun> = run
        .map(|outcome| CellRun {
            cell: 0,
            cell_id: None,
            outcome,
            seconds: 0.0,
            execution_count: Some(1),
            error: None,
            output_bytes_cut: 0,
            last_output: None,
            facts: Vec::new(),
        })
        .into_iter()
        .collect();
    let run = run.map(|_| Run {
        cells: &runs,
        end: Some(&RunEnd::Completed),
        folder: None,
        expectations: &[],
        comparison: None,
    });
    check(&reading, &Beside::default(), run, ALL, settings)
}

/// What is said about the suppressions of a notebook of one cell: line, column and message.
fn told(source: &str, tags: &[&str], run: Option<CellOutcome>) -> Vec<String> {
    diagnostics(source, tags, run, &Settings::default())
        .into_iter()
        .filter(|found| found.rule.id == "NB701")
        .map(|found| {
            let help = found.help.unwrap_or_default();
            format!(
                "{}:{} {} [{help}]",
                found.location.line, found.location.column, found.message
            )
        })
        .collect()
}

const USED: &str = "\nx = [2, 1]\nx = x.sort()  # nbvet: ignore[NB401] shown to the class\nprint(x)\n";

#[test]
fn a_suppression_with_its_use_is_not_told() {
    assert_eq!(told(USED, &[], None), Vec::<String>::new());
    let tagged = USED.replace("  # nbvet: ignore[NB401] shown to the class", "");
    for tag in ["nbvet-ignore-NB401", "nbvet-ignore-none-method-assigned"] {
        assert_eq!(told(&tagged, &[tag], None), Vec::<String>::new());
    }
}

#[test]
fn what_does_not_count_at_production_is_told_why() {
    let strict = Settings {
        level: Level::Production,
        ..Settings::default()
    };
    let help = |source: &str, tags: &[&str]| {
        let found = diagnostics(source, tags, None, &strict);
        let of_rule = found.into_iter().find(|found| found.rule.id == "NB401");
        of_rule.unwrap().help.unwrap()
    };
    let bare = USED.replace(" shown to the class", "");
    assert!(
        help(&bare, &[]).ends_with("; at production its comment counts only with a reason behind the `]`")
    );
    let tagged = USED.replace("  # nbvet: ignore[NB401] shown to the class", "");
    assert!(help(&tagged, &["nbvet-ignore-NB401"]).contains("a cell tag does not count"));
    assert!(!help(USED, &[]).contains("at production"));
}

#[test]
fn each_rule_that_has_nothing_to_switch_off_is_told_at_its_word() {
    assert_eq!(
        told(
            "x = 1  # nbvet: ignore[NB201, except-pass] old\nassert x",
            &["nbvet-ignore-NB401"],
            None
        ),
        [
            "1:1 there is nothing of `NB401` to switch off: this cell's tag has no use \
             [take it away, so that it cannot hide a later fault]",
            "1:24 there is nothing of `NB201` to switch off: this comment has no use \
             [take it away, so that it cannot hide a later fault]",
            "1:31 there is nothing of `except-pass` to switch off: this comment has no use \
             [take it away, so that it cannot hide a later fault]",
        ]
    );
    // Two lines above it is too far.
    assert_eq!(
        told(&USED.replacen('\n', "# nbvet: ignore[NB401] old\n", 1), &[], None).len(),
        1
    );
}

#[test]
fn a_word_for_no_rule_a_fault_and_a_form_that_nobody_reads_are_told() {
    assert_eq!(
        told(
            "x = 1  # nbvet: ignore[bare-exept]\n",
            &["nbvet-ignore-uncaught-exception"],
            None
        ),
        [
            "1:1 `uncaught-exception` cannot be switched off: this cell's tag does nothing []",
            "1:24 there is no rule `bare-exept`: this comment switches nothing off [did you mean `bare-except`?]",
        ]
    );
    for form in [
        "#nbvet:ignore[NB401]",
        "# nbvet: ignore [ NB401 ] known",
        "#  nbvet:  ignore[NB401]",
    ] {
        let used = USED.replace("# nbvet: ignore[NB401] shown to the class", form);
        assert_eq!(told(&used, &[], None), [""; 0], "{form}");
    }
    for form in ["# nbvet: ignore", "# nbvet-ignore NB201", "# nbvet: noqa"] {
        assert_eq!(
            told(&format!("x = 1 {form}"), &[], None),
            ["1:7 this comment switches nothing off [name the rule: `# nbvet: ignore[NB202] reason`]"]
        );
    }
    for prose in [
        "# nbvet runs this",
        "# see nbvet: ignored rules",
        "x = 'nbvet: ignore'",
    ] {
        assert_eq!(told(prose, &[], None), Vec::<String>::new(), "{prose}");
    }
}

#[test]
fn a_suppression_is_judged_only_where_its_rule_could_have_spoken() {
    let of_run = "x = 1  # nbvet: ignore[none-result] the service is down at night";
    assert_eq!(told(of_run, &[], None), Vec::<String>::new());
    for (outcome, number) in [
        (CellOutcome::Ok, 1),
        (CellOutcome::Error, 1),
        (CellOutcome::Timeout, 0),
        (CellOutcome::Skipped, 0),
        (CellOutcome::NotRun, 0),
    ] {
        assert_eq!(told(of_run, &[], Some(outcome)).len(), number, "{outcome:?}");
    }
    let broken = "x = = 1  # nbvet: ignore[NB201] old";
    assert_eq!(told(broken, &[], None), Vec::<String>::new());
    let mut off = Settings::default();
    off.configured.insert("NB201".to_owned(), Severity::Off);
    let found = diagnostics("x = 1  # nbvet: ignore[NB201] old\nassert x", &[], None, &off);
    assert_eq!(found, []);
}

#[test]
fn what_a_run_disproves_or_tells_better_was_there_to_be_switched_off() {
    // A name that nothing binds: the run shows that it exists.
    let foreseen = "print(total)  # nbvet: ignore[undefined-name] set by the start-up file";
    assert_eq!(told(foreseen, &[], Some(CellOutcome::Ok)), Vec::<String>::new());
}

#[test]
fn a_suppression_can_itself_be_left_alone() {
    let found = diagnostics(
        "x = 1  # nbvet: ignore[NB201, unused-suppression] kept for the course\nassert x",
        &[],
        None,
        &Settings::default(),
    );
    assert!(found.iter().all(|found| !found.counts()), "{found:#?}");
    assert_eq!(found.len(), 1);
}

#[test]
fn a_script_cell_is_silenced_below_its_magic_or_where_it_is_pointed_at() {
    let script = |lines: &[&str]| format!("%%bash\n{}\n", lines.join("\n"));
    let (get, unpack, end) = ("wget -q https://example.org/a.csv", "python make.py", "ls");
    let comment = "# nbvet: ignore[NB209] checked below";
    let own_line = format!("{get}  {comment}");
    for (source, is_silenced) in [
        (script(&[comment, get, unpack, end]), true),
        (script(&[&own_line, unpack, end]), true),
        (script(&["", comment, get, unpack, end]), true),
        (script(&[get, unpack, comment, end]), false),
    ] {
        let found = diagnostics(&source, &[], None, &Settings::default());
        let hit = found.iter().find(|found| found.rule.id == "NB209");
        assert_eq!(hit.unwrap().suppression.is_some(), is_silenced, "{source}");
        assert_eq!(told(&source, &[], None).is_empty(), is_silenced, "{source}");
    }
}
