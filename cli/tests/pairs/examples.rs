//! The examples of run rules, executed: each bad one gives a diagnostic of its rule, no good one does.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use nbvet_engine::Check;
use serde_json::{Value, json};

use crate::runs::{newer_python, python};

/// Rules that see nothing in an older Python.
const NEWER: [&str; 2] = ["NB221", "NB222"];

struct Example {
    rule: &'static str,
    good: bool,
    cells: Vec<String>,
}

fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for rule in nbvet_rules::ALL
        .iter()
        .filter(|rule| matches!(rule.check, Check::Run(_)))
    {
        let mut inside = false;
        for line in rule.meta.doc.lines() {
            let line = line.strip_prefix(' ').unwrap_or(line);
            match line {
                "```python bad" | "```python good" => {
                    inside = true;
                    let good = line.ends_with("good");
                    examples.push(Example {
                        rule: rule.meta.id,
                        good,
                        cells: vec![String::new()],
                    });
                }
                "```" => inside = false,
                "# %%" if inside => examples.last_mut().unwrap().cells.push(String::new()),
                _ if inside => {
                    let cell = examples.last_mut().unwrap().cells.last_mut().unwrap();
                    cell.push_str(line);
                    cell.push('\n');
                }
                _ => {}
            }
        }
    }
    examples
}

fn write(example: &Example, path: &Path) {
    let cells: Vec<Value> = example
        .cells
        .iter()
        .map(|source| {
            json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
                "source": source.trim_end()})
        })
        .collect();
    let notebook = json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells});
    std::fs::write(path, serde_json::to_vec(&notebook).unwrap()).unwrap();
}

#[test]
fn every_bad_example_of_a_run_rule_is_reported_and_no_good_one() {
    let Some(python) = python() else {
        println!("skipped: no Python with numpy (set NBVET_TEST_PYTHON, or make setup)");
        return;
    };
    let examples = examples();
    assert!(examples.len() >= 10);
    let (newer, any): (Vec<_>, Vec<_>) = examples
        .into_iter()
        .partition(|example| NEWER.contains(&example.rule));
    judge(&any, &python);
    match newer_python("3.12") {
        Some(python) => judge(&newer, &python),
        None => println!("skipped: no Python 3.12 (set NBVET_TEST_PYTHONS)"),
    }
}

fn judge(examples: &[Example], python: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..examples.len())
        .map(|index| folder.path().join(format!("{index}.ipynb")))
        .collect();
    for (example, path) in examples.iter().zip(&paths) {
        write(example, path);
    }
    let output = Command::new(env!("CARGO_BIN_EXE_nbvet"))
        .args([
            "validate",
            "--level",
            "production",
            "--format",
            "json",
            "--python",
        ])
        .arg(python)
        .args(&paths)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    for (example, notebook) in examples.iter().zip(report["notebooks"].as_array().unwrap()) {
        let found: Vec<&str> = notebook["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["rule"]["id"].as_str().unwrap())
            .collect();
        assert_eq!(
            found.contains(&example.rule),
            !example.good,
            "{}: this {} example gave {found:?}, failure {}\n{}",
            example.rule,
            if example.good { "good" } else { "bad" },
            notebook["failure"],
            example.cells.join("# %%\n")
        );
    }
}
