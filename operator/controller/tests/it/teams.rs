//! What the people of a team may do with jobs, by the roles that their administrator has given them anyway.

use std::time::{Duration, Instant};

use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, PostParams},
};
use nbvet_operator::rbac;
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_testkit::create;
use serde_json::json;

use crate::ground::{Ground, LIMIT};

/// Gives somebody a role of the cluster's own in the namespace of the team.
async fn bind(admin: &Client, user: &str, role: &str) {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
    });
    create(admin, "team", &binding.to_string()).await.unwrap();
}

fn job(name: &str) -> NotebookValidationJob {
    serde_json::from_value(json!({
        "apiVersion": "mlops.mlops.dev/v1alpha1",
        "kind": "NotebookValidationJob",
        "metadata": {"name": name},
        "spec": {
            "notebook": {"git": {"url": "https://git.test/team/notebooks", "ref": "main"}, "path": "a.ipynb"},
            "podConfig": {"containerImage": "python:3.12-slim"},
        },
    }))
    .unwrap()
}

fn is_refused<T: std::fmt::Debug>(answer: kube::Result<T>) -> bool {
    matches!(answer.unwrap_err(), kube::Error::Api(status) if status.code == 403)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_edit_creates_jobs_and_whoever_has_view_sees_them() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    ground.namespace("others").await;
    for role in rbac::team_roles() {
        create(&ground.admin, "team", &role.to_string()).await.unwrap();
    }
    let mut people = Vec::new();
    for (user, role) in [("ann", "admin"), ("eve", "edit"), ("vic", "view")] {
        bind(&ground.admin, user, role).await;
        people.push(ground.cluster.client(user, None).await.unwrap());
    }
    // The cluster's own controller puts the parts together.
    let begin = Instant::now();
    for person in &people {
        let jobs = Api::<NotebookValidationJob>::namespaced(person.clone(), "team");
        while let Err(error) = jobs.list(&ListParams::default()).await {
            assert!(begin.elapsed() < LIMIT, "{error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let how = PostParams::default();
    for (person, name) in people.iter().zip(["of-ann", "of-eve"]) {
        let jobs = Api::<NotebookValidationJob>::namespaced(person.clone(), "team");
        let mut made = jobs.create(&how, &job(name)).await;
        while is_early(&made) && begin.elapsed() < LIMIT {
            tokio::time::sleep(Duration::from_millis(100)).await;
            made = jobs.create(&how, &job(name)).await;
        }
        let mut made = made.unwrap();
        assert!(is_refused(jobs.replace_status(name, &how, &made).await));
        made.spec.suspend = Some(true);
        jobs.replace(name, &how, &made).await.unwrap();
        jobs.delete(name, &DeleteParams::default()).await.unwrap();
        let elsewhere = Api::<NotebookValidationJob>::namespaced(person.clone(), "others");
        assert!(is_refused(elsewhere.list(&ListParams::default()).await));
    }
    let jobs = Api::<NotebookValidationJob>::namespaced(people[2].clone(), "team");
    assert!(is_refused(jobs.create(&how, &job("of-vic")).await));
}

/// Whether a role has not all of its parts yet.
fn is_early<T>(made: &kube::Result<T>) -> bool {
    matches!(made, Err(kube::Error::Api(status)) if status.code == 403)
}
