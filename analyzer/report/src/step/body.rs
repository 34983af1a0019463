//! What a step found or made: goes compressed through its container's log, and is too large for its end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DependencySource, Diagnostic, Level, LookedAt, Report};

/// A result with its version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepBlob {
    /// [`STEP_VERSION`](super::STEP_VERSION) of the writer.
    pub version: u32,
    /// The result.
    pub body: StepBody,
}

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StepBody {
    /// Of `prepare`.
    Prepared(Box<Prepared>),
    /// Of `build`.
    Built(Box<Built>),
    /// Of `validate`.
    Validated(Box<Validated>),
    /// Of `publish`.
    Published(Published),
}

/// What is to be run and in what, as `prepare` found it. There as well where the policy refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Prepared {
    /// What was fetched.
    pub source: FetchedSource,
    /// How strictly dependencies were judged.
    pub level: Level,
    /// What its dependencies are made from; unset where no build is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirements: Option<FoundRequirements>,
    /// Everything that is installed, in the form of a requirements file with hashes: the text of a lock. Unset where
    /// nothing is to be assembled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The image to start from; the one that the notebook runs in where no build is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The identity of the image to build: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The image of that identity, where the repository has it already: `registry/repository@sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The command of a container of the base image that compiles for the build, at the socket that its last word names.
    /// Unset where nothing is compiled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compiler: Vec<String>,
    /// Who can make it.
    pub builder: Builder,
    /// Why it has to be that builder, where one would expect another: `setup.py is code, which only a build would run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The Dockerfile, from the root of the tree, where one is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// What users have to be told and no diagnostic says: which of two files won, that nothing was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the policy found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
}

/// A source as it was fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FetchedSource {
    /// The commit: 40 or 64 hexadecimal digits. Unset outside git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The notebook, from the root of the tree.
    pub path: String,
    /// The digest of its file: `sha256:…`.
    pub notebook_digest: String,
}

/// What an image is made from, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FoundRequirements {
    /// What won.
    pub source: DependencySource,
    /// Every place that was looked at, in that order.
    pub looked_at: Vec<LookedAt>,
    /// Lines that name one version.
    pub pinned: u32,
    /// Lines that do not.
    pub unpinned: u32,
}

/// An image as the registry has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Base {
    /// By the name that was given.
    pub name: String,
    /// `registry/repository@sha256:…`.
    pub image: String,
    /// The user of its configuration, as written there: `1001`, `jovyan`, `1001:0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its Python: `3.11.7`, where one was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
}

impl Base {
    /// The number of its user, where the configuration names one that is not root.
    pub fn uid(&self) -> Option<u32> {
        let user = self.user.as_deref()?.split(':').next()?;
        user.parse().ok().filter(|uid| *uid > 0)
    }
}

/// Who can make an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Builder {
    /// Nobody has to: no build is asked for.
    #[default]
    None,
    /// nbvet itself, from wheels, without privileges.
    Assemble,
    /// A program that runs the commands of a Dockerfile or of an sdist.
    Buildah,
}

/// An image that was made, or was there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    /// `registry/repository@sha256:…`.
    pub image: String,
    /// Of what it was made: 64 hexadecimal digits.
    pub identity: String,
    /// It was there already.
    pub cache_hit: bool,
    /// Compressed bytes of all of its layers.
    pub size: u64,
    /// What was laid on the base, from below; empty where it was there already.
    pub layers: Vec<BuiltLayer>,
    /// Packages of the base in whose place others are imported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadowed: Vec<Shadowed>,
    /// What is installed and does not work as its maker meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuiltLayer {
    /// What is in it.
    pub what: String,
    /// Compressed bytes.
    pub size: u64,
    /// It was in the registry already.
    pub known: bool,
}

/// A package of the base image that is there and is not imported any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shadowed {
    /// Its name.
    pub name: String,
    /// Its version in the base.
    pub base: String,
    /// The version that is imported.
    pub image: String,
}

/// What a validation found. Its verdict is that of the report's one notebook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validated {
    /// The report.
    pub report: Report,
    /// What had to be left out of it because of its size, in words; empty: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// An image that has a name for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// `registry/repository:tag`.
    pub reference: String,
    /// The tag alone.
    pub tag: String,
    /// `sha256:…`.
    pub digest: String,
    /// The digest that the tag had before, where it was another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_digest: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_user_by_number_that_is_not_root_has_one() {
        let uid = |user: Option<&str>| {
            Base {
                user: user.map(str::to_owned),
                ..Base::default()
            }
            .uid()
        };
        assert_eq!(
            [
                None,
                Some(""),
                Some("jovyan"),
                Some("0"),
                Some("0:0"),
                Some("-1"),
                Some("1001"),
                Some("1001:0")
            ]
            .map(uid),
            [None, None, None, None, None, None, Some(1001), Some(1001)]
        );
    }

    #[test]
    fn a_result_names_its_step_and_can_be_read_back() {
        let blob = StepBlob {
            version: super::super::STEP_VERSION,
            body: StepBody::Published(Published {
                reference: "registry.example/team/analysis:1".to_owned(),
                tag: "1".to_owned(),
                digest: "sha256:00".to_owned(),
                previous_digest: None,
            }),
        };
        let text = serde_json::to_string(&blob).unwrap();
        assert_eq!(
            text,
            r#"{"version":1,"body":{"published":{"reference":"registry.example/team/analysis:1","tag":"1","digest":"sha256:00"}}}"#
        );
        assert_eq!(serde_json::from_str::<StepBlob>(&text).unwrap(), blob);
    }
}
