//! The parts that all pods share: who they run as, what is mounted where, and what passes Pod Security *restricted*.

use nbvet_operator_api::source::NotebookSource;
use nbvet_report::step::Step;
use serde_json::{Value, json};

use super::Setting;
use crate::{config::Config, read::pod::TRUSTED};

/// Where things are in the containers.
pub(crate) mod paths {
    /// The folder of everything of nbvet's own.
    pub(crate) const OWN: &str = "/nbvet";
    /// The home of the user in the user's container.
    pub(crate) const HOME: &str = "/home/nbvet";
    /// What nobody keeps.
    pub(crate) const TMP: &str = "/tmp";
    /// The token of a service account.
    pub(crate) const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
    /// The folder of the input, and of the lock.
    pub(crate) const INPUT: &str = "/nbvet/input";
    /// The source as trusted containers see it.
    pub(crate) const TREE: &str = "/nbvet/tree";
    /// The source as the user's container has it, and may write in it.
    pub(crate) const WORK: &str = "/nbvet/work";
    /// The golden notebook's source.
    pub(crate) const GOLDEN: &str = "/nbvet/golden";
    /// A `ConfigMap` or a volume that is the source.
    pub(crate) const SOURCE: &str = "/nbvet/source";
    /// The same of the golden notebook.
    pub(crate) const GOLDEN_SOURCE: &str = "/nbvet/golden-source";
    /// What the user's container gets of nbvet.
    pub(crate) const TOOLS: &str = "/nbvet/tools";
    /// The folder of the socket between host and agent.
    pub(crate) const AGENT: &str = "/nbvet/agent";
    /// The socket.
    pub(crate) const SOCKET: &str = "/nbvet/agent/socket";
    /// The socket between a build and the container of the base image that compiles for it.
    pub(crate) const COMPILER: &str = "/nbvet/agent/compiler";
    /// Credentials of the source.
    pub(crate) const CREDENTIALS: &str = "/nbvet/secrets/git";
    /// Credentials of the golden notebook's source.
    pub(crate) const GOLDEN_CREDENTIALS: &str = "/nbvet/secrets/golden-git";
    /// Credentials of the package index.
    pub(crate) const INDEX_CREDENTIALS: &str = "/nbvet/secrets/index";
    /// Authorities that vouch for the package index of the job.
    pub(crate) const INDEX_CA: &str = "/nbvet/index-ca";
    /// Their file.
    pub(crate) const INDEX_CA_FILE: &str = "/nbvet/index-ca/ca.crt";
    /// Authorities to trust.
    pub(crate) const CA: &str = "/nbvet/ca";
    /// Their file.
    pub(crate) const CA_FILE: &str = "/nbvet/ca/ca.crt";

    /// Credentials of registries.
    pub(crate) fn auth_folder(index: usize) -> String {
        format!("/nbvet/secrets/registry-{index}")
    }

    /// Their file, as Secrets of type `kubernetes.io/dockerconfigjson` have it.
    pub(crate) fn auth_file(index: usize) -> String {
        format!("{}/.dockerconfigjson", auth_folder(index))
    }
}

/// The user and group of containers that nobody said another of.
pub(crate) const USER: u32 = 10_001;

/// A volume and where a container has it.
pub(super) struct Mounted {
    name: String,
    source: Value,
    path: String,
    read_only: bool,
}

impl Mounted {
    /// An empty folder of the pod.
    pub(super) fn empty(name: &str, path: &str) -> Self {
        Self {
            name: name.to_owned(),
            source: json!({"emptyDir": {}}),
            path: path.to_owned(),
            read_only: false,
        }
    }

    fn of(name: &str, path: &str, source: Value) -> Self {
        Self {
            name: name.to_owned(),
            source,
            path: path.to_owned(),
            read_only: true,
        }
    }

    /// The `ConfigMap` of the input.
    pub(super) fn input(name: &str) -> Self {
        Self::of("input", paths::INPUT, json!({"configMap": {"name": name}}))
    }

    pub(super) fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    pub(super) fn into_name(self) -> String {
        self.name
    }

    pub(super) fn volume(&self) -> Value {
        let mut volume = self.source.clone();
        volume["name"] = json!(self.name);
        volume
    }

    pub(super) fn mount(&self) -> Value {
        json!({"name": self.name, "mountPath": self.path, "readOnly": self.read_only})
    }
}

/// Secrets to speak to registries with: the one to push with, then those to pull with.
pub(super) fn registry_secrets(setting: &Setting) -> Vec<String> {
    let pod = &setting.job.spec.pod_config;
    let build = pod
        .build_config
        .as_ref()
        .filter(|build| build.enabled == Some(true));
    let push = build.and_then(|build| build.push_secret.clone());
    let mut secrets: Vec<String> = push.into_iter().filter(|name| !name.is_empty()).collect();
    for secret in &pod.image_pull_secrets {
        if !secrets.contains(&secret.name) {
            secrets.push(secret.name.clone());
        }
    }
    secrets
}

/// What a container needs to speak to registries.
pub(super) fn for_registries(setting: &Setting) -> Vec<Mounted> {
    let secrets = registry_secrets(setting);
    let folders = secrets.iter().enumerate().map(|(index, secret)| {
        let source = json!({"secret": {"secretName": secret, "defaultMode": 0o440}});
        Mounted::of(&format!("registry-{index}"), &paths::auth_folder(index), source)
    });
    folders.chain(authorities(setting.config)).collect()
}

/// What a container needs to speak to the package index of the job.
pub(super) fn for_index(setting: &Setting) -> Vec<Mounted> {
    let build = setting.job.spec.pod_config.build_config.as_ref();
    let index = build.and_then(|build| build.package_index.as_ref());
    let secret = index.and_then(|index| index.secret.as_ref()).map(|secret| {
        let source = json!({"secret": {"secretName": secret, "defaultMode": 0o440}});
        Mounted::of("index", paths::INDEX_CREDENTIALS, source)
    });
    let authorities = index
        .and_then(|index| index.ca_config_map.as_ref())
        .map(|map| Mounted::of("index-ca", paths::INDEX_CA, json!({"configMap": {"name": map}})));
    secret.into_iter().chain(authorities).collect()
}

/// Authorities that the operator names.
pub(super) fn authorities(config: &Config) -> Option<Mounted> {
    let name = config.ca_config_map.as_ref()?;
    // With its key, so that the kubelet tells too where that is missing.
    let key = json!({"key": "ca.crt", "path": "ca.crt"});
    Some(Mounted::of(
        "ca",
        paths::CA,
        json!({"configMap": {"name": name, "items": [key]}}),
    ))
}

/// What a container needs to fetch a source: its credentials, or the source itself.
pub(super) fn for_source(source: &NotebookSource, is_golden: bool) -> Option<Mounted> {
    let prefix = if is_golden { "golden-" } else { "" };
    if let Some(git) = &source.git {
        let secret = git.credentials_secret.as_ref()?;
        let path = if is_golden {
            paths::GOLDEN_CREDENTIALS
        } else {
            paths::CREDENTIALS
        };
        let volume = json!({"secret": {"secretName": secret, "defaultMode": 0o440}});
        return Some(Mounted::of(&format!("{prefix}git"), path, volume));
    }
    let path = if is_golden {
        paths::GOLDEN_SOURCE
    } else {
        paths::SOURCE
    };
    let name = format!("{prefix}source");
    if let Some(map) = &source.config_map {
        return Some(Mounted::of(&name, path, json!({"configMap": {"name": map.name}})));
    }
    let claim = source.persistent_volume_claim.as_ref()?;
    let volume = json!({"persistentVolumeClaim": {"claimName": claim.claim_name, "readOnly": true}});
    Some(Mounted::of(&name, path, volume))
}

/// The security context of every container: what *restricted* asks for, and a root that nobody writes.
pub(super) fn restricted() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

/// The security context of every pod. On OpenShift its constraints choose the users.
pub(crate) fn pod_security(setting: &Setting) -> Value {
    let mut context = json!({
        "runAsNonRoot": true,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    if !setting.cluster.openshift {
        context["runAsUser"] = json!(USER);
        context["runAsGroup"] = json!(USER);
        context["fsGroup"] = json!(USER);
        context["fsGroupChangePolicy"] = json!("OnRootMismatch");
    }
    context
}

/// What a step is told on its command line; all else stands in its input.
fn arguments(step: &str, setting: &Setting) -> Vec<String> {
    if step == Step::Install.as_str() {
        return vec!["--into".to_owned(), paths::TOOLS.to_owned()];
    }
    let mut arguments = vec![
        "--input".to_owned(),
        format!("{}/{}", paths::INPUT, super::INPUT_FILE),
    ];
    let fetches = [Step::Fetch, Step::Prepare]
        .iter()
        .any(|one| one.as_str() == step);
    if fetches && setting.config.allow_insecure_sources {
        arguments.push("--allow-insecure-sources".to_owned());
    }
    arguments
}

/// A container of the trusted image that does a step.
pub(super) fn trusted(name: &str, step: &str, setting: &Setting, mounts: &[&Mounted]) -> Value {
    json!({
        "name": name,
        "image": setting.config.trusted_image,
        "command": ["nbvet", "step", step],
        "args": arguments(step, setting),
        "env": [{"name": "HOME", "value": "/tmp"}],
        "securityContext": restricted(),
        "terminationMessagePolicy": "File",
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "2Gi"},
        },
        "volumeMounts": mounts.iter().map(|mounted| mounted.mount()).collect::<Vec<_>>(),
    })
}

/// A Job that runs one pod once.
pub(crate) fn job(metadata: &Value, pod: &Value, setting: &Setting) -> Value {
    let mut metadata = metadata.clone();
    let mut labels = metadata["labels"].clone();
    for (name, value) in super::passed_on(setting) {
        metadata["labels"][&name] = json!(value);
    }
    labels["app.kubernetes.io/name"] = json!("nbvet");
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    })
}

/// A pod of trusted containers alone.
pub(crate) fn trusted_pod(
    containers: &[Value],
    volumes: Vec<Value>,
    seconds: i64,
    setting: &Setting,
) -> Value {
    let mut volumes = volumes;
    volumes.push(json!({"name": "tmp", "emptyDir": {}}));
    let mut pod = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "activeDeadlineSeconds": seconds,
        "securityContext": pod_security(setting),
        "containers": containers,
        "volumes": volumes,
    });
    if setting.config.user_namespaces {
        pod["hostUsers"] = json!(false);
    }
    pod
}

/// The pod of a build that assembles wheels.
pub(crate) fn build_pod(name: &str, seconds: i64, setting: &Setting) -> Value {
    let mut mounted = vec![Mounted::input(name)];
    mounted.extend(for_registries(setting));
    mounted.extend(for_index(setting));
    let tmp = Mounted::empty("tmp", "/tmp");
    let mounts: Vec<&Mounted> = mounted.iter().chain([&tmp]).collect();
    let container = trusted(TRUSTED, "build", setting, &mounts);
    let volumes = mounted.iter().map(Mounted::volume).collect();
    trusted_pod(&[container], volumes, seconds, setting)
}
