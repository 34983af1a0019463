//! What the status says of a notebook: the report in short.

use nbvet_report::{CellCounts, Level, Outcome, Severity, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of the notebook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerdictSummary {
    /// Passed, Failed, `TimedOut`, or Error: something else kept it from being judged.
    pub outcome: Outcome,
    /// How strictly it was judged.
    pub level: Level,
    /// Code cells by what became of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<CellNumbers>,
    /// Findings of severity error.
    pub errors: i64,
    /// Findings of severity warning.
    pub warnings: i64,
    /// Findings of severity note.
    pub notes: i64,
}

impl From<&Verdict> for VerdictSummary {
    fn from(verdict: &Verdict) -> Self {
        Self {
            outcome: verdict.outcome,
            level: verdict.level,
            cells: verdict.cells.map(CellNumbers::from),
            errors: verdict.errors.into(),
            warnings: verdict.warnings.into(),
            notes: verdict.notes.into(),
        }
    }
}

/// Code cells by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellNumbers {
    /// All code cells.
    pub total: i64,
    /// Ran to their end.
    pub ok: i64,
    /// Raised, died or ran out of time.
    pub failed: i64,
    /// Skipped by tag, or empty.
    pub skipped: i64,
    /// The run had ended before them.
    pub not_run: i64,
}

impl From<CellCounts> for CellNumbers {
    fn from(counts: CellCounts) -> Self {
        Self {
            total: counts.total.into(),
            ok: counts.ok.into(),
            failed: counts.failed.into(),
            skipped: counts.skipped.into(),
            not_run: counts.not_run.into(),
        }
    }
}

/// A group of checks, and whether the notebook passed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Which group.
    #[serde(rename = "type")]
    pub kind: CheckType,
    /// What came of it.
    pub status: CheckStatus,
    /// In words: how many findings, and the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The groups of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CheckType {
    /// What is seen in the code without running it.
    Lint,
    /// The notebook runs to its end.
    Execution,
    /// Nothing fails without saying so.
    SilentFailure,
    /// Values are as their author expects them.
    ExpectedOutputs,
    /// Data is whole: no NaN, no lost or doubled rows.
    DataQuality,
    /// Outputs are those of the golden notebook.
    GoldenComparison,
    /// Commands end with status 0, and somebody looks at it.
    ExitCode,
    /// What it needs is asked for and pinned.
    Dependencies,
}

/// What came of a group of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CheckStatus {
    /// Nothing in it fails at this level.
    Passed,
    /// Something does.
    Failed,
    /// It was not looked at.
    Skipped,
}

/// What became of one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellResult {
    /// Index of the cell, counted from 0 over all cells.
    #[schemars(range(min = 0))]
    pub cell_index: i64,
    /// The cell's id, where the file has ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell_id: Option<String>,
    /// What became of it.
    pub status: CellStatus,
    /// How long it ran: `1.25s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_time: Option<String>,
    /// The end of what it put out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// What it raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// What became of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CellStatus {
    /// It ran to its end.
    Success,
    /// It raised, died or ran out of time.
    Failure,
    /// It was skipped by tag, or is empty.
    Skipped,
    /// The run had ended before it.
    NotRun,
}

/// What to learn from one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Feedback {
    /// The rule: `NB211`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Index of the cell, counted from 0 over all cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<i64>,
    /// What was seen.
    pub issue: String,
    /// Why it matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// The notebook's own lines, mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation: Option<String>,
}

/// What the comparison with the golden notebook found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonSummary {
    /// How strictly outputs were compared: exact or normalized (and fuzzy or semantic, of older controllers).
    pub strategy: String,
    /// matched, failed or skipped.
    pub result: String,
    /// Cells that had something to compare.
    #[schemars(range(min = 0))]
    pub total_cells: i64,
    /// Those whose outputs are equal.
    #[schemars(range(min = 0))]
    pub matched_cells: i64,
    /// Those whose outputs differ.
    #[schemars(range(min = 0))]
    pub mismatched_cells: i64,
    /// What differs, the first of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diffs: Vec<Difference>,
}

/// One difference from the golden notebook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Index of the cell, counted from 0 over all cells; in the golden notebook, where only that one has the cell.
    #[schemars(range(min = 0))]
    pub cell_index: i64,
    /// code (and markdown, of older controllers).
    pub cell_type: String,
    /// The kind of difference: content, missing-output, extra-output, execution-count, missing-cell, extra-cell (and
    /// `output_mismatch` and the like, of older controllers).
    pub diff_type: String,
    /// What the golden notebook has there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What the run gave there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// The lines that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// minor, major or critical, of older controllers; ours are all major.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
}
