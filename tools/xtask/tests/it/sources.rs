//! The look of source files: what each begins with, how long it is, what it may not print, and what no file
//! of the repository may contain.

use std::{fs, process::Command};

use regex::Regex;

use crate::root;

/// Most lines that a file may have before its tests.
const LONGEST: usize = 600;

/// Folders of code that prints or exits, since it is a program.
const PROGRAMS: [&str; 3] = ["cli/", "operator/kubectl/", "tools/xtask/"];

/// Names that say nothing of what a file holds.
const VAGUE: [&str; 8] = [
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "impl",
];

/// Committed files, and those about to be: all that git does not ignore.
fn files(pattern: &str) -> Vec<(String, String)> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        pattern,
    ])
    .current_dir(root());
    let output = git.output().expect("git is there");
    let names = String::from_utf8(output.stdout).expect("names of files are UTF-8");
    let read = |name: &str| Some((name.to_owned(), fs::read_to_string(root().join(name)).ok()?));
    let files: Vec<_> = names.lines().filter_map(read).collect();
    assert!(!files.is_empty(), "git knows no file like {pattern}");
    files
}

/// What comes before a file's unit tests.
fn code(text: &str) -> &str {
    text.split_once("#[cfg(test)]\nmod ")
        .map_or(text, |(code, _)| code)
}

fn is_test(name: &str) -> bool {
    let is_of_tests = name.contains("/tests/") || name.ends_with("/tests.rs") || name.contains("/testkit/");
    is_of_tests || name.starts_with("benches/") || name.contains("/benches/") || name.contains("/examples/")
}

/// Fails with all the places where `find` finds something.
fn check(pattern: &str, find: impl Fn(&str, &str) -> Option<String>) {
    let found = files(pattern)
        .into_iter()
        .filter_map(|(name, text)| Some(format!("{name}: {}", find(&name, &text)?)));
    let found: Vec<_> = found.collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_module_begins_by_saying_what_it_owns() {
    check("*.rs", |_, text| {
        (!text.starts_with("//!")).then(|| "begins without //!".to_owned())
    });
}

#[test]
fn no_file_is_longer_than_a_reader_can_bear() {
    check("*.rs", |name, text| {
        let lines = code(text).lines().count();
        (!is_test(name) && lines > LONGEST).then(|| format!("{lines} lines before its tests"))
    });
}

#[test]
fn only_programs_print_and_exit() {
    let printing =
        Regex::new(r"\b(print|println|eprint|eprintln|dbg)!|process::exit").expect("it is a pattern");
    check("*.rs", |name, text| {
        let free = is_test(name)
            || name.ends_with("build.rs")
            || PROGRAMS.iter().any(|folder| name.starts_with(folder));
        let lines = code(text)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let mut printing = lines.filter(|line| !free && printing.is_match(line));
        printing.next().map(|line| line.trim().to_owned())
    });
}

#[test]
fn the_data_model_touches_no_file_socket_or_process() {
    let io =
        Regex::new(r"\bstd::(fs|io|net|env|os|process::(Command|exit|abort))\b").expect("it is a pattern");
    check("analyzer/report/src/*.rs", |_, text| {
        io.find(code(text)).map(|found| found.as_str().to_owned())
    });
}

#[test]
fn no_file_is_named_after_nothing() {
    check("*.rs", |name, _| {
        let stem = name.rsplit('/').next().unwrap_or(name).trim_end_matches(".rs");
        let vague = |word: &str| VAGUE.contains(&word);
        stem.split('_')
            .any(vague)
            .then(|| "says nothing of what it holds".to_owned())
    });
}

#[test]
fn no_file_names_a_folder_of_the_machine_it_was_written_on() {
    let machine =
        Regex::new(r"(^|[^\w@.])/(work/(main|shared)|root/\.?\w|home/[a-z]\w+/)").expect("it is a pattern");
    check("*", |name, text| {
        // Real notebooks and their outputs are what their authors made them.
        let is_data = name.starts_with("fixtures/")
            || name.starts_with("rules/labels/")
            || name.contains("/seeds/")
            || name.ends_with("it/sources.rs");
        let mut lines = text.lines().filter(|line| !is_data && machine.is_match(line));
        lines.next().map(|line| line.trim().chars().take(120).collect())
    });
}
