//! What was looked at, and why it won or lost.

use std::sync::Arc;

use nbvet_report::Readers;
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::{
    Decision,
    search::{Place, State, What},
    setting::setting,
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

impl Why {
    /// It in words for these readers.
    pub fn told(&self, readers: Readers) -> String {
        let prefers = || setting("preferDockerfile", readers);
        match self {
            Self::Won => "used".to_owned(),
            Self::Behind { winner } => format!("not used: {winner} comes before it"),
            Self::InputOf { winner } => format!("not used: {winner} was resolved from it"),
            Self::NotPreferred { winner } => {
                format!(
                    "not used: {winner} comes before a Dockerfile without {}",
                    prefers()
                )
            }
            Self::DockerfilePreferred { winner } => {
                format!("not used: {} is set, and there is {winner}", prefers())
            }
            Self::OnlyTools => "not used: it names no dependencies, only settings of tools".to_owned(),
            Self::Missing => "not there".to_owned(),
            Self::Folder => "not used: it is a folder, not a file".to_owned(),
            Self::NothingKnown => "no dependency file in it".to_owned(),
            Self::Unusable { reason } => format!("not used: {reason}"),
        }
    }
}

impl Serialize for Look {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut told = serializer.serialize_struct("Look", 3)?;
        told.serialize_field("file", &self.file)?;
        told.serialize_field("why", &self.why)?;
        told.serialize_field("message", &self.why.told(Readers::Terminal))?;
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
