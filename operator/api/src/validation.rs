//! How strict a validation is, what is expected of values, and how outputs are compared.

use std::collections::BTreeMap;

use nbvet_report::{ComparisonStrategy, InstallPolicy, Level, Order, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::number::Quoted;

/// How strict a validation is. What is unset is as the level says; `false` of a switch that makes things stricter means
/// unset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidationConfig {
    /// How strict. Unset: development.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// `true`: level production, whatever `level` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_mode: Option<bool>,
    /// `true`: text on the notebook's stderr is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_on_stderr: Option<bool>,
    /// `true`: Python warnings raised while a cell ran are errors (deprecations: warnings).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_on_warnings: Option<bool>,
    /// `false`: the rules on silent failures are off. Unset: on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detect_silent_failures: Option<bool>,
    /// `true`: commands whose exit status nobody looks at are errors, even when they succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_explicit_exit_codes: Option<bool>,
    /// `true`: values have the types that the notebook's annotations and the expectations name, exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_output_types: Option<bool>,
    /// `true`: no assertion, and assertions that cannot fail, are errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_assertions: Option<bool>,
    /// `true`: explanations in the report and the status. Unset: at level learning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub educational_mode: Option<bool>,
    /// `true`: the user's own line, mended, beside a finding. Unset: as `educationalMode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provide_examples: Option<bool>,
    /// `true`: advice of severity note is shown. Unset: as `educationalMode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggest_best_practices: Option<bool>,
    /// What becomes of the notebook's `pip install` lines. Unset: check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installs: Option<InstallPolicy>,
    /// What is expected of values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected_outputs: Vec<ExpectedOutput>,
    /// Severities of single rules, by id or name: `NB202: error`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, Severity>,
}

/// What is expected of one value. What is not set is not checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "[has(self.cell), has(self.cellId), has(self.tag)].filter(there, there).size() <= 1",
        "message": "one of cell, cellId and tag says which cell is meant"
    },
    {
        "rule": "has(self.cell) || has(self.cellId) || has(self.tag) || has(self.name)",
        "message": "of which value? set cell (its index, counted from 0), cellId, tag or name"
    },
    {
        "rule": "!has(self.range) || !(has(self.minValue) || has(self.maxValue))",
        "message": "range stands for minValue and maxValue: set one or the other"
    }
]))]
pub struct ExpectedOutput {
    /// Index of the cell, counted from 0 over all cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub cell: Option<i64>,
    /// The cell's id, where the file has ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 640))]
    pub cell_id: Option<String>,
    /// Every code cell with this tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub tag: Option<String>,
    /// The name whose value is meant. Unset: the value of the cell's last expression. With neither cell, id nor tag: its
    /// value at the end of the notebook.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub name: Option<String>,
    /// The class, or one that it inherits from: `DataFrame`, `pandas.DataFrame`, `int | None`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// Sizes of its dimensions, as text; -1 stands for any: `-1,10`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// No number in it is smaller: a whole number, or a decimal in quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::decimal")]
    pub min_value: Option<Quoted>,
    /// No number in it is larger: a whole number, or a decimal in quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::decimal")]
    pub max_value: Option<Quoted>,
    /// Both bounds at once: the smaller one, then the larger one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::range")]
    pub range: Option<Vec<Quoted>>,
    /// `true`: it has at least one row, item or character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_empty: Option<bool>,
    /// `true`: none of its values is NaN, `None` or null.
    #[serde(rename = "noNaN", skip_serializing_if = "Option::is_none")]
    pub no_nan: Option<bool>,
    /// Its columns: these and no others, in this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Data types of some of its columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtypes: Option<BTreeMap<String, String>>,
    /// It equals this, any JSON; numbers within the tolerance.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "there")]
    #[schemars(schema_with = "crate::number::any")]
    pub equals: Option<Value>,
    /// This is a part of it, any JSON: of a text, an item, a key, a column; of a list each item.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "there")]
    #[schemars(schema_with = "crate::number::any")]
    pub contains: Option<Value>,
    /// A regular expression that matches somewhere in its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// `len()` of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub length: Option<i64>,
    /// The order of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monotone: Option<Order>,
    /// `true`: no value, or row of a table, is there twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<bool>,
    /// A Python expression over `value` and the notebook's names that is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// How far numbers of `equals` and `contains` may be off, absolutely and as a share of numbers over 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::positive_decimal")]
    pub tolerance: Option<Quoted>,
}

/// `null` is a value here, and not the same as nothing.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// How outputs are compared with those of the golden notebook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonConfig {
    /// How strictly. Unset: normalized.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ComparisonStrategy>,
    /// Numbers may be apart by this share of the expected one: a decimal in quotes. Unset: `"0.0001"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::number::positive_decimal")]
    pub floating_point_tolerance: Option<Quoted>,
    /// `true`: all dates and times may differ; `false`: none. Unset: those of the run's own day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_timestamps: Option<bool>,
    /// `false`: the `n` of `In [n]` is compared too. Unset: it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_execution_count: Option<bool>,
    /// Texts that may differ: regular expressions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_timestamp_patterns: Vec<String>,
    /// Outputs that are left out: types of nbformat, names of streams, MIME types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore_output_types: Vec<String>,
}
