//! What the tests stand on: a cluster whose pods end as the stories say, the operator at work in a part of it, and kubectl
//! with the plugin on its PATH.

use std::{
    os::unix::fs::symlink,
    process::{Command, Output},
    time::Duration,
};

use clap::Parser as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Config, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use nbvet_operator::{Means, Options, run_with};
use nbvet_operator_api::{NotebookValidationJob, NotebookValidationJobStatus};
use nbvet_operator_testkit::{FAKE_NODE, PodSecurity, wait_for};
use regex::Regex;
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    stories,
    town::{self, IMAGE, USER},
};

/// More than anything here needs on a loaded machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(8);
/// The namespace of most jobs.
pub(crate) const TEAM: &str = "team";
/// One in which a single build and a single validation may run at once.
pub(crate) const NARROW: &str = "narrow";
/// One in which no operator works: what stands there was written by others.
pub(crate) const ELSEWHERE: &str = "elsewhere";

/// The cluster, and kubectl.
pub(crate) struct Ground {
    pub(crate) town: town::Ground,
}

/// The operator at work; it ends in order with [`Operator::end`].
pub(crate) struct Operator {
    end: oneshot::Sender<()>,
    running: JoinHandle<Result<(), nbvet_operator::Error>>,
}

impl Operator {
    /// Ends it, and sees that it ends well.
    pub(crate) async fn end(self) {
        drop(self.end);
        self.running.await.unwrap().unwrap();
    }
}

impl Ground {
    /// Starts it, or says why it cannot.
    pub(crate) async fn start() -> Option<Self> {
        let kinds = stories::Pods::default();
        let town = town::Ground::with(move |pod, told| kinds.fate(pod, &mut told.lock().unwrap())).await?;
        town.define().await;
        town.namespace(TEAM).await;
        town.namespace(NARROW).await;
        let open = town.cluster.namespace(ELSEWHERE, PodSecurity::Privileged);
        open.await.unwrap();
        let plugin = env!("CARGO_BIN_EXE_kubectl-nbvet");
        for name in ["kubectl-nbvet", "kubectl_complete-nbvet"] {
            symlink(plugin, town.folder.path().join(name)).unwrap();
        }
        Some(Self { town })
    }

    /// Begins to work in a namespace, as the user that has the shipped role.
    pub(crate) async fn operator(&self, namespace: &str, options: &[&str]) -> Operator {
        let kubeconfig = Kubeconfig::read_from(self.town.cluster.kubeconfig(USER, None).unwrap()).unwrap();
        let how = KubeConfigOptions::default();
        let cluster = Config::from_custom_kubeconfig(kubeconfig, &how).await.unwrap();
        let always = ["nbvet-operator", "--image", IMAGE, "--registry", "registry.test"];
        let here = ["--health-address", "127.0.0.1:0", "--watch-namespace", namespace];
        let options = always.iter().chain(&here).chain(options);
        let options = Options::parse_from(options);
        let (end, ends) = oneshot::channel::<()>();
        let ends = async move {
            let _ = ends.await;
        };
        Operator {
            end,
            running: tokio::spawn(run_with(options, Means::of(cluster), ends)),
        }
    }

    /// Waits until the status of a job is so.
    pub(crate) async fn until(
        &self,
        namespace: &str,
        name: &str,
        is_so: impl Fn(&NotebookValidationJobStatus) -> bool,
    ) -> NotebookValidationJob {
        let is_so = |job: &NotebookValidationJob| job.status.as_ref().is_some_and(&is_so);
        wait_for(&self.town.jobs(namespace), name, LIMIT, is_so)
            .await
            .unwrap()
    }

    /// Changes a job as a user does.
    pub(crate) async fn change(&self, namespace: &str, name: &str, patch: &Value) {
        let how = PatchParams::default();
        let jobs = self.town.jobs(namespace);
        jobs.patch(name, &how, &Patch::Merge(patch)).await.unwrap();
    }

    /// Puts a job with a status of others where no operator works.
    pub(crate) async fn put(&self, name: &str, status: &Value) -> NotebookValidationJob {
        let image = json!({"containerImage": "python:3.12-slim"});
        let made = self.town.create(ELSEWHERE, name, &image).await;
        if status.is_null() {
            return made;
        }
        let how = PatchParams::default();
        let patch = Patch::Merge(json!({"status": status}));
        let jobs = self.town.jobs(ELSEWHERE);
        jobs.patch_status(name, &how, &patch).await.unwrap()
    }

    /// Puts a pod of the validation there that such a status speaks of.
    pub(crate) async fn put_pod(&self, name: &str, job: &NotebookValidationJob) {
        let run = job.status.as_ref().and_then(|status| status.run.as_ref());
        let object = json!({
            "metadata": {"name": name, "labels": {
                "nbvet.mlops.dev/job-uid": job.uid(),
                "nbvet.mlops.dev/step": "validate",
                "nbvet.mlops.dev/run": run.unwrap().id,
            }},
            "spec": {"nodeName": FAKE_NODE, "containers": [{"name": "nbvet", "image": "x"}, {"name": "notebook", "image": "x"}]},
        });
        let pods = Api::<Pod>::namespaced(self.town.admin.clone(), ELSEWHERE);
        let object = serde_json::from_value(object).unwrap();
        pods.create(&PostParams::default(), &object).await.unwrap();
        let runs =
            |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running");
        wait_for(&pods, name, LIMIT, runs).await.unwrap();
    }

    /// kubectl, with the plugin on its PATH.
    pub(crate) fn kubectl(&self) -> Command {
        let from = self.town.cluster.kubectl().unwrap();
        let folder = self.town.folder.path();
        let mut command = Command::new(from.get_program());
        command.envs(from.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [folder.to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap());
        command.env("HOME", folder).env_remove("CLICOLOR_FORCE");
        command
    }

    /// What a call of the plugin came to.
    pub(crate) fn call(&self, namespace: &str, arguments: &str) -> Output {
        let arguments = format!("nbvet {arguments} -n {namespace}");
        self.kubectl().args(arguments.split(' ')).output().unwrap()
    }

    /// What kubectl says itself, in the same way.
    pub(crate) fn kubectl_says(&self, arguments: &str) -> String {
        let output = self.kubectl().args(arguments.split(' ')).output().unwrap();
        told(&format!("kubectl {arguments}"), &output)
    }

    /// A call and what a user reads, with what differs from run to run left out.
    pub(crate) fn transcript(&self, namespace: &str, arguments: &str) -> String {
        told(
            &format!("kubectl nbvet {arguments}"),
            &self.call(namespace, arguments),
        )
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
    without_what_differs(&out)
}

/// Times, how long something took, and the digests that are made of uids.
fn without_what_differs(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, instead) in [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \([^)]*\)", "TIME (… ago)"),
        (r"rerun=[0-9T:.Z-]+", "rerun=…"),
        (r"\b(took|after|built in) (\d+(\.\d+)?(h|m|s|ms))+", "$1 …"),
        (
            r"-(prepare|validate|publish)-[0-9a-f]{16}-[a-z0-9]{5}\b",
            "-$1-POD",
        ),
        (r"-(prepare|validate|publish)-[0-9a-f]{16}\b", "-$1-CHILD"),
        (r"\b[0-9a-f]{16}\b", "RUN"),
        // The column AGE says how long the test has run.
        (r"(?m)^(NAME .*  AGE) +", "$1  "),
        (r"(?m)  \d+[smhd]  +(\S.*)$", "  AGE  $1"),
        (r"(?m)  (\d+[smhd])+$", "  AGE"),
    ] {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, instead)
            .into_owned();
    }
    text
}
