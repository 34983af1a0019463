//! Jobs as a cluster holds them: in every phase and at every end, with statuses as controllers write them.

use k8s_openapi::api::core::v1::ConfigMap;
use nbvet_blob::{encode, write_end};
use nbvet_report::{
    Outcome, Reason, Report,
    step::{STEP_VERSION, Step, StepBlob, StepBody, StepEnd, Validated},
};
use serde_json::{Value, json};

/// A job, its status, and what belongs to it.
pub(crate) struct Job {
    pub(crate) name: &'static str,
    spec: Value,
    pub(crate) status: Value,
    /// The `ConfigMap`, and what the status says of it.
    pub(crate) report: Option<(ConfigMap, Value)>,
    pub(crate) pod: Option<Value>,
}

const RUN: &str = "0123456789abcdef";
const IMAGE: &str =
    "registry.test/team/nbvet@sha256:1111111111111111111111111111111111111111111111111111111111111111";

impl Job {
    fn new(name: &'static str, status: Value) -> Self {
        Self {
            name,
            spec: json!({
                "notebook": {
                    "git": {"url": "https://reader:secret@git.test/team/notebooks", "ref": "main"},
                    "path": "reports/sales.ipynb",
                },
                "podConfig": {"containerImage": "python:3.12-slim"},
            }),
            status,
            report: None,
            pod: None,
        }
    }

    fn with_build(mut self) -> Self {
        self.spec["podConfig"]["buildConfig"] = json!({"enabled": true, "publishToRegistry": true});
        self
    }

    pub(crate) fn object(&self) -> Value {
        json!({
            "apiVersion": "mlops.mlops.dev/v1alpha1",
            "kind": "NotebookValidationJob",
            "metadata": {"name": self.name},
            "spec": self.spec,
        })
    }
}

/// `Type Status Reason Message…`, a line each.
fn conditions(lines: &[&str]) -> Value {
    let condition = |line: &&str| {
        let mut words = line.splitn(4, ' ');
        let mut next = || words.next().unwrap_or_default();
        json!({
            "type": next(), "status": next(), "reason": next(), "message": next(),
            "lastTransitionTime": "2026-03-01T08:00:00Z",
        })
    };
    lines.iter().map(condition).collect()
}

/// What every status of a run has.
fn status(phase: &str, message: &str, step: &Value, conditions_of: &[&str]) -> Value {
    json!({
        "phase": phase,
        "message": message,
        "startTime": "2026-03-01T08:00:00Z",
        "run": {"id": RUN, "number": 1, "wish": "sha256:00"},
        "step": step,
        "source": {"commit": "c".repeat(40), "path": "reports/sales.ipynb"},
        "conditions": conditions(conditions_of),
    })
}

fn ended(mut status: Value, verdict: Value) -> Value {
    status["completionTime"] = json!("2026-03-01T08:05:30Z");
    status["verdict"] = verdict;
    status
}

fn verdict(outcome: &str, level: &str, errors: u32) -> Value {
    let failed = u32::from(errors > 0);
    json!({
        "outcome": outcome, "level": level, "errors": errors, "warnings": 1, "notes": 0,
        "cells": {"total": 5, "ok": 5 - failed, "failed": failed, "skipped": 0, "notRun": 0},
    })
}

fn unjudged(outcome: &str) -> Value {
    json!({"outcome": outcome, "level": "development", "errors": 0, "warnings": 0, "notes": 0})
}

/// The report of a notebook with one finding in cell 3.
fn report(name: &str, outcome: Outcome, level: &str) -> (ConfigMap, Value) {
    let (word, code) = match outcome {
        Outcome::Passed => ("Passed", "passed"),
        _ => ("Failed", "failed"),
    };
    let severity = if level == "learning" { "note" } else { "error" };
    let location = json!({
        "cell": 3, "line": 1, "column": 1, "endLine": 1, "endColumn": 5, "fileLine": 45, "fileEndLine": 45,
    });
    let found = json!({
        "rule": {"id": "NB211", "name": "none-result"}, "severity": severity,
        "message": "both items of `days` are None: `load_readings` returned nothing for them",
        "help": "let `load_readings` raise instead of going on", "location": location,
    });
    let notebook = json!({
        "path": "reports/sales.ipynb",
        "verdict": {
            "outcome": word, "exitCode": code, "level": level, "errors": u32::from(severity == "error"), "warnings": 0,
            "notes": u32::from(severity == "note"), "suppressed": 0,
            "cells": {"total": 5, "ok": 5, "failed": 0, "skipped": 0, "notRun": 0},
        },
        "diagnostics": [found],
        "end": {"kind": "completed"},
    });
    let report = Report::new(
        serde_json::from_value(json!({"name": "nbvet", "version": "0.1.0"})).unwrap(),
        serde_json::from_value(json!(level)).unwrap(),
        vec![serde_json::from_value(notebook).unwrap()],
    );
    let body = StepBody::Validated(Box::new(Validated {
        report,
        left_out: Vec::new(),
    }));
    let encoded = encode(&StepBlob {
        version: STEP_VERSION,
        body,
    });
    let encoded = encoded.unwrap();
    let mut end = StepEnd::new(Step::Validate, outcome, Reason::Done, "judged");
    end.blob = Some(encoded.blob.clone());
    let map = format!("{name}-validate-0123-end");
    let place = json!({"configMap": map, "digest": format!("sha256:{}", encoded.blob.sha256), "size": encoded.blob.bytes});
    let object = json!({
        "metadata": {"name": map},
        "data": {"end.json": write_end(&end), "result": encoded.text},
    });
    (serde_json::from_value(object).unwrap(), place)
}

/// A pod of a validation that runs.
fn validating(name: &str) -> Value {
    let running = json!({"running": {"startedAt": "2026-03-01T08:02:00Z"}});
    let done = json!({"terminated": {"exitCode": 0}});
    let one = |name: &str, state: &Value| json!({"name": name, "state": state, "ready": true, "restartCount": 0, "image": "x", "imageID": ""});
    json!({
        "name": name,
        "first": ["fetch", "install"],
        "containers": ["nbvet", "notebook"],
        "status": {
            "phase": "Running",
            "initContainerStatuses": [one("fetch", &done), one("install", &done)],
            "containerStatuses": [one("nbvet", &running), one("notebook", &running)],
        },
        "log": "a line\nnbvet-blob/1 0123456789abcdef 1/1 AAAA\nthe last line",
    })
}

/// A pod of one trusted container that has ended.
fn prepared(name: &str, end: &StepEnd) -> Value {
    json!({
        "name": name,
        "containers": ["nbvet"],
        "status": {"phase": "Succeeded", "containerStatuses": [{
            "name": "nbvet", "ready": false, "restartCount": 0, "image": "x", "imageID": "",
            "state": {"terminated": {"exitCode": 0, "message": write_end(end)}},
        }]},
        "log": "fetched\n",
    })
}

fn step(name: &str, more: Value) -> Value {
    let mut step = json!({"name": name, "attempt": 1, "since": "2026-03-01T08:02:00Z"});
    if let Value::Object(more) = more {
        step.as_object_mut().unwrap().extend(more);
    }
    step
}

/// All of them.
pub(crate) fn all() -> Vec<Job> {
    [going(), well(), badly(), others()]
        .into_iter()
        .flatten()
        .collect()
}

/// Under way.
fn going() -> Vec<Job> {
    let fetching = [
        "Ready Unknown InProgress prepare runs",
        "SourceReady Unknown InProgress the source is fetched",
    ];
    let mut initializing = Job::new(
        "initializing",
        status(
            "Initializing",
            "prepare runs",
            &step("prepare", json!({})),
            &fetching,
        ),
    );
    initializing.pod = Some(json!({
        "name": "initializing-prepare-0",
        "containers": ["nbvet"],
        "status": {"phase": "Pending", "containerStatuses": [{
            "name": "nbvet", "ready": false, "restartCount": 0, "image": "x", "imageID": "",
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"nbvet\""}},
        }]},
    }));
    let waiting = json!({"limit": "45m", "waitingFor": "0/3 nodes are available: 3 Insufficient memory."});
    let mut of_build = status(
        "Building",
        "the build does not start: Unschedulable",
        &step("build", waiting),
        &[
            "Ready Unknown InProgress the build does not start",
            "ImageBuilt Unknown InProgress the build does not start",
        ],
    );
    of_build["buildStatus"] = json!({
        "phase": "Pending", "strategy": "job", "buildName": "nbvet-build-0123", "identity": "1".repeat(64),
        "requirements": {"source": "requirements.txt", "lookedAt": [], "pinned": 12, "unpinned": 0},
    });
    let building = Job::new("building", of_build).with_build();
    let runs = [
        "Ready Unknown InProgress validate runs",
        "Validated Unknown InProgress the notebook runs and is judged",
    ];
    let mut of_run = status(
        "ValidationRunning",
        "validate runs",
        &step("validate", json!({"limit": "30m", "attempt": 2})),
        &runs,
    );
    of_run["validationRetryCount"] = json!(1);
    of_run["retryCount"] = json!(1);
    of_run["lastRetryTime"] = json!("2026-03-01T08:01:50Z");
    of_run["validationPodName"] = json!("running-validate-0");
    let mut running = Job::new("validating", of_run);
    running.pod = Some(validating("validating-validate-0"));
    let mut of_publish = status(
        "ValidationRunning",
        "publish runs",
        &step("publish", json!({})),
        &[
            "Ready Unknown InProgress publish runs",
            "Validated True Done the notebook works",
            "Published Unknown InProgress publishing as registry.test/team/sales:cccccccccccc",
        ],
    );
    of_publish["verdict"] = verdict("Passed", "staging", 0);
    of_publish["buildStatus"] = json!({"phase": "Complete", "imageReference": IMAGE, "cacheHit": true});
    let publishing = Job::new("publishing", of_publish).with_build();
    let mut suspended = Job::new(
        "suspended",
        status(
            "Initializing",
            "suspended",
            &step("validate", json!({"limit": "30m"})),
            &[
                "Ready Unknown Suspended suspended",
                "Reconciling False Suspended suspended",
            ],
        ),
    );
    suspended.spec["suspend"] = json!(true);
    vec![
        Job::new("fresh", Value::Null),
        initializing,
        building,
        running,
        publishing,
        suspended,
    ]
}

/// Ended well.
fn well() -> Vec<Job> {
    let took = json!({"elapsed": "1m12s"});
    let mut of = status(
        "Succeeded",
        "the notebook works",
        &step("publish", took),
        &[
            "Ready True Done the notebook works",
            "Finished True Done the notebook works",
            "Validated True Done the notebook works",
            "Published True Done published",
        ],
    );
    of["buildStatus"] = json!({
        "phase": "Complete", "strategy": "job", "buildName": "nbvet-build-0123", "imageReference": IMAGE, "cacheHit": false,
        "duration": "2m3s", "imageSizeBytes": 48_000_000,
    });
    of["published"] = json!({
        "imageReference": format!("registry.test/team/sales@sha256:{}", "1".repeat(64)), "tag": "cccccccccccc",
        "previousDigest": format!("sha256:{}", "2".repeat(64)), "at": "2026-03-01T08:05:30Z",
    });
    let mut succeeded = Job::new("succeeded", ended(of, verdict("Passed", "staging", 0))).with_build();
    succeeded.report = Some(report("succeeded", Outcome::Passed, "learning"));
    let mut of = status(
        "Succeeded",
        "the notebook works",
        &step("validate", json!({"elapsed": "12s", "limit": "30m"})),
        &[
            "Ready True Done the notebook works",
            "FieldsSupported False FieldNotSupported spec.modelValidation: this version does not ask served models",
            "Validated True Done the notebook works",
            "Published False LevelTooLow nothing is published at level learning, where a pass promises too little",
        ],
    );
    of["educationalFeedback"] = json!([{
        "rule": "NB211", "severity": "note", "cell": 3, "issue": "`days` holds None", "suggestion": "raise instead",
    }]);
    let mut learning = Job::new("learning", ended(of, verdict("Passed", "learning", 0))).with_build();
    learning.report = Some(report("learning", Outcome::Passed, "learning"));
    vec![succeeded, learning]
}

/// Ended badly.
fn badly() -> Vec<Job> {
    let took = |name: &str| step(name, json!({"elapsed": "12s", "limit": "30m"}));
    let mut of = status(
        "Failed",
        "cell 3: both items of `days` are None (NB211)",
        &took("validate"),
        &[
            "Ready False ChecksFailed cell 3: both items of `days` are None (NB211)",
            "Stalled True ChecksFailed cell 3: both items of `days` are None (NB211)",
            "Validated False ChecksFailed cell 3: both items of `days` are None (NB211)",
            "ValidationComplete False ChecksFailed cell 3: both items of `days` are None (NB211)",
            "Published False NotRequired nothing is to be published",
        ],
    );
    of["validationChecks"] = json!([
        {"type": "Lint", "status": "Passed"},
        {"type": "SilentFailure", "status": "Failed", "message": "1 found, 1 failing, 0 notes: NB211, cell 3: both items of `days` are None"},
    ]);
    of["results"] = json!([
        {"cellIndex": 4, "status": "Failure", "executionTime": "0.25s", "errorMessage": "ValueError: mean of nothing", "output": "Traceback"},
        {"cellIndex": 3, "status": "Success", "executionTime": "0.01s"},
    ]);
    of["educationalFeedback"] = json!([
        {"rule": "NB211", "severity": "error", "cell": 3, "issue": "both items of `days` are None: `load_readings` returned nothing for them",
         "suggestion": "let `load_readings` raise instead of going on, or check right here: `assert None not in days`"},
        {"rule": "NB204", "severity": "warning", "issue": "warnings are switched off wholesale"},
        {"rule": "NB105", "severity": "note", "cell": 1, "issue": "never shown"},
    ]);
    let mut checks = Job::new("checks-failed", ended(of, verdict("Failed", "staging", 1)));
    checks.report = Some(report("checks-failed", Outcome::Failed, "staging"));
    let of = status(
        "Failed",
        "requirements.txt:3: `pandas` names no exact version",
        &took("prepare"),
        &[
            "Stalled True UnpinnedDependencies requirements.txt:3: `pandas` names no exact version",
            "SourceReady True Done reports/sales.ipynb",
            "PolicyPassed False UnpinnedDependencies requirements.txt:3: `pandas` names no exact version",
            "Validated Unknown UnpinnedDependencies the run ended before it",
        ],
    );
    let mut policy = Job::new("policy-refused", ended(of, unjudged("Failed"))).with_build();
    let mut end = StepEnd::new(
        Step::Prepare,
        Outcome::Failed,
        Reason::UnpinnedDependencies,
        "requirements.txt:3",
    );
    end.transient = false;
    policy.pod = Some(prepared("policy-refused-prepare-0", &end));
    let of = status(
        "Failed",
        "cancelled by the annotation `nbvet.mlops.dev/cancel`",
        &took("validate"),
        &[
            "Stalled True Cancelled cancelled by the annotation `nbvet.mlops.dev/cancel`",
            "Validated Unknown Cancelled the run ended before it",
        ],
    );
    let cancelled = Job::new("cancelled", ended(of, unjudged("Error")));
    vec![checks, policy, cancelled]
}

/// Of other controllers.
fn others() -> Vec<Job> {
    let pending = Job::new("pending", json!({"phase": "Pending", "message": "Waiting"}));
    let failed = Job::new(
        "foreign",
        json!({
            "phase": "Failed",
            "message": "Error: ModuleNotFoundError: No module named 'pandas'",
            "startTime": "2026-03-01T08:00:00Z",
            "completionTime": "2026-03-01T08:04:30Z",
            "retryCount": 3,
            "validationPodName": "foreign-validation",
            "conditions": conditions(&["ValidationComplete False PodFailed Error"]),
            "results": [{"cellIndex": 0, "status": "Failure", "errorMessage": "ModuleNotFoundError", "output": "Traceback"}],
            "comparisonResult": {
                "strategy": "fuzzy", "result": "failed", "totalCells": 4, "matchedCells": 3, "mismatchedCells": 1,
                "diffs": [{"cellIndex": 2, "cellType": "code", "diffType": "output_mismatch", "expected": "1.0", "actual": "2.0"}],
            },
        }),
    );
    vec![pending, failed]
}
