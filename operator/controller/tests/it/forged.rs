//! What others in a namespace make in the operator's name: its admission policy, as it is shipped, lets none of it in.

use std::time::{Duration, Instant};

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Pod},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use nbvet_operator_api::{NotebookValidationJob, Phase};
use nbvet_operator_testkit::create;
use serde_json::{Value, json};

use crate::{
    ground::{Ground, LIMIT},
    program::Program,
};

/// An object that says that it is a child of a job.
fn forged(job: &NotebookValidationJob, kind: &str) -> Value {
    let mut object = json!({
        "apiVersion": "v1", "kind": kind,
        "metadata": {
            "name": format!("forged-{}", kind.to_lowercase()),
            "labels": {"app.kubernetes.io/managed-by": "nbvet-operator", "nbvet.mlops.dev/job-uid": job.uid()},
            "ownerReferences": [{
                "apiVersion": "mlops.mlops.dev/v1alpha1", "kind": "NotebookValidationJob",
                "name": job.name_any(), "uid": job.uid(),
            }],
        },
    });
    let pod = json!({
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "nbvet", "image": "forged:1",
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        }],
    });
    match kind {
        "Pod" => {
            object["metadata"]["ownerReferences"][0] = json!({
                "apiVersion": "batch/v1", "kind": "Job", "name": "real-validate", "uid": job.uid(),
            });
            object["spec"] = pod;
        }
        "Job" => {
            object["apiVersion"] = json!("batch/v1");
            object["spec"] = json!({"template": {"spec": pod}});
        }
        _ => object["data"] = json!({"end.json": "{}"}),
    }
    object
}

/// Waits until the API server heeds the policy, a moment after it was told.
async fn is_guarded(who: &Client, job: &NotebookValidationJob) {
    let begin = Instant::now();
    let maps = Api::<ConfigMap>::namespaced(who.clone(), "team");
    let how = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let map = serde_json::from_value(forged(job, "ConfigMap")).unwrap();
    while maps.create(&how, &map).await.is_ok() {
        assert!(begin.elapsed() < LIMIT, "the policy is not heeded");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_nobody_in_a_namespace_makes_what_the_operator_believes() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    let program = Program::start(&ground.cluster, ground.folder.path(), "one", &[]);
    program.is(200, "leader");
    let job = ground
        .create("team", "real", &json!({"containerImage": "python:3.12-slim"}))
        .await;
    let role = r#"{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: team}, rules: [
        {apiGroups: ["", batch], resources: [configmaps, pods, pods/exec, pods/ephemeralcontainers, jobs], verbs: ["*"]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: team},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: team},
 subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: mallory}]}"#;
    create(&ground.admin, "team", role).await.unwrap();
    let mallory = ground.cluster.client("mallory", None).await.unwrap();
    is_guarded(&mallory, &job).await;
    for kind in ["ConfigMap", "Job", "Pod"] {
        let object = forged(&job, kind).to_string();
        let told = create(&mallory, "team", &object).await.unwrap_err().to_string();
        assert!(told.contains("the operator's own"), "{kind}: {told}");
    }
    // Nor by another way: what is somebody's own becomes nothing of the operator's.
    let mut plain = forged(&job, "ConfigMap");
    let ours = plain["metadata"]["labels"].take();
    plain["metadata"]["labels"] = json!({"app": "mine"});
    create(&mallory, "team", &plain.to_string()).await.unwrap();
    let maps = Api::<ConfigMap>::namespaced(mallory.clone(), "team");
    let how = PatchParams::default();
    let relabel = Patch::Merge(json!({"metadata": {"labels": ours}}));
    let told = maps.patch("forged-configmap", &how, &relabel).await.unwrap_err();
    assert!(told.to_string().contains("the operator's own"), "{told}");

    // The operator's own way is free, and what others do to its objects is, where it says nothing of a job.
    let ended = ground.ended("team", "real").await;
    assert_eq!(ended.status.unwrap().phase, Some(Phase::Succeeded));
    let children = ground.children("team", "real-validate-").await;
    let name = children[0].name_any();
    let pods = Api::<Pod>::namespaced(mallory.clone(), "team");
    let of_job = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={name}"));
    let pod = pods.list(&of_job).await.unwrap().items[0].name_any();
    let spec = json!({"spec": {"containers": [{"name": "nbvet", "image": "forged:1"}]}});
    let told = pods.patch(&pod, &how, &Patch::Strategic(spec)).await.unwrap_err();
    assert!(told.to_string().contains("the operator's own"), "{told}");
    let debug = json!({"spec": {"ephemeralContainers": [{
        "name": "me", "image": "forged:1",
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
    }]}});
    let debug = Patch::Strategic(debug);
    let told = pods
        .patch_ephemeral_containers(&pod, &how, &debug)
        .await
        .unwrap_err();
    assert!(told.to_string().contains("the operator's own"), "{told}");
    for (container, is_kept_out) in [
        ("container=nbvet&", true),
        ("", true),
        ("container=notebook&", false),
    ] {
        let path = format!("/api/v1/namespaces/team/pods/{pod}/exec?{container}command=sh&stdout=true");
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        let told = mallory.request_text(request).await.unwrap_err().to_string();
        assert_eq!(
            told.contains("--container notebook"),
            is_kept_out,
            "{container}: {told}"
        );
    }
    let jobs = Api::<Job>::namespaced(mallory, "team");
    let note = Patch::Merge(json!({"metadata": {"annotations": {"queue.example/admitted": "yes"}}}));
    jobs.patch(&name, &how, &note).await.unwrap();
    let lie = Patch::Merge(json!({"metadata": {"annotations": {"nbvet.mlops.dev/attempt": "7"}}}));
    jobs.patch(&name, &how, &lie).await.unwrap_err();
}
