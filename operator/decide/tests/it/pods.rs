//! How far a child is, by what the API server says of its Job, its pod and the events about them.

#![expect(
    clippy::needless_pass_by_value,
    reason = "objects are written where they are passed"
)]

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use nbvet_blob::write_end;
use nbvet_operator_api::Reason;
use nbvet_operator_decide::{
    observed::{BuildState, ChildState},
    read,
    strategy::{Around, StrategyName},
};
use nbvet_report::{
    Outcome,
    step::{Step, StepEnd},
};
use serde_json::{Value, from_value, json};

const BEGUN: &str = "2026-01-01T00:00:00Z";
const ENDED: &str = "2026-01-01T00:10:00Z";

fn job(status: Value) -> Job {
    from_value(json!({"metadata": {"name": "j", "uid": "j1"}, "spec": {"template": {}}, "status": status}))
        .unwrap()
}

fn pod(status: Value) -> Pod {
    let metadata = json!({"name": "p", "uid": "p1", "creationTimestamp": BEGUN});
    from_value(json!({"metadata": metadata, "status": status})).unwrap()
}

fn event(uid: &str, reason: &str, message: &str) -> Event {
    from_value(json!({
        "metadata": {"name": "e"}, "reason": reason, "message": message, "lastTimestamp": ENDED,
        "involvedObject": {"uid": uid},
    }))
    .unwrap()
}

/// A container that ended.
fn ended(name: &str, code: i32, reason: &str, message: Option<&str>) -> Value {
    json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": {
        "exitCode": code, "reason": reason, "message": message, "startedAt": BEGUN, "finishedAt": ENDED,
    }}})
}

fn waiting(name: &str, reason: &str, message: &str) -> Value {
    json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}}})
}

fn running(name: &str) -> Value {
    json!({"name": name, "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": BEGUN}}})
}

fn word(outcome: Outcome, reason: Reason) -> String {
    write_end(&StepEnd::new(Step::Validate, outcome, reason, "in words"))
}

/// A state in a few words.
fn short(state: &ChildState) -> String {
    match state {
        ChildState::Starting { held: None } => "starting".to_owned(),
        ChildState::Starting { held: Some(held) } => format!("held {}", held.reason),
        ChildState::Running { .. } => "running".to_owned(),
        ChildState::Said { end, .. } => format!("said {:?} {}", end.outcome, end.reason),
        ChildState::Broken { fault, .. } => {
            format!(
                "broken {}{}",
                fault.reason,
                if fault.transient { ", again" } else { "" }
            )
        }
    }
}

fn check(status: Value, expected: &str) {
    check_with(status, &[], expected);
}

fn check_with(status: Value, events: &[Event], expected: &str) {
    let state = read::pod::state(&job(json!({})), &[pod(status.clone())], events);
    assert_eq!(short(&state), expected, "{status}");
}

#[test]
fn a_job_that_has_ended_has_no_pod_that_runs_however_late_pods_are_seen() {
    let complete =
        json!({"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": ENDED}]});
    let running = [pod(
        json!({"phase": "Running", "containerStatuses": [running("nbvet")]}),
    )];
    let over = [pod(json!({"phase": "Succeeded"}))];
    for (status, pods, alive) in [
        (json!({}), &[][..], true),
        (json!({}), &running, true),
        (json!({}), &over, false),
        (complete.clone(), &[], false),
        (complete.clone(), &running, false),
        (complete, &over, false),
    ] {
        assert_eq!(
            read::pod::is_alive(&job(status.clone()), pods),
            alive,
            "{status} {pods:?}"
        );
    }
}

#[test]
fn the_word_of_the_trusted_container_decides_and_nothing_of_the_users() {
    let passed = word(Outcome::Passed, Reason::Done);
    let forged = word(Outcome::Failed, Reason::NotebookFailed);
    check(
        json!({"phase": "Succeeded", "containerStatuses": [
            ended("nbvet", 0, "Completed", Some(&passed)), ended("notebook", 0, "Completed", Some(&forged)),
        ]}),
        "said Passed Done",
    );
    check(
        json!({"phase": "Failed", "containerStatuses": [
            ended("nbvet", 0, "Completed", Some(&passed)), ended("notebook", 137, "Error", None),
        ]}),
        "said Passed Done",
    );
    check(
        json!({"phase": "Failed", "containerStatuses": [
            ended("nbvet", 1, "Error", None), ended("notebook", 0, "Completed", Some(&passed)),
        ]}),
        "broken ReportLost, again",
    );
}

#[test]
fn s8_the_kubelets_out_of_memory_comes_before_a_lost_agent_and_before_a_pass() {
    for said in [
        word(Outcome::Error, Reason::AgentLost),
        word(Outcome::Passed, Reason::Done),
    ] {
        check(
            json!({"phase": "Failed", "containerStatuses": [
                ended("nbvet", 2, "Error", Some(&said)), ended("notebook", 0, "OOMKilled", None),
            ]}),
            "said Failed OutOfMemory",
        );
    }
    check(
        json!({"phase": "Failed", "containerStatuses": [ended("nbvet", 1, "Error", None), ended("notebook", 137, "OOMKilled", None)]}),
        "broken OutOfMemory",
    );
    // Our own container's memory is not the notebook's fault.
    check(
        json!({"phase": "Failed", "containerStatuses": [ended("nbvet", 137, "OOMKilled", None), ended("notebook", 1, "Error", None)]}),
        "broken ReportLost, again",
    );
}

#[test]
fn an_init_container_that_failed_says_why() {
    let refused = word(Outcome::Error, Reason::AuthenticationFailed);
    check(
        json!({"phase": "Failed", "initContainerStatuses": [ended("fetch", 2, "Error", Some(&refused))],
            "containerStatuses": [waiting("nbvet", "PodInitializing", ""), waiting("notebook", "PodInitializing", "")]}),
        "said Error AuthenticationFailed",
    );
    let done = word(Outcome::Passed, Reason::Done);
    check(
        json!({"phase": "Pending", "initContainerStatuses": [ended("fetch", 0, "Completed", Some(&done)), running("install")],
            "containerStatuses": [waiting("nbvet", "PodInitializing", "")]}),
        "starting",
    );
}

#[test]
fn what_no_step_wrote_is_no_word() {
    for message in ["", "{}", "Traceback (most recent call last):", "{\"version\":99}"] {
        check(
            json!({"phase": "Succeeded", "containerStatuses": [ended("nbvet", 0, "Completed", Some(message))]}),
            "broken ReportLost, again",
        );
    }
}

#[test]
fn s8_what_nodes_and_the_cluster_do_to_pods_is_tried_again() {
    for (status, expected) in [
        (
            json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}),
            "Evicted",
        ),
        (json!({"phase": "Failed", "reason": "Preempting"}), "Evicted"),
        (
            json!({"phase": "Failed", "reason": "UnexpectedAdmissionError"}),
            "Evicted",
        ),
        (json!({"phase": "Failed", "reason": "OutOfcpu"}), "Evicted"),
        (json!({"phase": "Failed", "reason": "NodeLost"}), "NodeLost"),
        (
            json!({"phase": "Failed", "reason": "Terminated", "message": "Pod was terminated in response to imminent node shutdown."}),
            "NodeLost",
        ),
        (
            json!({"phase": "Failed", "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}]}),
            "NodeLost",
        ),
        (
            json!({"phase": "Failed", "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]}),
            "Evicted",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [ended("nbvet", 137, "ContainerStatusUnknown", None)]}),
            "NodeLost",
        ),
    ] {
        check(status, &format!("broken {expected}, again"));
    }
}

#[test]
fn s7_past_the_pods_deadline_is_the_notebooks_time_or_an_image_that_did_not_come() {
    let past = |containers: Value| json!({"phase": "Failed", "reason": "DeadlineExceeded", "containerStatuses": containers});
    check(
        past(json!([
            ended("nbvet", 137, "Error", None),
            ended("notebook", 137, "Error", None)
        ])),
        "broken ValidationTimedOut",
    );
    check(
        past(json!([
            ended("nbvet", 137, "Error", None),
            waiting("notebook", "ImagePullBackOff", "")
        ])),
        "broken ImagePullFailed, again",
    );
}

#[test]
fn s8_a_pull_that_a_registry_refuses_is_over_and_another_is_waited_for() {
    let pull = |reason: &str, message: &str| json!({"phase": "Pending", "containerStatuses": [waiting("notebook", reason, message)]});
    for message in [
        "rpc error: code = NotFound desc = failed to pull: registry.example/a@sha256:00: not found",
        "failed to authorize: 401 Unauthorized",
        "pull access denied, repository does not exist or may require authorization",
        "no match for platform in manifest",
    ] {
        check(pull("ErrImagePull", message), "broken ImagePullFailed");
    }
    check(
        pull("InvalidImageName", "could not parse"),
        "broken ImagePullFailed",
    );
    for message in [
        "Back-off pulling image \"registry.example/a\"",
        "unexpected status code 503 Service Unavailable",
        "dial tcp: i/o timeout",
    ] {
        check(pull("ImagePullBackOff", message), "held ImagePullFailed");
    }
}

#[test]
fn what_a_pod_waits_for_is_said() {
    check(
        json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]}),
        "held Unschedulable",
    );
    check(
        json!({"phase": "Pending", "containerStatuses": [waiting("notebook", "CreateContainerConfigError", "secret \"s3\" not found")]}),
        "held InvalidField",
    );
    let plain = json!({"phase": "Pending", "containerStatuses": [waiting("nbvet", "ContainerCreating", "")]});
    check(plain.clone(), "starting");
    check_with(
        plain.clone(),
        &[event("p1", "FailedMount", "secret \"git\" not found")],
        "held InvalidField",
    );
    check_with(
        plain.clone(),
        &[event("p1", "FailedCreatePodSandBox", "no network")],
        "held NodeLost",
    );
    // What was mounted late holds nothing back when an image is slow to come.
    let mut mounted = plain.clone();
    mounted["conditions"] = json!([{"type": "PodReadyToStartContainers", "status": "True"}]);
    check_with(
        mounted,
        &[event("p1", "FailedMount", "configmap \"input\" not found")],
        "starting",
    );
    check_with(
        plain,
        &[event("another", "FailedMount", "not this pod's")],
        "starting",
    );
    check(
        json!({"phase": "Running", "containerStatuses": [running("nbvet"), running("notebook")]}),
        "running",
    );
}

#[test]
fn a_job_whose_pod_is_refused_or_gone_says_so() {
    let without_pod = |status: Value, events: &[Event]| short(&read::pod::state(&job(status), &[], events));
    assert_eq!(without_pod(json!({}), &[]), "starting");
    for (message, expected) in [
        (
            "pods \"j-x\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
            "broken AdmissionRefused",
        ),
        (
            "admission webhook \"policy.example\" denied the request: no",
            "broken AdmissionRefused",
        ),
        (
            "pods \"j-x\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=5",
            "held Waiting",
        ),
        (
            "Internal error occurred: failed calling webhook \"w\": connection refused",
            "held Waiting",
        ),
    ] {
        assert_eq!(
            without_pod(json!({}), &[event("j1", "FailedCreate", message)]),
            expected,
            "{message}"
        );
    }
    let failed = json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "lastTransitionTime": ENDED}]});
    assert_eq!(without_pod(failed, &[]), "broken ReportLost, again");
    let mut queued = job(json!({}));
    queued.spec.as_mut().unwrap().suspend = Some(true);
    assert_eq!(short(&read::pod::state(&queued, &[], &[])), "held Waiting");
}

/// A build's state in a few words.
fn build(object: &Value, pods: &[Pod]) -> String {
    let around = Around {
        pods,
        ..Around::default()
    };
    match StrategyName::Job.strategy().read(object, &around) {
        BuildState::Starting { held } => format!(
            "starting{}",
            held.map_or(String::new(), |held| format!(" {}", held.reason))
        ),
        BuildState::Running { .. } => "running".to_owned(),
        BuildState::Complete { image, size, .. } => {
            format!("complete {} {size:?}", image.unwrap_or_default())
        }
        BuildState::Failed { fault, .. } => {
            format!(
                "failed {}{}",
                fault.reason,
                if fault.transient { ", again" } else { "" }
            )
        }
    }
}

#[test]
fn a_build_in_a_job_is_read_by_its_trusted_container() {
    let object = |status: Value| json!({"metadata": {"name": "j", "uid": "j1"}, "spec": {"template": {}}, "status": status});
    let image = format!("registry.example/team/nbvet@sha256:{}", "a".repeat(64));
    let mut made = StepEnd::new(Step::Build, Outcome::Passed, Reason::Done, "built").with_image(&image);
    made.image_size = Some(4711);
    let made = write_end(&made);
    let of = |status: Value| build(&object(json!({})), &[pod(status)]);
    assert_eq!(
        of(json!({"phase": "Succeeded", "containerStatuses": [ended("nbvet", 0, "Completed", Some(&made))]})),
        format!("complete {image} Some(4711)")
    );
    let denied = write_end(&StepEnd::new(
        Step::Build,
        Outcome::Error,
        Reason::PushDenied,
        "denied",
    ));
    assert_eq!(
        of(json!({"phase": "Failed", "containerStatuses": [ended("nbvet", 2, "Error", Some(&denied))]})),
        "failed PushDenied"
    );
    assert_eq!(
        of(json!({"phase": "Failed", "reason": "DeadlineExceeded", "containerStatuses": []})),
        "failed BuildTimedOut"
    );
    assert_eq!(
        of(json!({"phase": "Failed", "reason": "Evicted"})),
        "failed Evicted, again"
    );
    let complete =
        json!({"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": ENDED}]});
    assert_eq!(build(&object(complete), &[]), "complete  None");
}
