//! A controller in this process for some namespaces, as an administrator has set it up well or badly.

use std::thread;

use clap::Parser as _;
use k8s_openapi::jiff::SignedDuration;
use kube::config::{KubeConfigOptions, Kubeconfig};
use nbvet_operator::{Means, Options, rbac, run_with};
use nbvet_operator_decide::{Observed, Plan, decide};
use nbvet_operator_testkit::{Cluster, REGISTRY, create};
use serde_json::json;
use tokio::sync::oneshot;

use crate::images::{CLOSED, DOWN};

/// The user that controllers are.
const USER: &str = "nbvet-operator-test";
/// How long a pod may be held before its try counts as failed; the page says how long it is else.
const PATIENCE: SignedDuration = SignedDuration::from_secs(45);

/// A controller that runs; ends with the value.
pub(crate) struct Controller(#[expect(dead_code, reason = "its end is the sign")] oneshot::Sender<()>);

/// Decides as ever, with less patience.
fn hasty(observed: &Observed) -> Plan {
    let mut observed = observed.clone();
    observed.config.patience = PATIENCE;
    decide(&observed)
}

/// Gives the user of controllers the shipped role.
pub(crate) async fn grant(cluster: &Cluster) {
    let admin = cluster.admin().await.unwrap();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": rbac::NAME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": rbac::NAME},
        "subjects": [{"kind": "User", "name": USER, "apiGroup": "rbac.authorization.k8s.io"}],
    });
    for object in [rbac::cluster_role(), binding] {
        create(&admin, "default", &object.to_string()).await.unwrap();
    }
}

impl Controller {
    /// Starts one with this trusted image that soon gives up.
    pub(crate) fn start(cluster: &Cluster, image: &str, namespaces: &[&str]) -> Self {
        Self::with(cluster, image, namespaces, hasty)
    }

    /// The same with the patience that all others have.
    pub(crate) fn patient(cluster: &Cluster, image: &str, namespaces: &[&str]) -> Self {
        Self::with(cluster, image, namespaces, decide)
    }

    fn with(cluster: &Cluster, image: &str, namespaces: &[&str], decide: fn(&Observed) -> Plan) -> Self {
        let mut words = vec!["nbvet-operator", "--image", image, "--registry", REGISTRY];
        words.extend(["--health-address", "127.0.0.1:0"]);
        for registry in [REGISTRY, CLOSED, DOWN] {
            words.extend(["--insecure-registry", registry]);
        }
        for namespace in namespaces {
            words.extend(["--watch-namespace", namespace]);
        }
        let options = Options::parse_from(words);
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig(USER, None).unwrap()).unwrap();
        let (end, ends) = oneshot::channel::<()>();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let live = async {
                let how = KubeConfigOptions::default();
                let cluster = kube::Config::from_custom_kubeconfig(kubeconfig, &how)
                    .await
                    .unwrap();
                let means = Means {
                    decide,
                    ..Means::of(cluster)
                };
                // The sender goes with the test.
                let ends = async move { drop(ends.await) };
                run_with(options, means, ends).await.unwrap();
            };
            runtime.unwrap().block_on(live);
        });
        Self(end)
    }
}
