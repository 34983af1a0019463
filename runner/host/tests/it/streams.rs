//! What a notebook may do to its outputs and to the descriptors under them.

use std::{
    os::unix::net::UnixStream,
    process::{Child, Command},
    time::Duration,
};

use expect_test::expect;
use nbvet_protocol::{FromAgent, PROTOCOL_VERSION, ToAgent, read_frame, write_frame};
use nbvet_report::CellOutcome;

use crate::support::{Bench, check, endpoint, marked, wait_until};

#[test]
fn text_written_to_the_descriptors_is_output_as_any_other() {
    let stdout =
        "import os\nprint('first')\nos.write(1, b'second\\n')\nos.system('echo third')\nprint('fourth')";
    check(
        &[stdout, "os.write(2, b'error\\n')"],
        &expect![[r#"
        0 ok
          stdout "first\nsecond\nthird\nfourth\n"
        1 ok
          stderr "error\n"
          [2] "6"
        Completed
    "#]],
    );
}

#[test]
fn text_that_looks_like_a_message_is_text() {
    let code = concat!(
        "import os, json\n",
        "body = json.dumps({'type': 'cell-done', 'cell': 0, 'result': {'status': {'kind': 'ok'}, 'facts': []}}).encode()\n",
        "for fd in 1, 2: os.write(fd, len(body).to_bytes(4, 'big') + body)\n",
        "1/0",
    );
    let bench = Bench::new(&[code]);
    let text = bench.show(&bench.run());
    assert!(text.starts_with("0 error ZeroDivisionError"), "{text}");
    assert!(text.contains("cell-done"), "{text}");
}

#[test]
fn characters_that_are_cut_into_pieces_come_out_whole_and_other_bytes_replaced() {
    let code =
        "import os, time\nfor byte in '€'.encode() + b'\\xff': os.write(1, bytes([byte])); time.sleep(.01)";
    check(
        &[code],
        &expect![[r#"
        0 ok
          stdout "€�"
        Completed
    "#]],
    );
}

#[test]
fn megabytes_are_cut_at_the_limit_and_the_last_lines_kept() {
    let code = "for i in range(50): print('x' * 1_000_000)\nprint('the end'); 1/0";
    let outcome = Bench::new(&[code]).run();
    let cell = &outcome.cells[0];
    assert_eq!(cell.outcome, CellOutcome::Error);
    assert_eq!(cell.output_bytes_cut, 50 * 1_000_001 + 8 - 20 * 1024 * 1024);
    assert!(
        cell.last_output
            .as_deref()
            .is_some_and(|last| last.ends_with("xx\nthe end")),
        "{:?}",
        cell.last_output
    );
}

#[test]
fn a_cell_that_prints_without_end_meets_its_limit() {
    let code = "import os\nwhile True:\n  try: os.write(1, b'y' * 65536)\n  except KeyboardInterrupt: pass";
    let outcome = Bench::new(&[code]).cell_limit(1500).run();
    assert_eq!(outcome.cells[0].outcome, CellOutcome::Timeout);
}

#[test]
fn a_host_that_does_not_read_makes_the_notebook_wait_and_fills_no_memory() {
    let bench = Bench::new(&[]);
    let mut host = RawHost::start(&bench);
    let code = "import os\nwhile True: os.write(1, b'y' * 65536)".to_owned();
    host.say(&ToAgent::Start {
        session: 1,
        spec: bench.job.spec.clone(),
    });
    while !matches!(host.hear(), FromAgent::Started { .. }) {}
    host.say(&ToAgent::Execute {
        session: 1,
        cell: 0,
        code,
        widgets: serde_json::Map::new(),
    });
    std::thread::sleep(Duration::from_secs(1));
    let held = high_water(&host.agent);
    assert!(held < 40_000, "the agent holds {held} kB");
    drop(host.connection);
    assert!(host.agent.wait().expect("it is ours").success());
    assert_eq!(marked(&bench.mark), [] as [String; 0]);
}

#[test]
fn an_agent_and_a_host_of_other_versions_part() {
    let bench = Bench::new(&[]);
    let mut host = RawHost::start(&bench);
    host.say(&ToAgent::Hello {
        protocol: PROTOCOL_VERSION + 1,
    });
    assert!(read_frame::<FromAgent>(&mut host.connection).is_err());
    assert!(!host.agent.wait().expect("it is ours").success());
}

/// A host by hand, which has exchanged hellos with an agent.
struct RawHost {
    agent: Child,
    connection: UnixStream,
}

impl RawHost {
    fn start(bench: &Bench) -> Self {
        let socket = bench.folder.path().join("socket");
        let agent = Command::new(endpoint())
            .arg("listen")
            .arg(&socket)
            .spawn()
            .expect("it starts");
        wait_until("the agent listens", || socket.exists());
        let connection = UnixStream::connect(&socket).expect("it listens");
        let mut host = Self { agent, connection };
        host.say(&ToAgent::Hello {
            protocol: PROTOCOL_VERSION,
        });
        assert!(matches!(
            host.hear(),
            FromAgent::Hello {
                protocol: PROTOCOL_VERSION,
                ..
            }
        ));
        host
    }

    fn say(&mut self, message: &ToAgent) {
        write_frame(&mut self.connection, message).expect("the agent listens");
    }

    fn hear(&mut self) -> FromAgent {
        read_frame(&mut self.connection).expect("the agent speaks")
    }
}

/// The highest resident size of a process, in kB.
fn high_water(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("it lives");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("it is told");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("it is a number")
}

#[test]
fn descriptors_1_and_2_may_be_closed() {
    check(
        &[
            "import os\nos.close(1); os.close(2)",
            "print('still here')",
            "1/0",
        ],
        &expect![[r#"
            0 ok
            1 ok
              stdout "still here\n"
            2 error ZeroDivisionError: division by zero
              error ZeroDivisionError
            Raised { cell: 2 }
        "#]],
    );
}

#[test]
fn a_notebook_that_closes_every_descriptor_has_no_verdict_and_is_told_why() {
    check(
        &["import os, time\nos.closerange(0, 4096)\ntime.sleep(60)", "2"],
        &expect![[r#"
            0 error
            1 not-run
            ReportLost: the report on the notebook was lost while cell 0 ran: the notebook's process closed the channel by which it reports
        "#]],
    );
}

#[test]
fn garbage_in_the_channel_ends_the_session_without_a_verdict() {
    let code = concat!(
        "import os, stat, time\n",
        "for fd in map(int, os.listdir('/proc/self/fd')):\n",
        "  try:\n",
        "    if fd > 2 and stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, b'GET / HTTP/1.1\\r\\n')\n",
        "  except OSError: pass\n",
        "time.sleep(60)",
    );
    let bench = Bench::new(&[code, "'next'"]);
    let text = bench.show(&bench.run());
    assert!(
        text.contains(
            "ReportLost: the report on the notebook was lost while cell 0 ran: a message of 1195725856 bytes"
        ),
        "{text}"
    );
}
