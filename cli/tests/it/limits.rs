//! Limits of notebooks, and copies of their folders, with a real Python.

use std::fs;

use crate::{
    python::python,
    sandbox::{Sandbox, notebook},
};

fn told(sandbox: &Sandbox, call: &[&str]) -> (Option<i32>, String) {
    let output = sandbox.output(call);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn memory_over_the_limit_is_told_with_the_cell_and_the_limit() {
    let Some(python) = python() else { return };
    let cells = [
        "x = 1",
        "print('filling', flush=True)\ndata = [bytearray(10_000_000) for _ in range(200)]",
        "3",
    ];
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&cells));
    let (code, text) = told(
        &sandbox,
        &[
            "validate",
            "a.ipynb",
            "--memory-limit",
            "300MiB",
            "--python",
            &python,
        ],
    );
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("error[NB005]: the notebook ran out of memory: the limit is 300 MiB"),
        "{text}"
    );
    assert!(
        text.contains("cell 1") && text.contains("filling"),
        "the last output is shown: {text}"
    );

    let sandbox = sandbox.file("nbvet.toml", "memory-limit = \"300MiB\"\n");
    assert_eq!(
        told(&sandbox, &["run", "a.ipynb", "--python", &python]).0,
        Some(1),
        "the file says so"
    );
    let call = ["run", "a.ipynb", "--memory-limit", "0", "--python", &python];
    assert_eq!(told(&sandbox, &call).0, Some(0), "the command line wins");
}

#[test]
fn a_limit_that_is_none_is_refused() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["1"]));
    let (code, text) = told(&sandbox, &["run", "a.ipynb", "--memory-limit", "300"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("`300` has no unit; write 300MB or 300GB"), "{text}");
    let sandbox = sandbox.file("nbvet.toml", "\nmemory-limit = \"much\"\n");
    let (code, text) = told(&sandbox, &["run", "a.ipynb"]);
    assert_eq!(code, Some(2));
    assert!(
        text.contains("nbvet.toml:2: `much` is no amount of memory"),
        "{text}"
    );
}

#[test]
fn a_time_out_points_to_the_line_that_was_running() {
    let Some(python) = python() else { return };
    let source = "import time\ndef wait():\n    time.sleep(100)\nprint('waiting')\nwait()";
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[source]));
    let (code, text) = told(
        &sandbox,
        &["validate", "a.ipynb", "--cell-timeout", "1s", "--python", &python],
    );
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("error[NB006]: this cell ran longer than its limit of 1 s"),
        "{text}"
    );
    assert!(text.contains("In [1]:3:5 ]"), "{text}");
}

#[test]
fn a_notebook_in_a_copy_changes_nothing_of_its_folder() {
    let Some(python) = python() else { return };
    let cells = [
        "import os, sys\nfrom helper import value\nassert value == 7",
        "os.remove('data/a.csv')\nopen('new.csv', 'w').write('x')\nos.makedirs('closed')\nos.chmod('closed', 0)",
    ];
    let sandbox = Sandbox::new()
        .file("nbs/a.ipynb", &notebook(&cells))
        .file("nbs/helper.py", "value = 7\n")
        .file("nbs/data/a.csv", "1\n")
        .file("tmp/keep", "");
    for isolation in ["spawn", "fork"] {
        let call = [
            "run",
            "nbs/a.ipynb",
            "--isolated-copy",
            "--isolation",
            isolation,
            "--python",
            &python,
        ];
        let output = sandbox
            .command(&call)
            .env("TMPDIR", sandbox.path("tmp"))
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert_eq!(fs::read_to_string(sandbox.path("nbs/data/a.csv")).unwrap(), "1\n");
        assert!(!sandbox.path("nbs/new.csv").exists() && !sandbox.path("nbs/closed").exists());
        let left = fs::read_dir(sandbox.path("tmp"))
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["keep"], "no copy is left");
    }
}

#[test]
fn bad_notebooks_leave_no_process_and_no_file_behind() {
    let Some(python) = python() else { return };
    let cells = [
        "import os; os._exit(3)",
        "import ctypes; ctypes.string_at(0)",
        "import os, signal; os.kill(os.getppid(), signal.SIGKILL)\nimport time; time.sleep(30)",
        "import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()",
        "import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True, env={})",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
    ];
    let mut sandbox = Sandbox::new().file("tmp/keep", "");
    for (number, source) in cells.iter().enumerate() {
        sandbox = sandbox.file(&format!("nbs/{number}.ipynb"), &notebook(&[source]));
    }
    let call = [
        "run",
        "nbs",
        "--cell-timeout",
        "2s",
        "--format",
        "json",
        "--python",
        &python,
    ];
    let output = sandbox
        .command(&call)
        .env("TMPDIR", sandbox.path("tmp"))
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let outcome = |notebook: &serde_json::Value| notebook["verdict"]["outcome"].as_str().unwrap().to_owned();
    let outcomes: Vec<String> = report["notebooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(outcome)
        .collect();
    assert_eq!(
        outcomes,
        ["Failed", "Failed", "Error", "Passed", "Passed", "TimedOut"],
        "{report:#}"
    );
    let folder = fs::canonicalize(sandbox.path("nbs")).unwrap();
    let here = |entry: fs::DirEntry| {
        let folder_of = fs::read_link(entry.path().join("cwd")).ok()?;
        folder_of.starts_with(&folder).then(|| entry.path())
    };
    let living: Vec<_> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(here)
        .collect();
    assert!(living.is_empty(), "nothing lives on: {living:?}");
    let left = fs::read_dir(sandbox.path("tmp"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["keep"], "nothing is left");
}
