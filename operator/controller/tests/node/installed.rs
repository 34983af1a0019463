//! The manifests give an operator that works, by the strictest level of Pod Security and with no more than it needs.

use crate::town::{SYSTEM, run, town};

#[tokio::test]
async fn the_manifests_give_an_operator_that_is_ready_and_tells_its_metrics() {
    let Some(town) = town().await else { return };
    let kubectl = |words: &[&str]| {
        let mut kubectl = town.cluster.kubectl().unwrap();
        run(kubectl.args(words)).unwrap()
    };
    let level = kubectl(&["get", "namespace", SYSTEM, "--output=jsonpath={.metadata.labels}"]);
    assert!(
        level.contains(r#""pod-security.kubernetes.io/enforce":"restricted""#),
        "{level}"
    );
    let pod = kubectl(&[
        "get",
        "pods",
        "--namespace",
        SYSTEM,
        "--output=jsonpath={.items[*].metadata.name}",
    ]);
    assert_eq!(pod.split(' ').count(), 1, "{pod}");
    let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{pod}:8081/proxy");
    let ready = kubectl(&["get", "--raw", &format!("{path}/readyz")]);
    assert!(ready.contains("all is seen"), "{ready}");
    let metrics = kubectl(&["get", "--raw", &format!("{path}/metrics")]);
    assert!(metrics.contains("\nnotebook_validation_leader 1\n"), "{metrics}");
    let lease = kubectl(&[
        "get",
        "lease",
        "--namespace",
        SYSTEM,
        "--output=jsonpath={.items[*].spec.holderIdentity}",
    ]);
    // A pod, and one start of its program.
    assert_eq!(
        lease.split_once('_').map(|(holder, _)| holder),
        Some(&*pod),
        "{lease}"
    );
    // Nothing was refused to it, and nothing in its way is a warning.
    let refused: Vec<_> = town
        .cluster
        .audit()
        .into_iter()
        .filter(|call| {
            call.user == format!("system:serviceaccount:{SYSTEM}:nbvet-operator") && call.status == 403
        })
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
}
