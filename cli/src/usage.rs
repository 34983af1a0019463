//! What a user can get wrong before any notebook is looked at. Each message names what was given; the hint says
//! what to write instead.

use std::{io, path::PathBuf};

pub(crate) use nbvet_engine::nearest;
use nbvet_report::{Hint, Readers, Reason};

/// A fault in how nbvet was called or configured: exit code 2, and no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("`{path}` does not exist")]
    NoSuchPath { path: String, nearest: Vec<String> },
    #[error("reading a notebook from standard input is not supported")]
    StandardInput,
    #[error("there is no notebook in {}", .0.join(", "))]
    NoNotebooks(Vec<String>),
    #[error("there is no rule `{name}`")]
    NoSuchRule { name: String, nearest: Vec<String> },
    #[error("{message}")]
    Unselectable { message: String, nearest: Vec<String> },
    #[error("{path}:{line}: {message}")]
    Config {
        path: String,
        line: usize,
        message: String,
        nearest: Vec<String>,
    },
    #[error("failed to read {path}: {source}")]
    UnreadableConfig { path: String, source: io::Error },
    #[error("{path}: {fault}")]
    Expectations {
        path: String,
        fault: nbvet_expect::Fault,
    },
    #[error("spec.{0}")]
    Job(nbvet_expect::Fault),
    #[error("failed to read the baseline {path}: {source}")]
    UnreadableBaseline { path: String, source: io::Error },
    #[error("{path}:{line}: this is no baseline of nbvet: {message}")]
    NoBaseline {
        path: String,
        line: usize,
        message: String,
    },
    #[error("{path} is a baseline of version {version}, and this nbvet reads version {known}")]
    BaselineVersion { path: String, version: u64, known: u64 },
    #[error("`--write-baseline` needs to know the file")]
    NowhereForBaseline,
    #[error("{path} is there already")]
    Exists { path: String },
    #[error("{path} is there already, and it may be somebody's work")]
    WouldOverwrite { path: String },
    #[error("`{version}` is no version of Python 3; write one such as 3.11")]
    PythonVersion { version: String },
    #[error("{message}")]
    Image { message: String, hint: Option<Hint> },
    #[error("{message}")]
    Tool {
        message: String,
        hint: Option<Hint>,
        /// For a controller: why, and whether another try may go well.
        reason: Reason,
        transient: bool,
    },
    #[error("failed to write {path}: {source}")]
    Unwritable { path: String, source: io::Error },
    #[error("`--output {path}` is a file, and there is more than one notebook")]
    OutputIsFile { path: String },
    #[error("`--output {path}` names a notebook, and there are {notebooks} to write")]
    OutputIsNotebook { path: String, notebooks: usize },
    #[error("`--output {path}` is to be a page, and that is a notebook")]
    PageIsNotebook { path: String },
    #[error("failed to read the report {path}: {source}")]
    UnreadableReport { path: String, source: io::Error },
    #[error("{path} is no report of nbvet: {message}")]
    NoReport { path: String, message: String },
    #[error("the executed {first} and {second} would both be written to {path}")]
    SameOutput {
        first: String,
        second: String,
        path: String,
    },
    #[error("`{name}` is no name that Python can assign a value to")]
    ParameterName { name: String },
    #[error("failed to read parameters from {path}: {message}")]
    ParameterFile { path: String, message: String },
    #[error("the golden notebook {path} is one file, and there are {notebooks} notebooks to compare with it")]
    GoldenIsFile { path: String, notebooks: usize },
    #[error("failed to read the sanitize file {path}: {source}")]
    UnreadableSanitizer { path: String, source: io::Error },
    #[error("`--cwd {path}` is no folder")]
    NoSuchFolder { path: String },
    #[error(transparent)]
    Agent(#[from] nbvet_agent::AgentError),
    #[error("failed to listen at {path}: {source}")]
    Listen { path: String, source: io::Error },
}

impl UsageError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<Hint> {
        let words = match self {
            Self::Image { hint, .. } | Self::Tool { hint, .. } => return hint.clone(),
            Self::NoSuchPath { nearest, .. }
            | Self::NoSuchRule { nearest, .. }
            | Self::Unselectable { nearest, .. }
            | Self::Config { nearest, .. } => did_you_mean(nearest),
            Self::Expectations { fault, .. } | Self::Job(fault) => {
                let word = fault.unknown.as_deref()?;
                let near = nearest(word, fault.known.iter().map(String::as_str));
                did_you_mean(&near).or_else(|| Some(format!("there are {}", fault.known.join(", "))))
            }
            Self::StandardInput => Some("give the path of a notebook file".to_owned()),
            Self::NoNotebooks(_) => Some(
                "folders are searched for `.ipynb` files; hidden folders, virtual environments and what git \
                 ignores are left out; a file named itself is always taken"
                    .to_owned(),
            ),
            Self::Exists { .. } => Some("`--force` overwrites it".to_owned()),
            Self::WouldOverwrite { .. } => {
                Some("move it away, or take what is missing over by hand".to_owned())
            }
            Self::OutputIsFile { .. } | Self::OutputIsNotebook { .. } => {
                Some("name a folder; each notebook keeps its name in it".to_owned())
            }
            Self::PageIsNotebook { .. } => Some("name an HTML file, such as `page.html`".to_owned()),
            Self::NoReport { .. } => {
                Some("`nbvet validate --format json` writes one to standard output".to_owned())
            }
            Self::UnreadableBaseline { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("`--write-baseline` writes it from what is found now".to_owned())
            }
            Self::BaselineVersion { .. } => Some("`--write-baseline` writes it anew".to_owned()),
            Self::NowhereForBaseline => {
                Some("add `--baseline FILE`, or write `baseline = \"FILE\"` to nbvet.toml".to_owned())
            }
            Self::GoldenIsFile { .. } => Some(
                "name a folder: each notebook's golden one is looked for in it under the same path"
                    .to_owned(),
            ),
            Self::UnreadableSanitizer { .. }
            | Self::PythonVersion { .. }
            | Self::NoBaseline { .. }
            | Self::UnreadableReport { .. }
            | Self::UnreadableBaseline { .. }
            | Self::UnreadableConfig { .. }
            | Self::Unwritable { .. }
            | Self::SameOutput { .. }
            | Self::NoSuchFolder { .. }
            | Self::ParameterName { .. }
            | Self::ParameterFile { .. }
            | Self::Agent(_)
            | Self::Listen { .. } => None,
        };
        words.map(Hint::from)
    }

    /// What is wrong, and what to do about it.
    pub(crate) fn told(&self, readers: Readers) -> String {
        let hint = self.hint().unwrap_or_default();
        match hint.to(readers) {
            "" => self.to_string(),
            words => format!("{self}; {words}"),
        }
    }
}

/// "did you mean `a` or `b`?"
fn did_you_mean(nearest: &[String]) -> Option<String> {
    let names: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}

/// A path for a message; what is not UTF-8 in it is replaced.
pub(crate) fn shown(path: &std::path::Path) -> String {
    PathBuf::from(path).to_string_lossy().into_owned()
}
