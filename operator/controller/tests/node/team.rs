//! A team: a namespace, a repository, and what its members do.

use std::{fs, path::Path, process::Command};

use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_testkit::{PodSecurity, create, events, wait_for};
use nbvet_testkit::{GIT_PASSWORD, GIT_USER, INDEX_PASSWORD, USER};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::town::{AUTHORITY, LIMIT, Town, run};

/// A namespace that enforces the strictest level, and a private repository of the same name.
pub(crate) struct Team {
    pub(crate) town: &'static Town,
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    /// A clone of the repository.
    clone: TempDir,
}

impl Team {
    /// With the Secrets of its members, `git` and `index`.
    pub(crate) async fn new(town: &'static Town, name: &'static str) -> Self {
        town.cluster
            .namespace(name, PodSecurity::Restricted)
            .await
            .unwrap();
        let client = town.cluster.admin().await.unwrap();
        let secret = |name: &str, user: &str, password: &str| {
            json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                "stringData": {"username": user, "password": password},
            })
        };
        let authority = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": AUTHORITY},
            "data": {"ca.crt": town.site.authority()},
        });
        let login = secret("git", GIT_USER, GIT_PASSWORD);
        for object in [login, secret("index", USER, INDEX_PASSWORD), authority] {
            create(&client, name, &object.to_string()).await.unwrap();
        }
        town.site.repository(name).unwrap();
        let clone = tempfile::tempdir_in(town.site.folder()).unwrap();
        let team = Self {
            town,
            name,
            client,
            clone,
        };
        team.git(&["init", "--quiet", "--initial-branch=main"]);
        team.git(&["config", "user.name", "Alice"]);
        team.git(&["config", "user.email", "alice@example.com"]);
        team
    }

    /// What git prints when called in the clone.
    fn git(&self, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(words)
            .current_dir(self.clone.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_SSL_CAINFO", self.town.site.authority_file())
            .env("NO_PROXY", "*");
        run(&mut git).unwrap().trim().to_owned()
    }

    /// Writes a file of the clone.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.clone.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Copies all of `fixtures/feedback` into the clone.
    pub(crate) fn write_feedback(&self) {
        run(Command::new("cp")
            .arg("-r")
            .arg(format!("{}/.", feedback().display()))
            .arg(self.clone.path()))
        .unwrap();
    }

    /// Commits all of the clone and pushes it over https; the commit.
    pub(crate) fn push(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        let password = GIT_PASSWORD
            .replace('@', "%40")
            .replace(' ', "%20")
            .replace('/', "%2F");
        let address = self.town.site.outside(self.name);
        let address = address.replacen("https://", &format!("https://{GIT_USER}:{password}@"), 1);
        self.git(&["push", "--quiet", &address, "main"]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn jobs(&self) -> Api<NotebookValidationJob> {
        Api::namespaced(self.client.clone(), self.name)
    }

    /// The job of the production feedback, with the addresses of this town.
    pub(crate) fn feedback_job(&self, name: &str) -> Value {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/fixtures/own/feedback.yaml");
        let mut job: Value = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        job["metadata"]["name"] = json!(name);
        job["spec"]["notebook"]["git"] = json!({
            "url": self.town.site.inside(self.name), "ref": "main", "credentialsSecret": "git",
        });
        job["spec"]["podConfig"]["containerImage"] = json!(self.town.base);
        let index = json!({"url": self.town.site.index(), "secret": "index"});
        job["spec"]["podConfig"]["buildConfig"]["packageIndex"] = index;
        job
    }

    /// Creates a job.
    pub(crate) async fn create(&self, job: &Value) {
        let job: NotebookValidationJob = serde_json::from_value(job.clone()).unwrap();
        self.jobs().create(&PostParams::default(), &job).await.unwrap();
    }

    /// Asks for one more run, as `kubectl nbvet retry` does.
    pub(crate) async fn rerun(&self, name: &str, word: &str) {
        let patch = json!({"metadata": {"annotations": {"nbvet.mlops.dev/rerun": word}}});
        self.patch(name, &patch).await;
    }

    /// Merges into a job.
    pub(crate) async fn patch(&self, name: &str, patch: &Value) {
        let how = PatchParams::default();
        self.jobs().patch(name, &how, &Patch::Merge(patch)).await.unwrap();
    }

    /// The status of a job when its run of this number has ended.
    pub(crate) async fn ended(&self, name: &str, run: i64) -> Value {
        let has_ended = |job: &NotebookValidationJob| {
            job.status.as_ref().is_some_and(|status| {
                status.run.as_ref().is_some_and(|one| one.number == run)
                    && status.phase.is_some_and(nbvet_operator_api::Phase::is_terminal)
            })
        };
        match wait_for(&self.jobs(), name, LIMIT, has_ended).await {
            Ok(job) => serde_json::to_value(job.status).unwrap(),
            Err(error) => panic!("{error}\n{}\n{}", self.events().await, self.pods()),
        }
    }

    /// What happened in the namespace, one event a line.
    pub(crate) async fn events(&self) -> String {
        events(&self.client, self.name).await.unwrap().join("\n")
    }

    /// Its pods, as kubectl tells of them.
    fn pods(&self) -> String {
        let mut kubectl = self.town.cluster.kubectl().unwrap();
        run(kubectl.args(["describe", "pods", "--namespace", self.name])).unwrap()
    }

    /// Names of the Jobs of Kubernetes that do a step.
    pub(crate) async fn children(&self, step: &str) -> Vec<String> {
        let all = Api::<k8s_openapi::api::batch::v1::Job>::namespaced(self.client.clone(), self.name);
        let those = kube::api::ListParams::default().labels(&format!("nbvet.mlops.dev/step={step}"));
        let found = all.list(&those).await.unwrap();
        found.items.iter().map(kube::ResourceExt::name_any).collect()
    }
}

/// The folder of the production feedback.
pub(crate) fn feedback() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/feedback")
}

/// A condition of a status as `STATUS REASON`.
pub(crate) fn condition(status: &Value, kind: &str) -> String {
    let conditions = status["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|one| one["type"] == kind);
    let word = |field: &str| found.and_then(|one| one[field].as_str()).unwrap_or("nothing");
    format!("{} {}", word("status"), word("reason"))
}

/// Seconds from the `startTime` to the `completionTime` of a run or a build, by the API server's clock.
pub(crate) fn seconds(status: &Value) -> f64 {
    let time = |name: &str| status[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    time("completionTime")
        .duration_since(time("startTime"))
        .as_secs_f64()
}

/// A notebook of code cells.
pub(crate) fn notebook(cells: &[&str]) -> String {
    let cell = |(index, code): (usize, &&str)| {
        json!({
            "cell_type": "code", "id": format!("cell-{index}"), "metadata": {}, "source": code,
            "outputs": [], "execution_count": null,
        })
    };
    let cells: Vec<_> = cells.iter().enumerate().map(cell).collect();
    let language =
        json!({"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}});
    json!({"nbformat": 4, "nbformat_minor": 5, "metadata": language, "cells": cells}).to_string()
}
