//! The manifests for people: each is what the published definitions of Kubeflow and OpenShift AI take, field by field, and
//! runs its image by digest.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{fs, path::Path};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::{GroupVersionKind, TypeMeta},
};
use nbvet_operator_decide::Image;
use nbvet_operator_testkit::{Cluster, PodSecurity, Tier, apply_definitions, definitions_of, or_skip};
use serde_json::Value;

/// Applies an object; what its definition does not know is refused.
async fn apply(admin: &Client, object: &Value) -> Result<DynamicObject, kube::Error> {
    let types: TypeMeta = serde_json::from_value(object.clone()).unwrap();
    let kind = ApiResource::from_gvk(&GroupVersionKind::try_from(&types).unwrap());
    let namespace = object["metadata"]["namespace"].as_str().unwrap();
    let api = Api::<DynamicObject>::namespaced_with(admin.clone(), namespace, &kind);
    let how = PatchParams::apply("example").validation_strict();
    let name = object["metadata"]["name"].as_str().unwrap();
    api.patch(name, &how, &Patch::Apply(object)).await
}

/// Every image of an object.
fn images(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match object {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(text) if name == "image" => found.push(text.to_owned()),
                    Some(text)
                        if name == "name"
                            && members.get("kind").is_some_and(|kind| kind == "DockerImage") =>
                    {
                        found.push(text.to_owned());
                    }
                    _ => found.extend(images(value)),
                }
            }
        }
        Value::Array(items) => found.extend(items.iter().flat_map(images)),
        _ => {}
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workbenches_run_the_published_digest_and_are_what_their_definitions_take() {
    let Some(cluster) = or_skip(Cluster::start(Tier::Api).await) else {
        return;
    };
    let admin = cluster.admin().await.unwrap();
    for system in ["kubeflow", "opendatahub"] {
        apply_definitions(&admin, &definitions_of(system)).await.unwrap();
    }
    cluster.namespace("team", PodSecurity::Baseline).await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples");
    let mut kinds = Vec::new();
    for name in ["kubeflow-notebook.yaml", "openshift-ai-workbench.yaml"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        for object in serde_saphyr::from_multiple::<Value>(&text).unwrap() {
            let made = apply(&admin, &object).await;
            assert!(made.is_ok(), "{name}: {made:?}");
            let images = images(&object);
            assert!(!images.is_empty(), "{name}");
            for image in images {
                assert!(Image::by_digest(&image).is_some(), "{name}: {image}");
            }
            kinds.push(object["kind"].as_str().unwrap().to_owned());
            // A field that nobody knows is found.
            if object["kind"] == "Notebook" {
                let mut wrong = object.clone();
                wrong["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "x".into();
                assert!(apply(&admin, &wrong).await.is_err(), "{name}");
            }
        }
    }
    assert_eq!(kinds, ["Notebook", "ImageStream", "Notebook"]);
}
