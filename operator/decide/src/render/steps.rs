//! The pods of prepare, validate and publish, each with the `ConfigMap` of its input before it.

use k8s_openapi::{api::core::v1::SecurityContext, jiff::SignedDuration};
use nbvet_operator_api::{NotebookValidationJobSpec, meaning::env_from};
use nbvet_report::step::Step;
use serde_json::{Value, json};

use super::{
    INPUT_FILE, Setting, child_metadata,
    input::step_input,
    network,
    pod::{self, Mounted, paths},
};
use crate::{
    image::Image,
    names,
    plan::{StepWork, Task},
    read::pod::{BEFORE, NOTEBOOK, TRUSTED},
};

/// The volume of a token.
pub(super) const TOKEN: &str = "token";

/// Seconds that prepare and publish may take, pulls and all.
const SHORT_STEP: i64 = 1800;

/// What a validation may take besides the notebook's own time: pulling, fetching, starting.
const AROUND: SignedDuration = SignedDuration::from_mins(15);

/// The input of a step, and the Job that does it.
pub(super) fn objects(name: &str, work: &StepWork, setting: &Setting) -> Vec<Value> {
    let step = work.task.step();
    let mut metadata = child_metadata(
        name,
        setting,
        &work.run,
        step.as_str(),
        work.attempt,
        &work.inputs,
    );
    if let Some(limit) = work.task.limit() {
        metadata["annotations"][names::LIMIT] = json!(names::limit_value(limit));
    }
    let input = serde_json::to_string(&step_input(&work.task, setting)).unwrap_or_default();
    let config_map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": true,
        "data": {(INPUT_FILE): input},
    });
    let pod = match &work.task {
        Task::Prepare { .. } => prepare(name, setting),
        Task::Validate {
            image, uid, limit, ..
        } => validate(name, image, *uid, *limit, setting),
        Task::Publish { .. } => publish(name, setting),
    };
    let policy = network::policy(&metadata, network::OF_JOB, setting);
    let job = pod::job(&metadata, &pod, setting);
    // A pod has its policy before it runs.
    [Some(config_map), policy, Some(job)]
        .into_iter()
        .flatten()
        .collect()
}

fn prepare(name: &str, setting: &Setting) -> Value {
    let mut mounted = vec![Mounted::input(name), Mounted::empty("tree", paths::TREE)];
    mounted.extend(pod::for_source(&setting.job.spec.notebook, false));
    if let Some(golden) = &setting.job.spec.golden_notebook {
        mounted.push(Mounted::empty("golden", paths::GOLDEN));
        mounted.extend(pod::for_source(golden, true));
    }
    mounted.extend(pod::for_registries(setting));
    mounted.extend(pod::for_index(setting));
    one_step(Step::Prepare, &mounted, setting)
}

fn publish(name: &str, setting: &Setting) -> Value {
    let mut mounted = vec![Mounted::input(name)];
    mounted.extend(pod::for_registries(setting));
    one_step(Step::Publish, &mounted, setting)
}

fn one_step(step: Step, mounted: &[Mounted], setting: &Setting) -> Value {
    let tmp = Mounted::empty("tmp", "/tmp");
    let mounts: Vec<&Mounted> = mounted.iter().chain([&tmp]).collect();
    let container = pod::trusted(TRUSTED, step.as_str(), setting, &mounts);
    let volumes = mounted.iter().map(Mounted::volume).collect();
    pod::trusted_pod(&[container], volumes, SHORT_STEP, setting)
}

/// The user's image with the agent in it, and the host beside it: they share a socket and the notebook's folder, and
/// nothing else. The user's container sees no input, no secret of the platform and no token that was not asked for.
fn validate(name: &str, image: &Image, uid: Option<u32>, limit: SignedDuration, setting: &Setting) -> Value {
    let spec = &setting.job.spec;
    let input = Mounted::input(name);
    let tree = Mounted::empty("tree", paths::TREE);
    let work = Mounted::empty("work", paths::WORK);
    let golden = Mounted::empty("golden", paths::GOLDEN);
    let tools = Mounted::empty("tools", paths::TOOLS);
    let socket = Mounted::empty("agent", paths::AGENT);
    let tmp = Mounted::empty("tmp", "/tmp");
    let sources = pod::for_source(&spec.notebook, false);
    let golden_source = spec
        .golden_notebook
        .as_ref()
        .and_then(|golden| pod::for_source(golden, true));
    let fetched: Vec<Mounted> = sources.into_iter().chain(golden_source).collect();
    let ca: Vec<Mounted> = pod::for_registries(setting)
        .into_iter()
        .filter(|one| one.volume()["name"] == "ca")
        .collect();
    let own = [&input, &tree, &work, &golden, &tools, &socket];
    let fetch: Vec<&Mounted> = [&input, &tree, &work, &golden, &tmp]
        .into_iter()
        .chain(&fetched)
        .chain(&ca)
        .collect();
    let volumes = own
        .iter()
        .map(|mounted| mounted.volume())
        .chain(fetched.iter().chain(&ca).map(Mounted::volume));
    let mut volumes: Vec<Value> = volumes.collect();
    let host_tree = Mounted::empty("tree", paths::TREE).read_only();
    let host = pod::trusted(
        TRUSTED,
        "validate",
        setting,
        &[&input, &host_tree, &golden, &socket, &tmp],
    );
    let seconds = limit.saturating_add(AROUND).as_secs();
    let mut mounts = vec![work.mount(), tools.mount(), socket.mount()];
    let token = token(setting, &mut volumes, &mut mounts);
    for (own, path) in [("home", paths::HOME), ("user-tmp", paths::TMP)] {
        volumes.push(json!({"name": own, "emptyDir": {}}));
        mounts.push(json!({"name": own, "mountPath": path}));
    }
    let notebook = notebook(image, uid, mounts, setting);
    let mut pod = pod::trusted_pod(&[host, notebook], volumes, seconds, setting);
    pod["initContainers"] = json!([
        pod::trusted(BEFORE[0], "fetch", setting, &fetch),
        pod::trusted(BEFORE[1], "install", setting, &[&tools, &tmp]),
    ]);
    place(&mut pod, setting);
    if token {
        pod["serviceAccountName"] = json!(spec.pod_config.service_account_name);
    }
    pod
}

/// Whether the job names a service account that is worth a token.
pub(super) fn has_token(spec: &NotebookValidationJobSpec) -> bool {
    let named = spec.pod_config.service_account_name.as_deref();
    named.is_some_and(|name| !name.is_empty() && name != "default")
}

/// The token of a service account that the job names, for the user's container alone.
fn token(setting: &Setting, volumes: &mut Vec<Value>, mounts: &mut Vec<Value>) -> bool {
    if !has_token(&setting.job.spec) {
        return false;
    }
    volumes.push(json!({"name": TOKEN, "projected": {"defaultMode": 0o444, "sources": [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]}}));
    mounts.push(json!({
        "name": TOKEN, "readOnly": true,
        "mountPath": paths::TOKEN,
    }));
    true
}

/// The user's container.
fn notebook(image: &Image, uid: Option<u32>, mut mounts: Vec<Value>, setting: &Setting) -> Value {
    let pod = &setting.job.spec.pod_config;
    mounts.extend(
        pod.volume_mounts
            .iter()
            .filter_map(|mount| serde_json::to_value(mount).ok()),
    );
    let mut env = vec![
        json!({"name": "HOME", "value": paths::HOME}),
        json!({"name": "NBVET_ASSETS", "value": format!("{}/assets", paths::TOOLS)}),
    ];
    // What users set adds to ours; of one name theirs is the last word.
    env.extend(pod.env.iter().filter_map(|one| serde_json::to_value(one).ok()));
    let mut container = json!({
        "name": NOTEBOOK,
        "image": image.as_str(),
        "command": [format!("{}/nbvet", paths::TOOLS), "agent"],
        "args": ["--listen", paths::SOCKET],
        "workingDir": paths::WORK,
        "env": env,
        "envFrom": env_from(pod),
        "securityContext": user_security(pod.security_context.as_ref(), uid, setting),
        "volumeMounts": mounts,
    });
    if let Some(resources) = &pod.resources {
        container["resources"] = json!(resources);
    }
    container
}

/// What the user's container may do: always what *restricted* asks for, and of what the job says that which narrows.
/// What does not ends the job before; here it is left out, whoever asks.
fn user_security(written: Option<&SecurityContext>, uid: Option<u32>, setting: &Setting) -> Value {
    let mut context = json!({
        "allowPrivilegeEscalation": false,
        "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    let Some(written) = written else {
        return with_user(context, None, uid, setting);
    };
    if let Some(group) = written.run_as_group {
        context["runAsGroup"] = json!(group);
    }
    if let Some(read_only) = written.read_only_root_filesystem {
        context["readOnlyRootFilesystem"] = json!(read_only);
    }
    if let Some(options) = &written.se_linux_options {
        context["seLinuxOptions"] = json!(options);
    }
    if let Some(profile) = &written.app_armor_profile {
        context["appArmorProfile"] = json!(profile);
    }
    with_user(context, written.run_as_user, uid, setting)
}

/// The user that the job names, else the image's; on OpenShift its constraints choose.
fn with_user(mut context: Value, named: Option<i64>, uid: Option<u32>, setting: &Setting) -> Value {
    match (named.filter(|named| *named != 0), uid) {
        (Some(named), _) => context["runAsUser"] = json!(named),
        (None, Some(uid)) if !setting.cluster.openshift => context["runAsUser"] = json!(uid),
        (None, _) => {}
    }
    context
}

/// Where the pod runs, with whose images, and what else users gave it.
fn place(pod: &mut Value, setting: &Setting) {
    let config = &setting.job.spec.pod_config;
    if let Some(volumes) = pod["volumes"].as_array_mut() {
        volumes.extend(
            config
                .volumes
                .iter()
                .filter_map(|volume| serde_json::to_value(volume).ok()),
        );
    }
    let secrets = pod::registry_secrets(setting);
    if !secrets.is_empty() {
        pod["imagePullSecrets"] = secrets.iter().map(|name| json!({"name": name})).collect();
    }
    if !config.tolerations.is_empty() {
        pod["tolerations"] = json!(config.tolerations);
    }
    if !config.node_selector.is_empty() {
        pod["nodeSelector"] = json!(config.node_selector);
    }
    if let Some(affinity) = &config.affinity {
        pod["affinity"] = json!(affinity);
    }
    let class = config.runtime_class_name.as_ref();
    if let Some(class) = class.or(setting.config.runtime_class.as_ref()) {
        pod["runtimeClassName"] = json!(class);
    }
}
