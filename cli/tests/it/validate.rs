//! `nbvet validate` and `nbvet run`, with a real Python.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use expect_test::expect;

use crate::{
    python::python,
    sandbox::{Sandbox, notebook},
};

#[test]
fn an_exception_fails_at_every_level_and_shows_its_line() {
    let Some(python) = python() else { return };
    let cells = [
        "rates = {'eur': 1.1}",
        "price = 10\ntotal = price * rates['usd']",
        "print(total)",
    ];
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&cells));
    sandbox.check(
        &["validate", "a.ipynb", "--level", "learning", "--python", &python],
        &expect![[r#"
            exit 1
            --- stdout
            ✗ Failed a.ipynb  at learning · 2 of 3 cells ran in [s] · Python [version] (`--python`)

            error[NB001]: this cell raised KeyError: 'usd'
               ╭─[ a.ipynb:21 · cell 1, In [2]:2:1 ]
               │
             2 │ total = price * rates['usd']
               │ ──────────────┬─────────────
               │               ╰─────────────── uncaught-exception
            ───╯
              why: The notebook stops here; the cells below did not run.

            1 notebook: 1 failed · 1 error · [s]
            `nbvet explain NB001` tells more about a rule
        "#]],
    );
}

#[test]
fn the_notebook_that_runs_to_its_end_and_is_broken_fails_and_its_twin_passes() {
    let Some(python) = python() else { return };
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/feedback");
    let sandbox = Sandbox::new();
    for name in [
        "sensor_report.ipynb",
        "sensor_report_fixed.ipynb",
        "data/2026-02-01.json",
        "data/2026-02-02.json",
    ] {
        let text = fs::read_to_string(fixture.join(name)).unwrap();
        let path = sandbox.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let code = |name: &str, level: &str| {
        sandbox
            .output(&["validate", name, "--level", level, "--python", &python])
            .status
            .code()
    };
    let levels = ["learning", "development", "staging", "production"];
    assert_eq!(
        levels.map(|level| code("sensor_report_fixed.ipynb", level)),
        [Some(0); 4]
    );
    let broken = levels.map(|level| code("sensor_report.ipynb", level));
    assert_eq!(broken, [Some(0), Some(1), Some(1), Some(1)]);
    assert_eq!(
        sandbox
            .output(&["run", "sensor_report.ipynb", "--python", &python])
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn the_executed_notebook_is_written_and_the_source_stays() {
    let Some(python) = python() else { return };
    let text = notebook(&["print('hello')\n6 * 7", "raise ValueError('no')", "1"]);
    let sandbox = Sandbox::new().file("w/a.ipynb", &text).file("w/b.ipynb", &text);
    let output = sandbox.output(&["run", "w", "-o", "out", "-j", "2", "--python", &python]);
    assert_eq!(output.status.code(), Some(1));
    for name in ["w/a.ipynb", "w/b.ipynb"] {
        assert_eq!(fs::read_to_string(sandbox.path(name)).unwrap(), text);
        let done = fs::read_to_string(sandbox.path("out").join(name)).unwrap();
        let done: serde_json::Value = serde_json::from_str(&done).unwrap();
        let cells = &done["cells"];
        assert_eq!(cells[0]["outputs"][0]["text"][0], "hello\n");
        assert_eq!(cells[0]["outputs"][1]["data"]["text/plain"][0], "42");
        assert_eq!(
            (&cells[0]["execution_count"], &cells[1]["outputs"][0]["ename"]),
            (&1.into(), &"ValueError".into())
        );
        assert_eq!(
            (&cells[2]["execution_count"], &cells[2]["outputs"]),
            (&serde_json::Value::Null, &serde_json::json!([]))
        );
    }
}

#[test]
fn a_cell_that_never_ends_is_a_time_out() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["print('begun')", "while True: pass"]));
    sandbox.check(
        &[
            "validate",
            "a.ipynb",
            "--cell-timeout",
            "500ms",
            "--python",
            &python,
        ],
        &expect![[r#"
            exit 1
            --- stdout
            ✗ Timed out a.ipynb  at development · 2 cells ran in [s] · Python [version] (`--python`)

            error[NB006]: this cell ran longer than its limit of [s]
               ╭─[ a.ipynb:20 · cell 1, In [2]:1:1 ]
               │
             1 │ while True: pass
               │ ────────┬───────
               │         ╰───────── cell-timeout
            ───╯
              help: make the cell faster, or raise the limit with `--cell-timeout`

            1 notebook: 1 timed out · 1 error · [s]
            `nbvet explain NB006` tells more about a rule
        "#]],
    );
}

#[test]
fn no_interpreter_is_no_verdict() {
    if python().is_none() {
        return;
    }
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["assert 1 == 1"]));
    sandbox.check(
        &["validate", "a.ipynb", "--python", "/nowhere/python"],
        &expect![[r#"
            exit 2
            --- stdout
            ! No verdict a.ipynb  at development · not run

            error: `/nowhere/python` cannot be used as the notebook's Python: there is no such file
              hint: name a Python, or the folder of a virtual environment

            1 notebook: 1 without a verdict · [s]
        "#]],
    );
}

#[test]
fn another_language_is_no_verdict_and_a_note_for_lint() {
    let text = notebook(&["x <- 1"]).replace("\"name\": \"python\"", "\"name\": \"R\"");
    let sandbox = Sandbox::new().file("a.ipynb", &text);
    sandbox.check(
        &["validate", "a.ipynb"],
        &expect![[r#"
            exit 2
            --- stdout
            ! No verdict a.ipynb  at development · not run

            error: this notebook is written in R; nbvet runs Python

            1 notebook: 1 without a verdict · 1 note · [s]
            -v shows the notes
        "#]],
    );
    sandbox.check(
        &["lint", "-v", "a.ipynb"],
        &expect![[r#"
            exit 0
            --- stdout
            ✓ Passed a.ipynb  at development · not run

            note[NB925]: this notebook is written in R
              at a.ipynb:1:1 · unsupported-language

            1 notebook: 1 passed · 1 note · [s]
            `nbvet explain NB925` tells more about a rule
        "#]],
    );
}

#[test]
fn a_notebook_that_takes_the_agent_down_spoils_no_other() {
    let Some(python) = python() else { return };
    let murder = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nimport time\ntime.sleep(60)";
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&[murder]))
        .file("b.ipynb", &notebook(&["assert 1 + 1 == 2"]));
    let output = sandbox.output(&[
        "validate", "a.ipynb", "b.ipynb", "--format", "json", "--python", &python,
    ]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let outcomes = [0, 1].map(|at| report["notebooks"][at]["verdict"]["outcome"].clone());
    assert_eq!(
        (output.status.code(), outcomes),
        (Some(2), ["Error".into(), "Passed".into()])
    );
}

#[test]
fn what_a_killed_agent_left_in_a_session_of_its_own_is_ended_too() {
    let Some(python) = python() else { return };
    // Neither its parents, nor its group, nor its environment tell whose it is.
    let hide = "import os, signal, time\nread, write = os.pipe()\nif os.fork() == 0:\n    os.setsid()\n    \
                pid = os.fork()\n    if pid == 0: os.execve('/bin/sleep', ['sleep', '300'], {})\n    \
                os.write(write, str(pid).encode()); os._exit(0)\n\
                open('pid', 'w').write(os.read(read, 20).decode())\ntime.sleep(0.3)\n\
                os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)";
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[hide]));
    let output = sandbox.output(&["validate", "a.ipynb", "--python", &python]);
    assert_eq!(output.status.code(), Some(2));
    let pid = fs::read_to_string(sandbox.path("pid")).unwrap();
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    assert!(!command.starts_with(b"sleep"), "{pid} lives on");
}

#[test]
fn the_executed_notebook_says_which_python_ran_it() {
    let Some(python) = python() else { return };
    let text = notebook(&["import platform\nprint(platform.python_version())"])
        .replace(r#""name": "python""#, r#""name": "python", "version": "3.6.1""#);
    let sandbox = Sandbox::new().file("a.ipynb", &text);
    let output = sandbox.output(&["run", "a.ipynb", "-o", "out.ipynb", "--python", &python]);
    assert_eq!(output.status.code(), Some(0));
    let text = fs::read_to_string(sandbox.path("out.ipynb")).unwrap();
    let done: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ran = done["cells"][0]["outputs"][0]["text"][0].as_str().unwrap().trim();
    let info = &done["metadata"]["language_info"];
    assert_eq!((&info["version"], &info["name"]), (&ran.into(), &"python".into()));
}

#[test]
fn a_notebook_without_code_says_that_there_was_nothing_to_run() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&[]));
    let output = sandbox.output(&["validate", "a.ipynb", "--python", &python]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("nothing to run: no cell with code"), "{said}");
}

#[test]
fn the_first_interrupt_ends_the_run_and_is_told() {
    let Some(python) = python() else { return };
    let waiting = "open('here', 'w').close()\nimport time\ntime.sleep(60)";
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&[waiting]))
        .file("b.ipynb", &notebook(&["1"]));
    let child = sandbox
        .command(&[
            "validate", "a.ipynb", "b.ipynb", "--format", "json", "--python", &python,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let since = Instant::now();
    while !sandbox.path("here").exists() && since.elapsed() < Duration::from_secs(30) {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let end = &report["notebooks"][0]["end"]["kind"];
    assert_eq!((output.status.code(), end), (Some(2), &"cancelled".into()));
    let failures = [0, 1].map(|index| report["notebooks"][index]["failure"]["message"].clone());
    assert_eq!(
        failures,
        [
            "interrupted at cell 0",
            "interrupted before this notebook was run"
        ]
        .map(serde_json::Value::from)
    );
    assert!(since.elapsed() < Duration::from_secs(40));
}

#[test]
fn an_agent_at_a_socket_runs_the_notebook_in_its_own_folder() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new()
        .file(
            "here/a.ipynb",
            &notebook(&["import os\nassert os.path.exists('beside.txt')"]),
        )
        .file("there/beside.txt", "");
    let mut agent = sandbox.command(&["agent", "--listen", "../s"]);
    let mut agent = agent.current_dir(sandbox.path("there")).spawn().unwrap();
    let output = sandbox.output(&["run", "here/a.ipynb", "--agent-socket", "s", "--python", &python]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(agent.wait().unwrap().success());
}

#[test]
fn text_comes_notebook_by_notebook() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new()
        .file("a.ipynb", &notebook(&["assert 1 + 1 == 2"]))
        .file("b.ipynb", &notebook(&["import time\nwhile True: time.sleep(1)"]));
    let mut child = sandbox
        .command(&[
            "validate",
            "a.ipynb",
            "b.ipynb",
            "--timeout",
            "60s",
            "--python",
            &python,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.starts_with("✓ Passed a.ipynb"), "{first}");
    assert_eq!(child.try_wait().unwrap(), None);
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    child.wait().unwrap();
}

/// What was imported for each of two notebooks, by the report.
fn check_preloaded(options: &[&str], files: &[(&str, &str)], first_cell: &str, expected: &[&str]) {
    let Some(python) = python() else { return };
    let cells = [
        first_cell,
        "import numpy as np\nassert np.ones(3).sum() == 3",
        "import warnings\nassert 'size changed' in str([one[1] for one in warnings.filters]), 'as numpy sets them'",
    ];
    let mut sandbox = Sandbox::new();
    for folder in ["a", "b"] {
        sandbox = sandbox.file(&format!("{folder}/n.ipynb"), &notebook(&cells));
        for (name, text) in files {
            sandbox = sandbox.file(&format!("{folder}/{name}"), text);
        }
    }
    let call = ["validate", "a", "b", "--format", "json", "--python", &python];
    let output = sandbox.output(&[&call, options].concat());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    for notebook in report["notebooks"].as_array().expect("a list") {
        assert_eq!(notebook["verdict"]["outcome"], "Passed", "{notebook}");
        let preloaded = &notebook["interpreter"]["preloaded"];
        let preloaded: Vec<&str> = preloaded
            .as_array()
            .into_iter()
            .flatten()
            .map(|name| name.as_str().expect("a name"))
            .collect();
        assert_eq!(preloaded, expected, "{options:?} {files:?} {first_cell}");
    }
}

#[test]
fn what_the_notebooks_of_a_batch_import_is_imported_once() {
    check_preloaded(&[], &[], "import json", &["numpy"]);
    check_preloaded(&["--level", "learning"], &[], "'''About.'''", &["numpy"]);
}

#[test]
fn each_notebook_imports_for_itself_where_it_could_make_a_difference() {
    let quiet = "import json";
    check_preloaded(&["--level", "staging"], &[], quiet, &[]);
    check_preloaded(&["--isolation", "spawn"], &[], quiet, &[]);
    check_preloaded(&[], &[], "import os\nos.environ['OMP_NUM_THREADS'] = '1'", &[]);
    check_preloaded(&[], &[], "import sys; sys.path.pop(0)", &[]);
    check_preloaded(&[], &[("platform/x.txt", "")], quiet, &[]);
    let pandas = "import pandas as pd\nassert len(pd.Series([1])) == 1";
    check_preloaded(&[], &[], pandas, &["pandas"]);
    // Which pandas imports where it is there.
    let local = ("bottleneck.py", "__version__ = '9.9'");
    check_preloaded(&[], &[local], pandas, &[]);
}
