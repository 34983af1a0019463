//! Builds as Tekton `PipelineRun`s: one inline task, without anything to install before it.

mod states;

use nbvet_operator_api::build::CacheType;
use serde_json::{Value, json};

use super::{Around, Strategy};
use crate::{
    observed::BuildState,
    plan::BuildInputs,
    render::{self, Setting, network},
};

/// Builds as `PipelineRun`s.
pub struct TektonStrategy;

impl Strategy for TektonStrategy {
    fn plan(&self, name: &str, inputs: &BuildInputs, setting: &Setting) -> Vec<Value> {
        let mut metadata = super::metadata(name, inputs, setting);
        for (label, value) in render::passed_on(setting) {
            metadata["labels"][&label] = json!(value);
        }
        let limit = format!("{}s", inputs.limit.as_secs().max(1));
        let policy = network::policy(&metadata, network::OF_RUN, setting);
        let run = json!({
            "apiVersion": "tekton.dev/v1",
            "kind": "PipelineRun",
            "metadata": metadata,
            "spec": {
                "timeouts": {"pipeline": limit},
                "pipelineSpec": {
                    "tasks": [{"name": TASK, "taskSpec": task(name, inputs, setting)}],
                    "results": [{
                        "name": END, "type": "string", "value": format!("$(tasks.{TASK}.results.{END})"),
                    }],
                },
                "taskRunTemplate": {"podTemplate": pod_template(setting)},
            },
        });
        let input = super::job::input_of_build(name, inputs, setting);
        [Some(run), policy, Some(input)].into_iter().flatten().collect()
    }

    fn read(&self, object: &Value, around: &Around) -> BuildState {
        states::read(object, around.tasks)
    }
}

/// The one task of a run.
const TASK: &str = "build";
/// The result of a run: the end of nbvet's step, by which failures are told apart too.
const END: &str = "END";
/// Results of the task from which Tekton Chains signs. Not of the run: it would fail where a build has no image to name.
const IMAGE_URL: &str = "IMAGE_URL";
const IMAGE_DIGEST: &str = "IMAGE_DIGEST";

/// What Tekton's pod has of ours.
fn pod_template(setting: &Setting) -> Value {
    let mut template = json!({
        "automountServiceAccountToken": false,
        "securityContext": render::pod_security(setting),
    });
    if setting.config.user_namespaces {
        template["hostUsers"] = json!(false);
    }
    if let Some(secrets) = render::compiler::pull_secrets(setting) {
        template["imagePullSecrets"] = secrets;
    }
    template
}

/// The one task: nbvet's build, as its pod in a Job does it.
fn task(name: &str, inputs: &BuildInputs, setting: &Setting) -> Value {
    let mut pod = render::build_pod(name, 1, setting);
    render::compiler::add(&mut pod, inputs, setting);
    let mut step = pod["containers"][0].clone();
    if let Some(step) = step.as_object_mut() {
        // Tekton's own.
        step.remove("terminationMessagePolicy");
        if let Some(resources) = step.remove("resources") {
            step.insert("computeResources".to_owned(), resources);
        }
    }
    if let Some(args) = step["args"].as_array_mut() {
        for (option, result) in [
            ("--termination-log", END),
            ("--image-url", IMAGE_URL),
            ("--image-digest", IMAGE_DIGEST),
        ] {
            args.extend([json!(option), json!(format!("$(results.{result}.path)"))]);
        }
    }
    let build = setting.meaning().build;
    let is_kept = build.is_some_and(|build| build.cache == Some(CacheType::Workspace));
    let mut task = json!({
        // Without a type, JSON would be taken for an object.
        "results": [
            {"name": END, "type": "string", "description": "How the build ended, as JSON"},
            {"name": IMAGE_URL, "type": "string", "description": "The image's name, where there is one"},
            {"name": IMAGE_DIGEST, "type": "string", "description": "Its digest"},
        ],
        "steps": [step],
        "volumes": pod["volumes"],
    });
    // Tekton ends it when the step has ended.
    let beside = pod["containers"].as_array().into_iter().flatten().skip(1);
    let sidecars: Vec<Value> = beside.cloned().map(as_sidecar).collect();
    if !sidecars.is_empty() {
        task["sidecars"] = json!(sidecars);
    }
    if is_kept && let Some(volumes) = task["volumes"].as_array_mut() {
        for volume in volumes.iter_mut().filter(|volume| volume["name"] == "tmp") {
            *volume = json!({"name": "tmp", "ephemeral": {"volumeClaimTemplate": {"spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "5Gi"}},
            }}}});
        }
    }
    task
}

fn as_sidecar(mut container: Value) -> Value {
    if let Some(fields) = container.as_object_mut()
        && let Some(resources) = fields.remove("resources")
    {
        fields.insert("computeResources".to_owned(), resources);
    }
    container
}
