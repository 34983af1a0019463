//! The document that everything ends in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    CellRun, Comparison, Dependencies, Diagnostic, ExitCode, ExpectationResult, Level, RunEnd, Strength,
    Verdict,
};

/// Version of the JSON form. Fields may be added within a version; none changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of one command over any number of notebooks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Who wrote it.
    pub tool: Tool,
    /// How strict the validation was.
    pub level: Level,
    /// One entry a notebook, in the order given on the command line.
    pub notebooks: Vec<NotebookReport>,
    /// The highest code of all notebooks; what the process exits with.
    pub exit_code: ExitCode,
}

impl Report {
    /// Joins the reports of many notebooks. No notebook at all passes.
    pub fn new(tool: Tool, level: Level, notebooks: Vec<NotebookReport>) -> Self {
        let exit_code = notebooks
            .iter()
            .map(|notebook| notebook.verdict.exit_code)
            .max()
            .unwrap_or(ExitCode::Passed);
        Self {
            schema_version: SCHEMA_VERSION,
            tool,
            level,
            notebooks,
            exit_code,
        }
    }
}

/// The program that wrote a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// `nbvet`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Everything about one notebook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotebookReport {
    /// The path as the user gave it, or as found under a folder that the user gave.
    pub path: String,
    /// The verdict, with its counts.
    pub verdict: Verdict,
    /// Findings, by place, then by rule.
    pub diagnostics: Vec<Diagnostic>,
    /// What it does well; told at level learning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strengths: Vec<Strength>,
    /// The interpreter that ran it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<Interpreter>,
    /// One entry a code cell, where the notebook was run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<CellRun>,
    /// What was expected of its values, and what came of each expectation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<ExpectationResult>,
    /// How the run ended, where the notebook was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
    /// What kept nbvet from a verdict: never the notebook's fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<RunFailure>,
    /// What the comparison with a golden notebook found, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// What it needs and what its repository says about that, where it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Dependencies>,
}

/// The Python that ran a notebook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Interpreter {
    /// Path, on the agent's side.
    pub path: String,
    /// Version: `3.11.7`.
    pub version: String,
    /// Why this one: "`--python`", "`.venv` beside the notebook".
    pub chosen: String,
    /// Version of IPython that ran the cells.
    pub ipython: String,
    /// The environment has no IPython; the one that nbvet ships was used.
    pub ipython_from_kit: bool,
    /// The notebook's process was forked from one that has imported IPython; else it is a fresh interpreter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forked: bool,
    /// Modules that were imported before the fork.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preloaded: Vec<String>,
}

/// Something outside the notebook kept it from being judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunFailure {
    /// What kind.
    pub kind: FailureKind,
    /// What happened, with paths.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The kinds of failure that are not the notebook's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The file could not be read: permission, a folder, an I/O fault.
    Unreadable,
    /// The notebook is in a language that nbvet cannot run.
    UnsupportedLanguage,
    /// No Python was found, or the one named does not start.
    NoInterpreter,
    /// A Python that the worker cannot be loaded into.
    UnsupportedInterpreter,
    /// The agent went away or spoke another protocol.
    AgentLost,
    /// The worker's reports could not be read.
    ReportLost,
    /// The golden notebook is missing, broken, or none to compare with.
    GoldenUnusable,
    /// A package index was to be asked, and could not be.
    IndexUnreachable,
    /// The executed notebook could not be written.
    Unwritable,
    /// The user stopped the run.
    Cancelled,
    /// A fault of nbvet itself.
    Internal,
}

impl FailureKind {
    /// The exit code of a notebook that met this failure.
    pub const fn exit_code(self) -> ExitCode {
        match self {
            Self::Internal => ExitCode::Internal,
            Self::Unreadable
            | Self::UnsupportedLanguage
            | Self::NoInterpreter
            | Self::UnsupportedInterpreter
            | Self::AgentLost
            | Self::ReportLost
            | Self::GoldenUnusable
            | Self::IndexUnreachable
            | Self::Unwritable
            | Self::Cancelled => ExitCode::Error,
        }
    }
}
