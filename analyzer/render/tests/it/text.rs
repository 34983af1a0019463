//! The text as people see it, without its colours.

use expect_test::{Expect, expect};
use nbvet_render::{CellSource, NotebookSource, Notes, TextOptions, text};
use nbvet_report::*;

use crate::fixture::{at, cell_run, diagnostics, found, notebook, report, source};

fn check(notebooks: Vec<NotebookReport>, sources: &[NotebookSource], notes: Notes, expected: &Expect) {
    let options = TextOptions {
        width: 90,
        notes,
        seconds: Some(0.42),
        dependencies: false,
    };
    expected.assert_eq(&plain(&text(&report(notebooks), sources, &options)));
}

/// Takes out our own colours, and nothing else.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').unwrap().1)
}

#[test]
fn output_that_was_left_out_is_said_under_the_headline() {
    let mut cells = vec![cell_run(1, CellOutcome::Ok), cell_run(4, CellOutcome::Ok)];
    cells[1].output_bytes_cut = 21_412_345;
    let found = notebook("a.ipynb", Vec::new(), cells, Some(RunEnd::Completed), None);
    check(
        vec![found],
        &[source()],
        Notes::Folded,
        &expect![[r#"
        ✓ Passed a.ipynb  at development · 2 cells ran in 0.5 s · Python 3.11.2 (`.venv` beside the notebook)
          output left out: cell 4 (21.4 MB): more than is kept of a cell
        1 notebook: 1 passed · 0.4 s
    "#]],
    );
}

#[test]
fn a_linted_notebook_shows_its_lines_and_folds_its_notes() {
    let found = notebook("work/a.ipynb", diagnostics(), Vec::new(), None, None);
    check(
        vec![found],
        &[source()],
        Notes::Folded,
        &expect![[r#"
            ✗ Failed work/a.ipynb  at development · not run

            error[NB402]: `scores` is None: `list.sort()` sorts in place and returns nothing
               ╭─[ work/a.ipynb:41 · cell 2, In [2]:1:10 ]
               │
             1 │ scores = scores.sort()
               │          ──────┬──────
               │                ╰──────── none-method-assigned
               │
               ├─[ work/a.ipynb:22 · cell 1, In [1]:2:1 ]
               │
             2 │ scores = [3, 1, 2]
               │ ─────────┬────────
               │          ╰────────── the list is made here
            ───╯
              why: Every later use of `scores` gets None, not the sorted list; `np.mean(None)` fails
                   or gives NaN, far away from this line.
              help: write `scores.sort()` on a line of its own, or:
                        scores = sorted(scores)

            warning[NB203]: `load` prints and goes on when the file is missing
               ╭─[ work/a.ipynb:26 · cell 1, In [1]:6:2 ]
               │
             6 │ ╭─▶     except OSError:
             7 │ ├─▶        print('no file')
               │ │
               │ ╰───────────────────────────── except-print-only
            ───╯

            1 notebook: 1 failed · 1 error, 1 warning, 1 note, 1 suppressed · 0.4 s
            -v shows the notes; `nbvet explain NB402` tells more about a rule
        "#]],
    );
}

#[test]
fn notes_are_shown_on_request_and_a_missing_source_is_no_obstacle() {
    let found = notebook("work/a.ipynb", diagnostics(), Vec::new(), None, None);
    check(
        vec![found],
        &[],
        Notes::Shown,
        &expect![[r#"
            ✗ Failed work/a.ipynb  at development · not run

            error[NB402]: `scores` is None: `list.sort()` sorts in place and returns nothing
              at work/a.ipynb:41 · cell 2, line 1 · none-method-assigned
              work/a.ipynb:22 · cell 1, line 2: the list is made here
              why: Every later use of `scores` gets None, not the sorted list; `np.mean(None)` fails
                   or gives NaN, far away from this line.
              help: write `scores.sort()` on a line of its own, or:
                        scores = sorted(scores)

            warning[NB203]: `load` prints and goes on when the file is missing
              at work/a.ipynb:26 · cell 1, line 6 · except-print-only

            note[NB101]: nothing here is checked
              at work/a.ipynb:1:1 · no-assertion-notebook

            1 notebook: 1 failed · 1 error, 1 warning, 1 note, 1 suppressed · 0.4 s
            `nbvet explain NB402` tells more about a rule
        "#]],
    );
}

#[test]
fn an_exception_shows_the_line_the_other_frames_and_the_last_output() {
    let mut fault = found(
        "NB001",
        "exception",
        Severity::Error,
        "ValueError: no rows\nin 3 files",
        at(2, "np.mean(scores)"),
    );
    fault.fault = true;
    let mut run = cell_run(2, CellOutcome::Error);
    run.last_output = Some("loading\n\u{1b}[2Jdone\n".to_owned());
    let frames = [
        "\u{1b}[0;31m-------\u{1b}[0m",
        "\u{1b}[0;31mValueError\u{1b}[0m        Traceback (most recent call last)",
        "Cell \u{1b}[0;32mIn[2], line 2\u{1b}[0m\n\u{1b}[1;32m      1\u{1b}[0m scores = scores.sort()\n----> 2 mean = np.mean(scores)\n",
        "File \u{1b}[0;32m/lib/numpy/a.py:10\u{1b}[0m, in mean(x)\n      7 a\n      8 b\n      9 c\n---> 10 d\n     11 e\n",
        "File /lib/numpy/b.py:3, in inner(x)\n---> 3 d\n",
        "File /lib/numpy/c.py:4, in innermost(x)\n---> 4 raise ValueError\n",
        "ValueError: no rows",
    ];
    run.error = Some(CellError {
        name: "ValueError".to_owned(),
        value: "no rows".to_owned(),
        traceback: frames.map(str::to_owned).to_vec(),
        line: Some(2),
    });
    let cells = vec![cell_run(1, CellOutcome::Ok), run];
    let failed = notebook(
        "a.ipynb",
        vec![fault],
        cells,
        Some(RunEnd::Raised { cell: 2 }),
        None,
    );
    check(
        vec![failed],
        &[source()],
        Notes::Folded,
        &expect![[r#"
            ✗ Failed a.ipynb  at development · 2 cells ran in 0.5 s · Python 3.11.2 (`.venv` beside the notebook)

            error[NB001]: ValueError: no rows
            in 3 files
               ╭─[ a.ipynb:42 · cell 2, In [2]:2:8 ]
               │
             2 │ mean = np.mean(scores)
               │        ───────┬───────
               │               ╰───────── exception
            ───╯
              traceback, most recent call last:
              │ Cell In[2], line 2
              │       1 scores = scores.sort()
              │ ----> 2 mean = np.mean(scores)
              │ … 2 more frames …
              │ File /lib/numpy/c.py:4, in innermost(x)
              │ ---> 4 raise ValueError
              the cell's last output:
              │ loading
              │ ␛[2Jdone

            1 notebook: 1 failed · 1 error · 0.4 s
            `nbvet explain NB001` tells more about a rule
        "#]],
    );
}

#[test]
fn a_notebook_without_a_verdict_says_why_and_what_to_do() {
    let failure = RunFailure {
        kind: FailureKind::NoInterpreter,
        message: "no Python was found: looked at /w/.venv, python3 on PATH".to_owned(),
        hint: Some("name one with `--python`".to_owned()),
    };
    let lost = notebook("a.ipynb", Vec::new(), Vec::new(), None, Some(failure));
    let passed = notebook(
        "b.ipynb",
        Vec::new(),
        vec![cell_run(0, CellOutcome::Ok)],
        Some(RunEnd::Completed),
        None,
    );
    check(
        vec![passed, lost],
        &[],
        Notes::Folded,
        &expect![[r#"
            ✓ Passed b.ipynb  at development · 1 cell ran in 0.2 s · Python 3.11.2 (`.venv` beside the notebook)
            ! No verdict a.ipynb  at development · not run

            error: no Python was found: looked at /w/.venv, python3 on PATH
              hint: name one with `--python`

            2 notebooks: 1 passed, 1 without a verdict · 0.4 s
        "#]],
    );
}

#[test]
fn a_fault_of_the_file_shows_the_files_line() {
    let mut fault = found(
        "NB002",
        "not-a-notebook",
        Severity::Error,
        "this file is not valid JSON: expected `,`",
        Location::in_file(2, 12),
    );
    fault.fault = true;
    let source = NotebookSource {
        cells: Vec::new(),
        file: Some("{\n \"cells\": x\n}\n".to_owned()),
        ..NotebookSource::default()
    };
    let failed = notebook("a.ipynb", vec![fault], Vec::new(), None, None);
    check(
        vec![failed],
        &[source],
        Notes::Folded,
        &expect![[r#"
            ✗ Failed a.ipynb  at development · not run

            error[NB002]: this file is not valid JSON: expected `,`
               ╭─[ a.ipynb:2:12 ]
               │
             2 │  "cells": x
               │            ┬
               │            ╰── not-a-notebook
            ───╯

            1 notebook: 1 failed · 1 error · 0.4 s
            `nbvet explain NB002` tells more about a rule
        "#]],
    );
}

#[test]
fn a_line_of_a_dependency_file_is_shown_with_its_file() {
    let unpinned = |line: u32, end_column: u32| {
        let location = Location {
            end_column,
            ..Location::beside("requirements.txt", line)
        };
        found(
            "NB901",
            "unpinned",
            Severity::Error,
            "`pandas>=2` is not pinned",
            location,
        )
    };
    let source = NotebookSource {
        beside: [(
            "requirements.txt".to_owned(),
            "six==1.17.0\npandas>=2\n".to_owned(),
        )]
        .into(),
        ..NotebookSource::default()
    };
    let mut without_text = unpinned(7, 1);
    without_text.location.file = Some("base/constraints.txt".to_owned());
    let failed = notebook(
        "a.ipynb",
        vec![unpinned(2, 10), without_text],
        Vec::new(),
        None,
        None,
    );
    check(
        vec![failed],
        &[source],
        Notes::Folded,
        &expect![[r#"
            ✗ Failed a.ipynb  at development · not run

            error[NB901]: `pandas>=2` is not pinned
               ╭─[ requirements.txt:2:1 ]
               │
             2 │ pandas>=2
               │ ────┬────
               │     ╰────── unpinned
            ───╯

            error[NB901]: `pandas>=2` is not pinned
              at base/constraints.txt:7 · unpinned

            1 notebook: 1 failed · 2 errors · 0.4 s
            `nbvet explain NB901` tells more about a rule
        "#]],
    );
}

#[test]
fn nothing_that_a_notebook_says_reaches_the_terminal_as_a_command() {
    let evil = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}";
    let source = NotebookSource {
        cells: vec![CellSource::new(format!("x = '{evil}'\r\n{evil}\t1"), None)],
        file: Some(evil.to_owned()),
        ..NotebookSource::default()
    };
    let place = Location {
        file: None,
        cell: Some(0),
        line: 1,
        column: 3,
        end_line: 2,
        end_column: 2,
        ..Location::in_file(1, 1)
    };
    let mut evil_found = found("NB001", "exception", Severity::Error, evil, place.clone());
    evil_found.fault = true;
    evil_found.explanation = Some(evil.to_owned());
    evil_found.help = Some(evil.to_owned());
    evil_found.labels = vec![
        Label {
            location: place,
            message: evil.to_owned(),
        },
        Label {
            location: Location::file_start(),
            message: evil.to_owned(),
        },
    ];
    let mut run = cell_run(0, CellOutcome::Error);
    run.last_output = Some(evil.to_owned());
    run.error = Some(CellError {
        name: evil.to_owned(),
        value: evil.to_owned(),
        traceback: vec![format!("File {evil}\n--> {evil}\nFile x\n--> y")],
        line: None,
    });
    let mut one = notebook(
        evil,
        vec![evil_found],
        vec![run],
        Some(RunEnd::Raised { cell: 0 }),
        None,
    );
    one.interpreter.as_mut().unwrap().chosen = evil.to_owned();
    let options = TextOptions {
        notes: Notes::Shown,
        ..TextOptions::default()
    };
    for sources in [vec![source], Vec::new()] {
        let shown = plain(&text(&report(vec![one.clone()]), &sources, &options));
        let commands: Vec<char> = shown.chars().filter(|c| c.is_control() && *c != '\n').collect();
        assert_eq!(
            (commands, shown.contains('\u{202e}')),
            (Vec::new(), false),
            "{shown}"
        );
        assert!(shown.contains("␛]0;owned␇"), "{shown}");
    }
}

#[test]
fn any_location_can_be_drawn() {
    for cell in [None, Some(0), Some(1), Some(7)] {
        for numbers in 0..256_u32 {
            let part = |shift: u32| numbers >> shift & 3;
            let place = Location {
                file: None,
                cell,
                line: part(0),
                column: part(2) * 9,
                end_line: part(4),
                end_column: part(6) * 40,
                ..Location::in_file(1, 1)
            };
            let mut odd = found("NB001", "odd", Severity::Note, "m", place.clone());
            odd.labels = vec![Label {
                location: Location {
                    file: None,
                    cell: Some(1),
                    ..place
                },
                message: "l".to_owned(),
            }];
            let one = notebook("a.ipynb", vec![odd], Vec::new(), None, None);
            let options = TextOptions {
                notes: Notes::Shown,
                ..TextOptions::default()
            };
            assert!(text(&report(vec![one]), &[source()], &options).contains("odd"));
        }
    }
}

#[test]
fn a_notebook_that_ended_itself_says_what_did_not_run() {
    let mut stopped = notebook(
        "work/a.ipynb",
        Vec::new(),
        vec![
            cell_run(2, CellOutcome::Ok),
            cell_run(3, CellOutcome::NotRun),
            cell_run(4, CellOutcome::NotRun),
        ],
        None,
        None,
    );
    stopped.end = Some(RunEnd::Exited { cell: 2 });
    check(
        vec![stopped],
        &[source()],
        Notes::Folded,
        &expect![[r#"
            ✓ Passed work/a.ipynb  at development · not run · cell 2 ended the notebook (`exit`)
            1 notebook: 1 passed · 0.4 s
        "#]],
    );
}

#[test]
fn of_thousands_of_diagnostics_the_first_are_drawn_and_all_are_told() {
    let found: Vec<Diagnostic> = (0..2000).map(|_| diagnostics().remove(0)).collect();
    let options = TextOptions {
        width: 90,
        notes: Notes::Shown,
        seconds: None,
        dependencies: false,
    };
    let found = notebook("work/a.ipynb", found, Vec::new(), None, None);
    let shown = plain(&text(&report(vec![found]), &[source()], &options));
    assert_eq!(shown.matches("╭─[").count(), 500);
    assert_eq!(shown.matches("[NB").count(), 2000);
}
