//! Pythons that are not there, too old, or not made for it.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command, time::Duration};

use nbvet_host::Agent;
use nbvet_report::{CellOutcome, FailureKind, RunEnd};

use crate::support::{Bench, agent, endpoint, marked, wait_until};

fn check(python: &str, kind: FailureKind, said: &str) {
    let mut bench = Bench::new(&["1"]);
    bench.job.spec.python.explicit = Some(python.to_owned());
    check_failure(&bench, &agent(), kind, said);
}

fn check_failure(bench: &Bench, agent: &Agent, kind: FailureKind, said: &str) {
    let failure = bench.run_over(agent).failure.expect("there is no verdict");
    assert_eq!(failure.kind, kind, "{failure:?}");
    assert!(failure.message.contains(said), "{failure:?}");
    assert!(failure.hint.is_some(), "{failure:?}");
    wait_until("nothing lives on", || marked(&bench.mark).is_empty());
}

/// More than any start takes.
const LONG: Duration = Duration::from_mins(1);

/// A program in place of Python, which says that it is one and then does something else.
fn check_script(limit: Duration, does: &str, kind: FailureKind, said: &str) {
    check_failure(&bench_of_script(limit, does), &agent(), kind, said);
}

fn bench_of_script(limit: Duration, does: &str) -> Bench {
    let mut bench = Bench::new(&["1"]);
    let script = bench.folder.path().join("script");
    let text = format!("#!/bin/sh\ncase \"$*\" in *nbvet_worker*) {does};; *) echo nbvet 3.11;; esac\n");
    fs::write(&script, text).expect("it can be written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
    bench.job.spec.python.explicit = Some(script.to_string_lossy().into_owned());
    bench.job.limits.start = limit;
    bench
}

#[test]
fn a_limit_that_is_over_before_python_is_ready_is_the_notebooks_time_out_and_no_fault_of_python() {
    let mut bench = bench_of_script(LONG, "exec sleep 1000");
    bench.job.limits.notebook = Some(Duration::from_millis(700));
    let outcome = bench.run();
    assert_eq!(outcome.failure, None);
    let timed_out = RunEnd::NotebookTimedOut {
        cell: None,
        limit: 0.7,
    };
    assert_eq!(outcome.end, Some(timed_out));
    assert_eq!(outcome.cells[0].outcome, CellOutcome::NotRun);
}

#[test]
fn a_python_that_ends_before_its_first_cell_is_told_with_its_last_words() {
    let kind = FailureKind::UnsupportedInterpreter;
    check_script(
        LONG,
        "echo broken here >&2; exit 3",
        kind,
        "script ended with status 3 before it could run a cell; it printed:\nbroken here",
    );
    check_script(
        LONG,
        "kill -9 $$",
        kind,
        "script ended with signal 9 before it could run a cell; it printed nothing",
    );
    check_script(LONG, "echo it is PyPy >&2; exit 86", kind, "it is PyPy");
}

#[test]
fn a_python_that_never_becomes_ready_is_given_up() {
    check_script(
        Duration::from_millis(700),
        "sleep 1000",
        FailureKind::UnsupportedInterpreter,
        "did not become ready to run a cell within 0.7 s",
    );
}

#[test]
fn an_agent_without_a_worker_says_so() {
    let mut command = Command::new(endpoint());
    command.arg("agent").env("NBVET_ASSETS", "/nowhere");
    let agent = Agent::spawn(command).expect("it starts");
    check_failure(
        &Bench::new(&["1"]),
        &agent,
        FailureKind::UnsupportedInterpreter,
        "`NBVET_ASSETS` is /nowhere",
    );
}

#[test]
fn assertions_hold_whatever_the_environment_asks_python_to_optimise() {
    let mut command = Command::new(endpoint());
    command.arg("agent").env("PYTHONOPTIMIZE", "2");
    let agent = Agent::spawn(command).expect("it starts");
    let outcome = Bench::new(&["assert False"]).run_over(&agent);
    assert_eq!(outcome.end, Some(RunEnd::Raised { cell: 0 }), "{outcome:?}");
}

#[test]
fn a_python_that_is_not_there_is_an_error_of_its_own() {
    check(
        "/nowhere/bin/python",
        FailureKind::NoInterpreter,
        "`/nowhere/bin/python` cannot be used as the notebook's Python: there is no such file",
    );
    check(
        "python9.9",
        FailureKind::NoInterpreter,
        "no such command on the PATH",
    );
}

#[test]
fn a_program_that_is_no_python_is_told() {
    check("/bin/true", FailureKind::NoInterpreter, "/bin/true");
}

#[test]
fn an_old_python_is_told_by_its_version() {
    for (version, said) in [("2.7.18", "Python 2.7"), ("3.8.18", "Python 3.8")] {
        match old_python(version) {
            Some(python) => check(&python, FailureKind::UnsupportedInterpreter, said),
            None => println!("skipped: no Python {version} here"),
        }
    }
}

fn old_python(version: &str) -> Option<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    let path = home.join(".pyenv/versions").join(version).join("bin/python");
    path.exists().then(|| path.to_string_lossy().into_owned())
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let mut bench = Bench::new(&["1"]);
    bench.job.spec.working_directory = Some("/nowhere/at/all".to_owned());
    let failure = bench.run().failure.expect("there is no verdict");
    assert!(
        failure.message.contains("/nowhere/at/all cannot be entered"),
        "{failure:?}"
    );
}

#[test]
fn the_python_beside_the_notebook_is_found_and_said() {
    let mut bench = Bench::new(&["import sys; sys.prefix"]);
    let venv = bench.folder.path().join(".venv");
    let python = crate::support::python();
    let made = Command::new(&python)
        .args(["-m", "venv", "--without-pip", "--system-site-packages"])
        .arg(&venv)
        .status()
        .expect("Python starts");
    assert!(made.success());
    bench.job.spec.python.explicit = None;
    for variable in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        bench.job.spec.env.insert(variable.to_owned(), String::new());
    }
    let outcome = bench.run();
    let interpreter = outcome.interpreter.as_ref().expect("it ran");
    assert_eq!(interpreter.chosen, "`.venv` beside the notebook");
    assert!(
        bench.show(&outcome).contains("@/.venv"),
        "{}",
        bench.show(&outcome)
    );
}
