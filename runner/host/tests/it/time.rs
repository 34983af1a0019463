//! Limits: an interrupt, then a kill, and a time-out whatever the notebook does.

use std::time::{Duration, Instant};

use expect_test::expect;
use nbvet_report::{FailureKind, RunEnd};

use crate::support::{Bench, agent, marked};

#[test]
fn a_cell_that_never_ends_is_interrupted() {
    Bench::new(&["print('begun')\nwhile True: pass", "2"])
        .cell_limit(500)
        .check(&expect![[r#"
            0 timeout KeyboardInterrupt:  last "begun"
              stdout "begun\n"
              error KeyboardInterrupt
            1 not-run
            CellTimedOut { cell: 0, limit: 0.5 }
        "#]]);
    Bench::new(&["import time; time.sleep(100)"])
        .cell_limit(300)
        .check(&expect![[r#"
            0 timeout KeyboardInterrupt: 
              error KeyboardInterrupt
            CellTimedOut { cell: 0, limit: 0.3 }
        "#]]);
}

#[test]
fn a_cell_that_ignores_the_interrupt_is_killed() {
    let code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass";
    Bench::new(&[code, "2"]).cell_limit(300).check(&expect![[r#"
        0 timeout
        1 not-run
        CellTimedOut { cell: 0, limit: 0.3 }
    "#]]);
}

#[test]
fn a_cell_that_catches_the_interrupt_and_ends_well_timed_out_all_the_same() {
    let code = "import time\ntry: time.sleep(100)\nexcept KeyboardInterrupt: print('caught')";
    Bench::new(&[code, "2"]).cell_limit(300).check(&expect![[r#"
        0 timeout last "caught"
          stdout "caught\n"
        1 not-run
        CellTimedOut { cell: 0, limit: 0.3 }
    "#]]);
}

#[test]
fn a_cell_that_dies_of_the_interrupt_timed_out_all_the_same() {
    let code = "import os, time\ntry: time.sleep(100)\nexcept KeyboardInterrupt: os._exit(0)";
    Bench::new(&[code]).cell_limit(300).check(&expect![[r#"
        0 timeout
        CellTimedOut { cell: 0, limit: 0.3 }
    "#]]);
}

#[test]
fn a_cell_that_stops_its_process_is_ended_at_its_limit() {
    Bench::new(&["import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"])
        .cell_limit(300)
        .check(&expect![[r#"
            0 timeout
            CellTimedOut { cell: 0, limit: 0.3 }
        "#]]);
}

#[test]
fn a_command_that_never_ends_is_ended_with_its_cell() {
    Bench::new(&["!sleep 1000"]).cell_limit(500).check(&expect![[r#"
            0 timeout last "^C\r"
              stdout "^C\r\n"
            CellTimedOut { cell: 0, limit: 0.5 }
        "#]]);
    Bench::new(&["%%bash\nsleep 1000"])
        .cell_limit(500)
        .check(&expect![[r#"
            0 timeout CalledProcessError: Command 'b'sleep 1000\n'' died with <Signals.SIGINT: 2>. last "Process was interrupted."
              stdout "Process was interrupted.\n"
              error CalledProcessError
            CellTimedOut { cell: 0, limit: 0.5 }
        "#]]);
}

#[test]
fn a_tag_does_not_excuse_a_time_out() {
    Bench::new(&["raises-exception|while True: pass"])
        .cell_limit(300)
        .check(&expect![[r#"
            0 timeout KeyboardInterrupt: 
              error KeyboardInterrupt
            CellTimedOut { cell: 0, limit: 0.3 }
        "#]]);
}

#[test]
fn a_limit_of_the_notebook_counts_all_its_cells() {
    let mut bench = Bench::new(&["import time", "time.sleep(.5)", "time.sleep(100)", "4"]);
    bench.job.limits.notebook = Some(Duration::from_secs(8));
    bench.check(&expect![[r#"
        0 ok
        1 ok
        2 timeout KeyboardInterrupt: 
          error KeyboardInterrupt
        3 not-run
        NotebookTimedOut { cell: Some(2), limit: 8.0 }
    "#]]);
}

#[test]
fn a_process_that_does_not_end_when_all_is_done_is_ended() {
    let begun = Instant::now();
    Bench::new(&["import threading, time\nthreading.Thread(target=time.sleep, args=(100,)).start()"]).check(
        &expect![[r#"
            0 ok
            Completed
        "#]],
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_run_that_is_cancelled_ends_at_once() {
    let bench = Bench::new(&["while True: pass"]);
    let agent = agent();
    let outcome = std::thread::scope(|scope| {
        let run = scope.spawn(|| bench.run_over(&agent));
        std::thread::sleep(Duration::from_millis(700));
        agent.cancel();
        run.join().expect("it does not panic")
    });
    assert_eq!(outcome.end, Some(RunEnd::Cancelled));
    assert_eq!(
        bench.run_over(&agent).end,
        Some(RunEnd::Cancelled),
        "and so is every later one"
    );
}

#[test]
fn a_process_that_left_its_group_is_killed_all_the_same() {
    let code = "import os, time\nos.setpgid(0, os.getpgid(os.getppid()))\nwhile True:\n    try: time.sleep(1000)\n    \
                except BaseException: pass";
    let bench = Bench::new(&[code]).cell_limit(500);
    let since = Instant::now();
    bench.run();
    assert!(since.elapsed() < Duration::from_secs(12), "{:?}", since.elapsed());
    assert_eq!(marked(&bench.mark), [] as [String; 0], "nothing lives on");
}

#[test]
fn a_stopped_agent_is_lost_and_not_the_next_notebooks_fault() {
    let agent = agent();
    let mut bench = Bench::new(&["import os, signal; os.kill(os.getppid(), signal.SIGSTOP)"]).cell_limit(500);
    bench.job.limits.silence = Duration::from_secs(1);
    let failure = bench.run_over(&agent).failure.expect("there is no verdict");
    assert_eq!(failure.kind, FailureKind::AgentLost);
    assert!(agent.is_lost());
}
