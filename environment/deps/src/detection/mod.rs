//! Which file says what a notebook needs: one chain, the same for the command line, the operator and build pods. Every
//! place that was looked at is told, with why it won or lost. What the file says is read elsewhere.

mod alike;
mod content;
mod look;
mod note;
mod refused;
mod search;
mod setting;

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};

pub use look::{Look, Why};
pub use note::Note;
pub use refused::Refused;

use crate::{Format, Tree};
use search::{Place, State, What};

/// What is asked for: fields of a job or options of the command line. Names are seen from the root of the tree.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The notebook.
    pub notebook: String,
    /// `dockerfile`.
    pub dockerfile: Option<String>,
    /// `target`: the stage of the Dockerfile to build.
    pub target: Option<String>,
    /// `requirementsFile`.
    pub requirements_file: Option<String>,
    /// `requirementsSources`: files and folders that are looked at before the notebook's own.
    pub requirements_sources: Vec<String>,
    /// `preferDockerfile`.
    pub prefer_dockerfile: bool,
    /// `autoGenerateRequirements`.
    pub auto_generate_requirements: bool,
    /// `fallbackStrategy`.
    pub fallback: Fallback,
}

/// What follows when nothing is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// The base image alone, with a warning.
    #[default]
    Warn,
    /// A refusal.
    Fail,
    /// What the imports need.
    Auto,
}

/// What was found, where, and what else was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detection {
    /// What the image is made from.
    pub decision: Decision,
    /// Every file and folder that was looked at, in the order of the chain.
    pub looked_at: Vec<Look>,
    /// What whoever asked should know.
    pub notes: Vec<Note>,
}

/// What an image is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Decision {
    /// A file of dependencies.
    Dependencies {
        /// The file.
        file: Arc<str>,
        /// How it is read.
        #[serde(serialize_with = "by_name")]
        format: Format,
        /// The file that it was resolved from, where one stands beside it: `requirements.in`, `Pipfile`.
        #[serde(skip_serializing_if = "Option::is_none")]
        input: Option<Arc<str>>,
        /// How an image can be made from it, as far as its kind tells.
        needs: Needs,
    },
    /// A Dockerfile.
    Dockerfile {
        /// The file.
        file: Arc<str>,
        /// The stage to build; without one the last.
        #[serde(skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// The imports of the notebook.
    Inferred,
    /// Nothing is added.
    BaseImageAlone,
}

/// What must run so that an image is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "builder", content = "because", rename_all = "kebab-case")]
pub enum Needs {
    /// Nothing of the packages: wheels become layers. Whether there is a wheel for everything, the lock tells.
    Assemble,
    /// Commands in a container.
    Buildah(Because),
}

/// Why commands must run in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// A Dockerfile is a list of commands.
    Dockerfile,
    /// Packages of conda are no wheels.
    CondaEnvironment,
    /// Only running it tells what it needs.
    SetupPy,
    /// `dynamic = ["dependencies"]`: the same for a `pyproject.toml`.
    DynamicDependencies,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dockerfile => "a Dockerfile is a list of commands to run",
            Self::CondaEnvironment => "packages of conda are no wheels",
            Self::SetupPy => "only running setup.py tells what it needs",
            Self::DynamicDependencies => {
                "its dependencies are dynamic: only running its build backend tells them"
            }
        })
    }
}

impl Detection {
    /// The file that won, if the image is made from one.
    pub fn file(&self) -> Option<&str> {
        match &self.decision {
            Decision::Dependencies { file, .. } | Decision::Dockerfile { file, .. } => Some(file),
            Decision::Inferred | Decision::BaseImageAlone => None,
        }
    }

    /// What must run so that the image is made.
    pub const fn needs(&self) -> Needs {
        match &self.decision {
            Decision::Dependencies { needs, .. } => *needs,
            Decision::Dockerfile { .. } => Needs::Buildah(Because::Dockerfile),
            Decision::Inferred | Decision::BaseImageAlone => Needs::Assemble,
        }
    }
}

/// Goes through the chain.
pub fn detect(tree: &Tree, asked: &Asked) -> Result<Detection, Refused> {
    let folders = search::folders(&asked.notebook)?;
    let (places, mut notes) = if asked.dockerfile.is_some() || asked.requirements_file.is_some() {
        (named(tree, asked, &folders)?, Vec::new())
    } else {
        search::chain(tree, &asked.requirements_sources, &folders)?
    };
    let winner = winner(&places, asked, &mut notes);
    let decision = match winner {
        Some(place) => made_from(tree, asked, place, &mut notes)?,
        None => without_file(asked, &places, &mut notes)?,
    };
    if let (Some(target), false) = (&asked.target, matches!(decision, Decision::Dockerfile { .. })) {
        notes.push(Note::TargetUnused {
            target: target.clone(),
        });
    }
    let looked_at = look::looks(&places, winner, &decision);
    note::on_neighbours(&looked_at, &decision, &mut notes);
    Ok(Detection {
        decision,
        looked_at,
        notes,
    })
}

/// The files that were named; each must be there.
fn named(tree: &Tree, asked: &Asked, folders: &[String]) -> Result<Vec<Place>, Refused> {
    let mut places = Vec::new();
    for (field, file) in [
        ("requirementsFile", &asked.requirements_file),
        ("dockerfile", &asked.dockerfile),
    ] {
        let Some(file) = file else { continue };
        let what = if field == "dockerfile" {
            What::Dockerfile
        } else {
            let format = search::format_by_name(file);
            What::Dependencies(format.ok_or_else(|| Refused::UnknownFormat {
                field,
                file: file.clone(),
            })?)
        };
        match tree.probe(file) {
            Ok(()) => places.push(Place::stands(file, what, None)),
            Err(crate::tree::Fault::Missing { .. }) => {
                return Err(alike::missing(tree, field, file, folders));
            }
            Err(fault) => return Err(Refused::unusable(file, &fault)),
        }
    }
    Ok(places)
}

/// The first file of dependencies, else the first Dockerfile; where both are there, `preferDockerfile` decides.
fn winner<'p>(places: &'p [Place], asked: &Asked, notes: &mut Vec<Note>) -> Option<&'p Place> {
    let first = |wanted: fn(What) -> bool| {
        let stands = |place: &&Place| matches!(place.state, State::Stands { what, .. } if wanted(what));
        places.iter().find(stands)
    };
    let dependencies = first(|what| what != What::Dockerfile);
    let dockerfile = first(|what| what == What::Dockerfile);
    let (Some(dependencies), Some(dockerfile)) = (dependencies, dockerfile) else {
        return dependencies.or(dockerfile);
    };
    let (winner, loser) = if asked.prefer_dockerfile {
        (dockerfile, dependencies)
    } else {
        (dependencies, dockerfile)
    };
    notes.push(Note::Both {
        winner: Arc::clone(&winner.file),
        loser: Arc::clone(&loser.file),
        prefer_dockerfile: asked.prefer_dockerfile,
    });
    Some(winner)
}

fn made_from(tree: &Tree, asked: &Asked, place: &Place, notes: &mut Vec<Note>) -> Result<Decision, Refused> {
    let State::Stands { what, problem } = &place.state else {
        return Ok(Decision::BaseImageAlone);
    };
    if let Some(problem) = problem {
        return Err(problem.clone());
    }
    let file = Arc::clone(&place.file);
    let bytes = tree
        .read_at_most(&file, crate::tree::most_of(&file))
        .map_err(|fault| Refused::unusable(&file, &fault))?;
    match what {
        What::Dockerfile => {
            let target = content::target(&file, &bytes, asked.target.as_deref(), notes)?;
            Ok(Decision::Dockerfile { file, target })
        }
        // A folder stands only with its problem.
        What::Folder => Ok(Decision::BaseImageAlone),
        What::Dependencies(format) => {
            let says = content::says(*format, &bytes);
            if says == content::Says::Nothing {
                notes.push(Note::Empty {
                    file: Arc::clone(&file),
                });
            }
            Ok(Decision::Dependencies {
                input: search::input(tree, &file, *format),
                needs: needs(*format, says),
                file,
                format: *format,
            })
        }
    }
}

const fn needs(format: Format, says: content::Says) -> Needs {
    match (format, says) {
        (Format::CondaEnvironment, _) => Needs::Buildah(Because::CondaEnvironment),
        (Format::SetupPy, _) => Needs::Buildah(Because::SetupPy),
        (_, content::Says::Dynamic) => Needs::Buildah(Because::DynamicDependencies),
        _ => Needs::Assemble,
    }
}

fn without_file(asked: &Asked, places: &[Place], notes: &mut Vec<Note>) -> Result<Decision, Refused> {
    let folders = places.len();
    if asked.auto_generate_requirements || asked.fallback == Fallback::Auto {
        notes.push(Note::Inferred {
            by_fallback: !asked.auto_generate_requirements,
        });
        return Ok(Decision::Inferred);
    }
    if asked.fallback == Fallback::Fail {
        return Err(Refused::Nothing { places: folders });
    }
    notes.push(Note::Nothing);
    Ok(Decision::BaseImageAlone)
}

/// The name of a format in JSON and in sentences.
pub(crate) const fn name_of(format: Format) -> &'static str {
    match format {
        Format::Pylock => "pylock",
        Format::UvLock => "uv-lock",
        Format::PoetryLock => "poetry-lock",
        Format::PipfileLock => "pipfile-lock",
        Format::Requirements => "requirements",
        Format::Pyproject => "pyproject",
        Format::Pipfile => "pipfile",
        Format::CondaEnvironment => "conda-environment",
        Format::SetupPy => "setup-py",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn by_name<S: Serializer>(format: &Format, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name_of(*format))
}

#[cfg(test)]
mod tests;
