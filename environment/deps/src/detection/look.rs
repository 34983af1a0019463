//! What was looked at, and why it won or lost.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::{
    Decision,
    search::{Place, State, What},
};

/// A file or folder that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Its name, seen from the root of the tree; a folder ends with `/`.
    pub file: Arc<str>,
    /// What came of it.
    pub why: Why,
}

/// Why a file won or lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Why {
    /// The image is made from it.
    Won,
    /// Another file comes before it.
    Behind {
        /// That file.
        winner: Arc<str>,
    },
    /// It is what the winner was resolved from.
    InputOf {
        /// The winner.
        winner: Arc<str>,
    },
    /// A Dockerfile, while there is a file of dependencies and nothing prefers the Dockerfile.
    NotPreferred {
        /// The file of dependencies.
        winner: Arc<str>,
    },
    /// A file of dependencies, while `preferDockerfile` is set.
    DockerfilePreferred {
        /// The Dockerfile.
        winner: Arc<str>,
    },
    /// A `pyproject.toml` without dependencies.
    OnlyTools,
    /// Named in `requirementsSources`, and not there.
    Missing,
    /// A folder has the name of a file.
    Folder,
    /// A folder without any file that is known.
    NothingKnown,
    /// It cannot be used.
    Unusable {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Won => f.write_str("used"),
            Self::Behind { winner } => write!(f, "not used: {winner} comes before it"),
            Self::InputOf { winner } => write!(f, "not used: {winner} was resolved from it"),
            Self::NotPreferred { winner } => {
                write!(
                    f,
                    "not used: {winner} comes before a Dockerfile without `--prefer-dockerfile` (preferDockerfile)"
                )
            }
            Self::DockerfilePreferred { winner } => {
                write!(
                    f,
                    "not used: `--prefer-dockerfile` (preferDockerfile) is set, and there is {winner}"
                )
            }
            Self::OnlyTools => f.write_str("not used: it names no dependencies, only settings of tools"),
            Self::Missing => f.write_str("not there"),
            Self::Folder => f.write_str("not used: it is a folder, not a file"),
            Self::NothingKnown => f.write_str("no dependency file in it"),
            Self::Unusable { reason } => write!(f, "not used: {reason}"),
        }
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.why)
    }
}

impl Serialize for Look {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut told = serializer.serialize_struct("Look", 3)?;
        told.serialize_field("file", &self.file)?;
        told.serialize_field("why", &self.why)?;
        told.serialize_field("message", &self.why.to_string())?;
        told.end()
    }
}

/// What came of each place, now that it is known which won.
pub(super) fn looks(places: &[Place], winner: Option<&Place>, decision: &Decision) -> Vec<Look> {
    let input = match decision {
        Decision::Dependencies { input, .. } => input.as_ref(),
        _ => None,
    };
    let of_place = |place: &Place| match (&place.state, winner) {
        (State::Settled(why), _) => why.clone(),
        (
            State::Stands {
                problem: Some(problem),
                ..
            },
            _,
        ) => Why::Unusable {
            reason: problem.reason(),
        },
        (_, None) => Why::NothingKnown,
        (_, Some(winner)) if std::ptr::eq(place, winner) => Why::Won,
        (State::Stands { what, .. }, Some(winner)) => {
            let file = Arc::clone(&winner.file);
            match (what, decision) {
                (What::Dockerfile, Decision::Dependencies { .. }) => Why::NotPreferred { winner: file },
                (What::Dependencies(_), Decision::Dockerfile { .. }) => {
                    Why::DockerfilePreferred { winner: file }
                }
                _ if input == Some(&place.file) => Why::InputOf { winner: file },
                _ => Why::Behind { winner: file },
            }
        }
    };
    let mut looks: Vec<Look> = places
        .iter()
        .map(|place| Look {
            file: Arc::clone(&place.file),
            why: of_place(place),
        })
        .collect();
    if let (Some(input), Some(winner)) = (input, winner)
        && !looks.iter().any(|look| look.file == *input)
    {
        looks.push(Look {
            file: Arc::clone(input),
            why: Why::InputOf {
                winner: Arc::clone(&winner.file),
            },
        });
    }
    looks
}
