//! Why there is no decision.

use nbvet_report::Readers;

use super::setting::setting;
use crate::tree::Fault;

/// Why nothing is built: each says what to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A file that was named is not there.
    #[error("{}", self.told(Readers::Terminal))]
    Missing {
        /// `requirementsFile` or `dockerfile`.
        field: &'static str,
        /// The name, escaped.
        file: String,
        /// Files whose names look alike, the likest first.
        alike: Vec<String>,
        /// Else dependency files that are there.
        there: Vec<String>,
    },
    /// The name tells no format.
    #[error("{}", self.told(Readers::Terminal))]
    UnknownFormat {
        /// `requirementsFile` or `requirementsSources`.
        field: &'static str,
        /// The name.
        file: String,
    },
    /// A file or folder that the chain leads to cannot be used; another one instead would be another environment.
    #[error("{file} would be used, but cannot: {reason}")]
    Unusable {
        /// Its name.
        file: String,
        /// Why.
        reason: String,
        /// Its path is none of the tree, or a symlink leads out of it.
        outside: bool,
    },
    /// `binder` and `.binder` in one folder.
    #[error("{folder} holds a folder `binder` and a folder `.binder`; keep one of them")]
    TwoBinders {
        /// The folder that holds both.
        folder: String,
    },
    /// No such stage.
    #[error("{dockerfile} has no stage `{target}`{}", stages_told(stages))]
    UnknownStage {
        /// The Dockerfile.
        dockerfile: String,
        /// What was asked for.
        target: String,
        /// Its stages that have names.
        stages: Vec<String>,
    },
    /// Nothing was found, and `fallbackStrategy: fail`.
    #[error("{}", self.told(Readers::Terminal))]
    Nothing {
        /// How many places were looked at.
        places: usize,
    },
    /// The notebook's name is none of the tree.
    #[error("the notebook: {0}")]
    Notebook(Fault),
}

impl Refused {
    pub(super) fn unusable(file: &str, fault: &Fault) -> Self {
        match fault {
            // The name may hold anything.
            Fault::Name { name, why } => Self::Unusable {
                file: name.clone(),
                reason: (*why).to_owned(),
                outside: true,
            },
            fault => Self::Unusable {
                file: file.to_owned(),
                reason: fault.reason(),
                outside: matches!(fault, Fault::LeadsOut { .. }),
            },
        }
    }

    pub(super) fn dangling(file: &str) -> Self {
        Self::Unusable {
            file: file.to_owned(),
            reason: "it is a symlink to nothing".to_owned(),
            outside: false,
        }
    }

    /// It in words for these readers.
    pub fn told(&self, readers: Readers) -> String {
        match self {
            Self::Missing {
                field,
                file,
                alike,
                there,
            } => format!(
                "{} names `{file}`, which is not there{}",
                setting(field, readers),
                alike_told(alike, there)
            ),
            Self::UnknownFormat { field, file } => format!(
                "{} names `{file}`, whose name tells no format: dependency files are pylock.toml, uv.lock, poetry.lock, Pipfile.lock, pyproject.toml, Pipfile, environment.yml, setup.py, and any other name but .toml, .json, .py and .cfg for pip's requirements; a Dockerfile is named as dockerfile",
                setting(field, readers)
            ),
            Self::Nothing { places } => format!(
                "no dependency file was found in the {} looked at, and {} is `fail`; write a requirements.txt beside the notebook, or name a file with {}",
                match places {
                    1 => "1 place that was".to_owned(),
                    places => format!("{places} places that were"),
                },
                setting("fallbackStrategy", readers),
                setting("requirementsFile", readers)
            ),
            other => other.to_string(),
        }
    }

    /// Whether something was named, or found, that lies outside of the tree.
    pub fn is_outside(&self) -> bool {
        match self {
            Self::Unusable { outside, .. } => *outside,
            Self::Notebook(fault) => matches!(fault, Fault::LeadsOut { .. } | Fault::Name { .. }),
            _ => false,
        }
    }

    /// Without the name before it.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Unusable { reason, .. } => reason.clone(),
            Self::TwoBinders { .. } => {
                "it holds a folder `binder` and a folder `.binder`; keep one of them".to_owned()
            }
            other => other.to_string(),
        }
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn alike_told(alike: &[String], there: &[String]) -> String {
    match (alike, there) {
        ([], []) => "; no dependency file is in its folder or around the notebook".to_owned(),
        ([], there) => format!("; what is there: {}", listed(there)),
        (alike, _) => format!("; what looks alike: {}", listed(alike)),
    }
}

fn stages_told(stages: &[String]) -> String {
    if stages.is_empty() {
        "; none of its stages has a name: write `FROM … AS name`".to_owned()
    } else {
        format!("; its stages: {}", listed(stages))
    }
}
