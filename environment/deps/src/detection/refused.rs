//! Why there is no decision.

use crate::tree::Fault;

/// Why nothing is built: each says what to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A file that was named is not there.
    #[error(
        "{} names `{file}`, which is not there{}",
        option(field),
        alike_told(alike, there)
    )]
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
    #[error(
        "{} names `{file}`, whose name tells no format: dependency files are pylock.toml, uv.lock, poetry.lock, Pipfile.lock, pyproject.toml, Pipfile, environment.yml, setup.py, and any other name but .toml, .json, .py and .cfg for pip's requirements; a Dockerfile is named as dockerfile",
        option(field)
    )]
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
    #[error(
        "no dependency file was found in the {} looked at, and `--fallback-strategy` (fallbackStrategy) is `fail`; write a requirements.txt beside the notebook, or name a file with `--requirements-file` (requirementsFile)",
        match places {
            1 => "1 place that was".to_owned(),
            places => format!("{places} places that were"),
        }
    )]
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

/// The option of the command line, and the field where they have other names.
fn option(field: &str) -> &str {
    match field {
        "requirementsFile" => "`--requirements-file` (requirementsFile)",
        "requirementsSources" => "`--requirements-source` (requirementsSources)",
        "dockerfile" => "`--dockerfile`",
        field => field,
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
