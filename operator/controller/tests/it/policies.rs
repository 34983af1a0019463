//! What users and administrators say of running jobs: cancel, suspend, run again, keep for a time, so many at once, in
//! these namespaces, by a queue.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use nbvet_operator_api::{NotebookValidationJob, Phase};
use nbvet_operator_testkit::{Fault, Proxy, create, wait_for, wait_until_gone};
use serde_json::{Value, json};

use crate::{
    ground::{Ground, LIMIT, USER},
    program::Program,
};

/// The label by which Kueue knows whose turn it is.
const QUEUE: &str = "kueue.x-k8s.io/queue-name";

fn plain() -> Value {
    json!({"containerImage": "python:3.12-slim"})
}

fn phase(job: &NotebookValidationJob) -> Option<Phase> {
    job.status.as_ref().and_then(|status| status.phase)
}

/// `status reason` of a condition.
fn condition(job: &NotebookValidationJob, kind: &str) -> String {
    let conditions = job.status.iter().flat_map(|status| &status.conditions);
    let mut found = conditions.into_iter().filter(|one| one.type_ == kind);
    found
        .next()
        .map_or_else(String::new, |one| format!("{} {}", one.status, one.reason))
}

/// The number of a job's run.
fn run(job: &NotebookValidationJob) -> i64 {
    let run = job.status.as_ref().and_then(|status| status.run.as_ref());
    run.map_or(0, |run| run.number)
}

async fn patch(ground: &Ground, name: &str, patch: &Value) {
    let how = PatchParams::default();
    let jobs = ground.jobs("team");
    jobs.patch(name, &how, &Patch::Merge(patch)).await.unwrap();
}

async fn annotate(ground: &Ground, name: &str, annotation: &str, value: &str) {
    let annotations = json!({annotation: value});
    patch(ground, name, &json!({"metadata": {"annotations": annotations}})).await;
}

/// Waits until a job is as told.
async fn until(
    ground: &Ground,
    name: &str,
    is: impl Fn(&NotebookValidationJob) -> bool + Send + Sync,
) -> NotebookValidationJob {
    wait_for(&ground.jobs("team"), name, LIMIT, is).await.unwrap()
}

/// Waits until a job's notebook runs.
async fn runs(ground: &Ground, name: &str) -> NotebookValidationJob {
    until(ground, name, |job| {
        let message = job.status.as_ref().and_then(|status| status.message.as_deref());
        phase(job) == Some(Phase::ValidationRunning) && message == Some("validate runs")
    })
    .await
}

/// The one Job that validates.
async fn validation(ground: &Ground) -> Job {
    let mut all = ground.children("team", "-validate-").await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Waits until a Job is gone, or is another one of its name.
async fn gone(ground: &Ground, job: &Job) {
    let jobs = Api::<Job>::namespaced(ground.admin.clone(), "team");
    let begin = Instant::now();
    while let Some(found) = jobs.get_opt(&job.name_any()).await.unwrap() {
        if found.uid() != job.uid() {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "{} stays", job.name_any());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn start(options: &[&str]) -> Option<(Ground, Program)> {
    let ground = Ground::start().await?;
    let program = begin(&ground, options).await;
    Some((ground, program))
}

async fn begin(ground: &Ground, options: &[&str]) -> Program {
    ground.define().await;
    ground.namespace("team").await;
    let program = Program::start(&ground.cluster, ground.folder.path(), "one", options);
    program.is(200, "leader");
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_a_run_is_cancelled_by_its_id_for_good_until_another_is_asked_for() {
    let Some((ground, _program)) = start(&[]).await else {
        return;
    };
    ground.create("team", "slow-cancelled", &plain()).await;
    let job = runs(&ground, "slow-cancelled").await;
    let child = validation(&ground).await;
    annotate(&ground, "slow-cancelled", "nbvet.mlops.dev/cancel", "another").await;
    // Whoever is asked after it shows that the annotation was seen.
    ground.create("team", "passes", &plain()).await;
    ground.ended("team", "passes").await;
    let same = ground.jobs("team").get("slow-cancelled").await.unwrap();
    assert_eq!(phase(&same), Some(Phase::ValidationRunning));
    let id = job.status.unwrap().run.unwrap().id;
    annotate(&ground, "slow-cancelled", "nbvet.mlops.dev/cancel", &id).await;
    let job = ground.ended("team", "slow-cancelled").await;
    assert_eq!(phase(&job), Some(Phase::Failed));
    assert_eq!(condition(&job, "Stalled"), "True Cancelled");
    gone(&ground, &child).await;
    annotate(&ground, "slow-cancelled", "nbvet.mlops.dev/rerun", "1").await;
    let job = until(&ground, "slow-cancelled", |job| {
        run(job) == 2 && phase(job) == Some(Phase::Succeeded)
    })
    .await;
    assert_eq!(condition(&job, "Ready"), "True Done");
    assert_eq!(ground.refused(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_a_suspended_job_has_no_pod_and_the_same_try_begins_again() {
    let Some((ground, _program)) = start(&[]).await else {
        return;
    };
    ground.create("team", "slow-suspended", &plain()).await;
    runs(&ground, "slow-suspended").await;
    let child = validation(&ground).await;
    patch(&ground, "slow-suspended", &json!({"spec": {"suspend": true}})).await;
    until(&ground, "slow-suspended", |job| {
        condition(job, "Ready") == "Unknown Suspended"
    })
    .await;
    gone(&ground, &child).await;
    assert!(ground.children("team", "-validate-").await.is_empty());
    patch(&ground, "slow-suspended", &json!({"spec": {"suspend": false}})).await;
    let job = ground.ended("team", "slow-suspended").await;
    assert_eq!(phase(&job), Some(Phase::Succeeded), "{:?}", job.status);
    let status = job.status.unwrap();
    assert_eq!(status.retry_count, None, "that was no retry");
    let pauses = status.run.unwrap().pauses;
    assert!(pauses.len() == 1 && pauses[0].until.is_some(), "{pauses:?}");
    let again = validation(&ground).await;
    assert_eq!(again.name_any(), child.name_any());
    assert_ne!(again.uid(), child.uid());
    assert_eq!(ground.refused(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_another_wish_ends_the_run_and_another_limit_does_not() {
    let Some((ground, _program)) = start(&[]).await else {
        return;
    };
    ground.create("team", "slow-edited", &plain()).await;
    let first = runs(&ground, "slow-edited").await;
    let child = validation(&ground).await;
    let limits = json!({"spec": {"validationTimeout": "5m", "ttlSecondsAfterFinished": 3600}});
    patch(&ground, "slow-edited", &limits).await;
    let generation =
        |job: &NotebookValidationJob| job.status.as_ref().and_then(|status| status.observed_generation);
    let edited = until(&ground, "slow-edited", |job| generation(job) > generation(&first)).await;
    assert_eq!(run(&edited), 1);
    assert_eq!(validation(&ground).await.uid(), child.uid());
    let other = json!({"spec": {"notebook": {"git": {"ref": "other"}}}});
    patch(&ground, "slow-edited", &other).await;
    let ended = until(&ground, "slow-edited", |job| {
        run(job) == 2 && phase(job) == Some(Phase::Succeeded)
    })
    .await;
    assert_eq!(ended.status.unwrap().retry_count, None, "another run is no retry");
    gone(&ground, &child).await;
    assert_eq!(ground.refused(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_has_ended_goes_when_its_time_is_over_and_takes_all_with_it() {
    let Some((ground, _program)) = start(&[]).await else {
        return;
    };
    for (name, seconds) in [("kept", 3600), ("gone", 1)] {
        let spec = json!({"ttlSecondsAfterFinished": seconds});
        ground.create_with("team", name, &plain(), &spec).await;
    }
    wait_until_gone(&ground.jobs("team"), "gone", LIMIT)
        .await
        .unwrap();
    for child in ground.children("team", "gone-").await {
        gone(&ground, &child).await;
    }
    let kept = ground.ended("team", "kept").await;
    assert_eq!(phase(&kept), Some(Phase::Succeeded));
    assert_eq!(ground.children("team", "kept-").await.len(), 2);
    assert_eq!(ground.refused(), Vec::<String>::new());
}

/// How many validations were alive at once at most: from the request that created each to the one that told of its end. In
/// the order of their coming: what the controller asks for comes after what it has seen.
fn at_once(ground: &Ground) -> usize {
    let mut calls = ground.cluster.audit();
    calls.retain(|call| call.name.contains("-validate-"));
    calls.sort_by_key(|call| call.received);
    let mut alive = BTreeSet::new();
    let mut told: BTreeMap<String, u32> = BTreeMap::new();
    let mut most = 0;
    for call in calls {
        match (&*call.verb, &*call.resource, call.status) {
            ("create", "jobs", 201) => {
                alive.insert(call.name);
            }
            ("patch", "pods/status", 200) => {
                // The first tells that it runs, the second that it has ended.
                let times = told.entry(call.name.clone()).or_default();
                *times += 1;
                if *times == 2 {
                    let job = call.name.rsplit_once('-').map_or("", |(job, _)| job);
                    assert!(alive.remove(job), "{job} ended and was never created");
                }
            }
            _ => {}
        }
        most = most.max(alive.len());
    }
    assert!(alive.is_empty(), "{alive:?}");
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_validations_run_in_a_namespace_than_may_though_the_watch_is_late_and_each_has_its_turn() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    // What was created is in no cache for a while: then all would be taken for free.
    let client = ground.cluster.client(USER, None).await.unwrap();
    let proxy = Proxy::start(client).await.unwrap();
    proxy.script(|seen| {
        let is_late = seen.is_watch() && seen.path.ends_with("/jobs");
        is_late.then_some(Fault::Late(Duration::from_millis(1500)))
    });
    let kubeconfig = ground.folder.path().join("late.kubeconfig");
    fs::write(&kubeconfig, proxy.kubeconfig()).unwrap();
    let options = ["--validations-per-namespace", "2"];
    let program = Program::start_through(&kubeconfig, ground.folder.path(), "one", &options);
    program.is(200, "leader");
    let names: Vec<String> = (0..8).map(|number| format!("limited-{number}")).collect();
    for name in &names {
        ground.create("team", name, &plain()).await;
    }
    for name in &names {
        let job = ground.ended("team", name).await;
        assert_eq!(phase(&job), Some(Phase::Succeeded), "{:?}", job.status);
    }
    let most = at_once(&ground);
    assert_eq!(most, 2, "at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_of_some_namespaces_leaves_the_others_alone() {
    let options = ["--watch-namespace", "team", "--watch-namespace", "second"];
    let Some((ground, _program)) = start(&options).await else {
        return;
    };
    for namespace in ["second", "third"] {
        ground.namespace(namespace).await;
    }
    for namespace in ["third", "team", "second"] {
        ground.create(namespace, "passes", &plain()).await;
    }
    for namespace in ["team", "second"] {
        let job = ground.ended(namespace, "passes").await;
        assert_eq!(phase(&job), Some(Phase::Succeeded));
    }
    let left = ground.jobs("third").get("passes").await.unwrap();
    assert_eq!(left.status, None);
    assert!(ground.children("third", "").await.is_empty());
    let calls = ground.cluster.audit();
    // Definitions are in no namespace.
    let everywhere = |verb: &str, resource: &str| {
        matches!(verb, "list" | "watch") && resource != "customresourcedefinitions"
    };
    let strays = calls.iter().filter(|call| {
        let is_everywhere = everywhere(&call.verb, &call.resource) && call.namespace.is_empty();
        call.user == USER && (call.namespace == "third" || is_everywhere)
    });
    assert_eq!(
        strays.collect::<Vec<_>>(),
        Vec::<&nbvet_operator_testkit::Call>::new()
    );
    assert_eq!(ground.refused(), Vec::<String>::new());
}

/// In the place of Kueue's webhook: Jobs of a queue are suspended when they are created.
async fn suspend_what_is_queued(ground: &Ground) {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1beta1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "queue"},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"],
            }]},
            "matchConditions": [{
                "name": "queued",
                "expression": format!("has(object.metadata.labels) && '{QUEUE}' in object.metadata.labels"),
            }],
            "mutations": [{
                "patchType": "ApplyConfiguration",
                "applyConfiguration": {"expression": "Object{spec: Object.spec{suspend: true}}"},
            }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1beta1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": "queue"},
        "spec": {"policyName": "queue"},
    });
    for object in [policy, binding] {
        create(&ground.admin, "", &object.to_string()).await.unwrap();
    }
    let probe = json!({
        "metadata": {"name": "probe", "labels": {QUEUE: "night"}},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}],
        }}},
    });
    let probe: Job = serde_json::from_value(probe).unwrap();
    let jobs = Api::<Job>::namespaced(ground.admin.clone(), "default");
    let how = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let begin = Instant::now();
    loop {
        let made = jobs.create(&how, &probe).await.unwrap();
        if made.spec.unwrap().suspend == Some(true) {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "Jobs of a queue are not suspended");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// In the place of Kueue's controller: lets each Job of the queue go when it was held for a time.
async fn let_go(ground: &Ground, holds: Duration) {
    let jobs = Api::<Job>::namespaced(ground.admin.clone(), "team");
    let of_queue = WatchParams::default().labels(&format!("{QUEUE}=night"));
    let all = jobs.list(&ListParams::default()).await.unwrap();
    let version = all.metadata.resource_version.unwrap();
    let events = jobs.watch(&of_queue, &version).await.unwrap();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        let Ok(WatchEvent::Added(job)) = event else {
            continue;
        };
        tokio::time::sleep(holds).await;
        let goes = Patch::Merge(json!({"spec": {"suspend": false}}));
        let how = PatchParams::default();
        jobs.patch(&job.name_any(), &how, &goes).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_a_queue_may_hold_pods_back_and_no_clock_runs_meanwhile() {
    let arguments = [
        "--feature-gates=MutatingAdmissionPolicy=true",
        "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
    ];
    let Some(ground) = Ground::start_with(&arguments).await else {
        return;
    };
    suspend_what_is_queued(&ground).await;
    let _program = begin(&ground, &[]).await;
    let job = json!({
        "apiVersion": "mlops.mlops.dev/v1alpha1",
        "kind": "NotebookValidationJob",
        "metadata": {"name": "queued", "labels": {QUEUE: "night", "other": "label"}},
        "spec": {
            "notebook": {
                "git": {"url": "https://git.test/team/notebooks", "ref": "main"},
                "path": "a.ipynb",
            },
            "podConfig": plain(),
        },
    });
    let story = async {
        create(&ground.admin, "team", &job.to_string()).await.unwrap();
        until(&ground, "queued", |job| {
            let step = job.status.as_ref().and_then(|status| status.step.as_ref());
            let waits = step.and_then(|step| step.waiting_for.as_deref());
            waits == Some("a queue holds the Job back")
        })
        .await;
        ground.ended("team", "queued").await
    };
    let ended = tokio::select! {
        () = let_go(&ground, Duration::from_secs(3)) => None,
        ended = story => Some(ended),
    };
    let ended = ended.unwrap();
    assert_eq!(phase(&ended), Some(Phase::Succeeded), "{:?}", ended.status);
    let status = ended.status.unwrap();
    assert_eq!(status.retry_count, None, "to be held back is no failure");
    let pauses = status.run.unwrap().pauses;
    assert_eq!(pauses.len(), 2, "in prepare and in validate: {pauses:?}");
    assert!(pauses.iter().all(|pause| pause.until.is_some()), "{pauses:?}");
    let children = ground.children("team", "queued-").await;
    assert_eq!(children.len(), 2);
    for child in children {
        assert_eq!(child.labels().get(QUEUE).map(String::as_str), Some("night"));
        assert!(!child.labels().contains_key("other"));
    }
    assert_eq!(ground.refused(), Vec::<String>::new());
}
