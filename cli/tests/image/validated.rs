//! `nbvet step validate`: notebooks judged over a socket, by a host that shares nothing with them but that.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use nbvet_report::{
    CellOutcome, ComparisonConfig, Level, Outcome, Reason, RunEnd, ValidationConfig,
    step::{BlobRef, STEP_VERSION, Step, StepBlob, StepBody, StepEnd, ValidateInput, Validated},
};
use nbvet_testkit::{Runtime, or_skip};

use crate::{
    ground::notebook,
    pods::{Containers, Left, Pod},
    words,
};

/// A notebook of several code cells.
pub(crate) fn cells(sources: &[&str]) -> String {
    let mut whole: serde_json::Value = serde_json::from_str(&notebook("")).unwrap();
    let cells = sources.iter().enumerate().map(|(number, source)| {
        let lines: Vec<_> = source.split_inclusive('\n').collect();
        serde_json::json!({
            "cell_type": "code", "id": format!("cell-{number}"), "metadata": {}, "execution_count": null,
            "outputs": [], "source": lines,
        })
    });
    whole["cells"] = cells.collect();
    whole.to_string()
}

/// The Python of `make setup`, which the worker can be loaded into.
pub(crate) fn python() -> Option<String> {
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/bin/python");
    if fs::exists(python).unwrap_or(false) {
        return Some(python.to_owned());
    }
    println!("skipped: there is no .venv (`make setup` makes it)");
    None
}

pub(crate) fn is(left: &Left, outcome: Outcome, reason: Reason, said: &str) {
    let end = &left.end;
    assert_eq!(
        (end.step, end.outcome, end.reason),
        (Step::Validate, outcome, reason),
        "{end:?}"
    );
    assert!(end.message.contains(said), "{end:?}");
    assert_eq!(left.code, Some(0), "the controller reads the end");
    words::are_for_a_cluster(&end.message);
    if end.blob.is_some() {
        words::are_for_a_cluster(&serde_json::to_string(&left.validated()).unwrap());
    }
}

#[test]
fn s10_a_notebook_in_the_users_image_is_judged_by_a_container_that_it_cannot_reach() {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let source = cells(&[
        "import os, sys\nassert os.getuid() == 12345\nassert os.getcwd() == '/work/nbs', os.getcwd()",
        "open('made.txt', 'w').write('its own folder can be written')\nassert os.path.exists('../data.csv')",
        "seen = [path for path in ('/tree', '/input', '/end', '/var/run/secrets') if os.path.exists(path)]\nassert not seen, seen",
        "total = sum([1, 2, 3])\nassert total == 6\nprint(total)",
    ]);
    let pod = Containers::new(
        &runtime,
        &[("nbs/a.ipynb", &source), ("data.csv", "1")],
        "nbs/a.ipynb",
    );
    let (left, user) = pod.validated();
    is(&left, Outcome::Passed, Reason::Done, "passed at development");
    assert!(user.status.success(), "{}", String::from_utf8_lossy(&user.stderr));
    assert!(
        left.end
            .image
            .as_ref()
            .unwrap()
            .starts_with("registry.example/team/image@sha256:")
    );
    let counts = left.end.counts.unwrap();
    assert_eq!((counts.errors, counts.cells.unwrap().ok), (0, 4));
    let Validated { report, left_out } = left.validated();
    let only = &report.notebooks[0];
    assert_eq!((&*only.path, left_out.len()), ("nbs/a.ipynb", 0));
    assert_eq!(only.end, Some(RunEnd::Completed));
    assert!(
        only.interpreter.as_ref().unwrap().ipython_from_kit,
        "the image has no IPython"
    );
}

/// A result as good as a real one, which says that all is well.
fn forged() -> (String, String) {
    let blob = StepBlob {
        version: STEP_VERSION,
        body: StepBody::Published(nbvet_report::step::Published::default()),
    };
    let encoded = nbvet_blob::encode(&blob).unwrap();
    let mut end = StepEnd::new(Step::Validate, Outcome::Passed, Reason::Done, "forged");
    end.blob = Some(BlobRef { ..encoded.blob });
    (encoded.text, nbvet_blob::write_end(&end))
}

#[test]
fn s10_a_notebook_that_forges_results_closes_descriptors_and_kills_what_it_can_changes_nothing() {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let (blob, end) = forged();
    let forge = format!(
        "import os, sys, signal\nforged = {blob:?} + '\\n' + {end:?} + '\\n'\n\
         print(forged); sys.stderr.write(forged); os.write(1, forged.encode()); os.write(2, forged.encode())\n\
         for path in ('/dev/termination-log', '/end/log', '/proc/1/fd/1', '/proc/1/fd/2', '/agent/log'):\n    \
             try:\n        open(path, 'w').write(forged)\n    except OSError as error:\n        print(path, error)\n"
    );
    let kill = "for pid in (1, os.getppid()):\n    try:\n        os.kill(pid, signal.SIGKILL)\n    except OSError as error:\n        print(pid, error)\n";
    let close = "os.close(0); os.close(1); os.close(2)\nos.makedirs('/agent/x', exist_ok=True)\n";
    let sources = [
        &*forge,
        kill,
        close,
        "raise ValueError('nbvet-blob/1 0123456789abcdef 1/1 AAAA')",
    ];
    let pod = Containers::new(&runtime, &[("a.ipynb", &cells(&sources))], "a.ipynb");
    let (left, user) = pod.validated();
    is(&left, Outcome::Failed, Reason::NotebookFailed, "ValueError");
    // What it prints goes to its own container's log, and no line of that begins as a result does but by what the notebook
    // writes there itself.
    let printed = String::from_utf8(user.stdout).unwrap();
    assert!(printed.contains("[cell 0] nbvet-blob/1 "), "{printed}");
    let log = String::from_utf8(left.log.clone()).unwrap();
    let own = &left.end.blob.as_ref().unwrap().sha256[..16];
    assert!(
        log.lines()
            .all(|line| line.starts_with(&format!("nbvet-blob/1 {own} "))),
        "{log}"
    );
    assert_eq!(
        left.validated().report.notebooks[0].verdict.outcome,
        Outcome::Failed
    );
}

#[test]
fn what_a_notebook_prints_is_in_the_log_of_its_container_while_it_runs() {
    let Some(python) = python() else { return };
    let sources = [
        "print('before', flush=True)\nimport os, time\nwhile not os.path.exists('go'): time.sleep(0.05)",
        "import sys\nprint('\\x1b]0;title\\x07 out'); print('err', file=sys.stderr)",
    ];
    let pod = Pod::new(&[("a.ipynb", &cells(&sources))]);
    let left = pod.validated_until(pod.wish("a.ipynb"), &python, |_| {
        let since = Instant::now();
        while pod.log_of_notebook() != "[cell 0] before\n" {
            assert!(
                since.elapsed() < Duration::from_mins(3),
                "{}",
                pod.log_of_notebook()
            );
            thread::sleep(Duration::from_millis(20));
        }
        fs::write(pod.path("work/go"), "").unwrap();
    });
    is(&left, Outcome::Passed, Reason::Done, "passed");
    let log = pod.log_of_notebook();
    let mut lines: Vec<_> = log.lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["[cell 1 stderr] err", "[cell 1] ␛]0;title␇ out"]);
}

#[test]
fn s10_an_agent_that_is_killed_is_lost_and_that_is_no_verdict() {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let source = cells(&["open('begun', 'w').close()\nimport time\ntime.sleep(600)"]);
    let pod = Containers::new(&runtime, &[("a.ipynb", &source)], "a.ipynb");
    let user = pod.start_user();
    let host = pod.start_host();
    pod.pod.wait_for("work/begun");
    pod.kill_user();
    let left = pod.pod.left(&host.wait_with_output().unwrap());
    is(&left, Outcome::Error, Reason::AgentLost, "went away");
    assert!(left.end.transient, "another try may go well");
    let _ = user.wait_with_output();
}

#[test]
fn s10_a_notebook_that_closes_every_descriptor_or_kills_itself_never_passes() {
    let Some(python) = python() else { return };
    for (source, reasons) in [
        (
            "import os\nos.closerange(0, 4096)",
            &[Reason::NotebookFailed, Reason::ReportLost][..],
        ),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
            &[Reason::NotebookFailed],
        ),
        ("import os\nos._exit(0)", &[Reason::NotebookFailed]),
        (
            "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nimport time\ntime.sleep(60)",
            &[Reason::AgentLost],
        ),
    ] {
        let pod = Pod::new(&[("a.ipynb", &cells(&[source, "print('all is well')"]))]);
        let left = pod.validated(pod.wish("a.ipynb"), &python);
        assert_ne!(left.end.outcome, Outcome::Passed, "{source}: {:?}", left.end);
        assert!(reasons.contains(&left.end.reason), "{source}: {:?}", left.end);
    }
}

#[test]
fn s6_each_end_of_a_notebook_has_its_reason() {
    let Some(python) = python() else { return };
    let check = |source: &str, change: &dyn Fn(&mut ValidateInput), outcome, reason, said: &str| {
        let pod = Pod::new(&[("nbs/a.ipynb", &cells(&[source]))]);
        let mut wish = pod.wish("nbs/a.ipynb");
        change(&mut wish);
        let left = pod.validated(wish, &python);
        is(&left, outcome, reason, said);
        assert!(
            !left.end.transient,
            "what the notebook did itself is not tried again: {:?}",
            left.end
        );
        left
    };
    check(
        "1 / 0",
        &|_| {},
        Outcome::Failed,
        Reason::NotebookFailed,
        "cell 0: this cell raised ZeroDivisionError",
    );
    check(
        "import time\ntime.sleep(60)",
        &|wish| wish.timeout = Some(20),
        Outcome::TimedOut,
        Reason::ValidationTimedOut,
        "timed out",
    );
    let silent = "def load(path):\n    try:\n        return open(path).read()\n    except OSError:\n        print('no file')\n\
                  data = load('not-there')\nprint(data)";
    check(silent, &|_| {}, Outcome::Failed, Reason::ChecksFailed, "None");
    check(
        silent,
        &|wish| wish.validation.level = Some(Level::Learning),
        Outcome::Passed,
        Reason::Done,
        "passed at learning",
    );
    let left = check(
        "assert alpha == 0.5, alpha",
        &|wish| {
            wish.parameters
                .insert("alpha".to_owned(), nbvet_report::Literal::Number(0.5));
        },
        Outcome::Passed,
        Reason::Done,
        "",
    );
    let report = left.validated().report;
    assert!(
        report.notebooks[0]
            .cells
            .iter()
            .all(|cell| cell.outcome == CellOutcome::Ok)
    );
    check(
        "x = 1\nassert x == 1\nx",
        &|wish| {
            let expected = serde_json::json!({"expectedOutputs": [{"cell": 0, "minValue": 5}]});
            wish.validation = serde_json::from_value::<ValidationConfig>(expected).unwrap();
        },
        Outcome::Failed,
        Reason::ChecksFailed,
        "5",
    );
}

#[test]
fn the_end_counts_cells_as_the_report_does() {
    let Some(python) = python() else { return };
    let sources = ["x = 1", "", "1 / 0", "x"];
    let pod = Pod::new(&[("a.ipynb", &cells(&sources))]);
    let left = pod.validated(pod.wish("a.ipynb"), &python);
    is(
        &left,
        Outcome::Failed,
        Reason::NotebookFailed,
        " 2 of 3 cells ran;",
    );
    let shown = nbvet_render::text(
        &left.validated().report,
        &[],
        &nbvet_render::TextOptions::default(),
    );
    assert!(shown.contains(" 2 of 3 cells ran in "), "{shown}");
}

#[test]
fn what_is_wrong_with_a_job_is_told_with_the_field_that_says_it() {
    let Some(python) = python() else { return };
    let check = |source: &str, config: serde_json::Value, reason, said: &str| {
        let pod = Pod::new(&[("a.ipynb", &cells(&[source]))]);
        let mut wish = pod.wish("a.ipynb");
        wish.validation = serde_json::from_value(config).unwrap();
        let left = pod.validated(wish, &python);
        let outcome = match reason {
            Reason::InvalidField => Outcome::Error,
            _ => Outcome::Failed,
        };
        is(&left, outcome, reason, "");
        let told = match &left.end.blob {
            Some(_) => serde_json::to_string(&left.validated()).unwrap(),
            None => left.end.message.clone(),
        };
        assert!(told.contains(said), "{told}");
    };
    check(
        "x = 1",
        serde_json::json!({"rules": {"NB999": "error"}}),
        Reason::InvalidField,
        "spec.validationConfig.rules: there is no rule `NB999`",
    );
    check(
        "x = 1",
        serde_json::json!({"expectedOutputs": [{"name": "x", "equals": 1}, {"name": "x", "equals": 2}]}),
        Reason::ChecksFailed,
        "spec.validationConfig.expectedOutputs[1]",
    );
    check(
        "import not_there_at_all",
        serde_json::json!({}),
        Reason::NotebookFailed,
        "spec.podConfig.containerImage",
    );
}

#[test]
fn of_findings_that_are_as_bad_the_first_in_the_notebook_is_told() {
    let Some(python) = python() else { return };
    let load = "def load(path):\n    try:\n        return open(path).read()\n    except OSError:\n        print('no file')";
    let [one, two] = ["one", "two"].map(|name| format!("{name} = load('not-there')\nprint({name})"));
    let pod = Pod::new(&[("a.ipynb", &cells(&[load, &one, &two]))]);
    let left = pod.validated(pod.wish("a.ipynb"), &python);
    is(&left, Outcome::Failed, Reason::ChecksFailed, "cell 1: ");
}

#[test]
fn s8_a_pod_that_is_put_out_leaves_an_end_that_may_be_tried_again() {
    let Some(python) = python() else { return };
    let source = cells(&["open('begun', 'w').close()\nimport time\ntime.sleep(600)"]);
    let pod = Pod::new(&[("a.ipynb", &source)]);
    let left = pod.validated_until(pod.wish("a.ipynb"), &python, |step| {
        pod.wait_for("work/begun");
        let killed = std::process::Command::new("kill")
            .args(["-TERM", &step.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
    });
    is(&left, Outcome::Error, Reason::Evicted, "interrupted at cell 0");
    assert!(left.end.transient);
}

#[test]
fn s6_outputs_that_differ_from_the_golden_notebook_are_a_mismatch() {
    let Some(python) = python() else { return };
    let source = cells(&["print(6 * 7)"]);
    let golden = |text: &str| {
        let mut whole: serde_json::Value = serde_json::from_str(&source).unwrap();
        whole["cells"][0]["outputs"] =
            serde_json::json!([{"output_type": "stream", "name": "stdout", "text": [text]}]);
        whole["cells"][0]["execution_count"] = serde_json::json!(1);
        whole.to_string()
    };
    for (text, outcome, reason) in [
        ("42\n", Outcome::Passed, Reason::Done),
        ("43\n", Outcome::Failed, Reason::GoldenMismatch),
    ] {
        let pod = Pod::new(&[("a.ipynb", &source)]);
        fs::create_dir(pod.path("golden")).unwrap();
        fs::write(pod.path("golden/a.ipynb"), golden(text)).unwrap();
        let wish = ValidateInput {
            golden: Some(pod.path("golden/a.ipynb").display().to_string()),
            comparison: ComparisonConfig::default(),
            ..pod.wish("a.ipynb")
        };
        let left = pod.validated(wish, &python);
        is(&left, outcome, reason, "");
        assert!(left.validated().report.notebooks[0].comparison.is_some());
    }
}

#[test]
fn s6_where_no_agent_comes_or_no_notebook_is_that_is_told_and_the_step_ends_well() {
    let pod = Pod::new(&[("a.ipynb", &cells(&["1"]))]);
    let step = |wish: ValidateInput| {
        pod.write_input(&nbvet_report::step::StepInput {
            version: 1,
            validate: Some(wish),
            ..Default::default()
        });
        pod.step("validate")
    };
    fs::write(pod.path("tree/a.ipynb"), cells(&["1"])).unwrap();
    let left = step(ValidateInput {
        patience: Some(1),
        ..pod.wish("a.ipynb")
    });
    is(&left, Outcome::Error, Reason::AgentLost, "no agent answers at");
    assert!(left.end.transient);
    is(
        &step(pod.wish("b.ipynb")),
        Outcome::Error,
        Reason::NotebookNotFound,
        "there is a.ipynb",
    );
    is(
        &step(pod.wish("../a.ipynb")),
        Outcome::Error,
        Reason::PathNotAllowed,
        "holds `..`",
    );
    let mut wish = pod.wish("a.ipynb");
    wish.validation
        .rules
        .insert("NB999".to_owned(), nbvet_report::Severity::Off);
    is(
        &step(wish),
        Outcome::Error,
        Reason::InvalidField,
        "there is no rule `NB999`",
    );
    fs::write(pod.path("input/input.json"), r#"{"version": 1, "valdate": {}}"#).unwrap();
    is(
        &pod.step("validate"),
        Outcome::Error,
        Reason::InternalError,
        "unknown field `valdate`",
    );
    fs::write(pod.path("input/input.json"), r#"{"version": 2}"#).unwrap();
    is(
        &pod.step("validate"),
        Outcome::Error,
        Reason::InternalError,
        "of version 2",
    );
}

#[test]
fn s9_what_a_repository_names_outside_of_itself_is_not_read() {
    let pod = Pod::new(&[]);
    fs::write(pod.path("secret"), "password = hunter2").unwrap();
    fs::write(pod.path("tree/a.ipynb"), cells(&["1"])).unwrap();
    let extend = format!("extend = \"{}\"\n", pod.path("secret").display());
    fs::write(pod.path("tree/nbvet.toml"), extend).unwrap();
    pod.write_input(&nbvet_report::step::StepInput {
        version: 1,
        validate: Some(pod.wish("a.ipynb")),
        ..Default::default()
    });
    let left = pod.step("validate");
    is(
        &left,
        Outcome::Error,
        Reason::InvalidField,
        "outside of the repository",
    );
    assert!(!left.end.message.contains("hunter2"), "{:?}", left.end);
}

#[test]
fn a_fetch_that_fails_stops_the_pod_and_says_why() {
    let pod = Pod::new(&[("a.ipynb", "{}")]);
    pod.write_input(&nbvet_report::step::StepInput {
        version: 1,
        source: Some(pod.source("b.ipynb", &["tree"])),
        ..Default::default()
    });
    let left = pod.step("fetch");
    assert_eq!(
        (left.end.step, left.end.reason),
        (Step::Fetch, Reason::NotebookNotFound),
        "{:?}",
        left.end
    );
    assert_eq!(left.code, Some(1), "the containers after it must not start");
}

/// Waits for the end of an agent that nobody comes to.
fn ends(agent: &mut Child) {
    let since = Instant::now();
    let status = loop {
        match agent.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if since.elapsed() > Duration::from_mins(1) => break None,
            None => thread::sleep(Duration::from_millis(50)),
        }
    };
    let _ = agent.kill();
    let _ = agent.wait();
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}

#[test]
fn an_agent_ends_with_a_host_that_refuses_the_notebook_whichever_of_them_was_first() {
    let source = notebook("cat(1)").replace("\"python\"", "\"R\"");
    for agent_is_first in [true, false] {
        let pod = Pod::new(&[("a.ipynb", &source)]);
        pod.fetched(pod.wish("a.ipynb"));
        let mut agent = agent_is_first.then(|| pod.agent("/nowhere"));
        if agent_is_first {
            pod.wait_for("agent/socket");
        }
        let left = pod.step("validate");
        is(&left, Outcome::Error, Reason::InvalidField, "written in R");
        ends(agent.get_or_insert_with(|| pod.agent("/nowhere")));
        assert!(!pod.path("agent/socket").exists());
    }
}

#[test]
fn a_notebook_without_code_is_told_as_one_and_passes_at_production_no_more() {
    let Some(python) = python() else { return };
    let source = notebook("").replace("\"code\"", "\"markdown\"");
    let ended = |level| {
        let pod = Pod::new(&[("a.ipynb", &source)]);
        let mut wish = pod.wish("a.ipynb");
        wish.validation.level = Some(level);
        pod.validated(wish, &python)
    };
    let said = "there is no code cell to run (NB928)";
    is(&ended(Level::Learning), Outcome::Passed, Reason::Done, said);
    is(&ended(Level::Development), Outcome::Passed, Reason::Done, said);
    is(
        &ended(Level::Production),
        Outcome::Failed,
        Reason::ChecksFailed,
        said,
    );
}

#[test]
fn a_limit_that_is_over_before_python_is_ready_is_a_time_out_of_the_validation() {
    let pod = Pod::new(&[("a.ipynb", &notebook("1"))]);
    let slow = pod.path("slow");
    fs::write(&slow, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    fs::set_permissions(&slow, fs::Permissions::from_mode(0o755)).unwrap();
    let wish = ValidateInput {
        timeout: Some(1),
        ..pod.wish("a.ipynb")
    };
    let left = pod.validated(wish, slow.to_str().unwrap());
    let said = "limit of 1 s was over before its Python was ready";
    is(&left, Outcome::TimedOut, Reason::ValidationTimedOut, said);
}
