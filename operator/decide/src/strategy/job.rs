//! Builds as Jobs of plain Kubernetes: nbvet assembles the image of wheels, without privileges; a Dockerfile or a source
//! distribution is built by buildah, which needs some.

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use nbvet_report::{Outcome, Reason};
use serde_json::{Value, json};

use super::{Around, Strategy};
use crate::{
    observed::{BuildState, ChildState, Fault},
    plan::BuildInputs,
    read,
    render::{self, Setting, network},
};

/// Builds as Jobs.
pub struct JobStrategy;

impl Strategy for JobStrategy {
    fn plan(&self, name: &str, inputs: &BuildInputs, setting: &Setting) -> Vec<Value> {
        let metadata = super::metadata(name, inputs, setting);
        let seconds = inputs.limit.as_secs().max(1);
        let mut pod = render::build_pod(name, seconds, setting);
        render::compiler::add(&mut pod, inputs, setting);
        render::commands::allow(&mut pod, inputs, setting);
        let mut objects = vec![render::job(&metadata, &pod, setting)];
        objects.extend(network::policy(&metadata, network::OF_JOB, setting));
        objects.push(input_of_build(name, inputs, setting));
        objects
    }

    fn read(&self, object: &Value, around: &Around) -> BuildState {
        let Ok(job) = serde_json::from_value::<Job>(object.clone()) else {
            return BuildState::Starting { held: None };
        };
        match read::pod::state(&job, around.pods, around.events) {
            ChildState::Starting { held } => BuildState::Starting { held },
            ChildState::Running { since } => BuildState::Running { since },
            ChildState::Said { at, end, .. } if end.outcome == Outcome::Passed => BuildState::Complete {
                at,
                image: end.image,
                size: end.image_size,
            },
            ChildState::Said { at, end, .. } => BuildState::Failed {
                at,
                fault: Fault {
                    reason: end.reason,
                    transient: end.transient,
                    message: end.message,
                },
            },
            ChildState::Broken { at, fault } => of_broken(&job, around.pods, at, fault),
        }
    }
}

/// A build whose pod left no word: its Job may still know that it ended well.
fn of_broken(job: &Job, pods: &[Pod], at: k8s_openapi::jiff::Timestamp, fault: Fault) -> BuildState {
    let conditions = job
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut complete = conditions.filter(|one| one.type_ == "Complete" && one.status == "True");
    if pods.is_empty() && complete.next().is_some() {
        return BuildState::Complete {
            at,
            image: None,
            size: None,
        };
    }
    let past_deadline = pods.iter().any(|pod| {
        let status = pod.status.as_ref();
        status.and_then(|status| status.reason.as_deref()) == Some("DeadlineExceeded")
    });
    if past_deadline {
        return BuildState::Failed {
            at,
            fault: Fault {
                reason: Reason::BuildTimedOut,
                transient: false,
                message: "the build ran past its deadline".to_owned(),
            },
        };
    }
    BuildState::Failed { at, fault }
}

/// The `ConfigMap` of a build's input and lock.
pub(super) fn input_of_build(name: &str, inputs: &BuildInputs, setting: &Setting) -> Value {
    let input = serde_json::to_string(&render::build_input(inputs, setting)).unwrap_or_default();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": setting.job.metadata.namespace,
            "labels": {(crate::names::MANAGED_BY.0): crate::names::MANAGED_BY.1},
        },
        "immutable": true,
        "data": {
            (render::INPUT_FILE): input,
            (render::LOCK_FILE): inputs.lock.clone().unwrap_or_default(),
        },
    })
}
