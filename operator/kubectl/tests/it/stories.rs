//! Jobs that the operator brings as far as they come: what they ask for, what becomes of their pods, and the status by
//! which a job is seen to be there.

use std::{collections::HashSet, sync::Mutex, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use nbvet_blob::write_end;
use nbvet_operator_api::{NotebookValidationJobStatus, Phase, condition};
use nbvet_operator_testkit::{End, Exit, Fate};
use nbvet_report::{
    NotebookReport, Outcome, Reason, Report,
    step::{Prepared, Published, Step, StepBody, StepEnd},
};
use serde_json::{Value, json};

use crate::{
    ground::{NARROW, TEAM},
    hostile,
    town::{self, Told, image},
};

/// A job, and when it is where its story wants it.
pub(crate) struct Story {
    pub(crate) name: &'static str,
    pub(crate) namespace: &'static str,
    pub(crate) pod_config: Value,
    /// Fields of the spec besides.
    pub(crate) spec: Value,
    pub(crate) is_there: fn(&NotebookValidationJobStatus) -> bool,
}

type Is = fn(&NotebookValidationJobStatus) -> bool;

fn ended(status: &NotebookValidationJobStatus) -> bool {
    status.phase.is_some_and(Phase::is_terminal)
}

pub(crate) fn says(status: &NotebookValidationJobStatus, words: &str) -> bool {
    status
        .message
        .as_deref()
        .is_some_and(|message| message.contains(words))
}

fn plain(name: &'static str, is_there: Is) -> Story {
    Story {
        name,
        namespace: TEAM,
        pod_config: json!({"containerImage": "python:3.12-slim"}),
        spec: json!({}),
        is_there,
    }
}

/// One whose image is built, and published where the level lets it.
fn built(name: &'static str, is_there: Is) -> Story {
    Story {
        pod_config: json!({
            "containerImage": "python:3.12-slim",
            "buildConfig": {"enabled": true, "publishToRegistry": true, "imageName": "sales", "registryNamespace": "team"},
        }),
        ..plain(name, is_there)
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Story> {
    [well(), badly(), under_way()].into_iter().flatten().collect()
}

fn under_way() -> Vec<Story> {
    let held: Is = |status| {
        status
            .step
            .as_ref()
            .is_some_and(|step| step.waiting_for.is_some())
    };
    let second: Is = |status| {
        says(status, "validate runs") && status.step.as_ref().and_then(|step| step.attempt) == Some(2)
    };
    vec![
        built("building", held),
        // Its build is that of the job before it.
        built("joining", held),
        built("compiling", |status| says(status, "the image is being built")),
        plain("validating", second),
        plain("suspended", |status| says(status, "validate runs")),
        plain("queued", |status| says(status, "validate runs")),
        plain("cancelled", |status| says(status, "prepare runs")),
        built("publishing", |status| says(status, "publish runs")),
        // The only validation that may run in its namespace, and one that waits for its place.
        Story {
            namespace: NARROW,
            ..plain("first", |status| says(status, "validate runs"))
        },
        Story {
            namespace: NARROW,
            ..built("complete", held)
        },
        // The last: where an image does not come for minutes, it is tried again.
        plain("initializing", held),
    ]
}

fn well() -> Vec<Story> {
    let learning = json!({
        "validationConfig": {"level": "learning"},
        "modelValidation": {"enabled": true, "platform": "kserve", "targetModels": ["sales"]},
    });
    vec![
        built("succeeded", ended),
        Story {
            spec: learning,
            ..built("learning", ended)
        },
    ]
}

fn badly() -> Vec<Story> {
    let git = json!({"url": "https://reader:secret@git.test/team/notebooks", "ref": "main"});
    vec![
        plain("checks-failed", ended),
        // Its report is changed by somebody afterwards.
        plain("changed", ended),
        plain("raises", ended),
        plain("differs", ended),
        plain("timed-out", ended),
        plain("out-of-memory", ended),
        built("policy-refused", ended),
        built("build-failed", ended),
        Story {
            spec: json!({"notebook": {"git": git, "path": "a.ipynb"}}),
            ..plain("password", ended)
        },
    ]
}

/// What becomes of pods.
#[derive(Default)]
pub(crate) struct Pods {
    /// Jobs whose first validation was put out.
    put_out: Mutex<HashSet<String>>,
}

/// The identity of what is built for a job, as its one digit.
fn identity(job: &str) -> Option<char> {
    let of = [
        ("building", '1'),
        ("joining", '1'),
        ("compiling", '2'),
        ("complete", '3'),
        ("succeeded", '4'),
        ("build-failed", '5'),
        ("publishing", '6'),
        ("learning", '7'),
    ];
    of.iter().find(|(name, _)| *name == job).map(|(_, digit)| *digit)
}

/// The job of a step's pod.
fn job_of(pod: &str, step: Step) -> &str {
    pod.split(&format!("-{step}-")).next().unwrap_or_default()
}

impl Pods {
    /// What becomes of a pod; of those that nobody knows, that they run.
    pub(crate) fn fate(&self, pod: &Pod, told: &mut Told) -> Fate {
        let name = pod.name_any();
        let step = town::step(&name);
        match step {
            Step::Build => of_build(pod),
            Step::Prepare => of_prepare(&name, told),
            Step::Publish => of_publish(&name, told),
            _ => self.of_validate(&name, told),
        }
    }

    fn of_validate(&self, pod: &str, told: &mut Told) -> Fate {
        let job = job_of(pod, Step::Validate);
        if job == "validating" && self.put_out.lock().unwrap().insert(job.to_owned()) {
            return Fate::ends(End::Evicted("The node was low on resource: memory.".to_owned()));
        }
        let (outcome, reason, message, report) = match job {
            "succeeded" | "publishing" | "complete" | "changed" => {
                (Outcome::Passed, Reason::Done, "the notebook works", Some(works()))
            }
            "learning" => (
                Outcome::Passed,
                Reason::Done,
                "the notebook works",
                Some(finds("learning", "note")),
            ),
            "checks-failed" => (
                Outcome::Failed,
                Reason::ChecksFailed,
                "cell 3: both items of `days` are None (NB211)",
                Some(finds("development", "error")),
            ),
            "raises" => (
                Outcome::Failed,
                Reason::NotebookFailed,
                "cell 4: ValueError: mean of nothing",
                Some(raises()),
            ),
            "differs" => (
                Outcome::Failed,
                Reason::GoldenMismatch,
                "1 of 2 cells differs from the golden notebook",
                Some(differs()),
            ),
            "timed-out" => (
                Outcome::TimedOut,
                Reason::ValidationTimedOut,
                "the notebook did not end in time: cell 2 ran",
                None,
            ),
            "out-of-memory" => {
                let killed = Exit {
                    code: 137,
                    out_of_memory: true,
                    ..Exit::default()
                };
                return Fate::succeeds().with("notebook", killed);
            }
            "hostile" => {
                told.log(pod, &hostile::log());
                return Fate::ends(End::Never);
            }
            _ => {
                told.log(
                    pod,
                    "a line\nnbvet-blob/1 0123456789abcdef 1/1 AAAA\nthe last line",
                );
                return Fate::ends(End::Never);
            }
        };
        let mut end = StepEnd::new(Step::Validate, outcome, reason, message);
        if let Some(report) = report {
            let mut validated = town::validated();
            let tool = validated.report.tool.clone();
            validated.report = Report::new(tool, report.verdict.level, vec![report]);
            end.blob = Some(told.result(pod, StepBody::Validated(Box::new(validated))));
        }
        ends(&end)
    }
}

/// The trusted container ends with its word.
fn ends(end: &StepEnd) -> Fate {
    let code = i32::from(end.outcome != Outcome::Passed);
    Fate::exits("nbvet", code, &write_end(end))
}

fn of_build(pod: &Pod) -> Fate {
    let digit = pod.labels()["nbvet.mlops.dev/identity"].chars().next().unwrap();
    let mut end = StepEnd::new(Step::Build, Outcome::Passed, Reason::Done, "the image is pushed");
    match digit {
        '1' => return Fate::ends(End::Unschedulable),
        '2' => return Fate::ends(End::Never),
        '5' => {
            let message = "`pip install torch` ended with status 1: No space left on device";
            end = StepEnd::new(Step::Build, Outcome::Error, Reason::BuildFailed, message);
        }
        _ => end.image = Some(image(digit)),
    }
    ends(&end).after(Duration::from_secs(1))
}

fn of_prepare(pod: &str, told: &mut Told) -> Fate {
    let job = job_of(pod, Step::Prepare);
    match job {
        "initializing" => return Fate::ends(End::ImagePullBackOff),
        "cancelled" => return Fate::ends(End::Never),
        "policy-refused" => {
            let message = "requirements.txt:3: `pandas` names no exact version";
            let reason = Reason::UnpinnedDependencies;
            return ends(&StepEnd::new(Step::Prepare, Outcome::Failed, reason, message));
        }
        _ => {}
    }
    let mut end = StepEnd::new(
        Step::Prepare,
        Outcome::Passed,
        Reason::Done,
        "the source is fetched",
    );
    let prepared = prepared(job);
    end.blob = Some(told.result(pod, StepBody::Prepared(Box::new(prepared))));
    ends(&end)
}

fn prepared(job: &str) -> Prepared {
    let digit = identity(job);
    let mut prepared = town::prepared(digit.is_some());
    prepared.identity = digit.map(|digit| digit.to_string().repeat(64));
    let found = json!({
        "source": {"kind": "requirements", "file": "requirements.txt", "why": "it is there"},
        "lookedAt": [{"file": "requirements.txt", "taken": true, "why": "it is there"}], "pinned": 12, "unpinned": 0,
    });
    prepared.requirements = digit.map(|_| serde_json::from_value(found).unwrap());
    if let ("publishing" | "learning", Some(digit)) = (job, digit) {
        prepared.image = Some(image(digit));
    }
    prepared
}

fn of_publish(pod: &str, told: &mut Told) -> Fate {
    if job_of(pod, Step::Publish) == "publishing" {
        return Fate::ends(End::Never);
    }
    let mut end = StepEnd::new(Step::Publish, Outcome::Passed, Reason::Done, "the image is named");
    let published = Published {
        reference: "registry.test/team/sales:cccccccccccc".to_owned(),
        tag: "cccccccccccc".to_owned(),
        digest: format!("sha256:{}", "4".repeat(64)),
        previous_digest: Some(format!("sha256:{}", "9".repeat(64))),
    };
    end.blob = Some(told.result(pod, StepBody::Published(published)));
    ends(&end)
}

/// The report of a notebook of two cells, with more in it.
fn report(outcome: &str, level: &str, more: &Value) -> NotebookReport {
    let mut report = json!({
        "path": "a.ipynb",
        "verdict": {
            "outcome": outcome, "exitCode": outcome.to_lowercase(), "level": level, "errors": 0, "warnings": 0, "notes": 0,
            "suppressed": 0, "cells": {"total": 2, "ok": 2, "failed": 0, "skipped": 0, "notRun": 0},
        },
        "cells": [
            {"cell": 3, "outcome": "ok", "seconds": 0.01},
            {"cell": 4, "outcome": "ok", "seconds": 0.25, "lastOutput": "nan\n"},
        ],
        "diagnostics": [], "end": {"kind": "completed"},
    });
    for (field, value) in more.as_object().unwrap() {
        report[field] = value.clone();
    }
    serde_json::from_value(report).unwrap()
}

fn works() -> NotebookReport {
    report("Passed", "development", &json!({}))
}

/// One finding in cell 3.
fn finds(level: &str, severity: &str) -> NotebookReport {
    let outcome = if severity == "error" { "Failed" } else { "Passed" };
    let location = json!({
        "cell": 3, "line": 1, "column": 1, "endLine": 1, "endColumn": 5, "fileLine": 45, "fileEndLine": 45,
    });
    let found = json!({
        "rule": {"id": "NB211", "name": "none-result"}, "severity": severity,
        "message": "both items of `days` are None: `load_readings` returned nothing for them",
        "help": "let `load_readings` raise instead of going on", "location": location,
    });
    let mut report = report(outcome, level, &json!({"diagnostics": [found]}));
    report.verdict.errors = u32::from(severity == "error");
    report.verdict.notes = u32::from(severity == "note");
    report
}

/// Cell 4 raises.
fn raises() -> NotebookReport {
    let error = json!({"name": "ValueError", "value": "mean of nothing", "traceback": []});
    let cells = json!([
        {"cell": 3, "outcome": "ok", "seconds": 0.01},
        {"cell": 4, "outcome": "error", "seconds": 0.25, "error": error},
    ]);
    let mut report = report("Failed", "development", &json!({"cells": cells}));
    report.verdict.errors = 1;
    if let Some(cells) = &mut report.verdict.cells {
        (cells.ok, cells.failed) = (1, 1);
    }
    report
}

/// Cell 4 puts out something else than the golden notebook's.
fn differs() -> NotebookReport {
    let comparison = json!({
        "golden": "golden.ipynb", "strategy": "exact", "result": "failed", "totalCells": 2, "matchedCells": 1,
        "mismatchedCells": 1, "skippedCells": 0,
        "diffs": [{
            "cellIndex": 4, "cellType": "code", "diffType": "content", "output": "stdout", "expected": "1.5",
            "actual": "nan", "diff": "-1.5\n+nan\n",
        }],
    });
    let mut report = report("Failed", "development", &json!({"comparison": comparison}));
    report.verdict.errors = 1;
    report
}

/// Whether a run is suspended.
pub(crate) fn is_suspended(status: &NotebookValidationJobStatus) -> bool {
    let ready = condition(&status.conditions, nbvet_operator_api::ConditionType::Ready);
    // Its pod is gone, too.
    let stands = status.step.as_ref().is_none_or(|step| step.since.is_none());
    stands && ready.is_some_and(|ready| ready.reason == Reason::Suspended.as_str())
}
