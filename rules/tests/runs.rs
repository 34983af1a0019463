//! Run rules on facts written by hand: how a run changes what static rules say. That the worker states such facts
//! is shown where real notebooks run.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

use nbvet_engine::{Beside, Run, Settings, check};
use nbvet_report::{
    CellOutcome, CellRun, CommandKind, Diagnostic, Fact, ItemCount, Level, NonFinite, Number, Readers,
    RunEnd, Severity, ValueFacts,
};
use nbvet_rules::ALL;

fn cell_run(cell: u32, facts: Vec<Fact>) -> CellRun {
    CellRun {
        cell,
        cell_id: None,
        outcome: CellOutcome::Ok,
        seconds: 0.0,
        execution_count: Some(cell + 1),
        error: None,
        output_bytes_cut: 0,
        last_output: None,
        facts,
    }
}

fn judge(cells: &[&str], facts: Vec<Vec<Fact>>, settings: &Settings) -> Vec<Diagnostic> {
    let sources: Vec<_> = cells
        .iter()
        .map(|source| {
            serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
                "source": source})
        })
        .collect();
    let notebook = serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": sources});
    let reading = nbvet_notebook::read(&serde_json::to_vec(&notebook).unwrap());
    let runs: Vec<CellRun> = (0..)
        .zip(facts)
        .map(|(cell, facts)| cell_run(cell, facts))
        .collect();
    let end = RunEnd::Completed;
    check(
        &reading,
        &Beside::default(),
        Some(Run {
            cells: &runs,
            end: Some(&end),
            folder: Some("/work/reports"),
            expectations: &[],
            comparison: None,
        }),
        ALL,
        settings,
    )
}

fn bound(name: &str, value: ValueFacts) -> Fact {
    Fact::Bound {
        name: name.to_owned(),
        rebound: false,
        in_place: false,
        value,
    }
}

fn none() -> ValueFacts {
    ValueFacts {
        type_name: "NoneType".to_owned(),
        none: true,
        ..ValueFacts::default()
    }
}

fn nan() -> ValueFacts {
    ValueFacts {
        type_name: "float".to_owned(),
        number: Some(Number::NonFinite(NonFinite::Nan)),
        ..ValueFacts::default()
    }
}

fn ids(found: &[Diagnostic]) -> Vec<(&str, Severity)> {
    found
        .iter()
        .map(|found| (&*found.rule.id, found.severity))
        .collect()
}

fn command(status: i32) -> Fact {
    Fact::Command {
        command: "make all".to_owned(),
        how: CommandKind::Shell,
        status,
        line: Some(1),
        hidden: false,
    }
}

#[test]
fn s2_a_static_and_a_run_rule_that_saw_one_fault_give_one_diagnostic() {
    let cells = ["values = [2, 1]\nordered = values.sort()", "print(ordered[0:1])"];
    let found = judge(
        &cells,
        vec![vec![bound("ordered", none())], vec![]],
        &Settings::default(),
    );
    assert_eq!(ids(&found), [("NB211", Severity::Error)]);
}

#[test]
fn s2_a_command_that_ended_well_makes_the_static_finding_a_note() {
    let staging = Settings {
        level: Level::Staging,
        ..Settings::default()
    };
    let unseen = judge(&["!make all"], vec![vec![]], &staging);
    assert_eq!(ids(&unseen), [("NB207", Severity::Warning)]);
    let seen = judge(&["!make all"], vec![vec![command(0)]], &staging);
    assert_eq!(ids(&seen), [("NB207", Severity::Note)]);
    let failed = judge(&["!make all"], vec![vec![command(2)]], &staging);
    assert_eq!(ids(&failed), [("NB212", Severity::Error)]);
}

#[test]
fn s2_a_bash_cell_whose_commands_all_ended_well_makes_the_static_finding_a_note() {
    let severity = |script: &str, statuses: &[i32]| {
        let of = |status| Fact::Command {
            command: "make all".to_owned(),
            how: CommandKind::ScriptCell,
            status,
            line: Some(3),
            hidden: status != 0,
        };
        let facts = statuses.iter().copied().map(of).collect();
        let found = judge(&[script], vec![facts], &Settings::default());
        let found = found.iter().find(|found| found.rule.id == "NB209");
        found.map(|found| found.severity)
    };
    let bash = "%%bash\nmake all\nmake tools\necho done";
    assert_eq!(severity(bash, &[]), Some(Severity::Warning), "it did not run");
    assert_eq!(severity(bash, &[0]), Some(Severity::Note));
    assert_eq!(
        severity(bash, &[2, 0]),
        Some(Severity::Warning),
        "another one failed"
    );
    let unwatched = [
        "%%sh\nmake all\necho done",
        "%%bash\nmake all && cp all b\necho done",
    ];
    for script in unwatched {
        assert_eq!(severity(script, &[0]), Some(Severity::Warning), "{script}");
    }
}

#[test]
fn s2_a_status_that_nobody_reads_stays_an_error_where_explicit_exit_codes_are_required() {
    let mut settings = Settings::default();
    settings.flags.require_explicit_exit_codes = true;
    let found = judge(&["!make all"], vec![vec![command(0)]], &settings);
    assert_eq!(ids(&found), [("NB207", Severity::Error)]);
}

#[test]
fn none_among_the_items_is_told_with_the_handler_that_made_it() {
    let cells = [
        "def load(path):\n    try:\n        return open(path).read()\n    except FileNotFoundError:\n        print(path)",
        "days = [load(path) for path in ['a', 'b']]",
    ];
    let items = ItemCount {
        count: 2,
        of: 2,
        first: "0".to_owned(),
    };
    let value = ValueFacts {
        type_name: "list".to_owned(),
        none_items: Some(items),
        ..ValueFacts::default()
    };
    let found = judge(
        &cells,
        vec![vec![], vec![bound("days", value)]],
        &Settings::default(),
    );
    let none = found.iter().find(|found| found.rule.id == "NB211").unwrap();
    assert_eq!(none.severity, Severity::Error);
    assert_eq!(none.location.cell, Some(1));
    assert_eq!(none.labels[0].location.cell, Some(0));
    assert_eq!(none.labels[0].location.line, 4);
    // The handler is told once, with the evidence.
    assert!(
        found.iter().all(|found| found.rule.id != "NB205"),
        "{:?}",
        ids(&found)
    );
}

#[test]
fn a_none_that_the_notebook_tests_or_wrote_itself_is_nothing() {
    for cells in [
        [
            "def find(x):\n    for i in [1]:\n        if i == x:\n            return i\nplace = find(2)",
            "if place is None:\n    place = 0",
        ],
        ["best = None", "print(best)"],
        ["import matplotlib.pyplot as plt\nshown = plt.show()", "print(1)"],
    ] {
        let name = if cells[0].contains("place") {
            "place"
        } else if cells[0].contains("best") {
            "best"
        } else {
            "shown"
        };
        let found = judge(
            &cells,
            vec![vec![bound(name, none())], vec![]],
            &Settings::default(),
        );
        assert!(
            found.iter().all(|found| found.rule.id != "NB211"),
            "{cells:?} {:?}",
            ids(&found)
        );
    }
}

#[test]
fn a_number_that_came_out_as_nan_is_an_error_and_one_that_was_written_is_not() {
    let computed = [
        "import numpy as np\nvalues = np.array([])",
        "mean = values.mean()",
    ];
    let found = judge(
        &computed,
        vec![vec![], vec![bound("mean", nan())]],
        &Settings::default(),
    );
    assert!(
        ids(&found).contains(&("NB312", Severity::Error)),
        "{:?}",
        ids(&found)
    );
    for written in [
        ["import numpy as np", "missing = np.nan"],
        [
            "import numpy as np\nvalues = np.array([1, np.nan])",
            "missing = values.mean()",
        ],
        [
            "values = read()",
            "missing = values.mean()\nif math.isnan(missing):\n    print('gap')",
        ],
    ] {
        let found = judge(
            &written,
            vec![vec![], vec![bound("missing", nan())]],
            &Settings::default(),
        );
        assert!(found.iter().all(|found| found.rule.id != "NB312"), "{written:?}");
    }
}

#[test]
fn a_foreseen_exception_that_the_run_did_not_meet_is_no_diagnostic() {
    let cells = ["x = prepared_elsewhere + 1"];
    let unseen = judge(&cells, vec![vec![]], &Settings::default());
    assert_eq!(ids(&unseen), [], "the cell ended well");
}

/// A notebook of one cell that ended the run, with what was raised in it.
fn judge_end(source: &str, raised: Option<(&str, &str, u32)>, end: &RunEnd) -> Diagnostic {
    judge_end_for(Readers::Terminal, source, raised, end)
}

fn judge_end_for(
    readers: Readers,
    source: &str,
    raised: Option<(&str, &str, u32)>,
    end: &RunEnd,
) -> Diagnostic {
    let cell = serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
        "source": source});
    let notebook = serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]});
    let reading = nbvet_notebook::read(&serde_json::to_vec(&notebook).unwrap());
    let mut run = cell_run(0, vec![]);
    run.outcome = CellOutcome::Error;
    run.error = raised.map(|(name, value, line)| nbvet_report::CellError {
        name: name.to_owned(),
        value: value.to_owned(),
        traceback: vec![],
        line: Some(line),
    });
    let run = Run {
        cells: &[run],
        end: Some(end),
        folder: Some("/work/reports"),
        expectations: &[],
        comparison: None,
    };
    let settings = Settings {
        readers,
        ..Settings::default()
    };
    let mut found = check(&reading, &Beside::default(), Some(run), ALL, &settings);
    assert_eq!(found.len(), 1, "{:?}", ids(&found));
    found.remove(0)
}

#[test]
fn s2_an_exception_that_was_foreseen_is_one_diagnostic_with_the_help_of_both() {
    let raised = Some(("NameError", "name 'np' is not defined", 1));
    let found = judge_end("np.zeros(3)", raised, &RunEnd::Raised { cell: 0 });
    assert_eq!((&*found.rule.id, found.severity), ("NB001", Severity::Error));
    assert_eq!(
        found.help.as_deref(),
        Some("add `import numpy as np` to a cell above")
    );
}

#[test]
fn a_file_that_is_not_there_is_told_with_the_folder_that_was_looked_in() {
    let raised = Some((
        "FileNotFoundError",
        "[Errno 2] No such file or directory: 'a.csv'",
        1,
    ));
    let found = judge_end("open('a.csv')", raised, &RunEnd::Raised { cell: 0 });
    assert!(found.help.unwrap().contains("ran in /work/reports,"));
}

#[test]
fn in_a_cluster_what_mends_a_fault_is_a_field_of_the_job_and_no_option() {
    let limit = 2.0;
    let raise = |name, value| (Some((name, value, 1)), RunEnd::Raised { cell: 0 });
    for ((raised, end), field) in [
        (
            raise("ModuleNotFoundError", "No module named 'sklearn'"),
            "spec.podConfig.containerImage",
        ),
        (
            raise("FileNotFoundError", "No such file or directory: 'a.csv'"),
            "spec.podConfig.volumes",
        ),
        (
            (None, RunEnd::NotebookTimedOut { cell: Some(0), limit }),
            "spec.validationTimeout",
        ),
        ((None, RunEnd::CellTimedOut { cell: 0, limit }), "nbvet.toml"),
        (
            (
                None,
                RunEnd::OutOfMemory {
                    cell: Some(0),
                    limit: None,
                    peak: None,
                },
            ),
            "spec.podConfig.resources",
        ),
    ] {
        let found = judge_end_for(Readers::Cluster, "1", raised, &end);
        let help = found.help.unwrap_or_default();
        assert!(help.contains(field) && !help.contains("`-"), "{help}");
        assert!(!help.contains("pip install"), "{help}");
    }
}

#[test]
fn a_question_that_nobody_answers_is_told_as_one() {
    let raised = Some(("StdinNotImplementedError", "input was refused", 1));
    let found = judge_end("name = input()", raised, &RunEnd::Raised { cell: 0 });
    assert!(found.help.unwrap().contains("put the value into a cell"));
}

#[test]
fn a_time_out_points_to_the_line_that_was_interrupted() {
    let source = "import time\ntime.sleep(1)\ntime.sleep(60)";
    let ends = [
        RunEnd::CellTimedOut { cell: 0, limit: 2.0 },
        RunEnd::NotebookTimedOut {
            cell: Some(0),
            limit: 2.0,
        },
    ];
    for end in ends {
        let line = |raised| judge_end(source, raised, &end).location.line;
        assert_eq!(line(Some(("KeyboardInterrupt", "", 3))), 3, "{end:?}");
        assert_eq!(line(None), 1, "{end:?}");
    }
}

#[test]
fn a_limit_that_was_over_before_any_cell_ran_is_told_of_no_cell() {
    let end = RunEnd::NotebookTimedOut {
        cell: None,
        limit: 1.0,
    };
    let found = judge_end("1", None, &end);
    assert_eq!(found.location.cell, None);
    assert!(
        found
            .message
            .contains("limit of 1 s was over before its Python was ready")
    );
}

#[test]
fn a_process_that_was_killed_is_not_called_a_crash() {
    let died = |signal| RunEnd::Died {
        cell: Some(0),
        status: None,
        signal: Some(signal),
    };
    assert!(
        judge_end("1", None, &died(9))
            .help
            .unwrap()
            .contains("lack of memory")
    );
    assert!(
        judge_end("1", None, &died(11))
            .help
            .unwrap()
            .contains("compiled code")
    );
}

#[test]
fn an_error_of_a_thread_is_not_mended_by_awaiting_it() {
    let fact = Fact::AfterCell {
        origin: nbvet_report::AfterCellOrigin::Thread,
        error: nbvet_report::CellError {
            name: "ValueError".to_owned(),
            value: "no".to_owned(),
            traceback: vec![],
            line: Some(1),
        },
    };
    let found = judge(&["thread.start()"], vec![vec![fact]], &Settings::default());
    let found = found.iter().find(|found| found.rule.id == "NB214").unwrap();
    assert!(found.help.as_ref().unwrap().contains("Thread.join()"));
}

#[test]
fn s3_text_on_stderr_is_a_note_and_an_error_where_it_is_to_fail() {
    let fact = |text: &str| Fact::Stderr {
        text: text.to_owned(),
        bytes: text.len() as u64,
    };
    let mut settings = Settings::default();
    let said = judge(&["work()"], vec![vec![fact("sensor lost\n")]], &settings);
    assert!(ids(&said).contains(&("NB215", Severity::Note)));
    settings.flags.fail_on_stderr = true;
    let said = judge(&["work()"], vec![vec![fact("sensor lost\n")]], &settings);
    assert!(ids(&said).contains(&("NB215", Severity::Error)));
    let bar = judge(
        &["work()"],
        vec![vec![fact("\r 40%|####      | 4/10 [00:01<00:01, 3.9it/s]")]],
        &settings,
    );
    assert!(bar.iter().all(|found| found.rule.id != "NB215"));
}

#[test]
fn the_remedy_for_a_failed_command_fits_how_it_was_started() {
    let help = |how: CommandKind, hidden: bool| {
        let fact = Fact::Command {
            command: "make all".to_owned(),
            how,
            status: 2,
            line: Some(1),
            hidden,
        };
        let code = if how == CommandKind::Shell {
            "!make all"
        } else {
            "run('make all')"
        };
        let found = judge(&[code], vec![vec![fact]], &Settings::default());
        found
            .into_iter()
            .find(|found| found.rule.id == "NB212")
            .unwrap()
            .help
            .unwrap()
    };
    assert!(help(CommandKind::Shell, false).contains("_exit_code"));
    assert!(help(CommandKind::ScriptCell, true).contains("set -e"));
    assert!(help(CommandKind::OsSystem, false).contains("os.system(…) == 0"));
    assert!(help(CommandKind::Subprocess, false).contains("check=True"));
}

#[test]
fn none_among_shown_items_is_told_where_a_handler_made_it() {
    let load = "def load(path):\n    try:\n        return open(path).read()\n    except FileNotFoundError:\n        print(path)";
    let value = ValueFacts {
        type_name: "list".to_owned(),
        none_items: Some(ItemCount {
            count: 1,
            of: 1,
            first: "0".to_owned(),
        }),
        ..ValueFacts::default()
    };
    let shows = |last: &str| {
        let facts = vec![vec![], vec![Fact::Result { value: value.clone() }]];
        let found = judge(&[load, last], facts, &Settings::default());
        found.iter().filter(|found| found.rule.id == "NB211").count()
    };
    assert_eq!(shows("[load(path) for path in ['a']]"), 1);
    assert_eq!(shows("[row.get('a') for row in [{}]]"), 0);
}

fn frame(rows: u64) -> ValueFacts {
    ValueFacts {
        type_name: "pandas.DataFrame".to_owned(),
        shape: Some(vec![rows, 2]),
        ..ValueFacts::default()
    }
}

#[test]
fn s2_an_error_that_a_handler_took_takes_the_place_of_the_rule_on_the_handler() {
    let cells =
        ["def load():\n    try:\n        open('a').read()\n    except Exception:\n        pass\nload()"];
    let taken = |line| Fact::Swallowed {
        cell: 0,
        line,
        raised: Some(3),
        name: "FileNotFoundError".to_owned(),
        bases: vec!["OSError".to_owned()],
        text: Some("no such file".to_owned()),
        count: 2,
    };
    let staging = Settings {
        level: Level::Staging,
        ..Settings::default()
    };
    let found = judge(&cells, vec![vec![taken(4)]], &staging);
    assert_eq!(ids(&found), [("NB221", Severity::Error)]);
    assert!(found[0].message.contains("2 errors") && found[0].message.contains("no such file"));
    assert!(
        found[0]
            .help
            .as_deref()
            .unwrap()
            .contains("catch the one exception")
    );
    let elsewhere = judge(&cells, vec![vec![taken(1)]], &staging);
    assert_eq!(ids(&elsewhere), [("NB202", Severity::Error)]);
}

#[test]
fn a_handler_that_names_the_error_that_it_took_has_awaited_it() {
    let cells = ["try:\n    [].pop()\nexcept:\n    print('IndexError: nothing there')"];
    let fact = Fact::Swallowed {
        cell: 0,
        line: 3,
        raised: Some(2),
        name: "IndexError".to_owned(),
        bases: vec![],
        text: None,
        count: 1,
    };
    let found = judge(&cells, vec![vec![fact]], &Settings::default());
    assert!(!ids(&found).iter().any(|(id, _)| *id == "NB221"), "{found:?}");
}

#[test]
fn rows_that_were_all_kept_make_the_rule_on_the_code_a_note() {
    let cells = [
        "import pandas as pd\nsurvey = pd.read_csv('survey.csv')",
        "kept = survey.dropna()",
        "total = kept['income'].sum()",
    ];
    let staging = Settings {
        level: Level::Staging,
        ..Settings::default()
    };
    let run = |rows| {
        let facts = vec![
            vec![bound("survey", frame(10))],
            vec![bound("kept", frame(rows))],
            vec![],
        ];
        ids(&judge(&cells, facts, &staging))
            .into_iter()
            .filter(|(id, _)| id.starts_with("NB3"))
            .map(|(id, severity)| (id.to_owned(), severity))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(10), [("NB304".to_owned(), Severity::Note)]);
    assert_eq!(run(9), [("NB304".to_owned(), Severity::Warning)]);
    assert_eq!(run(2), [("NB307".to_owned(), Severity::Error)]);
}

#[test]
fn what_a_statement_replaced_within_its_cell_counts_as_its_input() {
    let cells =
        ["import pandas as pd\ndf = pd.read_csv('a.csv')\ndf = df.dropna()\ndf = df.head(1)\ndf.sum()"];
    let replaced = |line, rows| Fact::Replaced {
        name: "df".to_owned(),
        line,
        value: frame(rows),
    };
    let lost = |facts| {
        let found = judge(&cells, vec![facts], &Settings::default());
        found.iter().filter(|found| found.rule.id == "NB307").count()
    };
    assert_eq!(
        lost(vec![replaced(3, 10), replaced(4, 0), bound("df", frame(0))]),
        1
    );
    assert_eq!(
        lost(vec![replaced(3, 10), replaced(4, 9), bound("df", frame(1))]),
        0
    );
}

#[test]
fn s3_check_output_types_makes_a_broken_annotation_an_error() {
    let cells = ["price: float = input_price()"];
    let text = ValueFacts {
        type_name: "str".to_owned(),
        ..ValueFacts::default()
    };
    let told = |settings: &Settings| {
        let found = judge(&cells, vec![vec![bound("price", text.clone())]], settings);
        found
            .iter()
            .find(|found| found.rule.id == "NB109")
            .map(|found| (found.severity, found.message.clone()))
    };
    let message = "`price` is str, and its annotation says `float`".to_owned();
    assert_eq!(
        told(&Settings::default()),
        Some((Severity::Note, message.clone()))
    );
    let mut settings = Settings::default();
    settings.flags.check_output_types = true;
    assert_eq!(told(&settings), Some((Severity::Error, message)));
}
