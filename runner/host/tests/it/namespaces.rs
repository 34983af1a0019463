//! Host and agent as two containers would be: separate pid, mount and user namespaces, joined only by the folder of
//! one Unix socket. The host's side sees neither the notebook's folder nor the repository; the agent is process 1.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use expect_test::{Expect, expect};
use nbvet_protocol::Isolation;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{endpoint, isolation, marked, python, root, wait_until};

/// In both: the shared folder at a path of its own, then a private file system over the places that tests use.
/// `$0` is the shared folder, `$1` the private folder, the rest the program.
const AGENT: &str = r#"set -e
mount -t tmpfs none /mnt; mkdir /mnt/shared /mnt/notebook; mount --bind "$0" /mnt/shared
mount -t tmpfs none "$1"; mkdir "$1/home"; export HOME="$1/home" TMPDIR="$1"
shift; exec "$@""#;
const HOST: &str = r#"set -e
mount -t tmpfs none /mnt; mkdir /mnt/shared; mount --bind "$0" /mnt/shared
mount -t tmpfs none "$1"; mount -t tmpfs none "$2"; mount -t tmpfs none /tmp
shift 2; exec "$@""#;

/// Two containers with one notebook between them.
struct Pods {
    shared: TempDir,
    private: TempDir,
    mark: String,
    agent: Child,
    host: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Pods {
    fn start(cells: &[&str], wish: &Value) -> Self {
        let [shared, private] = [(), ()].map(|()| tempfile::tempdir().expect("a folder"));
        let mark = shared
            .path()
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        fs::copy(endpoint(), shared.path().join("endpoint")).expect("it can be copied");
        let agent = contained(AGENT, &[shared.path(), private.path()], "listen")
            .spawn()
            .expect("unshare is there");
        let mut host = contained(HOST, &[shared.path(), private.path(), root()], "run")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is there");
        let mut job = json!({ "cells": cells, "python": python(), "directory": "/mnt/notebook", "mark": mark,
            "fork": isolation() == Isolation::Fork });
        job.as_object_mut()
            .expect("it is one")
            .extend(wish.as_object().expect("it is one").clone());
        serde_json::to_writer(host.stdin.take().expect("it is piped"), &job).expect("it is read");
        let lines = BufReader::new(host.stdout.take().expect("it is piped")).lines();
        Self {
            shared,
            private,
            mark,
            agent,
            host,
            lines,
        }
    }

    /// Waits until the host has sent a cell.
    fn wait_for_cell(&mut self, cell: u32) {
        let sent = self
            .lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line == format!("{{\"cellStarted\":{cell}}}"));
        assert!(sent, "the host ended before cell {cell}");
    }

    /// What the host says in the end.
    fn outcome(&mut self) -> Value {
        let last = self
            .lines
            .by_ref()
            .map_while(Result::ok)
            .last()
            .expect("the host says something");
        serde_json::from_str(&last).expect("it is JSON")
    }

    /// The process within the namespace: the only child of `unshare`.
    fn inner(outer: &Child) -> Pid {
        let mut found = None;
        wait_until("unshare has a child", || {
            found = child_of(outer.id());
            found.is_some()
        });
        found.expect("it was waited for")
    }

    fn check_nothing_lives(&mut self) {
        wait_until("both containers end", || {
            let ended = [&mut self.agent, &mut self.host]
                .map(|child| child.try_wait().expect("it is ours").is_some());
            ended == [true, true]
        });
        assert_eq!(
            marked(&self.mark),
            [] as [String; 0],
            "nothing of the session lives on"
        );
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        for child in [&mut self.agent, &mut self.host] {
            // Both have ended, unless a test has failed.
            let _ = child.kill();
            let _ = child.wait();
        }
        assert!(self.shared.path().exists() && self.private.path().exists());
    }
}

fn contained(script: &str, folders: &[&Path], role: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "-Urpm",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        script,
    ]);
    command
        .args(folders)
        .args(["/mnt/shared/endpoint", role, "/mnt/shared/socket"]);
    command
}

fn child_of(parent: u32) -> Option<Pid> {
    let entries = fs::read_dir("/proc").expect("it is mounted").flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find_map(|pid: i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (_, rest) = stat.rsplit_once(") ")?;
            (rest.split(' ').nth(1)? == parent.to_string()).then(|| Pid::from_raw(pid))?
        })
}

fn check(cells: &[&str], wish: &Value, expected: &Expect) {
    let mut pods = Pods::start(cells, wish);
    let outcome = pods.outcome();
    let cells = outcome["cells"].as_array().expect("they are there").iter();
    let words: Vec<_> = cells
        .map(|cell| cell["outcome"].as_str().expect("it is a word"))
        .collect();
    let mut end = outcome["end"].clone();
    if let Some(peak) = end.get_mut("peak") {
        assert!(peak.take().as_u64() > Some(0));
    }
    expected.assert_eq(&format!("{}\n{end} {}\n", words.join(" "), outcome["failure"]));
    pods.check_nothing_lives();
}

#[test]
fn s5_a_notebook_runs_where_the_host_sees_nothing_of_it() {
    let see = "import os\nopen('file', 'w').write('x')\nassert os.getpid() < 100 and os.getcwd() == '/mnt/notebook'\nos.listdir()";
    check(
        &[see, "assert os.path.exists('/mnt/notebook/file')"],
        &json!({}),
        &expect![[r#"
            ok ok
            {"kind":"completed"} null
        "#]],
    );
}

#[test]
fn s2_a_time_out_between_containers() {
    let code = "import signal, subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass";
    check(
        &[code, "2"],
        &json!({ "cellLimit": 0.4 }),
        &expect![[r#"
        timeout not-run
        {"kind":"cell-timed-out","cell":0,"limit":0.4} null
    "#]],
    );
}

#[test]
fn s2_a_crash_between_containers() {
    check(
        &["1", "import ctypes; ctypes.string_at(0)", "3"],
        &json!({}),
        &expect![[r#"
            ok error not-run
            {"kind":"died","cell":1,"status":null,"signal":11} null
        "#]],
    );
}

#[test]
fn s2_out_of_memory_between_containers() {
    check(
        &["data = [bytearray(10_000_000) for _ in range(1000)]"],
        &json!({ "memoryLimit": 300_000_000 }),
        &expect![[r#"
            error
            {"kind":"out-of-memory","cell":0,"limit":300000000,"peak":null} null
        "#]],
    );
}

const LONG: &[&str] = &[
    "import subprocess, time\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)",
    "time.sleep(100)",
];

#[test]
fn s2_when_the_agents_container_is_killed_the_host_has_no_verdict() {
    let mut pods = Pods::start(LONG, &json!({}));
    pods.wait_for_cell(1);
    kill_process(Pods::inner(&pods.agent), Signal::KILL).expect("it lives");
    let outcome = pods.outcome();
    assert_eq!(outcome["failure"]["kind"], "agent-lost");
    assert_eq!(outcome["end"], Value::Null);
    pods.check_nothing_lives();
}

#[test]
fn s2_when_the_hosts_container_is_killed_the_agent_ends_everything() {
    let mut pods = Pods::start(LONG, &json!({}));
    pods.wait_for_cell(1);
    kill_process(Pods::inner(&pods.host), Signal::KILL).expect("it lives");
    assert!(
        pods.agent.wait().expect("it is ours").success(),
        "the agent ends in good order"
    );
    pods.check_nothing_lives();
}
