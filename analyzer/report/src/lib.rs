//! The one data model that every part of nbvet speaks: what was found in a notebook, what happened when it
//! ran, and the verdict. Plain values with serde and JSON Schema; this crate does no I/O and knows no rule.
//!
//! The JSON form of [`Report`] is a public format. It changes only together with [`SCHEMA_VERSION`] and the
//! committed `schema/report.v1.json`.

mod cell_run;
mod diagnostic;
mod exit_code;
mod fact;
mod fix;
mod level;
mod location;
mod report;
mod severity;
mod strength;
mod verdict;

pub use cell_run::{CellError, CellOutcome, CellRun, RunEnd};
pub use diagnostic::{Diagnostic, Label, RuleRef, Suppression, SuppressionKind};
pub use exit_code::ExitCode;
pub use fact::{
    AfterCellOrigin, ColumnFacts, CommandKind, Fact, InstallAction, ItemCount, NonFinite, Number, ShareCount,
    ValueFacts,
};
pub use fix::{Applicability, Edit, Fix};
pub use level::{Level, UnknownLevel};
pub use location::Location;
pub use report::{FailureKind, Interpreter, NotebookReport, Report, RunFailure, SCHEMA_VERSION, Tool};
pub use severity::{Severity, UnknownSeverity};
pub use strength::{Strength, StrengthKind};
pub use verdict::{CellCounts, Outcome, Verdict, judge};
