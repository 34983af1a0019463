//! What the comparison with a golden notebook found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rule whose diagnostics tell of the differences of a [`Comparison`].
pub const COMPARISON_RULE: &str = "NB112";

/// The outputs of a run held against those of a golden notebook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The golden notebook: its path, or `stored` for the notebook's own outputs.
    pub golden: String,
    /// How strictly outputs were compared.
    pub strategy: ComparisonStrategy,
    /// What came of it.
    pub result: ComparisonResult,
    /// Cells that had something to compare: code cells that ran, and those that only the golden notebook has.
    pub total_cells: u32,
    /// Those whose outputs are equal.
    pub matched_cells: u32,
    /// Those whose outputs differ.
    pub mismatched_cells: u32,
    /// Code cells left out: not run, or marked so.
    pub skipped_cells: u32,
    /// Differences that were accepted, by the rule that accepted them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub normalised: Vec<NormalisedCount>,
    /// What differs, in the order of the cells; the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diffs: Vec<OutputDiff>,
    /// Differences that are counted and not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub diffs_left_out: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How strictly outputs are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ComparisonStrategy {
    /// As they are stored, but for what the user's own patterns take out.
    Exact,
    /// Numbers within a tolerance, and without what differs from run to run: addresses, timings, temporary names.
    #[default]
    Normalized,
}

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ComparisonResult {
    /// All outputs that were compared are equal.
    Matched,
    /// Some differ.
    Failed,
    /// There was nothing to compare.
    Skipped,
}

/// How many differences a rule accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NormalisedCount {
    /// The rule: `addresses`, `timings`, `numbers within the tolerance`.
    pub rule: String,
    /// How many.
    pub count: u64,
}

/// One output that differs, or a cell that only one of the notebooks has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputDiff {
    /// Index of the cell in the notebook that ran, 0-based over all cells; `None` where only the golden one has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_index: Option<u32>,
    /// Index of the cell in the golden notebook; `None` where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub golden_cell_index: Option<u32>,
    /// `code`: no other cells have outputs.
    pub cell_type: String,
    /// What kind of difference.
    pub diff_type: DiffType,
    /// Which output: `stdout`, `text/html`, `image/png`, `error`; empty for a whole cell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// Where in it: `line 3`, `row 2, column "price"`, `$.data[0].y`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What the golden notebook has there, cut where it is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What the run gave there, cut where it is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// What is to be said beside: how far numbers are apart, sizes of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The lines that differ: `-` as in the golden notebook, `+` as in the run, a blank for lines around them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
}

/// The kinds of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiffType {
    /// Both have the output, with other content.
    Content,
    /// The golden notebook has an output that the run did not give.
    MissingOutput,
    /// The run gave an output that the golden notebook does not have.
    ExtraOutput,
    /// `In [n]` differs.
    ExecutionCount,
    /// The golden notebook has a cell with outputs that this notebook does not have.
    MissingCell,
    /// This notebook has a cell that the golden one does not have; it counts for nothing.
    ExtraCell,
}
