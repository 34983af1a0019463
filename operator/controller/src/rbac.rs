//! What the controller may do in a cluster, and what teams may do with jobs, as objects to apply. The controller reads no
//! secret, runs nothing in pods, and nothing is granted by `*`; tests run under these roles.

use serde_json::{Map, Value, json};

use crate::discovery::DEFINITIONS;

/// The name of the role, of the account and of their binding.
pub const NAME: &str = "nbvet-operator";

/// The role for all that is done for jobs, in every namespace that is watched.
pub fn cluster_role() -> Value {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": NAME},
        "rules": [
            rule("mlops.mlops.dev", &["notebookvalidationjobs"], &["get", "list", "watch", "delete"]),
            rule("mlops.mlops.dev", &["notebookvalidationjobs/status"], &["update"]),
            // Owners that stand in the way of their deletion, as children of a job have them.
            rule("mlops.mlops.dev", &["notebookvalidationjobs/finalizers"], &["update"]),
            rule("batch", &["jobs"], &["get", "list", "watch", "create", "patch", "delete"]),
            rule("batch", &["jobs/finalizers"], &["update"]),
            rule("", &["pods"], &["list", "watch"]),
            rule("", &["pods/log"], &["get"]),
            rule("", &["configmaps"], &["get", "list", "watch", "create", "delete"]),
            rule("", &["events"], &["list", "watch"]),
            rule("", &["namespaces"], &["get"]),
            rule("events.k8s.io", &["events"], &["create"]),
            // Where there are any: published images are listed.
            rule("image.openshift.io", &["imagestreams"], &["get", "create", "update"]),
            // Used with `--egress` alone.
            rule("networking.k8s.io", &["networkpolicies"], &["get", "create"]),
            rule("tekton.dev", &["pipelineruns"], &["get", "list", "watch", "create", "patch", "delete"]),
            rule("tekton.dev", &["pipelineruns/finalizers"], &["update"]),
            // Only they tell what becomes of a build's pod.
            rule("tekton.dev", &["taskruns"], &["list", "watch"]),
            // Whether these kinds are there, and nothing of any other.
            json!({
                "apiGroups": ["apiextensions.k8s.io"],
                "resources": ["customresourcedefinitions"],
                "resourceNames": DEFINITIONS,
                "verbs": ["list", "watch"],
            }),
        ],
    })
}

/// The role for the lease, in the namespace of the controller alone.
pub fn lease_role() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": NAME},
        "rules": [{
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "verbs": ["get", "create", "update"],
        }],
    })
}

/// What teams may do with jobs, as parts of the roles `view`, `edit` and `admin` that every cluster has: whoever has one of
/// these in a namespace has its part there.
pub fn team_roles() -> [Value; 2] {
    let role = |name: &str, of: &[&str], rules: Value| {
        let labels = of
            .iter()
            .map(|role| {
                let label = format!("rbac.authorization.k8s.io/aggregate-to-{role}");
                (label, json!("true"))
            })
            .collect::<Map<_, _>>();
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": format!("{NAME}-{name}"), "labels": labels},
            "rules": rules,
        })
    };
    let may = |resource: &str, verbs: &[&str]| json!({"apiGroups": ["mlops.mlops.dev"], "resources": [resource], "verbs": verbs});
    let reads = ["get", "list", "watch"];
    let writes = ["create", "update", "patch", "delete", "deletecollection"];
    [
        role(
            "view",
            &["admin", "edit", "view"],
            json!([
                may("notebookvalidationjobs", &reads),
                may("notebookvalidationjobs/status", &["get"]),
            ]),
        ),
        role(
            "edit",
            &["admin", "edit"],
            json!([may("notebookvalidationjobs", &writes)]),
        ),
    ]
}
