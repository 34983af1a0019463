//! Published images in OpenShift's list of images, on a cluster that serves streams.

use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};
use nbvet_operator_api::Phase;
use nbvet_operator_testkit::{apply_definitions, create, definitions_of, events};
use serde_json::{Value, json};

use crate::{ground::Ground, program::Program};

fn published(name: &str, tag: &str) -> Value {
    json!({
        "containerImage": "python:3.12-slim",
        "buildConfig": {"enabled": true, "publishToRegistry": true, "imageName": name, "imageTag": tag},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_images_are_listed_tag_by_tag_and_streams_of_others_are_left_alone() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    apply_definitions(&ground.admin, &definitions_of("opendatahub"))
        .await
        .unwrap();
    ground.namespace("team").await;
    let theirs = json!({
        "apiVersion": "image.openshift.io/v1", "kind": "ImageStream", "metadata": {"name": "theirs"},
        "spec": {"tags": []},
    });
    create(&ground.admin, "team", &theirs.to_string()).await.unwrap();
    let _program = Program::start(&ground.cluster, ground.folder.path(), "one", &[]);
    for (job, name, tag) in [
        ("one-built", "mine", "v1"),
        ("two-built", "theirs", "v1"),
        ("three-built", "mine", "v2"),
    ] {
        ground.create("team", job, &published(name, tag)).await;
        let ended = ground.ended("team", job).await;
        assert_eq!(
            ended.status.as_ref().unwrap().phase,
            Some(Phase::Succeeded),
            "{job}: {:?}",
            ended.status
        );
    }
    // Once more, as a controller does that died before it wrote the end.
    let again = Patch::Merge(json!({"metadata": {"annotations": {"nbvet.mlops.dev/rerun": "1"}}}));
    ground
        .jobs("team")
        .patch("three-built", &PatchParams::default(), &again)
        .await
        .unwrap();
    let is_second = |job: &nbvet_operator_api::NotebookValidationJob| {
        let status = job.status.as_ref().unwrap();
        status.phase == Some(Phase::Succeeded) && status.run.as_ref().is_some_and(|run| run.number == 2)
    };
    nbvet_operator_testkit::wait_for(
        &ground.jobs("team"),
        "three-built",
        crate::ground::LIMIT,
        is_second,
    )
    .await
    .unwrap();
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("image.openshift.io", "v1", "ImageStream"));
    let streams = Api::<DynamicObject>::namespaced_with(ground.admin.clone(), "team", &kind);
    let mine = streams.get("mine").await.unwrap();
    let tags: Vec<_> = mine.data["spec"]["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| {
            (
                tag["name"].as_str().unwrap(),
                tag["from"]["name"].as_str().unwrap(),
            )
        })
        .collect();
    let image = format!("registry.test/team/mine@sha256:{}", "1".repeat(64));
    assert_eq!(tags, [("v1", &*image), ("v2", &*image)]);
    let theirs = streams.get("theirs").await.unwrap();
    assert_eq!(theirs.data["spec"], json!({"tags": []}));
    let told = events(&ground.admin, "team").await.unwrap();
    assert!(
        told.iter()
            .any(|event| event.contains("not listed in ImageStream theirs")),
        "{told:#?}"
    );
    assert_eq!(ground.refused(), Vec::<String>::new());
}
