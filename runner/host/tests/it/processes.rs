//! Notebooks whose process dies, multiplies or stays behind. Nothing may live on, whoever dies first.

use std::process::{Command, Stdio};

use expect_test::expect;
use nbvet_host::{RunEvent, run};
use nbvet_report::{AfterCellOrigin, CellOutcome, Fact, FailureKind, RunEnd};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bench, agent, check, endpoint, marked, wait_until};

#[test]
fn a_process_that_ends_itself_has_died_whatever_its_status() {
    check(
        &["print('bye', flush=True)\nimport os; os._exit(0)", "2"],
        &expect![[r#"
            0 error last "bye"
              stdout "bye\n"
            1 not-run
            Died { cell: Some(0), status: Some(0), signal: None }
        "#]],
    );
    check(
        &["import os; os._exit(7)"],
        &expect![[r#"
        0 error
        Died { cell: Some(0), status: Some(7), signal: None }
    "#]],
    );
}

#[test]
fn a_process_that_dies_of_a_signal_is_told_with_its_last_words() {
    check(
        &["print('last words')\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)"],
        &expect![[r#"
            0 error last "last words"
              stdout "last words\n"
            Died { cell: Some(0), status: None, signal: Some(9) }
        "#]],
    );
    check(
        &["import ctypes; ctypes.string_at(0)"],
        &expect![[r#"
        0 error
        Died { cell: Some(0), status: None, signal: Some(11) }
    "#]],
    );
    check(
        &["import os; os.abort()"],
        &expect![[r#"
        0 error
        Died { cell: Some(0), status: None, signal: Some(6) }
    "#]],
    );
    check(
        &["import os, signal; os.killpg(0, signal.SIGTERM)"],
        &expect![[r#"
            0 error
            Died { cell: Some(0), status: None, signal: Some(15) }
        "#]],
    );
}

#[test]
fn a_fork_does_not_confuse_the_report() {
    let code = "import os\nprint('before', flush=True)\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse: os.write(1, b'child\\n'); os._exit(0)\nprint('parent')";
    check(
        &[code, "'next'"],
        &expect![[r#"
        0 ok
          stdout "before\nchild\nparent\n"
        1 ok
          [2] "'next'"
        Completed
    "#]],
    );
}

#[test]
fn a_forked_child_that_goes_on_as_if_it_were_the_notebook_is_not_heard() {
    check(
        &[
            "import os\nis_child = os.fork() == 0",
            "'the parent' if not is_child else 'the child'",
        ],
        &expect![[r#"
            0 ok
            1 ok
              [2] "'the parent'"
            Completed
        "#]],
    );
}

#[test]
fn what_a_notebook_leaves_behind_is_ended() {
    let code = concat!(
        "import os, subprocess, sys\n",
        "subprocess.Popen(['sleep', '1000'])\n",
        "subprocess.Popen(['sleep', '1000'], start_new_session=True)\n",
        "subprocess.Popen(['sh', '-c', 'setsid sleep 1000 & setsid sleep 1000 &'], env={'PATH': os.environ['PATH']}).wait()\n",
        "'started'",
    );
    check(
        &[code],
        &expect![[r#"
        0 ok
          [1] "'started'"
        Completed
    "#]],
    );
}

#[test]
fn a_daemon_without_marks_is_ended_too() {
    let bench = Bench::new(&[concat!(
        "import subprocess, time\n",
        "subprocess.Popen(['sh', '-c', 'setsid sleep 4321.25 &'], env={'PATH': '/usr/bin:/bin'}).wait()\n",
        "time.sleep(.2)",
    )]);
    assert_eq!(bench.run().cells[0].outcome, CellOutcome::Ok);
    assert!(!is_running("sleep\u{0}4321.25"));
}

fn is_running(command: &str) -> bool {
    let entries = std::fs::read_dir("/proc").expect("it is mounted").flatten();
    let commands = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    commands.into_iter().any(|line| line.contains(command))
}

#[test]
fn a_hundred_forks_in_sessions_of_their_own_are_all_ended() {
    let code = concat!(
        "import os, time\n",
        "for _ in range(100):\n",
        "  if os.fork() == 0:\n",
        "    os.setsid()\n",
        "    if os.fork() == 0: time.sleep(1000)\n",
        "    os._exit(0)\n",
        "'done'",
    );
    check(
        &[code],
        &expect![[r#"
        0 ok
          [1] "'done'"
        Completed
    "#]],
    );
}

#[test]
fn more_memory_than_allowed_is_out_of_memory() {
    let mut bench = Bench::new(&[
        "x = 1",
        "data = [bytearray(10_000_000) for _ in range(1000)]",
        "3",
    ]);
    bench.job.spec.memory_limit = Some(400_000_000);
    bench.check(&expect![[r#"
        0 ok
        1 error
        2 not-run
        OutOfMemory { cell: Some(1), limit: Some(400000000) }
    "#]]);
}

#[test]
fn memory_that_forked_processes_share_counts_once() {
    let mut bench = Bench::new(&[concat!(
        "import os, time\n",
        "data = b'x' * 200_000_000\n",
        "for _ in range(2):\n",
        "  if os.fork() == 0: time.sleep(.5); os._exit(0)\n",
        "time.sleep(.4)\n",
        "'alive'",
    )]);
    bench.job.spec.memory_limit = Some(400_000_000);
    assert_eq!(bench.run().cells[0].outcome, CellOutcome::Ok);
}

#[test]
fn when_the_agent_is_killed_there_is_no_verdict_and_nothing_lives_on() {
    let mut bench = Bench::new(&[
        "import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\nprint('ready')",
        "import time; time.sleep(60)",
    ]);
    bench.job.keep_outputs = false;
    let agent = agent();
    let mark = bench.mark.clone();
    let outcome = run(&bench.job, &agent, &mut |event| {
        if matches!(event, RunEvent::CellStarted { cell: 1 }) {
            kill_process(parent_of(&mark), Signal::KILL).expect("it lives");
        }
    });
    assert_eq!(
        outcome.failure.expect("there is no verdict").kind,
        FailureKind::AgentLost
    );
    assert_eq!(outcome.end, None);
    drop(agent);
    wait_until("everything is gone", || marked(&bench.mark).is_empty());
}

/// The agent: the parent of the session's worker.
fn parent_of(mark: &str) -> Pid {
    let worker = marked(mark)
        .into_iter()
        .find(|process| process.contains("nbvet_worker"))
        .expect("it runs");
    let folder = worker.split(' ').next().expect("it has a folder");
    let stat = std::fs::read_to_string(format!("{folder}/stat")).expect("it lives");
    let parent = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.split(' ').nth(1))
        .expect("it has a parent");
    Pid::from_raw(parent.parse().expect("it is a number")).expect("it is no zero")
}

#[test]
fn when_the_agent_is_told_to_end_it_ends_everything_first() {
    let bench = Bench::new(&[
        "import subprocess\nsubprocess.Popen(['sleep', '1000'])",
        "import time; time.sleep(60)",
    ]);
    let agent = agent();
    let outcome = run(&bench.job, &agent, &mut |event| {
        if matches!(event, RunEvent::CellStarted { cell: 1 }) {
            kill_process(parent_of(&bench.mark), Signal::TERM).expect("it lives");
        }
    });
    assert_eq!(
        outcome.failure.expect("there is no verdict").kind,
        FailureKind::AgentLost
    );
    assert_eq!(marked(&bench.mark), [] as [String; 0]);
}

#[test]
fn a_notebook_holds_no_descriptor_of_another() {
    let agent = agent();
    let bench = Bench::new(&["import os\nlen(os.listdir('/proc/self/fd'))"]);
    let held = || bench.show(&bench.run_over(&agent));
    let alone = held();
    let other = Bench::new(&["import time; time.sleep(3)"]);
    std::thread::scope(|scope| {
        scope.spawn(|| other.run_over(&agent));
        wait_until("the other runs", || !marked(&other.mark).is_empty());
        assert_eq!(held(), alone);
    });
}

#[test]
fn when_the_host_is_killed_nothing_lives_on() {
    let bench = Bench::new(&[]);
    let socket = bench.folder.path().join("socket");
    let mut agent = Command::new(endpoint())
        .arg("listen")
        .arg(&socket)
        .spawn()
        .expect("it starts");
    let mut host = Command::new(endpoint())
        .arg("run")
        .arg(&socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let code = "import subprocess, time\nsubprocess.Popen(['sleep', '1000'], start_new_session=True); time.sleep(60)";
    let job = serde_json::json!({ "cells": [code], "python": crate::support::python(), "mark": bench.mark });
    serde_json::to_writer(host.stdin.take().expect("it is piped"), &job).expect("it is read");
    wait_until("both run", || marked(&bench.mark).len() >= 2);
    host.kill().expect("it lives");
    host.wait().expect("it is ours");
    assert!(
        agent.wait().expect("it is ours").success(),
        "the agent ends by itself, in good order"
    );
    assert_eq!(marked(&bench.mark), [] as [String; 0]);
}

#[test]
fn a_crash_when_the_process_ends_is_told_with_the_last_cell() {
    for (code, said) in [
        (
            "import atexit, os; atexit.register(os.abort)",
            "ended by signal 6",
        ),
        (
            "import atexit, os; atexit.register(os._exit, 3)",
            "ended with status 3",
        ),
    ] {
        let outcome = Bench::new(&["1", code]).run();
        assert_eq!(outcome.end, Some(RunEnd::Completed));
        let told = outcome.cells[1].facts.iter().any(|fact| {
            matches!(fact, Fact::AfterCell { origin: AfterCellOrigin::Exit, error } if error.value.contains(said))
        });
        assert!(told, "{outcome:?}");
    }
}
