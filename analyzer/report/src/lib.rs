//! The one data model that every part of nbvet speaks: what was found in a notebook, what happened when it
//! ran, and the verdict. Plain values with serde and JSON Schema; this crate does no I/O and knows no rule.
//!
//! The JSON form of [`Report`] is a public format. It changes only together with [`SCHEMA_VERSION`] and the
//! committed `schema/report.v1.json`.

mod cell_run;
mod comparison;
mod comparison_config;
mod dependencies;
mod diagnostic;
mod exit_code;
mod expectation;
mod fact;
mod fix;
pub mod harmless;
pub mod hidden;
mod hint;
mod level;
mod literal;
mod location;
mod question;
mod reason;
mod report;
mod rule;
mod severity;
pub mod step;
mod strength;
mod validation_config;
mod verdict;

pub use cell_run::{CellError, CellOutcome, CellRun, RunEnd};
pub use comparison::{
    COMPARISON_RULE, Comparison, ComparisonResult, ComparisonStrategy, DiffType, NormalisedCount, OutputDiff,
};
pub use comparison_config::ComparisonConfig;
pub use dependencies::{
    Dependencies, DependencySource, DependencySourceKind, LookedAt, Need, NeedStatus, Requirement,
};
pub use diagnostic::{Diagnostic, Label, RuleRef, Suppression, SuppressionKind};
pub use exit_code::ExitCode;
pub use expectation::{Decimal, Expectation, ExpectationResult, ExpectationStatus, NoShape, Order, Shape};
pub use fact::{
    AfterCellOrigin, ColumnFacts, CommandKind, Fact, InstallAction, ItemCount, NonFinite, Number, ShareCount,
    ValueFacts,
};
pub use fix::{Applicability, Edit, Fix};
pub use hint::{Hint, Readers};
pub use level::{Level, UnknownLevel};
pub use literal::Literal;
pub use location::Location;
pub use question::{Answer, Aspect, Column, Equals, Extreme, Failure, Holding, Infinite, Question};
pub use reason::{Reason, UnknownReason};
pub use report::{FailureKind, Interpreter, NotebookReport, Report, RunFailure, SCHEMA_VERSION, Tool};
pub use rule::{Flag, Group, Row, RuleMeta, Standing};
pub use severity::{Severity, UnknownSeverity};
pub use strength::{Strength, StrengthKind};
pub use validation_config::{InstallPolicy, ValidationConfig};
pub use verdict::{CellCounts, Outcome, Verdict, judge};
