//! Who runs a build. Strategies differ in this step only: what they create, and how it is read.

mod job;
mod tekton;

use k8s_openapi::api::core::v1::{Event, Pod};
use nbvet_operator_api::meaning;
use nbvet_report::step::{Builder, Prepared};
use serde_json::{Value, json};

use crate::{
    names,
    observed::{BuildState, Observed, PodSecurity},
    plan::BuildInputs,
    render::Setting,
};

pub use self::{job::JobStrategy, tekton::TektonStrategy};

/// What runs builds, of those that this version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StrategyName {
    /// A Job of plain Kubernetes.
    Job,
    /// A `PipelineRun` of Tekton.
    Tekton,
}

impl StrategyName {
    /// As `strategy` and `status.buildStatus.strategy` name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Tekton => "tekton",
        }
    }

    /// The strategy itself.
    pub fn strategy(self) -> &'static dyn Strategy {
        match self {
            Self::Job => &JobStrategy,
            Self::Tekton => &TektonStrategy,
        }
    }
}

/// A build as its objects: what is created, and what is read of it.
pub trait Strategy {
    /// The objects of a build, the one that carries its name last.
    fn plan(&self, name: &str, inputs: &BuildInputs, setting: &Setting) -> Vec<Value>;

    /// How far a build is, by its object and by what is about it.
    fn read(&self, object: &Value, around: &Around) -> BuildState;
}

/// What is about a build besides its object.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// The pods of its Job.
    pub pods: &'a [Pod],
    /// Events about its Job and their pods, among others.
    pub events: &'a [Event],
    /// The `TaskRun`s of its `PipelineRun`.
    pub tasks: &'a [Value],
}

/// Who runs a build: who is named, else a Job. What cannot be had is told with what to do.
///
/// # Errors
/// Why not, for people.
pub(crate) fn choose(
    named: Option<meaning::Builder>,
    prepared: &Prepared,
    observed: &Observed,
) -> Result<StrategyName, String> {
    let cluster = observed.cluster;
    let needs_buildah = prepared.builder == Builder::Buildah;
    let because = prepared
        .because
        .as_deref()
        .unwrap_or("a Dockerfile's commands are run");
    let restricted = cluster.pod_security == PodSecurity::Restricted;
    match named {
        Some(meaning::Builder::Tekton) if !cluster.tekton => Err(
            "strategy `tekton` is named and the cluster has no Tekton; install it, or leave `strategy` out"
                .to_owned(),
        ),
        Some(meaning::Builder::Job) | None if needs_buildah && restricted => Err(format!(
            "buildah is needed ({because}) and the namespace enforces Pod Security `restricted`, which refuses its pod; \
             let an administrator enforce `baseline` here, or give a complete lock of wheels instead"
        )),
        Some(meaning::Builder::Tekton) if needs_buildah => Err(format!(
            "buildah is needed ({because}), which this version runs in a Job alone; leave `strategy` out, or name `job`"
        )),
        Some(meaning::Builder::Job) | None
            if needs_buildah && prepared.dockerfile.is_none() && prepared.lock.is_none() =>
        {
            Err(format!(
                "commands are needed ({because}), and nothing says which: give a Dockerfile, or a complete lock of what pip installs"
            ))
        }
        Some(meaning::Builder::Tekton) => Ok(StrategyName::Tekton),
        Some(meaning::Builder::Job) | None => Ok(StrategyName::Job),
        Some(other) => Err(format!(
            "strategy `{}` is not in this version; leave `strategy` out, or name `job` or `tekton`",
            other.as_str()
        )),
    }
}

/// What a build carries, to be found and shared: of what it is made, and that its creator has joined it.
fn metadata(name: &str, inputs: &BuildInputs, setting: &Setting) -> Value {
    let job = &setting.job.metadata;
    let uid = job.uid.clone().unwrap_or_default();
    json!({
        "name": name,
        "namespace": job.namespace,
        "labels": {
            (names::MANAGED_BY.0): names::MANAGED_BY.1,
            (names::STEP): "build",
            (names::IDENTITY): names::identity_label(&inputs.identity),
        },
        "annotations": {
            (names::WHOLE_IDENTITY): inputs.identity,
            (names::DESTINATION): inputs.destination,
            (names::ATTEMPT): inputs.attempt.to_string(),
            (names::joined(&uid)): names::joined_value(&inputs.run, inputs.at, inputs.limit),
        },
        "ownerReferences": [{
            "apiVersion": "mlops.mlops.dev/v1alpha1",
            "kind": "NotebookValidationJob",
            "name": job.name,
            "uid": uid,
        }],
    })
}
