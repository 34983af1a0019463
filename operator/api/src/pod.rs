//! The pod that a notebook runs in. Its parts are those of core/v1, so that what people know of pods holds here.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Affinity, EnvFromSource, EnvVar, LocalObjectReference, SecurityContext, Toleration, Volume,
        VolumeMount,
    },
    apimachinery::pkg::api::resource::Quantity,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::BuildConfig;

/// The pod that the notebook runs in, and the image for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "has(self.containerImage) || (has(self.buildConfig) && has(self.buildConfig.enabled) && self.buildConfig.enabled)",
    "message": "containerImage is needed, unless buildConfig.enabled has an image built"
}]))]
pub struct PodConfig {
    /// The image that the notebook runs in. With a build: what is built upon, where `buildConfig.baseImage` is unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub container_image: Option<String>,
    /// The service account of the pod. Its token is mounted only where it is another than `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub service_account_name: Option<String>,
    /// Secrets of type `kubernetes.io/dockerconfigjson` to pull images with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// What the notebook's container may use, and is promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Environment variables of the notebook. They come on top of those that nbvet sets and remove none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Secrets and `ConfigMaps` whose entries become environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_from: Vec<EnvFromSource>,
    /// Names of Secrets whose entries become environment variables: short for `envFrom` with a `secretRef`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<String>,
    /// Volumes of the pod, of the kinds that Pod Security *restricted* allows: `configMap`, `csi`, `downwardAPI`,
    /// `emptyDir`, `ephemeral`, `persistentVolumeClaim`, `projected`, `secret`. Other kinds, and names of nbvet's own
    /// volumes in that pod, end the job with `InvalidField`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Where those volumes are mounted in the notebook's container: anywhere but in `/nbvet` (below `/nbvet/work`, the
    /// folder of the notebook, is fine), at `/tmp` or at `/home/nbvet`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
    /// Taints of nodes that the pod tolerates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Labels that the node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Which nodes the pod wants, and beside which pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// The security context of the notebook's container. It only narrows: what Pod Security *restricted* asks for is
    /// always set, and what goes beyond it ends the job with `InvalidField`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<SecurityContext>,
    /// The `RuntimeClass` that the pod runs under: gVisor, Kata.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub runtime_class_name: Option<String>,
    /// How an image is built for the notebook. Unset: none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_config: Option<BuildConfig>,
}

/// What a container may use, and is promised.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Most that it may use, by name of the resource: `cpu`, `memory`, `nvidia.com/gpu`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, Quantity>,
    /// What it is promised, by name of the resource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Quantity>,
}
