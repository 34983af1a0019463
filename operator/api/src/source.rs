//! Where a notebook comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A notebook: exactly one source, and its path there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "[has(self.git), has(self.configMap), has(self.persistentVolumeClaim), has(self.oci)].filter(there, there).size() == 1",
    "message": "exactly one of git, configMap, persistentVolumeClaim and oci is the source"
}]))]
pub struct NotebookSource {
    /// A git repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<GitSource>,
    /// A ConfigMap of the job's namespace, each key a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapSource>,
    /// A volume of the job's namespace, mounted read-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<VolumeSource>,
    /// Files of an OCI artifact or image in a registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oci: Option<OciSource>,
    /// The notebook's path from the root of the source; the key, for a ConfigMap.
    #[schemars(length(max = 4096), regex(pattern = r"^.*\.ipynb$"))]
    pub path: String,
}

/// A notebook with the outputs that are expected. Its source is chosen as for the notebook itself.
pub type GoldenNotebook = NotebookSource;

/// A git repository, at one commit of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitSource {
    /// Its address: `https://…`, `ssh://…` or `git@host:path`. `http://` and `git://` are refused by the condition
    /// `SourceReady`, unless the controller was told to allow them.
    #[schemars(length(max = 4096), regex(pattern = r"^((https?|git|ssh)://|git@).*$"))]
    pub url: String,
    /// A branch, a tag, or the SHA of a commit.
    #[serde(rename = "ref")]
    #[schemars(length(max = 4096))]
    pub reference: String,
    /// A Secret of the job's namespace with `username` and `password` (or a token), or with `ssh-privatekey` and
    /// `known_hosts`. It is mounted where the source is fetched and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub credentials_secret: Option<String>,
}

/// A ConfigMap of the job's namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapSource {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A `PersistentVolumeClaim` of the job's namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeSource {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
}

/// An OCI artifact or image whose files are the source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciSource {
    /// Its name, with a tag or, better, a digest.
    #[schemars(length(min = 1, max = 4096))]
    pub reference: String,
    /// A Secret of the job's namespace of type `kubernetes.io/dockerconfigjson` to pull it with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub pull_secret: Option<String>,
}
