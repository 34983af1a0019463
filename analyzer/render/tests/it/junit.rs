//! JUnit XML, byte for byte, and as a reader of others reads it.

use expect_test::expect;
use nbvet_render::{NotebookSource, junit};
use nbvet_report::*;

use crate::fixture::{at, cell_run, diagnostics, found, notebook, report, source};

/// The text, once a reader has taken it.
fn read(notebooks: Vec<NotebookReport>, sources: &[NotebookSource]) -> (String, junit_parser::TestSuites) {
    let text = junit(&report(notebooks), sources);
    let suites = junit_parser::from_reader(text.as_bytes()).unwrap();
    (text, suites)
}

#[test]
fn a_notebook_that_was_read_has_a_case_for_each_diagnostic() {
    let (text, suites) = read(
        vec![
            notebook("work/a.ipynb", diagnostics(), Vec::new(), None, None),
            notebook("b.ipynb", Vec::new(), Vec::new(), None, None),
        ],
        &[source()],
    );
    assert_eq!((suites.tests, suites.failures, suites.errors), (4, 1, 0));
    expect![[r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="nbvet" tests="4" failures="1" errors="0" time="0.000">
          <testsuite name="work/a.ipynb" tests="3" failures="1" errors="0" skipped="0" time="0.000">
            <testcase classname="work/a.ipynb" name="NB402 none-method-assigned in cell 2, line 1" file="work/a.ipynb" time="0.000">
              <failure type="NB402 none-method-assigned" message="`scores` is None: `list.sort()` sorts in place and returns nothing">work/a.ipynb:41 · cell 2, In [2]
        error[NB402]: `scores` is None: `list.sort()` sorts in place and returns nothing
            scores = scores.sort()
        why: Every later use of `scores` gets None, not the sorted list; `np.mean(None)` fails or gives NaN, far away from this line.
        help: write `scores.sort()` on a line of its own, or:
            scores = sorted(scores)
        </failure>
            </testcase>
            <testcase classname="work/a.ipynb" name="NB203 except-print-only in cell 1, line 6" file="work/a.ipynb" time="0.000">
              <system-out>work/a.ipynb:26 · cell 1, In [1]
        warning[NB203]: `load` prints and goes on when the file is missing
            except OSError:
        </system-out>
            </testcase>
            <testcase classname="work/a.ipynb" name="NB101 no-assertion-notebook" file="work/a.ipynb" time="0.000">
              <system-out>work/a.ipynb
        note[NB101]: nothing here is checked
        </system-out>
            </testcase>
          </testsuite>
          <testsuite name="b.ipynb" tests="1" failures="0" errors="0" skipped="0" time="0.000">
            <testcase classname="b.ipynb" name="verdict" file="b.ipynb" time="0.000"/>
          </testsuite>
        </testsuites>
    "#]].assert_eq(&text);
}

#[test]
fn a_notebook_that_was_run_has_a_case_for_each_cell() {
    let mut raised = found(
        "NB001",
        "uncaught-exception",
        Severity::Error,
        "ValueError: <b>",
        at(1, "scores = [3"),
    );
    raised.fault = true;
    let cells = vec![
        cell_run(1, CellOutcome::Error),
        cell_run(2, CellOutcome::NotRun),
        cell_run(3, CellOutcome::Skipped),
    ];
    let mut all = diagnostics();
    all.push(raised);
    let (text, suites) = read(
        vec![notebook(
            "a.ipynb",
            all,
            cells,
            Some(RunEnd::Raised { cell: 1 }),
            None,
        )],
        &[source()],
    );
    assert_eq!((suites.tests, suites.failures), (4, 2));
    expect![[r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="nbvet" tests="4" failures="2" errors="0" time="0.750">
          <testsuite name="a.ipynb" tests="4" failures="2" errors="0" skipped="1" time="0.750">
            <testcase classname="a.ipynb" name="cell 1" file="a.ipynb" time="0.250">
              <failure type="NB001 uncaught-exception" message="ValueError: &lt;b&gt;">a.ipynb:22 · cell 1, In [1]
        error[NB001]: ValueError: &lt;b&gt;
            scores = [3, 1, 2]
        </failure>
              <system-out>a.ipynb:26 · cell 1, In [1]
        warning[NB203]: `load` prints and goes on when the file is missing
            except OSError:
        </system-out>
            </testcase>
            <testcase classname="a.ipynb" name="cell 2" file="a.ipynb" time="0.250">
              <failure type="NB402 none-method-assigned" message="`scores` is None: `list.sort()` sorts in place and returns nothing">a.ipynb:41 · cell 2, In [2]
        error[NB402]: `scores` is None: `list.sort()` sorts in place and returns nothing
            scores = scores.sort()
        why: Every later use of `scores` gets None, not the sorted list; `np.mean(None)` fails or gives NaN, far away from this line.
        help: write `scores.sort()` on a line of its own, or:
            scores = sorted(scores)
        </failure>
            </testcase>
            <testcase classname="a.ipynb" name="cell 3" file="a.ipynb" time="0.250">
              <skipped message="nothing to run"/>
            </testcase>
            <testcase classname="a.ipynb" name="NB101 no-assertion-notebook" file="a.ipynb" time="0.000">
              <system-out>a.ipynb
        note[NB101]: nothing here is checked
        </system-out>
            </testcase>
          </testsuite>
        </testsuites>
    "#]].assert_eq(&text);
}

#[test]
fn a_notebook_without_a_verdict_is_an_error_and_no_outcome_but_passed_goes_without_a_word() {
    let failure = RunFailure {
        kind: FailureKind::NoInterpreter,
        message: "no Python".to_owned(),
        hint: Some("install one".to_owned()),
    };
    let (_, suites) = read(
        vec![notebook("a.ipynb", Vec::new(), Vec::new(), None, Some(failure))],
        &[],
    );
    assert_eq!((suites.tests, suites.failures, suites.errors), (1, 0, 1));
    for (end, expected) in [
        (RunEnd::Completed, (0, 0)),
        (RunEnd::Cancelled, (0, 1)),
        (
            RunEnd::NotebookTimedOut {
                cell: None,
                limit: 1.0,
            },
            (1, 0),
        ),
        (RunEnd::Raised { cell: 0 }, (1, 0)),
    ] {
        let cells = vec![cell_run(0, CellOutcome::Ok)];
        let (_, suites) = read(
            vec![notebook("a.ipynb", Vec::new(), cells, Some(end.clone()), None)],
            &[],
        );
        assert_eq!((suites.failures, suites.errors), expected, "{end:?}");
    }
}

#[test]
fn nothing_that_a_notebook_holds_breaks_the_document() {
    let every: String = (0..0x1_0000).filter_map(char::from_u32).collect();
    let message = format!("]]></failure><![CDATA[&amp;\" '{every}");
    let found = vec![found(
        "NB401",
        "x",
        Severity::Error,
        &message,
        Location::file_start(),
    )];
    let (text, suites) = read(vec![notebook(&message, found, Vec::new(), None, None)], &[]);
    assert_eq!((suites.tests, suites.failures), (1, 1));
    let is_legal =
        |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(text.chars().all(is_legal));
    assert!(
        suites.suites[0]
            .name
            .starts_with("]]></failure><![CDATA[&amp;\" '")
    );
}
