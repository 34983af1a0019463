//! What becomes of pods whose node is tainted, falls silent or is taken out of the cluster. Nothing else runs then.

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use nbvet_operator_testkit::{FakeKubelet, NODE};
use serde_json::json;

use crate::{
    rows::{go, of_node},
    stage::Stage,
    tell::{Told, begin, let_next_go, read, running, tell},
};

/// Tells all of it.
pub(crate) async fn all(stage: &mut Stage) -> Vec<Told> {
    let mut told = vec![tainted(stage).await];
    told.extend(silent(stage).await);
    told
}

async fn taint(stage: &Stage, taints: serde_json::Value) {
    let nodes = Api::<Node>::all(stage.admin.clone());
    let patch = json!({"spec": {"taints": taints}});
    let how = PatchParams::default();
    nodes.patch(NODE, &how, &Patch::Merge(&patch)).await.unwrap();
}

async fn tainted(stage: &Stage) -> Told {
    taint(
        stage,
        json!([{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]),
    )
    .await;
    let row = of_node(
        "tainted",
        "every node has a taint",
        "the node tainted with `dedicated=gpu:NoSchedule`",
        "untolerated taint",
    );
    let told = tell(stage, row.waiting("taint")).await;
    taint(stage, json!(null)).await;
    told
}

/// The kubelet is killed: one pod is given up, another bears it until the node itself is taken away. Then it comes back.
async fn silent(stage: &mut Stage) -> Vec<Told> {
    let bears = json!({"tolerations": [
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists"},
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists"},
    ]});
    let lost = of_node(
        "silent",
        "the node does not answer any more",
        "the kubelet killed while the notebook runs",
        "NodeNotReady, TaintManagerEviction",
    );
    let gone = of_node(
        "gone",
        "the node is taken out of the cluster",
        "the kubelet killed, and the `Node` deleted",
        "NodeNotReady",
    );
    let lost = lost.until(&go("silent"), &json!({}));
    let gone = gone.until(&go("gone"), &bears);
    for row in [&lost, &gone] {
        begin(stage, row).await;
        running(stage, row).await;
        let_next_go(stage, row).await;
    }
    let _other = FakeKubelet::idle(stage.admin.clone()).await.unwrap();
    stage.cluster.stop_kubelet();
    has_next(stage, "silent").await;
    let nodes = Api::<Node>::all(stage.admin.clone());
    nodes.delete(NODE, &DeleteParams::default()).await.unwrap();
    has_next(stage, "gone").await;
    stage.cluster.start_kubelet().await.unwrap();
    let (of_lost, of_gone) = tokio::join!(read(stage, &lost), read(stage, &gone));
    vec![of_lost.of(lost), of_gone.of(gone)]
}

/// Waits until a job's next try is there.
async fn has_next(stage: &Stage, name: &str) {
    stage
        .until(crate::stage::TEAM, name, |about| {
            (about.status()["step"]["attempt"] == 2).then_some(())
        })
        .await;
}
