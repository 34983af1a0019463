//! What a step is to do: one JSON file for all containers of a pod, each of which takes its part. Secrets are never in
//! it: folders and files that hold them are named.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ComparisonConfig, Literal, ValidationConfig};

/// The input of a pod's steps. A field that nobody knows is an error: it may be one that makes things safer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepInput {
    /// [`STEP_VERSION`](super::STEP_VERSION) of the writer.
    pub version: u32,
    /// What `fetch` and `prepare` fetch, and `build` where it needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceInput>,
    /// The golden notebook that `fetch` fetches, and `prepare` looks at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub golden: Option<SourceInput>,
    /// Of `prepare`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare: Option<PrepareInput>,
    /// Of `build`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildInput>,
    /// Of `validate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<ValidateInput>,
    /// Of `publish`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishInput>,
}

/// Where a notebook comes from, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceInput {
    /// Where from.
    pub from: SourceFrom,
    /// The notebook, from the root of the tree.
    pub path: String,
    /// Folders that get the tree, each its own copy; they are made or empty. One for trusted containers, and one for the
    /// user's, who may write in it.
    pub into: Vec<String>,
    /// How much it may be.
    #[serde(default)]
    pub limits: SourceLimits,
}

/// Where a tree comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SourceFrom {
    /// A git repository.
    Git(GitSource),
    /// A mounted folder.
    Folder(FolderSource),
}

/// A tree of a git repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitSource {
    /// `https://…`, `ssh://…` or `git@host:path`.
    pub url: String,
    /// A branch, a tag, a whole name such as `refs/heads/main`, or a commit; unset: what the server's HEAD is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Exactly this commit, which `prepare` found for the revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// A folder with `username` and `password`, with `token`, or with `ssh-privatekey` (or `identity`) and
    /// `known_hosts`: a mounted Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// A file with certificates of further authorities to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

/// A folder that is mounted: of a `ConfigMap` or a volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FolderSource {
    /// Where.
    pub folder: String,
}

/// How large a tree may be, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SourceLimits {
    /// Bytes of one copy; git may need as many again while it fetches.
    pub bytes: u64,
    /// Files of one copy.
    pub files: u64,
    /// Seconds until it is there.
    pub seconds: u64,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            files: 100_000,
            seconds: 600,
        }
    }
}

/// What `prepare` finds out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrepareInput {
    /// How strictly dependencies are judged, and what will be expected of values: read before anything is built.
    #[serde(default)]
    pub validation: ValidationConfig,
    /// How outputs will be compared.
    #[serde(default)]
    pub comparison: ComparisonConfig,
    /// Values that the notebook will be given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Literal>,
    /// The image to start from, or, where nothing is built, to run in.
    pub image: String,
    /// `linux/amd64` where unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// What is to be built; unset: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildWish>,
    /// Where the container that compiles for the build will listen: [`Prepared::compiler`](super::Prepared::compiler).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// How registries are reached.
    #[serde(default)]
    pub registry: RegistryInput,
    /// Where packages come from.
    #[serde(default)]
    pub index: IndexInput,
}

/// What users say of the build, with the names of the custom resource's `buildConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BuildWish {
    /// The repository to build into: `registry/namespace/nbvet`.
    pub repository: String,
    /// An image of the same identity is taken as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse_if_exists: Option<bool>,
    /// The dependency file, from the root of the tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirements_file: Option<String>,
    /// Dependency files to try first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements_sources: Vec<String>,
    /// The Dockerfile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// Its stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// A Dockerfile wins over dependency files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefer_dockerfile: Option<bool>,
    /// What the notebook imports is taken where no file says anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_generate_requirements: Option<bool>,
    /// `warn`, `fail` or `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_strategy: Option<String>,
    /// Lines that name no version are refused, or noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_unpinned: Option<bool>,
    /// Lines without a digest are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_hashes: Option<bool>,
    /// Lines that contradict each other are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on_conflict: Option<bool>,
    /// Seconds for which versions that were found are taken again: `cache.ttl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_ttl: Option<u64>,
}

/// How registries are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistryInput {
    /// Credentials in Docker's form, mounted; the first that knows a repository wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auth_files: Vec<String>,
    /// Certificates of further authorities to trust.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ca_files: Vec<String>,
    /// Hosts that may be spoken to without encryption.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub insecure_hosts: Vec<String>,
}

/// Where packages come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IndexInput {
    /// Package indexes, the first first, without credentials; none: what the container is set up for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// A folder with `username` and `password` of the first of them: a mounted Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// A folder of wheels to look into first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find_links: Option<String>,
}

/// What `build` makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BuildInput {
    /// The base image by digest, as `prepare` found it.
    pub base: String,
    /// The file with the lock that `prepare` found.
    pub lock_file: String,
    /// The identity that `prepare` found: what is built must have it.
    pub identity: String,
    /// The repository to build into.
    pub repository: String,
    /// Built anew even where it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse_if_exists: Option<bool>,
    /// Built by commands; unset: of wheels alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<CommandsInput>,
    /// The Unix socket at which a container of the base image compiles, or will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// `linux/amd64` where unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// How registries are reached.
    #[serde(default)]
    pub registry: RegistryInput,
    /// Where packages come from.
    #[serde(default)]
    pub index: IndexInput,
}

/// What `build` makes by commands. A Dockerfile needs the source too, for two folders: one to be read, one to be the
/// context.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandsInput {
    /// The Dockerfile, from the root of the source; unset: one is written for the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// Its stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// What `validate` runs and judges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidateInput {
    /// The Unix socket at which the agent of the user's container listens, or will.
    pub socket: String,
    /// Seconds that it may take to listen: the user's image has to be pulled. 900 where unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// The tree that only trusted containers see.
    pub tree: String,
    /// The notebook, from its root.
    pub path: String,
    /// The same tree in the user's container.
    pub agent_tree: String,
    /// The image of the user's container, by digest, for the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How strictly, and what is expected.
    #[serde(default)]
    pub validation: ValidationConfig,
    /// The golden notebook's file, where one is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub golden: Option<String>,
    /// How it is compared.
    #[serde(default)]
    pub comparison: ComparisonConfig,
    /// Values that the notebook is given, as papermill gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Literal>,
    /// Seconds for the notebook, from the agent's hello; 1800 where unset, 0: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// What the user says of dependencies, for what the report tells of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildWish>,
}

/// What `publish` names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublishInput {
    /// The image by digest.
    pub image: String,
    /// Its name for people: `registry/repository:tag`.
    pub reference: String,
    /// How registries are reached.
    #[serde(default)]
    pub registry: RegistryInput,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_read_with_what_is_unset_left_out_and_nothing_unknown_in_it() {
        let text = r#"{
            "version": 1,
            "source": {
                "from": {"git": {"url": "https://git.example/team/notebooks", "revision": "main", "credentials": "/secrets/git"}},
                "path": "reports/daily.ipynb",
                "into": ["/tree", "/work"]
            },
            "validate": {
                "socket": "/agent/socket", "tree": "/tree", "path": "reports/daily.ipynb", "agentTree": "/work",
                "validation": {"level": "staging"}, "parameters": {"alpha": 0.5, "names": ["a", null]}, "timeout": 60
            }
        }"#;
        let input: StepInput = serde_json::from_str(text).unwrap();
        let source = input.source.clone().unwrap();
        assert_eq!(source.limits, SourceLimits::default());
        let again = serde_json::to_string(&input).unwrap();
        assert_eq!(serde_json::from_str::<StepInput>(&again).unwrap(), input);
        let unknown = text.replace("\"timeout\"", "\"timeOut\"");
        let error = serde_json::from_str::<StepInput>(&unknown)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("unknown field `timeOut`"), "{error}");
    }
}
