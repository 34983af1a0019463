//! What pods may reach, where the operator is told: nothing reaches them, and they reach names and what was named.

use serde_json::{Value, json};

use super::Setting;
use crate::names;

/// By what pods of a Job are known.
pub(crate) const OF_JOB: &str = "batch.kubernetes.io/job-name";
/// By what pods of a `PipelineRun` are known.
pub(crate) const OF_RUN: &str = "tekton.dev/pipelineRun";

/// The policy of the pods of one object, under its name; `None`: the operator was told no egress.
pub(crate) fn policy(of: &Value, label: &str, setting: &Setting) -> Option<Value> {
    let named = &setting.config.egress;
    if named.is_empty() {
        return None;
    }
    let ports = |protocol: &str, port: u16| json!({"protocol": protocol, "port": port});
    let mut egress = vec![json!({"ports": [ports("UDP", 53), ports("TCP", 53)]})];
    egress.extend(named.iter().map(|one| {
        let mut rule = json!({"to": [{"ipBlock": {"cidr": one.cidr}}]});
        if let Some(port) = one.port {
            rule["ports"] = json!([ports("TCP", port)]);
        }
        rule
    }));
    let mut metadata = of.clone();
    // Those of a build get it as their owner when it is there.
    if of["labels"][names::JOB_UID].is_null() {
        metadata = json!({
            "name": of["name"],
            "namespace": of["namespace"],
            "labels": {(names::MANAGED_BY.0): names::MANAGED_BY.1},
        });
    }
    Some(json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {
            "podSelector": {"matchLabels": {(label): of["name"]}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": egress,
        },
    }))
}
