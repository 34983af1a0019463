//! What whoever asked should know of the decision.

use std::sync::Arc;

use nbvet_report::Readers;
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::{Decision, Look, Why, search, setting::setting};
use crate::Format;

/// Something to know of the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A file of dependencies and a Dockerfile.
    Both {
        /// The one that is used.
        winner: Arc<str>,
        /// The other.
        loser: Arc<str>,
        /// What decided.
        prefer_dockerfile: bool,
    },
    /// Several lock files in one folder.
    SeveralLocks {
        /// The one that is used.
        winner: Arc<str>,
        /// The others.
        others: Vec<Arc<str>>,
    },
    /// The file is there, and asks for nothing.
    Empty {
        /// The file.
        file: Arc<str>,
    },
    /// The file was resolved from another one beside it: a change there needs a new resolution.
    ResolvedFrom {
        /// The file that is used.
        file: Arc<str>,
        /// What it was resolved from.
        input: Arc<str>,
    },
    /// Files of a `binder` folder that say more than packages.
    BinderExtra {
        /// The files.
        files: Vec<Arc<str>>,
    },
    /// None of `requirementsSources` is there.
    NoSource,
    /// `target`, and no Dockerfile that is used.
    TargetUnused {
        /// The stage.
        target: String,
    },
    /// The Dockerfile could not be read as one.
    DockerfileUnread {
        /// The file.
        file: Arc<str>,
        /// Why.
        message: String,
        /// A stage was named, which could not be looked for.
        target: Option<String>,
    },
    /// The imports tell what is needed.
    Inferred {
        /// `fallbackStrategy` allowed it, not `autoGenerateRequirements`.
        by_fallback: bool,
    },
    /// Nothing was found: the base image alone.
    Nothing,
}

impl Note {
    /// A warning: whoever runs notebooks for others hears of it too.
    pub const fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::Both { .. } | Self::SeveralLocks { .. } | Self::NoSource | Self::Nothing
        )
    }

    /// A name for it that stays.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Both { .. } => "both",
            Self::SeveralLocks { .. } => "several-locks",
            Self::Empty { .. } => "empty",
            Self::ResolvedFrom { .. } => "resolved-from",
            Self::BinderExtra { .. } => "binder-extra",
            Self::NoSource => "no-source",
            Self::TargetUnused { .. } => "target-unused",
            Self::DockerfileUnread { .. } => "dockerfile-unread",
            Self::Inferred { .. } => "inferred",
            Self::Nothing => "nothing",
        }
    }

    /// It in words for these readers.
    pub fn told(&self, readers: Readers) -> String {
        let prefers = || setting("preferDockerfile", readers);
        match self {
            Self::Both {
                winner,
                loser,
                prefer_dockerfile: true,
            } => format!("{winner} is used and {loser} is not: {} is set", prefers()),
            Self::Both { winner, loser, .. } => format!(
                "{winner} is used and {loser} is not; set {} to build from {loser}",
                prefers()
            ),
            Self::SeveralLocks { winner, others } => format!(
                "{winner} is used, of several locks in its folder (not {}); name the one that is meant with {}, or delete what is stale",
                others.join(", "),
                setting("requirementsFile", readers)
            ),
            Self::Empty { file } => {
                format!("{file} names no dependencies: nothing is added to the base image")
            }
            Self::ResolvedFrom { file, input } => {
                format!("{file} is used as it stands; after a change in {input} resolve it anew")
            }
            Self::BinderExtra { files } => format!(
                "{}: repo2docker would heed it too; nbvet takes packages of Python alone",
                files.join(", ")
            ),
            Self::NoSource => format!(
                "nothing that {} names is there",
                setting("requirementsSources", readers)
            ),
            Self::TargetUnused { target } => format!(
                "target `{}` has no effect: no Dockerfile is used",
                target.escape_debug()
            ),
            Self::DockerfileUnread {
                file,
                message,
                target,
            } => {
                let stage = target.as_ref().map_or_else(String::new, |target| {
                    format!(
                        "; whether it has a stage `{}` was not looked at",
                        target.escape_debug()
                    )
                });
                format!("{file} cannot be read as a Dockerfile: {message}{stage}")
            }
            Self::Inferred { by_fallback } => format!(
                "no dependency file was found; {}: the imports tell what is needed, without versions",
                if *by_fallback {
                    format!("{} is `auto`", setting("fallbackStrategy", readers))
                } else {
                    format!("{} is set", setting("autoGenerateRequirements", readers))
                }
            ),
            Self::Nothing => format!(
                "no dependency file was found: the base image is used as it is; write a requirements.txt beside the notebook{}",
                match readers {
                    Readers::Terminal => ", or let `nbvet deps --write` propose it",
                    Readers::Cluster => "",
                }
            ),
        }
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut told = serializer.serialize_struct("Note", 3)?;
        told.serialize_field("note", self.name())?;
        told.serialize_field("warning", &self.is_warning())?;
        told.serialize_field("message", &self.told(Readers::Terminal))?;
        told.end()
    }
}

/// What stands beside the file that won.
pub(super) fn on_neighbours(looked_at: &[Look], decision: &Decision, notes: &mut Vec<Note>) {
    let Decision::Dependencies {
        file, format, input, ..
    } = decision
    else {
        return;
    };
    if let Some(input) = input {
        notes.push(Note::ResolvedFrom {
            file: Arc::clone(file),
            input: Arc::clone(input),
        });
    }
    let is_other_lock = |look: &&Look| {
        matches!(look.why, Why::Behind { .. })
            && search::folder_of(&look.file) == search::folder_of(file)
            && search::format_by_name(&look.file).is_some_and(Format::is_lock)
    };
    let others: Vec<Arc<str>> = looked_at
        .iter()
        .filter(is_other_lock)
        .map(|look| Arc::clone(&look.file))
        .collect();
    if format.is_lock() && !others.is_empty() {
        notes.push(Note::SeveralLocks {
            winner: Arc::clone(file),
            others,
        });
    }
}
