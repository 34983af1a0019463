//! Builds as Tekton `PipelineRun`s: one inline task, without anything to install before it.

use k8s_openapi::{
    api::core::v1::{Event, Pod},
    jiff::Timestamp,
};
use nbvet_blob::read_end;
use nbvet_operator_api::build::CacheType;
use nbvet_report::{
    Outcome, Reason,
    step::{MAX_MESSAGE, plain},
};
use serde_json::{Value, json};

use super::Strategy;
use crate::{
    observed::{BuildState, Fault, Held},
    plan::BuildInputs,
    render::{self, Setting},
};

/// Builds as `PipelineRun`s.
pub struct TektonStrategy;

impl Strategy for TektonStrategy {
    fn plan(&self, name: &str, inputs: &BuildInputs, setting: &Setting) -> Vec<Value> {
        let metadata = super::metadata(name, inputs, setting);
        let limit = format!("{}s", inputs.limit.as_secs().max(1));
        let run = json!({
            "apiVersion": "tekton.dev/v1",
            "kind": "PipelineRun",
            "metadata": metadata,
            "spec": {
                "timeouts": {"pipeline": limit},
                "pipelineSpec": {
                    "tasks": [{"name": "build", "taskSpec": task(name, inputs, setting)}],
                    "results": [{"name": END, "value": format!("$(tasks.build.results.{END})")}],
                },
                "taskRunTemplate": {"podTemplate": {
                    "automountServiceAccountToken": false,
                    "securityContext": render::pod_security(setting),
                }},
            },
        });
        vec![run, super::job::input_of_build(name, inputs, setting)]
    }

    fn read(&self, object: &Value, _pods: &[Pod], _events: &[Event]) -> BuildState {
        read(object)
    }
}

/// The result of a run: the end of nbvet's step, by which failures are told apart too.
const END: &str = "END";

/// The one task: nbvet's build, as its pod in a Job does it.
fn task(name: &str, inputs: &BuildInputs, setting: &Setting) -> Value {
    let mut pod = render::build_pod(name, 1, setting);
    render::compiler::add(&mut pod, inputs, setting);
    let mut step = pod["containers"][0].clone();
    if let Some(step) = step.as_object_mut() {
        // Tekton's own, or not a step's to set.
        for field in ["terminationMessagePolicy", "resources"] {
            step.remove(field);
        }
    }
    if let Some(args) = step["args"].as_array_mut() {
        args.extend([
            json!("--termination-log"),
            json!(format!("$(results.{END}.path)")),
        ]);
    }
    let build = setting.meaning().build;
    let is_kept = build.is_some_and(|build| build.cache == Some(CacheType::Workspace));
    let mut task = json!({
        "results": [{"name": END, "description": "How the build ended, as JSON"}],
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

/// Reasons of runs that another try will not change: what was asked for is at fault.
const LASTING: [&str; 10] = [
    "CouldntGetPipeline",
    "CouldntGetTask",
    "InvalidWorkspaceBindings",
    "ParameterMissing",
    "ParameterTypeMismatch",
    "InvalidTaskRunSpecs",
    "PipelineValidationFailed",
    "PipelineInvalidGraph",
    "InvalidParamValue",
    "ResourceVerificationFailed",
];

fn time(object: &Value, field: &str) -> Option<Timestamp> {
    object["status"][field].as_str()?.parse().ok()
}

/// How far a run is. `Cancelled` is said while it still stops, and after; only what has ended counts.
pub(crate) fn read(object: &Value) -> BuildState {
    let conditions = object["status"]["conditions"].as_array();
    let succeeded = conditions
        .into_iter()
        .flatten()
        .find(|one| one["type"] == "Succeeded");
    let text = |field: &str| succeeded.and_then(|one| one[field].as_str()).unwrap_or_default();
    let (holds, reason) = (text("status"), text("reason"));
    let message = plain(text("message"), MAX_MESSAGE);
    let begun = time(object, "startTime");
    let Some(at) = time(object, "completionTime").filter(|_| holds != "Unknown" && !holds.is_empty()) else {
        return match begun {
            Some(since) if reason != "PipelineRunPending" => BuildState::Running { since },
            _ => BuildState::Starting {
                held: (!message.is_empty()).then_some(Held {
                    reason: Reason::Waiting,
                    message,
                }),
            },
        };
    };
    if holds == "True" {
        return said(object, at);
    }
    let (reason, transient) = match reason {
        "Cancelled" | "CancelledRunningFinally" | "StoppedRunningFinally" | "PipelineRunCancelled" => {
            (Reason::BuildCancelled, false)
        }
        "PipelineRunTimeout" | "TaskRunTimeout" => (Reason::BuildTimedOut, false),
        _ if LASTING.contains(&reason) => (Reason::BuildFailed, false),
        _ => of_message(&message),
    };
    BuildState::Failed {
        at,
        fault: Fault {
            reason,
            transient,
            message,
        },
    }
}

/// A run that failed by its task: what Tekton says of the task's pod.
fn of_message(message: &str) -> (Reason, bool) {
    let says = |words: &str| message.contains(words);
    if says("PodEvicted") || says("evicted") {
        (Reason::Evicted, true)
    } else if says("TaskRunImagePullFailed") || says("failed to pull the image") {
        (
            Reason::ImagePullFailed,
            !(says("not found") || says("unauthorized") || says("denied")),
        )
    } else if says("violates PodSecurity") || says("admission webhook") {
        (Reason::AdmissionRefused, false)
    } else {
        (Reason::BuildFailed, false)
    }
}

/// What the step itself said: a run ends well whenever its step could say how it ended.
fn said(object: &Value, at: Timestamp) -> BuildState {
    let results = object["status"]["results"].as_array();
    let end = results.into_iter().flatten().find(|result| result["name"] == END);
    let end = end.and_then(|end| read_end(end["value"].as_str()?).ok());
    match end {
        Some(end) if end.outcome == Outcome::Passed => BuildState::Complete {
            at,
            image: end.image,
            size: None,
        },
        Some(end) => BuildState::Failed {
            at,
            fault: Fault {
                reason: end.reason,
                transient: end.transient,
                message: plain(&end.message, MAX_MESSAGE),
            },
        },
        None => BuildState::Failed {
            at,
            fault: Fault {
                reason: Reason::ReportLost,
                transient: true,
                message: "the build ended and said nothing that can be read".to_owned(),
            },
        },
    }
}
