//! Every rule's page is its test: each bad example of a static rule gives a diagnostic of that rule, no good one
//! does. Examples of run rules are executed by the tests of the command line, which can run notebooks.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use nbvet_engine::{Beside, Check, Rule, Settings, check};
use nbvet_report::Level;
use nbvet_rules::ALL;

struct Example {
    good: bool,
    cells: Vec<String>,
}

fn examples(rule: &Rule) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in rule.meta.doc.lines() {
        let line = line.strip_prefix(' ').unwrap_or(line);
        match line {
            "```python bad" | "```python good" => {
                inside = true;
                examples.push(Example {
                    good: line.ends_with("good"),
                    cells: vec![String::new()],
                });
            }
            "```" => inside = false,
            "# %%" if inside => examples.last_mut().unwrap().cells.push(String::new()),
            // A line `# %% [3]` begins a cell that was run as `In [3]`: it stays as the cell's first line.
            _ if inside && line.starts_with("# %% [") => {
                examples.last_mut().unwrap().cells.push(format!("{line}\n"));
            }
            _ if inside => {
                let cell = examples.last_mut().unwrap().cells.last_mut().unwrap();
                cell.push_str(line);
                cell.push('\n');
            }
            _ => {}
        }
    }
    examples
}

fn notebook(cells: &[String]) -> Vec<u8> {
    let cells: Vec<_> = cells
        .iter()
        .map(|source| {
            let head = source
                .strip_prefix("# %% [")
                .and_then(|rest| rest.split_once("]\n"));
            let (count, source) = head.map_or((None, source.as_str()), |(count, source)| {
                (count.parse::<u32>().ok(), source)
            });
            serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": count,
                "source": source.trim_end()})
        })
        .collect();
    serde_json::to_vec(
        &serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}),
    )
    .unwrap()
}

fn ids(cells: &[String]) -> Vec<String> {
    let reading = nbvet_notebook::read(&notebook(cells));
    let settings = Settings {
        level: Level::Production,
        ..Settings::default()
    };
    check(&reading, &Beside::default(), None, ALL, &settings)
        .into_iter()
        .map(|found| found.rule.id.into_owned())
        .collect()
}

#[test]
fn every_bad_example_of_a_static_rule_is_reported_and_no_good_one() {
    let mut seen = 0;
    let reads = |rule: &&Rule| matches!(rule.check, Check::Static(_) | Check::Suppression);
    for rule in ALL.iter().filter(reads) {
        for example in examples(rule) {
            let found = ids(&example.cells);
            let reported = found.iter().any(|id| id == rule.meta.id);
            assert_eq!(
                reported,
                !example.good,
                "{} {}: this {} example gave {found:?}\n{}",
                rule.meta.id,
                rule.meta.name,
                if example.good { "good" } else { "bad" },
                example.cells.join("# %%\n")
            );
            seen += 1;
        }
    }
    assert!(seen > 20, "the examples were found: {seen}");
}

#[test]
fn every_rule_that_looks_at_code_has_a_bad_and_a_good_example() {
    for rule in ALL {
        let needs_examples = rule.meta.group as u8 > 0
            && !matches!(rule.check, Check::Problem(_))
            && !matches!(rule.meta.id, "NB112" | "NB802" | "NB925" | "NB928" | "NB931");
        if needs_examples {
            let examples = examples(rule);
            assert!(
                examples.iter().any(|example| example.good),
                "{} has no good example",
                rule.meta.id
            );
            assert!(
                examples.iter().any(|example| !example.good),
                "{} has no bad example",
                rule.meta.id
            );
        }
    }
}

#[test]
fn ids_are_sorted_unique_and_of_their_group() {
    assert!(ALL.is_sorted_by(|left, right| left.meta.id < right.meta.id));
    for rule in ALL {
        let digit = rule.meta.id.as_bytes()[2] - b'0';
        // A run rule over numbers belongs to the silent failures, and keeps the digit of its data.
        let silent = matches!(rule.meta.id, "NB312" | "NB313" | "NB213");
        assert!(digit == rule.meta.group as u8 || silent, "{}", rule.meta.id);
    }
}

#[test]
fn every_file_of_a_group_is_a_listed_rule() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let names: Vec<String> = ALL.iter().map(|rule| rule.meta.name.replace('-', "_")).collect();
    for group in std::fs::read_dir(root)
        .unwrap()
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
    {
        if group.file_name() == "analysis" {
            continue;
        }
        for file in std::fs::read_dir(group.path()).unwrap().filter_map(Result::ok) {
            let name = file.path().file_stem().unwrap().to_string_lossy().into_owned();
            assert!(
                name == "mod" || names.contains(&name),
                "{} is not in ALL",
                file.path().display()
            );
        }
    }
}

#[test]
fn every_page_says_what_why_and_how_to_mend_it() {
    for rule in ALL {
        let doc = rule.meta.doc;
        assert!(!rule.meta.summary().is_empty(), "{}", rule.meta.id);
        assert!(doc.contains("## Why it matters"), "{}", rule.meta.id);
        assert!(doc.contains("## How to mend it"), "{}", rule.meta.id);
    }
}
