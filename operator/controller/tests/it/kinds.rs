//! Kinds that the cluster does not serve yet, or not any more: what the controller says of itself, and what it does.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams},
    core::GroupVersionKind,
};
use nbvet_operator_api::{NotebookValidationJob, Phase};
use nbvet_operator_testkit::{wait_for, wait_until_gone};
use serde_json::{Value, json};

use crate::{
    ground::{Ground, LIMIT},
    program::Program,
};

const OURS: &str = "notebookvalidationjobs.mlops.mlops.dev";
const TEKTON: &str = "pipelineruns.tekton.dev";

async fn remove(ground: &Ground, name: &str) {
    let all = Api::<CustomResourceDefinition>::all(ground.admin.clone());
    all.delete(name, &DeleteParams::default()).await.unwrap();
    wait_until_gone(&all, name, LIMIT).await.unwrap();
}

/// As much of Tekton as it takes to be found.
async fn install_tekton(ground: &Ground) {
    let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "metadata": {"name": TEKTON},
        "spec": {
            "group": "tekton.dev",
            "scope": "Namespaced",
            "names": {"kind": "PipelineRun", "plural": "pipelineruns", "singular": "pipelinerun"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": any}, "subresources": {"status": {}},
            }],
        },
    });
    let definition = serde_json::from_value(definition).unwrap();
    let all = Api::<CustomResourceDefinition>::all(ground.admin.clone());
    all.create(&PostParams::default(), &definition).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_and_its_standby_say_that_their_kind_is_gone_and_work_again_when_it_is_back() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    let options = ["--leader-election", "nbvet-operator"];
    let first = Program::start(&ground.cluster, ground.folder.path(), "first", &options);
    first.is(200, "leader");
    let second = Program::start(&ground.cluster, ground.folder.path(), "second", &options);
    second.is(200, "standby");
    remove(&ground, OURS).await;
    first.is(503, "the cluster does not serve");
    second.is(503, "the cluster does not serve");
    let missing = "notebook_validation_crd_missing 1";
    assert!(first.get("/metrics").unwrap().1.contains(missing));
    ground.define().await;
    first.is(200, "leader");
    second.is(200, "standby");
    ground
        .create("team", "passes", &json!({"containerImage": "python:3.12-slim"}))
        .await;
    let passes = ground.ended("team", "passes").await;
    assert_eq!(passes.status.unwrap().phase, Some(Phase::Succeeded));
    assert_eq!(ground.refused(), Vec::<String>::new());
}

/// A job whose build asks for Tekton.
async fn with_tekton(ground: &Ground, name: &str) {
    let build: Value = json!({"enabled": true, "strategy": "tekton"});
    let pod = json!({"containerImage": "python:3.12-slim", "buildConfig": build});
    ground.create("team", name, &pod).await;
}

async fn stalled(ground: &Ground, name: &str) -> String {
    let job = ground.ended("team", name).await;
    let conditions = job.status.unwrap().conditions;
    let found = conditions.into_iter().find(|one| one.type_ == "Stalled");
    found.map(|one| one.reason).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tekton_is_used_when_it_comes_and_told_to_be_missing_before_and_after() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    let program = Program::start(&ground.cluster, ground.folder.path(), "one", &[]);
    program.is(200, "leader");
    with_tekton(&ground, "built-before").await;
    assert_eq!(stalled(&ground, "built-before").await, "StrategyNotAvailable");

    install_tekton(&ground).await;
    let told = |job: &NotebookValidationJob| {
        job.status.as_ref().and_then(|status| status.phase) >= Some(Phase::Building)
    };
    let begin = std::time::Instant::now();
    while !program.log().contains("tekton: true") {
        assert!(begin.elapsed() < LIMIT, "{}", program.log());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    with_tekton(&ground, "built-while").await;
    let building = wait_for(&ground.jobs("team"), "built-while", LIMIT, told)
        .await
        .unwrap();
    assert_eq!(building.status.unwrap().phase, Some(Phase::Building));
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("tekton.dev", "v1", "PipelineRun"));
    let runs = Api::<DynamicObject>::namespaced_with(ground.admin.clone(), "team", &kind);
    let runs = runs.list(&ListParams::default()).await.unwrap();
    let of: Vec<String> = runs
        .iter()
        .flat_map(|run| run.owner_references().to_vec())
        .map(|owner| owner.name)
        .collect();
    assert_eq!(of, ["built-while"]);

    remove(&ground, TEKTON).await;
    // Told by its watch, and not only when kinds are looked for next.
    let gone = "tekton: false";
    let begin = std::time::Instant::now();
    while program.log().rfind(gone) < program.log().rfind("tekton: true") {
        assert!(begin.elapsed().as_secs() < 45, "{}", program.log());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    with_tekton(&ground, "built-after").await;
    assert_eq!(stalled(&ground, "built-after").await, "StrategyNotAvailable");
    // The run that waited for the build that is gone ends too, and says why.
    assert_eq!(stalled(&ground, "built-while").await, "StrategyNotAvailable");
}
