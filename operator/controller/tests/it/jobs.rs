//! Jobs from their creation to their end, by the program, under the role that is shipped.

use clap::Parser as _;
use k8s_openapi::{
    api::core::v1::{ConfigMap, Pod},
    jiff::Timestamp,
};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use nbvet_operator::{Means, Options, run_with};
use nbvet_operator_api::{NotebookValidationJob, Phase, job::RERUN_ANNOTATION};
use nbvet_operator_decide::{
    Config, Observed, Plan, decide,
    observed::{Cluster, Load},
};
use nbvet_operator_testkit::{events, wait_for};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    ground::{Ground, IMAGE, LIMIT, USER},
    program::Program,
};

/// Between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_millis(50);

fn phase(job: &NotebookValidationJob) -> Phase {
    job.status.as_ref().unwrap().phase.unwrap()
}

/// `status reason` of a condition.
fn condition(job: &NotebookValidationJob, kind: &str) -> String {
    let conditions = &job.status.as_ref().unwrap().conditions;
    let found = conditions.iter().find(|one| one.type_ == kind);
    found.map_or_else(|| "-".to_owned(), |one| format!("{} {}", one.status, one.reason))
}

fn plain() -> Value {
    json!({"containerImage": "python:3.12-slim"})
}

fn built() -> Value {
    json!({"containerImage": "python:3.12-slim", "buildConfig": {"enabled": true}})
}

/// The name of the first child that a job will get.
fn first_child(job: &NotebookValidationJob) -> String {
    let observed = Observed {
        now: Timestamp::now(),
        job: job.clone(),
        children: Vec::new(),
        records: Vec::new(),
        builds: Vec::new(),
        unserved: Vec::new(),
        taken: Vec::new(),
        refused: Vec::new(),
        cluster: Cluster::default(),
        load: Load::default(),
        config: Config {
            trusted_image: IMAGE.to_owned(),
            registry: Some("registry.test".to_owned()),
            ..Config::default()
        },
    };
    decide(&observed).create.first().unwrap().name.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_go_to_their_ends_under_the_shipped_role_and_what_is_foreign_is_left_alone() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    let mut program = Program::start(&ground.cluster, ground.folder.path(), "one", &[]);
    program.is(503, "the cluster does not serve");
    ground.define().await;
    program.is(200, "leader");
    ground.namespace("team").await;
    assert_eq!(program.terminate().code(), Some(0), "{}", program.log());
    // While no controller runs, somebody takes the name of a child.
    let foreign = ground.create("team", "foreign", &plain()).await;
    let name = first_child(&foreign);
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"mine": "yes"},
    });
    let maps = Api::<ConfigMap>::namespaced(ground.admin.clone(), "team");
    let map = serde_json::from_value(map).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    ground.create("team", "passes", &plain()).await;
    ground.create("team", "refused", &plain()).await;
    let mut program = Program::start(&ground.cluster, ground.folder.path(), "two", &[]);

    let passes = ground.ended("team", "passes").await;
    assert_eq!(phase(&passes), Phase::Succeeded, "{:?}", passes.status);
    assert_eq!(condition(&passes, "Ready"), "True Done");
    assert_eq!(condition(&passes, "ImageBuilt"), "True NotRequired");
    let validations = ground.children("team", "passes-validate").await;
    let pod = validations[0]
        .spec
        .as_ref()
        .unwrap()
        .template
        .spec
        .as_ref()
        .unwrap();
    let notebook = pod.containers.iter().find(|one| one.name == "notebook").unwrap();
    assert!(
        notebook.image.as_ref().unwrap().contains("@sha256:bbbb"),
        "{notebook:?}"
    );

    let refused = ground.ended("team", "refused").await;
    assert_eq!(phase(&refused), Phase::Failed);
    assert_eq!(condition(&refused, "Stalled"), "True NotebookNotFound");
    assert!(ground.children("team", "refused-validate").await.is_empty());
    // Told after the status was taken.
    let begin = std::time::Instant::now();
    while !events(&ground.admin, "team")
        .await
        .unwrap()
        .iter()
        .any(|event| event.contains("refused: NotebookNotFound"))
    {
        assert!(begin.elapsed() < LIMIT, "not told");
        tokio::time::sleep(LOOK).await;
    }

    let foreign = ground.ended("team", "foreign").await;
    assert_eq!(phase(&foreign), Phase::Failed);
    assert!(
        foreign
            .status
            .unwrap()
            .message
            .unwrap()
            .contains("stands in the way")
    );
    let left = maps.get(&name).await.unwrap();
    assert_eq!(left.data.unwrap()["mine"], "yes");
    assert!(left.metadata.owner_references.is_none());
    let pods = Api::<Pod>::namespaced(ground.admin.clone(), "team");
    let pods = pods.list(&ListParams::default()).await.unwrap();
    assert!(pods.iter().all(|pod| !pod.name_any().starts_with("foreign-")));

    assert_eq!(ground.refused(), Vec::<String>::new());
    for line in [
        "notebook_validation_jobs_total{status=\"succeeded\"} 1",
        "notebook_validation_jobs_total{status=\"failed\"} 2",
        "notebook_validation_jobs_active 0",
        "notebook_validation_leader 1",
        "notebook_validation_crd_missing 0",
    ] {
        while !program.get("/metrics").unwrap().1.contains(line) {
            assert!(begin.elapsed() < LIMIT, "not told");
            tokio::time::sleep(LOOK).await;
        }
    }
    assert_eq!(program.terminate().code(), Some(0));
}

/// What the public operator leaves of a job that it ended.
fn ended_elsewhere() -> Value {
    json!({"status": {
        "phase": "Failed", "message": "Validation failed after 3 retries", "retryCount": 3,
        "startTime": "2025-01-01T00:00:00Z", "completionTime": "2025-01-01T00:05:00Z",
        "conditions": [{
            "type": "ValidationComplete", "status": "False", "reason": "ValidationFailed", "message": "failed",
            "lastTransitionTime": "2025-01-01T00:05:00Z",
        }],
        "modelValidationResult": {"success": false},
        "buildStatus": {"phase": "Complete", "imageReference": "registry.test/old:1", "recommendedImage": "registry.test/old:1"},
    }})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_another_controller_ended_stays_as_it_is_until_another_run_is_asked_for() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    let jobs = ground.jobs("team");
    for name in ["older", "unended"] {
        ground.create("team", name, &plain()).await;
        let mut status = ended_elsewhere();
        if name == "unended" {
            let fields = status["status"].as_object_mut().unwrap();
            fields.remove("completionTime");
            fields.insert("phase".to_owned(), json!("Running"));
        }
        let how = PatchParams::default();
        jobs.patch_status(name, &how, &Patch::Merge(&status))
            .await
            .unwrap();
    }
    let before = jobs.get("older").await.unwrap();
    let mut program = Program::start(&ground.cluster, ground.folder.path(), "one", &[]);

    // A run that it had not ended begins from the start; by its end the other was looked at as well.
    let unended = ground.ended("team", "unended").await;
    assert_eq!(phase(&unended), Phase::Succeeded, "{:?}", unended.status);
    assert_eq!(condition(&unended, "ValidationComplete"), "True Done");
    let after = jobs.get("older").await.unwrap();
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
    assert!(ground.children("team", "older-").await.is_empty());

    let rerun = json!({"metadata": {"annotations": {RERUN_ANNOTATION: "1"}}});
    let how = PatchParams::default();
    jobs.patch("older", &how, &Patch::Merge(&rerun)).await.unwrap();
    let has_succeeded = |job: &NotebookValidationJob| phase(job) == Phase::Succeeded;
    let older = wait_for(&jobs, "older", LIMIT, has_succeeded).await.unwrap();
    let status = older.status.unwrap();
    assert_eq!(status.run.unwrap().number, 1);
    assert_eq!(status.retry_count, None);
    assert_eq!(status.model_validation_result, Some(json!({"success": false})));
    assert_eq!(program.terminate().code(), Some(0));
    assert_eq!(ground.refused(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_jobs_of_one_identity_share_a_build_and_a_controller_that_is_killed_in_the_middle_ends_the_same()
{
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    for name in ["built-one", "built-two"] {
        ground.create("team", name, &built()).await;
    }
    // Killed while the build runs, and again at the next thing that it does.
    let program = Program::start(&ground.cluster, ground.folder.path(), "first", &[]);
    let is_building = |job: &NotebookValidationJob| {
        let phase = job.status.as_ref().and_then(|status| status.phase);
        phase >= Some(Phase::Building)
    };
    wait_for(&ground.jobs("team"), "built-one", LIMIT, is_building)
        .await
        .unwrap();
    program.kill();
    let program = Program::start(&ground.cluster, ground.folder.path(), "second", &[]);
    let is_validating = |job: &NotebookValidationJob| {
        let phase = job.status.as_ref().and_then(|status| status.phase);
        phase >= Some(Phase::BuildComplete)
    };
    wait_for(&ground.jobs("team"), "built-one", LIMIT, is_validating)
        .await
        .unwrap();
    program.kill();
    let program = Program::start(&ground.cluster, ground.folder.path(), "third", &[]);
    for name in ["built-one", "built-two"] {
        let job = ground.ended("team", name).await;
        assert_eq!(phase(&job), Phase::Succeeded, "{:?}", job.status);
        assert_eq!(
            ground.children("team", &format!("{name}-validate")).await.len(),
            1
        );
    }
    let builds = ground.children("team", "nbvet-build-").await;
    assert_eq!(builds.len(), 1, "one build for both");
    let pods = Api::<Pod>::namespaced(ground.admin.clone(), "team");
    let pods = pods.list(&ListParams::default()).await.unwrap();
    let build = pods
        .iter()
        .find(|pod| pod.name_any().starts_with("nbvet-build-"))
        .unwrap();
    let containers = build
        .status
        .as_ref()
        .unwrap()
        .container_statuses
        .as_ref()
        .unwrap();
    let ended = containers[0].state.as_ref().unwrap().terminated.as_ref().unwrap();
    let done = ended.finished_at.as_ref().unwrap().0;
    for validation in ground.children("team", "-validate-").await {
        let begun = validation.metadata.creation_timestamp.as_ref().unwrap().0;
        assert!(
            begun.as_second() >= done.as_second(),
            "validated at {begun}, built at {done}"
        );
        let pod = validation.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
        let notebook = pod.containers.iter().find(|one| one.name == "notebook").unwrap();
        assert!(
            notebook.image.as_ref().unwrap().contains("@sha256:1111"),
            "{notebook:?}"
        );
    }
    // What was there before the start is looked at as soon as all is seen.
    assert!(
        !program.log().contains("a pass took more than"),
        "{}",
        program.log()
    );
    assert_eq!(ground.refused(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over_when_the_leader_ends() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    let options = ["--leader-election", "nbvet-operator", "--watch-namespace", "team"];
    let mut first = Program::start(&ground.cluster, ground.folder.path(), "first", &options);
    first.is(200, "leader");
    let second = Program::start(&ground.cluster, ground.folder.path(), "second", &options);
    second.is(200, "standby");
    assert_eq!(first.terminate().code(), Some(0), "{}", first.log());
    second.is(200, "leader");
    ground.create("team", "passes", &plain()).await;
    assert_eq!(phase(&ground.ended("team", "passes").await), Phase::Succeeded);
    assert_eq!(ground.refused(), Vec::<String>::new());
}

/// Decides, but for one job, by which it falls.
fn falls(observed: &Observed) -> Plan {
    assert_ne!(observed.job.name_any(), "bad", "a seeded fault");
    decide(observed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_ours_that_one_job_brings_about_is_that_jobs_alone() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    for name in ["bad", "good"] {
        ground.create("team", name, &plain()).await;
    }
    let kubeconfig = Kubeconfig::read_from(ground.cluster.kubeconfig(USER, None).unwrap()).unwrap();
    let how = KubeConfigOptions::default();
    let cluster = kube::Config::from_custom_kubeconfig(kubeconfig, &how);
    let means = Means {
        decide: falls,
        ..Means::of(cluster.await.unwrap())
    };
    let health = ["--health-address", "127.0.0.1:0"];
    let options = ["nbvet-operator", "--image", IMAGE, "--registry", "registry.test"];
    let options = Options::parse_from(options.into_iter().chain(health));
    let (end, ends) = oneshot::channel::<()>();
    let running = tokio::spawn(run_with(options, means, async move {
        let _ = ends.await;
    }));
    let good = ground.ended("team", "good").await;
    assert_eq!(phase(&good), Phase::Succeeded);
    let bad = ground.jobs("team").get("bad").await.unwrap();
    assert!(bad.status.is_none(), "{:?}", bad.status);
    drop(end);
    running.await.unwrap().unwrap();
}
