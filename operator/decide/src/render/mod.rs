//! Intents as objects of Kubernetes. Pure: the same intent always gives the same objects.

pub(crate) mod commands;
pub(crate) mod compiler;
mod input;
pub(crate) mod network;
mod pod;
pub(crate) mod record;
mod steps;
mod stream;
pub(crate) mod taken;

use nbvet_operator_api::NotebookValidationJob;
use serde_json::{Value, json};

use crate::{
    config::Config,
    meaning::Meaning,
    names,
    observed::{Cluster, RunMark},
    plan::{Intent, Work},
};

pub(crate) use self::{
    input::build_input,
    pod::{build_pod, job, pod_security},
};
pub use self::{
    input::{INPUT_FILE, LOCK_FILE},
    record::{RECORD_BLOB, RECORD_END},
};

/// What objects are made from besides what the plan says.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The job.
    pub job: &'a NotebookValidationJob,
    /// How the operator is set up.
    pub config: &'a Config,
    /// What the cluster has.
    pub cluster: Cluster,
}

impl Setting<'_> {
    fn namespace(&self) -> &str {
        self.job.metadata.namespace.as_deref().unwrap_or_default()
    }

    pub(crate) fn meaning(&self) -> Meaning {
        Meaning::of(self.job, self.config)
    }
}

/// The objects of an intent, in the order in which they are created. Those of a build after the first get the first as
/// their owner; all others belong to the job.
pub fn render(intent: &Intent, setting: &Setting) -> Vec<Value> {
    match &intent.work {
        Work::Step(work) => steps::objects(&intent.name, work, setting),
        Work::Build(inputs) => inputs.strategy.strategy().plan(&intent.name, inputs, setting),
        Work::Record(work) => vec![record::object(&intent.name, work, setting)],
        Work::Stream(work) => vec![stream::object(&intent.name, work, setting)],
    }
}

/// The job as the one owner of an object.
fn owner(setting: &Setting) -> Value {
    let meta = &setting.job.metadata;
    json!([{
        "apiVersion": "mlops.mlops.dev/v1alpha1",
        "kind": "NotebookValidationJob",
        "name": meta.name,
        "uid": meta.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

/// What a child of a run carries, for people and to be known again.
fn child_metadata(
    name: &str,
    setting: &Setting,
    run: &RunMark,
    step: &str,
    attempt: u32,
    inputs: &str,
) -> Value {
    json!({
        "name": name,
        "namespace": setting.namespace(),
        "labels": {
            (names::MANAGED_BY.0): names::MANAGED_BY.1,
            (names::JOB_UID): setting.job.metadata.uid,
            (names::RUN): run.id,
            (names::STEP): step,
        },
        "annotations": {
            (names::RUN_NUMBER): run.number.to_string(),
            (names::WISH): run.wish,
            (names::ATTEMPT): attempt.to_string(),
            (names::INPUTS): inputs,
        },
        "ownerReferences": owner(setting),
    })
}

/// Labels that are passed on to objects that run pods.
pub(crate) fn passed_on(setting: &Setting) -> Vec<(String, String)> {
    let labels = setting.job.metadata.labels.iter().flatten();
    labels
        .filter(|(name, _)| setting.config.passed_labels.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
