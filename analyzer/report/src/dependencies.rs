//! What a notebook needs, where that was looked for, and what was found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a notebook needs and what its repository says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependencies {
    /// What its environment is made from.
    pub source: DependencySource,
    /// Every place that was looked at, in that order.
    pub looked_at: Vec<LookedAt>,
    /// What it imports of others, by name.
    pub needs: Vec<Need>,
    /// What the dependency file asks for, in its order.
    pub requirements: Vec<Requirement>,
    /// What follows from it that nobody asked for: a file that was passed over, an image that will hold nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// What an environment is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DependencySource {
    /// Its kind.
    pub kind: DependencySourceKind,
    /// The file, by the path that the user would give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Why this one.
    pub why: String,
}

/// The kinds of sources of an environment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DependencySourceKind {
    /// A file that a tool has resolved: every distribution with version and digests.
    Lock,
    /// A file that people write.
    Requirements,
    /// A conda environment.
    Conda,
    /// A Dockerfile.
    Dockerfile,
    /// What the notebook imports.
    Imports,
    /// Nothing: the base image alone.
    #[default]
    Nothing,
}

/// One place that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LookedAt {
    /// The file.
    pub file: String,
    /// It was taken.
    pub taken: bool,
    /// Why, or why not.
    pub why: String,
}

/// A module that a notebook imports from outside the standard library and its own repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The module, as far as it decides: `sklearn`, `google.cloud.storage`.
    pub module: String,
    /// The cells that import it, 0-based over all cells; none where a file beside the notebook does.
    pub cells: Vec<u32>,
    /// The distribution that has it; `None`: unknown, or one of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// Those that it may be, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// Whether the dependency file has it.
    pub status: NeedStatus,
    /// Where the dependency file has it: `requirements.txt:3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_at: Option<String>,
    /// What else there is to say: why this distribution, how to choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whether what a notebook needs is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NeedStatus {
    /// The dependency file asks for it, itself or through what it locks.
    Declared,
    /// Something that the dependency file asks for may bring it along; only its resolution would tell.
    Unsure,
    /// The base image has it.
    InBase,
    /// The notebook would fail without it, but it is only tried: within `try`, a function or a condition.
    Optional,
    /// Nothing brings it.
    Missing,
    /// nbvet does not know which distribution has it.
    Unknown,
}

/// One line of a dependency file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// As it is written, without credentials.
    pub text: String,
    /// Its distribution, normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The file.
    pub file: String,
    /// The line there, from 1.
    pub line: u32,
    /// It names one version, or one file by its digest.
    pub pinned: bool,
    /// It says which files may be installed, by digests.
    pub hashed: bool,
}
