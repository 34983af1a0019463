//! What the tests stand on: an API server with the definition, a node that gives logs, jobs with their statuses, and kubectl
//! with the plugin on its PATH.

use std::{
    collections::HashMap,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use nbvet_operator_api::NotebookValidationJob;
use nbvet_operator_testkit::{Cluster, Options, PodSecurity, Tier, apply_definitions, or_skip};
use regex::Regex;
use serde_json::{Value, json};

use crate::{jobs::Job, kubelet};

/// The namespace of all jobs.
pub(crate) const TEAM: &str = "team";
/// The node that runs nothing and gives logs.
const NODE: &str = "log-node";

/// By pod and container.
type Logs = Arc<Mutex<HashMap<String, String>>>;

/// A cluster that runs nothing, and kubectl.
pub(crate) struct Ground {
    pub(crate) admin: Client,
    pub(crate) folder: tempfile::TempDir,
    cluster: Cluster,
    logs: Logs,
}

impl Ground {
    /// Starts it, or says why it cannot.
    pub(crate) async fn start() -> Option<Self> {
        let options = Options {
            tier: Tier::Api,
            // The node that gives logs has a certificate of its own making.
            api_server: vec!["--kubelet-certificate-authority=".to_owned()],
            ..Options::default()
        };
        let cluster = or_skip(Cluster::start(options).await)?;
        let admin = cluster.admin().await.unwrap();
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/crd");
        apply_definitions(&admin, &folder).await.unwrap();
        cluster.namespace(TEAM, PodSecurity::Privileged).await.unwrap();
        let logs = Logs::default();
        let of = Arc::clone(&logs);
        let port = kubelet::serve(move |pod| of.lock().unwrap().get(pod).cloned().unwrap_or_default());
        let ground = Self {
            admin,
            folder: tempfile::tempdir().unwrap(),
            cluster,
            logs,
        };
        ground.node(port).await;
        let plugin = env!("CARGO_BIN_EXE_kubectl-nbvet");
        for name in ["kubectl-nbvet", "kubectl_complete-nbvet"] {
            symlink(plugin, ground.folder.path().join(name)).unwrap();
        }
        Some(ground)
    }

    async fn node(&self, port: u16) {
        let nodes = Api::<Node>::all(self.admin.clone());
        let node = serde_json::from_value(json!({"metadata": {"name": NODE}})).unwrap();
        nodes.create(&PostParams::default(), &node).await.unwrap();
        let status = json!({"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }});
        let how = PatchParams::default();
        nodes
            .patch_status(NODE, &how, &Patch::Merge(&status))
            .await
            .unwrap();
    }

    pub(crate) fn jobs(&self) -> Api<NotebookValidationJob> {
        Api::namespaced(self.admin.clone(), TEAM)
    }

    /// Creates a job with its status, its pod and its report.
    pub(crate) async fn create(&self, job: &Job) -> NotebookValidationJob {
        let object = serde_json::from_value(job.object()).unwrap();
        let made = self.jobs().create(&PostParams::default(), &object).await.unwrap();
        let name = made.name_any();
        let mut status = job.status.clone();
        if let Some(report) = &job.report {
            let (map, place) = report.clone();
            let maps = Api::<ConfigMap>::namespaced(self.admin.clone(), TEAM);
            maps.create(&PostParams::default(), &map).await.unwrap();
            status["report"] = place;
        }
        if let Some(pod) = &job.pod {
            self.pod(pod, &made, &status).await;
        }
        if status.is_null() {
            return made;
        }
        let how = PatchParams::default();
        let patch = Patch::Merge(json!({"status": status}));
        self.jobs().patch_status(&name, &how, &patch).await.unwrap()
    }

    /// A pod of the step that a status speaks of.
    async fn pod(&self, pod: &Value, job: &NotebookValidationJob, status: &Value) {
        let pods = Api::<Pod>::namespaced(self.admin.clone(), TEAM);
        let (step, name) = (status["step"]["name"].clone(), pod["name"].as_str().unwrap());
        let labels = if step == "build" {
            json!({"batch.kubernetes.io/job-name": status["buildStatus"]["buildName"]})
        } else {
            json!({
                "nbvet.mlops.dev/job-uid": job.uid(),
                "nbvet.mlops.dev/step": step,
                "nbvet.mlops.dev/run": status["run"]["id"],
            })
        };
        let container = |name: &Value| json!({"name": name, "image": "x"});
        let all = |names: &Value| {
            names
                .as_array()
                .map(|names| names.iter().map(container).collect::<Vec<_>>())
        };
        let object = json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "nodeName": NODE,
                "initContainers": all(&pod["first"]).unwrap_or_default(),
                "containers": all(&pod["containers"]),
            },
        });
        let object = serde_json::from_value(object).unwrap();
        pods.create(&PostParams::default(), &object).await.unwrap();
        let status = Patch::Merge(json!({"status": pod["status"]}));
        pods.patch_status(name, &PatchParams::default(), &status)
            .await
            .unwrap();
        let log = pod["log"].as_str().unwrap_or_default().to_owned();
        self.logs.lock().unwrap().insert(name.to_owned(), log);
    }

    /// kubectl, with the plugin on its PATH.
    pub(crate) fn kubectl(&self) -> Command {
        let from = self.cluster.kubectl().unwrap();
        let mut command = Command::new(from.get_program());
        command.envs(from.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.folder.path().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap());
        command
            .env("HOME", self.folder.path())
            .env_remove("CLICOLOR_FORCE");
        command
    }

    /// What a call of the plugin came to.
    pub(crate) fn call(&self, arguments: &str) -> Output {
        let arguments = format!("nbvet {arguments} -n {TEAM}");
        self.kubectl().args(arguments.split(' ')).output().unwrap()
    }

    /// A call and what a user reads, with times that pass left out.
    pub(crate) fn transcript(&self, arguments: &str) -> String {
        told(&format!("kubectl nbvet {arguments}"), &self.call(arguments))
    }
}

/// A call, its two streams and its exit code.
pub(crate) fn told(call: &str, output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut out = format!("$ {call}\n{}", text(&output.stdout));
    for line in text(&output.stderr).lines() {
        out.extend(["stderr: ", line, "\n"]);
    }
    let code = output.status.code().unwrap();
    out.extend(["exit code ", &code.to_string(), "\n\n"]);
    without_times(&out)
}

/// Times that differ from run to run.
fn without_times(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, instead) in [
        (r"\d+[smhd] ago", "… ago"),
        (r"rerun=[0-9T:.Z-]+", "rerun=…"),
        (r"(?m)^(NAME .*)$", "$1"),
    ] {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, instead)
            .into_owned();
    }
    text
}
