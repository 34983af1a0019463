//! Validation against served models, as older manifests ask for it. Kept as it is; this version does not do it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Validation against served models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelValidation {
    /// `false`: it is not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What serves the models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<ModelPlatform>,
    /// Which environments are looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<ModelPhase>,
    /// Names of the models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_models: Vec<String>,
    /// A prediction that is asked for and compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction_validation: Option<PredictionValidation>,
    /// How a platform of one's own is spoken to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_platform: Option<CustomPlatform>,
    /// Most time for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"))]
    pub timeout: Option<String>,
}

/// What serves models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelPlatform {
    /// `KServe`.
    Kserve,
    /// OpenShift AI.
    OpenshiftAi,
    /// vLLM.
    Vllm,
    /// `TorchServe`.
    Torchserve,
    /// TensorFlow Serving.
    TensorflowServing,
    /// Triton.
    Triton,
    /// Ray Serve.
    RayServe,
    /// Seldon.
    Seldon,
    /// `BentoML`.
    Bentoml,
    /// One's own.
    Custom,
}

/// Which environments are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelPhase {
    /// An empty one.
    Clean,
    /// The one that is there.
    Existing,
    /// Both.
    Both,
}

/// A prediction that is asked for and compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PredictionValidation {
    /// `false`: it is not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_data: Option<String>,
    /// What should come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_output: Option<String>,
    /// How far numbers may be apart: a decimal in quotes, or a whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::positive_decimal")]
    pub tolerance: Option<crate::number::Quoted>,
}

/// How a platform of one's own is spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomPlatform {
    /// Group of its API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_group: Option<String>,
    /// Its resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Where its health is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check_endpoint: Option<String>,
    /// Where predictions are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction_endpoint: Option<String>,
}
