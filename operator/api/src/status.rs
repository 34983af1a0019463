//! The status of a job: how far it is, what came of it, and why. Written by the controller alone, from API timestamps
//! and never from a clock.

mod build;
mod result;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use build::{BuildPhase, BuildStatus, RequirementsFound};
pub use result::{
    CellNumbers, CellResult, CellStatus, Check, CheckStatus, CheckType, ComparisonSummary, Difference,
    Feedback, VerdictSummary,
};

/// How far a job is and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotebookValidationJobStatus {
    /// How far the job is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What is going on, or why it ended as it did, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// The run: one try of what the spec asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// The step that is under way, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// Tries beyond the first ones, of the build and of the validation together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_count: Option<i64>,
    /// Tries of the build beyond the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_retry_count: Option<i64>,
    /// Tries of the validation beyond the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_retry_count: Option<i64>,
    /// When a step was last tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_retry_time: Option<Time>,
    /// The pod that the notebook runs in, or ran in last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_pod_name: Option<String>,
    /// What holds of the job: Ready, Finished, Reconciling, Stalled, and one for each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// What was fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceFetched>,
    /// The build of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_status: Option<BuildStatus>,
    /// What became of the notebook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictSummary>,
    /// The groups of checks, and whether the notebook passed each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation_checks: Vec<Check>,
    /// What became of cells: those that failed first, then the others, as far as there is room. All are in the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<CellResult>,
    /// What to learn from the findings, as far as there is room. All are in the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub educational_feedback: Vec<Feedback>,
    /// What the comparison with the golden notebook found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison_result: Option<ComparisonSummary>,
    /// What another controller wrote here; kept as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::any_members")]
    pub model_validation_result: Option<Value>,
    /// Where the whole report is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportPlace>,
    /// The image that was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
}

/// How far a job is. Within a run it never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Of older controllers; only read.
    Pending,
    /// The source is fetched and its dependencies are looked at.
    Initializing,
    /// The image is built.
    Building,
    /// The image is there.
    BuildComplete,
    /// The notebook runs, is judged, and is published where that is asked for.
    ValidationRunning,
    /// Of older controllers; only read.
    Running,
    /// The notebook passed.
    Succeeded,
    /// It did not, or something else kept it from being judged.
    Failed,
}

impl Phase {
    /// The name, as it stands in `status.phase`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Initializing => "Initializing",
            Self::Building => "Building",
            Self::BuildComplete => "BuildComplete",
            Self::ValidationRunning => "ValidationRunning",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Whether nothing comes after it.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// One try of what the spec asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its id, as children and the annotation `nbvet.mlops.dev/cancel` name it.
    pub id: String,
    /// Which run of this job it is, counted from 1.
    pub number: i64,
    /// The digest of what the spec asks for.
    pub wish: String,
    /// When it was suspended: limits of time leave that out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
}

/// A time in which a run was suspended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// Its begin.
    pub from: Time,
    /// Its end; unset while it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// A step of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// prepare, build, validate or publish.
    pub name: String,
    /// What it waits for, where it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// Since when the run is at it: when the try was created or, of a build that was there already, joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Which try it is, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
    /// Most time for it: `45m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// How long it took from there, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed: Option<String>,
}

/// What was fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceFetched {
    /// The commit, or the digest where the source is no git repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The notebook's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Digest of the notebook's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notebook_digest: Option<String>,
}

impl SourceFetched {
    /// In a message: `reports/sales.ipynb at 0123…`.
    pub fn told(&self) -> String {
        let path = self.path.as_deref().unwrap_or_default();
        match &self.commit {
            Some(commit) => format!("{path} at {commit}"),
            None => path.to_owned(),
        }
    }
}

/// Where the whole report is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportPlace {
    /// The ConfigMap, in the job's namespace, that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<String>,
    /// Its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
}

/// An image that was published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// The image, by digest: the one that was validated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_reference: Option<String>,
    /// The tag that it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest that the tag had before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_digest: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}
