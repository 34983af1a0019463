//! What the status says of the build of an image.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The build of the image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuildStatus {
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<BuildPhase>,
    /// What is going on, or why it ended as it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who builds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// The object that builds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_name: Option<String>,
    /// The image, by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_reference: Option<String>,
    /// What the image is made of, as one digest: the same identity, the same image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// `true`: the image was there already, and nothing was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_hit: Option<bool>,
    /// The dependency file that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirements: Option<RequirementsFound>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// How long it took, in Go's form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// Size of the image in bytes, as the registry stores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size_bytes: Option<i64>,
    /// What another controller wrote here; kept as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::number::any_objects")]
    pub available_images: Vec<Value>,
    /// What another controller wrote here; kept as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommended_image: Option<String>,
}

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum BuildPhase {
    /// It has not begun.
    Pending,
    /// It is under way.
    Running,
    /// The image is there.
    Complete,
    /// It ended without an image.
    Failed,
}

/// The dependency file that was found, and where it was looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequirementsFound {
    /// The file, or what else the environment is made from: `imports`, `base image`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Every place that was looked at, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looked_at: Vec<String>,
    /// Requirements with an exact version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<i64>,
    /// Requirements without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpinned: Option<i64>,
}
