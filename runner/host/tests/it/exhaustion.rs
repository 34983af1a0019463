//! Notebooks that use up descriptors, processes, threads, stack or disk: the cell that did it is told, and nothing
//! lives on.

use std::time::{Duration, Instant};

use expect_test::expect;
use nbvet_report::{AfterCellOrigin, CellOutcome, Fact, FailureKind, RunEnd};

use crate::support::{Bench, agent, check, marked, wait_until};

#[test]
fn a_notebook_without_descriptors_left_raises_and_one_that_swallows_it_goes_on() {
    let exhaust = "import os, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\nheld = []\n";
    let raised = Bench::new(&[
        &format!("{exhaust}while True: held.append(os.open('/dev/null', os.O_RDONLY))"),
        "2",
    ])
    .run();
    let error = raised.cells[0].error.as_ref().map(|error| error.name.as_str());
    assert_eq!(
        (error, raised.end),
        (Some("OSError"), Some(RunEnd::Raised { cell: 0 }))
    );
    check(
        &[
            &format!(
                "{exhaust}try:\n    while True: held.append(os.open('/dev/null', os.O_RDONLY))\nexcept OSError: pass"
            ),
            "print('alive')",
            "len(held) > 20",
        ],
        &expect![[r#"
            0 ok
            1 ok
              stdout "alive\n"
            2 ok
              [3] "True"
            Completed
        "#]],
    );
}

#[test]
fn a_full_disk_is_the_cells_own_error() {
    check(
        &["with open('/dev/full', 'w') as file: file.write('x')", "2"],
        &expect![[r#"
            0 error OSError: [Errno 28] No space left on device
              error OSError
            1 not-run
            Raised { cell: 0 }
        "#]],
    );
}

#[test]
fn processes_that_multiply_are_ended_at_the_limit() {
    let code = "import os, time\nfor _ in range(6): os.fork()\nwhile True: time.sleep(1)";
    let bench = Bench::new(&[code]).cell_limit(1500);
    let since = Instant::now();
    let outcome = bench.run();
    assert!(
        matches!(outcome.end, Some(RunEnd::CellTimedOut { cell: 0, .. })),
        "{outcome:?}"
    );
    assert_eq!(marked(&bench.mark), [] as [String; 0], "nothing lives on");
    assert!(since.elapsed() < Duration::from_mins(1), "{:?}", since.elapsed());
}

#[test]
fn threads_that_never_end_are_told_with_the_last_cell() {
    let code = "import threading, time\nfor _ in range(50): threading.Thread(target=time.sleep, args=(1000,)).start()";
    let bench = Bench::new(&[code, "'done'"]);
    let outcome = bench.run();
    assert_eq!(outcome.end, Some(RunEnd::Completed));
    let told = outcome.cells[1].facts.iter().any(|fact| {
        matches!(fact, Fact::AfterCell { origin: AfterCellOrigin::Exit, error } if error.value.contains("threads never ended, such as `Thread-1"))
    });
    assert!(told, "{outcome:?}");
    assert_eq!(marked(&bench.mark), [] as [String; 0]);
}

#[test]
fn what_a_notebook_was_to_await_is_missed_only_where_it_came_to_its_end() {
    let kept = "async def fetch():\n    pass\nkept = fetch()";
    let missed = |cells: &[&str]| {
        let outcome = Bench::new(cells).run();
        let mut facts = outcome.cells.iter().flat_map(|cell| &cell.facts);
        facts.any(|fact| matches!(fact, Fact::Warning { message, .. } if message.contains("never awaited")))
    };
    assert!(missed(&[kept, "1"]));
    assert!(!missed(&[kept, "1 / 0", "await kept"]));
}

#[test]
fn the_end_of_a_process_counts_for_the_notebook_s_time() {
    let mut bench =
        Bench::new(&["import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()"]);
    bench.job.limits.end = Duration::from_mins(5);
    bench.job.limits.notebook = Some(Duration::from_secs(3));
    let since = Instant::now();
    let outcome = bench.run();
    assert_eq!(outcome.end, Some(RunEnd::Completed));
    assert!(since.elapsed() < Duration::from_mins(1), "{:?}", since.elapsed());
}

#[test]
fn a_notebook_that_kills_its_parent_gets_no_verdict_and_leaves_nothing() {
    let code = "import os, signal, subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\n\
                os.kill(os.getppid(), signal.SIGKILL)\nimport time; time.sleep(60)";
    let bench = Bench::new(&["print('before')", code, "3"]);
    let agent = agent();
    let outcome = bench.run_over(&agent);
    assert_eq!(
        outcome.failure.as_ref().map(|failure| failure.kind),
        Some(FailureKind::AgentLost)
    );
    assert_eq!(
        outcome.cells[0].outcome,
        CellOutcome::Ok,
        "what came before is kept"
    );
    drop(agent);
    wait_until("everything is gone", || marked(&bench.mark).is_empty());
}

#[test]
fn a_notebook_that_closes_the_object_of_stdout_cannot_print_as_in_jupyter() {
    check(
        &["import sys\nsys.stdout.close()\nprint('x')", "2"],
        &expect![[r#"
            0 error ValueError: I/O operation on closed file
              error ValueError
            1 not-run
            Raised { cell: 0 }
        "#]],
    );
}

#[test]
fn a_time_out_names_the_line_that_was_running() {
    let cells = ["import time\nx = 1\ndef wait():\n    time.sleep(100)\nx = 2\nwait()"];
    let outcome = Bench::new(&cells).cell_limit(500).run();
    let error = outcome.cells[0].error.as_ref().expect("it was interrupted");
    assert_eq!((error.name.as_str(), error.line), ("KeyboardInterrupt", Some(4)));
}
