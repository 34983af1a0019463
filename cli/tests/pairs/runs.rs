//! Pairs of run rules: notebooks are run by the real binary with a real Python, many in one command. The severities
//! at four levels come from the facts of the one run.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nbvet_engine::Run;
use nbvet_host::{Agent, Job, JobCell, Limits};
use nbvet_report::{CellRun, Diagnostic, ExpectationResult, Report, RunEnd, RunFailure};

use crate::{
    file::{PairFile, corpus, in_repository},
    is_static,
    judge::Expected,
};

/// One notebook to run.
struct Case<'a> {
    file: &'a PairFile,
    expected: Expected<'a>,
    is_fault: bool,
    bytes: Vec<u8>,
    files: BTreeMap<String, String>,
}

/// What came of it.
struct Outcome {
    cells: Vec<CellRun>,
    expectations: Vec<ExpectationResult>,
    end: Option<RunEnd>,
    failure: Option<RunFailure>,
    /// As the command reported them at production; `None` where the host's library ran the notebook.
    reported: Option<Vec<Diagnostic>>,
}

/// A Python with numpy, pandas and matplotlib: the one named, or the repository's own.
pub(crate) fn python() -> Option<PathBuf> {
    std::env::var_os("NBVET_TEST_PYTHON")
        .map(PathBuf::from)
        .or_else(|| Some(in_repository(".venv/bin/python")).filter(|venv| venv.exists()))
}

/// A Python of this version or newer, for rules that need one: of those named in `NBVET_TEST_PYTHONS`, or of pyenv's.
/// Without IPython of its own it runs with the kit's.
pub(crate) fn newer_python(least: &str) -> Option<PathBuf> {
    let least: u32 = least.strip_prefix("3.").unwrap().parse().unwrap();
    let named = std::env::var_os("NBVET_TEST_PYTHONS").unwrap_or_default();
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let versions = std::fs::read_dir(home.join(".pyenv/versions"))
        .into_iter()
        .flatten();
    let installed = versions.filter_map(|version| Some(version.ok()?.path().join("bin/python")));
    let is_new = |python: &PathBuf| {
        let script = format!("import sys; sys.exit(sys.version_info < (3, {least}))");
        let ended = Command::new(python).args(["-c", &script]).status();
        ended.is_ok_and(|status| status.success())
    };
    std::env::split_paths(&named).chain(installed).find(is_new)
}

#[test]
fn every_fault_of_a_run_rule_has_its_severities_and_no_twin_has_any() {
    let Some(python) = python() else {
        println!("skipped: no Python with numpy (set NBVET_TEST_PYTHON, or make setup)");
        return;
    };
    let files = PairFile::all();
    let mut cases = Vec::new();
    for file in files.iter().filter(|file| !is_static(file)) {
        for pair in &file.pairs {
            for (is_fault, bytes) in [(true, pair.fault()), (false, pair.twin())] {
                cases.push(Case {
                    file,
                    expected: Expected::of_pair(file, pair),
                    is_fault,
                    bytes,
                    files: pair.files.clone(),
                });
            }
        }
    }
    for version in judge(&cases, &python) {
        println!("skipped: no Python {version} (set NBVET_TEST_PYTHONS)");
    }
}

#[test]
fn every_mutant_of_a_run_rule_has_its_severities_and_the_unmutated_notebook_none() {
    let (Some(python), Some(corpus)) = (python(), corpus()) else {
        println!("skipped: no corpus, or no Python with numpy");
        return;
    };
    let files = PairFile::all();
    let mut cases = Vec::new();
    for file in files.iter().filter(|file| !is_static(file)) {
        for mutant in &file.mutants {
            for (is_fault, bytes) in [(true, mutant.fault(&corpus)), (false, mutant.twin(&corpus))] {
                cases.push(Case {
                    file,
                    expected: Expected::of_mutant(file, mutant),
                    is_fault,
                    bytes,
                    files: BTreeMap::new(),
                });
            }
        }
    }
    for version in judge(&cases, &python) {
        println!("skipped: no Python {version} (set NBVET_TEST_PYTHONS)");
    }
}

/// Runs the cases and holds each against what is expected of it. Equal notebooks under equal options run once. Gives
/// the versions of Python that some need and that are not there.
fn judge<'a>(cases: &[Case<'a>], python: &Path) -> Vec<&'a str> {
    type Options<'a> = (&'a [String], Option<u64>, Option<&'a str>);
    let mut groups: BTreeMap<Options<'_>, Vec<&Case<'_>>> = BTreeMap::new();
    for case in cases {
        let group = groups
            .entry((
                &case.file.args,
                case.file.memory_limit,
                case.file.python.as_deref(),
            ))
            .or_default();
        group.push(case);
    }
    let mut wrong: Vec<String> = Vec::new();
    let mut untried = Vec::new();
    for ((args, memory_limit, version), group) in groups {
        let mut different: Vec<&Case<'_>> = Vec::new();
        for case in &group {
            if !different.iter().any(|other| is_same(other, case)) {
                different.push(case);
            }
        }
        let newer = version.map(newer_python);
        let Some(python) = newer.unwrap_or_else(|| Some(python.to_path_buf())) else {
            untried.extend(version);
            continue;
        };
        let outcomes = match memory_limit {
            Some(limit) => different
                .iter()
                .map(|case| run_within(case, limit, &python))
                .collect(),
            None => run_by_command(&different, args, &python),
        };
        for case in group {
            let position = different.iter().position(|other| is_same(other, case)).unwrap();
            wrong.extend(wrong_with(case, &outcomes[position]));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    untried
}

fn is_same(left: &Case<'_>, right: &Case<'_>) -> bool {
    left.bytes == right.bytes && left.files == right.files
}

fn wrong_with(case: &Case<'_>, outcome: &Outcome) -> Vec<String> {
    let run = Some(Run {
        folder: None,
        expectations: &outcome.expectations,
        comparison: None,
        cells: &outcome.cells,
        end: outcome.end.as_ref(),
    });
    let name = case.expected.title();
    if let Some(failure) = &outcome.failure {
        return vec![format!("{name}: the run failed: {}", failure.message)];
    }
    let ended_well = matches!(outcome.end, Some(RunEnd::Completed | RunEnd::Exited { .. }));
    let may_stop = case.is_fault && case.expected.is_execution_fault();
    let mut wrong = if case.is_fault {
        case.expected.faults_of(&case.bytes, run)
    } else {
        case.expected.faults_of_twin(&case.bytes, run)
    };
    if !ended_well && !may_stop {
        wrong.push(format!(
            "{name}: the run ended as {:?}: {:?}",
            outcome.end,
            last_error(&outcome.cells)
        ));
    }
    if let Some(reported) = &outcome.reported {
        wrong.extend(case.expected.differs_from(reported, case.is_fault));
    }
    wrong
}

fn last_error(cells: &[CellRun]) -> Option<String> {
    let error = cells.iter().rev().find_map(|cell| cell.error.as_ref())?;
    Some(format!("{}: {}", error.name, error.value))
}

/// One command for all of them.
fn run_by_command(cases: &[&Case<'_>], args: &[String], python: &Path) -> Vec<Outcome> {
    let root = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (cases.iter().enumerate())
        .map(|(number, case)| write(case, &root.path().join(number.to_string())))
        .collect();
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
        .args(args)
        .args(&paths)
        .env("MPLCONFIGDIR", root.path())
        .output()
        .unwrap();
    let report: Report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(
        report.notebooks.len(),
        cases.len(),
        "one report a notebook, in order"
    );
    (report.notebooks.into_iter())
        .map(|notebook| Outcome {
            cells: notebook.cells,
            expectations: notebook.expectations,
            end: notebook.end,
            failure: notebook.failure,
            reported: Some(notebook.diagnostics),
        })
        .collect()
}

/// Writes the notebook and its files into a folder of its own.
fn write(case: &Case<'_>, folder: &Path) -> PathBuf {
    std::fs::create_dir(folder).unwrap();
    for (name, text) in &case.files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let path = folder.join("notebook.ipynb");
    std::fs::write(&path, &case.bytes).unwrap();
    path
}

/// By the host's library, with a limit on memory, which no option of the command sets.
fn run_within(case: &Case<'_>, limit: u64, python: &Path) -> Outcome {
    let root = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbvet"));
    command.args(["agent", "--stdin-socket"]);
    let agent = Agent::spawn(command).unwrap();
    let reading = nbvet_notebook::read(&case.bytes);
    let mut job = Job {
        cells: JobCell::all_of(reading.notebook.as_ref().unwrap()),
        limits: Limits {
            notebook: Some(Duration::from_mins(1)),
            ..Limits::default()
        },
        ..Job::default()
    };
    job.spec.python.explicit = Some(python.to_string_lossy().into_owned());
    job.spec.working_directory = Some(root.path().to_string_lossy().into_owned());
    job.spec.memory_limit = Some(limit);
    let outcome = nbvet_host::run(&job, &agent, &mut |_| {});
    Outcome {
        cells: outcome.cells,
        expectations: Vec::new(),
        end: outcome.end,
        failure: outcome.failure,
        reported: None,
    }
}
