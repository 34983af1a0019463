//! What the operator's pods are told and what they tell back: the input of a step, the few bytes that it ends with, and
//! the result that goes through its log. Plain values; who writes and reads them is elsewhere.

mod body;
mod end;
mod input;
mod plain;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    body::{
        Base, Builder, Built, BuiltLayer, FetchedSource, FoundRequirements, Prepared, Published, Shadowed,
        StepBlob, StepBody, Validated,
    },
    end::{BlobRef, MAX_END, MAX_MESSAGE, StepCounts, StepEnd},
    input::{
        BuildInput, BuildWish, CommandsInput, FolderSource, GitSource, IndexInput, PrepareInput,
        PublishInput, RegistryInput, SourceFrom, SourceInput, SourceLimits, StepInput, ValidateInput,
    },
    plain::plain,
};

/// Version of everything in this module. Fields may be added within a version; none changes its meaning or goes away.
pub const STEP_VERSION: u32 = 1;

/// What a container of the operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Puts the tree of a source into folders; an init container.
    Fetch,
    /// Puts nbvet and what it needs beside a notebook into a folder; an init container.
    Install,
    /// Fetches, finds dependencies, judges and locks them, and names the image.
    Prepare,
    /// Makes the image.
    Build,
    /// Runs the notebook over an agent in another container, and judges it.
    Validate,
    /// Gives the image its name for people.
    Publish,
}

impl Step {
    /// Its name on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Install => "install",
            Self::Prepare => "prepare",
            Self::Build => "build",
            Self::Validate => "validate",
            Self::Publish => "publish",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
