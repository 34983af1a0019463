//! The kind itself: its spec, its names, and the columns that lists of it have.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    model::ModelValidation,
    pod::PodConfig,
    source::{GoldenNotebook, NotebookSource},
    status::NotebookValidationJobStatus,
    validation::{ComparisonConfig, ValidationConfig},
};

/// Annotation whose change asks for another run: `nbvet.mlops.dev/rerun: <anything new>`.
pub const RERUN_ANNOTATION: &str = "nbvet.mlops.dev/rerun";
/// Annotation that ends the run whose id it holds: `nbvet.mlops.dev/cancel: <status.run.id>`.
pub const CANCEL_ANNOTATION: &str = "nbvet.mlops.dev/cancel";

/// What is to be validated, how, and in what.
#[expect(
    clippy::duplicated_attributes,
    reason = "each column of a list names the same properties"
)]
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "mlops.mlops.dev",
    version = "v1alpha1",
    kind = "NotebookValidationJob",
    plural = "notebookvalidationjobs",
    shortname = "nvj",
    shortname = "nvjob",
    category = "all",
    namespaced,
    status = "NotebookValidationJobStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "One notebook, validated in the cluster: fetched, its image built where that is asked for, run and judged. Says truthfully in its status whether the notebook works.",
    selectable = ".status.phase",
    selectable = ".status.verdict.outcome",
    selectable = ".spec.validationConfig.level",
    selectable = ".spec.notebook.path",
    printcolumn(
        name = "Phase",
        type_ = "string",
        json_path = ".status.phase",
        description = "How far the job is"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Finished\")].reason",
        description = "Whether it is suspended, under way or done, or why it failed"
    ),
    printcolumn(
        name = "Verdict",
        type_ = "string",
        json_path = ".status.verdict.outcome",
        description = "What became of the notebook"
    ),
    printcolumn(
        name = "Level",
        type_ = "string",
        json_path = ".status.verdict.level",
        description = "How strictly it was judged"
    ),
    printcolumn(
        name = "Notebook",
        type_ = "string",
        json_path = ".spec.notebook.path",
        description = "The notebook"
    ),
    printcolumn(
        name = "Image",
        type_ = "string",
        json_path = ".status.buildStatus.imageReference",
        description = "The image that it was validated in",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since the job was created"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.message",
        description = "What is going on, or why it ended as it did",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct NotebookValidationJobSpec {
    /// The notebook and where it is: exactly one source, and a path in it.
    pub notebook: NotebookSource,
    /// Values for the notebook's parameters, as papermill takes them: names to any JSON.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::number::any_members")]
    pub parameters: BTreeMap<String, Value>,
    /// A notebook whose outputs are the ones to be expected; compared cell by cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub golden_notebook: Option<GoldenNotebook>,
    /// How outputs are compared with those of the golden notebook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison_config: Option<ComparisonConfig>,
    /// The pod that the notebook runs in, and the image for it.
    pub pod_config: PodConfig,
    /// How strict the validation is, and what is expected of the notebook's values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_config: Option<ValidationConfig>,
    /// How often steps are tried again after faults that are not the notebook's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// Most time for the build, in Go's form: `1h30m`. Unset: `podConfig.buildConfig.timeout`, else 45m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::duration")]
    pub build_timeout: Option<String>,
    /// Most time for running the notebook, from its start in its pod, in Go's form. Unset: `timeout`, else 30m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::duration")]
    pub validation_timeout: Option<String>,
    /// Most time for the whole run, waiting included, in Go's form. Unset: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::duration")]
    pub total_timeout: Option<String>,
    /// Most time for running the notebook, where `validationTimeout` is unset: the older name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"))]
    pub timeout: Option<String>,
    /// Validation against served models. Kept as it is and answered by the condition `FieldsSupported`: this version does
    /// not do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_validation: Option<ModelValidation>,
    /// `true`: no pod runs and the clocks stand, until it is `false` again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// The job is deleted this many seconds after its end. Unset: it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub ttl_seconds_after_finished: Option<i64>,
}

/// How often steps are tried again after faults that are not the notebook's. What the notebook did itself is never
/// tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// Further tries of the build. Unset: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_build_retries: Option<i64>,
    /// Further tries of the validation, of what prepares it and of publishing. Unset: 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_validation_retries: Option<i64>,
}
