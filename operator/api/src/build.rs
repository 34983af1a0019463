//! How an image is built for a notebook.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an image is built for a notebook, of what, and where it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuildConfig {
    /// `true`: an image is built before the validation, which runs in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Who builds. Unset or `auto`: a Job of the cluster, and on OpenShift its own builds where the Job would not do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<BuildStrategy>,
    /// The image that is built upon. Unset: `containerImage`, else the controller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub base_image: Option<String>,
    /// A Dockerfile of the repository, by its path from the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096), regex(pattern = "^[a-zA-Z0-9._/-]+$"))]
    pub dockerfile: Option<String>,
    /// The same as `dockerfile`; both set and different is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096), regex(pattern = "^[a-zA-Z0-9._/-]+$"))]
    pub dockerfile_path: Option<String>,
    /// The stage of a Dockerfile of several stages that becomes the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub target: Option<String>,
    /// `true`: where no dependency file is found, the requirements are inferred from what the notebook imports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_generate_requirements: Option<bool>,
    /// The dependency file, by its path from the root. Set and missing is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub requirements_file: Option<String>,
    /// Dependency files, the first that is there is taken; looked at before those beside the notebook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements_sources: Vec<String>,
    /// `true`: where there are both, the Dockerfile is used and not the dependency file. Unset: the dependency file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefer_dockerfile: Option<bool>,
    /// What becomes of the build where no dependencies are found. Unset: `warn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_strategy: Option<FallbackStrategy>,
    /// Whether requirements without an exact version may be built. Unset: below level production.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_unpinned: Option<bool>,
    /// `true`: every requirement needs `--hash=sha256:…`, and is checked by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_hashes: Option<bool>,
    /// `true`: requirements that contradict each other are refused before the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_on_conflict: Option<bool>,
    /// Where distributions come from. Unset: the controller's own index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package_index: Option<PackageIndex>,
    /// The published image's name, without registry. Unset: the notebook's, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub image_name: Option<String>,
    /// The published image's tag. Unset: the first 12 digits of the commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub image_tag: Option<String>,
    /// `true`: after the validation has passed at development or above, the same image is published for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_to_registry: Option<bool>,
    /// The registry that images go to: host and port. Unset: the controller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub registry: Option<String>,
    /// The path in the registry. Unset: the job's namespace. It names no namespace of the cluster: who may write there
    /// is the registry's to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub registry_namespace: Option<String>,
    /// A Secret of type `kubernetes.io/dockerconfigjson` to push with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub push_secret: Option<String>,
    /// Whether an image of the same identity that the registry has is used without a build. Unset: as `cache.enabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse_if_exists: Option<bool>,
    /// What is kept from build to build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<BuildCache>,
    /// Settings of single strategies. None acts in this version: the condition `FieldsSupported` names those that are set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub strategy_config: BTreeMap<String, String>,
    /// Most time for the build, where `spec.buildTimeout` is unset: the older name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// Who builds an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BuildStrategy {
    /// What the cluster has, a Job first.
    Auto,
    /// A Job of the cluster.
    Job,
    /// A Tekton `PipelineRun`.
    Tekton,
    /// OpenShift's builds: the older name.
    S2i,
    /// OpenShift's builds.
    Openshift,
    /// Shipwright; not in this version.
    Shipwright,
    /// Kaniko; not in this version.
    Kaniko,
    /// Another builder; not in this version.
    Custom,
}

/// What becomes of a build where no dependencies are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FallbackStrategy {
    /// The base image is used as it is, with a note and a Warning event.
    #[default]
    Warn,
    /// The job fails.
    Fail,
    /// Requirements are inferred from what the notebook imports.
    Auto,
}

/// Where distributions come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackageIndex {
    /// Its address: `https://…/simple`, without credentials in it.
    #[schemars(length(min = 1, max = 4096))]
    pub url: String,
    /// A Secret of type `kubernetes.io/basic-auth` to ask it with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub secret: Option<String>,
    /// A ConfigMap with the certificates that vouch for it, under the key `ca.crt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub ca_config_map: Option<String>,
}

/// What is kept from build to build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuildCache {
    /// `false`: every image is built anew. Unset: `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Where it is kept. Unset: `registry`. `workspace` is a volume of its own for a build of Tekton, and goes with it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<CacheType>,
    /// How long a resolution of unpinned requirements is used again, in Go's form. Unset: 168h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::duration")]
    pub ttl: Option<String>,
}

/// Where the cache of builds is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CacheType {
    /// In the registry, beside the images.
    #[default]
    Registry,
    /// In a volume of the Tekton pipeline; elsewhere it is answered by `FieldsSupported`.
    Workspace,
}
