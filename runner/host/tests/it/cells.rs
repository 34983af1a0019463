//! Cells that run as they should, the rules of exits and tags, and outputs in their places.

use expect_test::expect;

use crate::support::{Bench, agent, check};

#[test]
fn cells_share_one_process_and_their_outputs_are_kept_in_order() {
    check(
        &[
            "x = 6",
            "print('before')\ndisplay('shown')\nprint('after')\nx * 7",
        ],
        &expect![[r#"
            0 ok
            1 ok
              stdout "before\n"
              display "'shown'"
              stdout "after\n"
              [2] "42"
            Completed
        "#]],
    );
}

#[test]
fn an_exception_ends_the_run_where_it_was_raised() {
    check(
        &["print('so far'); 1/0", "print('never')"],
        &expect![[r#"
        0 error ZeroDivisionError: division by zero last "so far"
          stdout "so far\n"
          error ZeroDivisionError
        1 not-run
        Raised { cell: 0 }
    "#]],
    );
}

#[test]
fn a_cell_tagged_raises_exception_may_raise_and_one_tagged_skip_execution_does_not_run() {
    check(
        &["raises-exception|1/0", "skip-execution|1/0", "print('on')"],
        &expect![[r#"
            0 ok ZeroDivisionError: division by zero
              error ZeroDivisionError
            1 skipped
            2 ok
              stdout "on\n"
            Completed
        "#]],
    );
}

#[test]
fn a_clean_exit_ends_the_run_well_and_any_other_badly() {
    check(
        &["import sys; sys.exit()", "1/0"],
        &expect![[r#"
            0 ok SystemExit: 
              error SystemExit
            1 not-run
            Exited { cell: 0 }
        "#]],
    );
    check(
        &["import sys; sys.exit(0)", "1/0"],
        &expect![[r#"
            0 ok SystemExit: 0
              error SystemExit
            1 not-run
            Exited { cell: 0 }
        "#]],
    );
    check(
        &["import sys; sys.exit(3)", "print('never')"],
        &expect![[r#"
            0 error SystemExit: 3
              error SystemExit
            1 not-run
            ExitedWith { cell: 0, code: "3" }
        "#]],
    );
    check(
        &["import sys; sys.exit('no data')"],
        &expect![[r#"
            0 error SystemExit: no data
              error SystemExit
            ExitedWith { cell: 0, code: "no data" }
        "#]],
    );
    check(
        &["raises-exception|raise SystemExit(3)", "print('on')"],
        &expect![[r#"
            0 ok SystemExit: 3
              error SystemExit
            1 ok
              stdout "on\n"
            Completed
        "#]],
    );
}

#[test]
fn a_display_is_updated_where_it_stands_from_a_later_cell() {
    check(
        &["h = display('old', display_id=True)", "h.update('new')"],
        &expect![[r#"
            0 ok
              display "'new'"
            1 ok
            Completed
        "#]],
    );
}

#[test]
fn the_notebook_runs_in_its_folder() {
    let bench = Bench::new(&["open('here.txt').read()"]);
    std::fs::write(bench.folder.path().join("here.txt"), "found").expect("it can be written");
    bench.check(&expect![[r#"
        0 ok
          [1] "'found'"
        Completed
    "#]]);
}

#[test]
fn many_notebooks_run_at_once_over_one_agent() {
    let agent = agent();
    std::thread::scope(|scope| {
        for number in 0..6 {
            let agent = &agent;
            scope.spawn(move || {
                let code = format!("import time\nfor i in range(5):\n  time.sleep(.02); print({number}, i)");
                let bench = Bench::new(&[&code, if number % 2 == 0 { "1/0" } else { "'fine'" }]);
                let outcome = bench.run_over(agent);
                let text = bench.show(&outcome);
                assert!(
                    text.contains(&format!(
                        "{number} 0\\n{number} 1\\n{number} 2\\n{number} 3\\n{number} 4\\n"
                    )),
                    "{text}"
                );
                assert_eq!(text.contains("Raised { cell: 1 }"), number % 2 == 0, "{text}");
            });
        }
    });
}

#[test]
fn use_of_the_machine_is_told() {
    let outcome = Bench::new(&[
        "data = bytearray(200_000_000)",
        "del data",
        "sum(range(2_000_000))",
    ])
    .run();
    assert!(
        outcome.peak_memory > Some(200_000_000),
        "{:?}",
        outcome.peak_memory
    );
    assert!(outcome.cpu_seconds > Some(0.02), "{:?}", outcome.cpu_seconds);
}
