//! How outputs are compared, in the form of the custom resource's `spec.comparisonConfig`: one type for the program and
//! for whatever else orders comparisons.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ComparisonStrategy, Decimal};

/// `comparisonConfig`. What is unset has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ComparisonConfig {
    /// How strictly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ComparisonStrategy>,
    /// Numbers may be apart by this share of the expected one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floating_point_tolerance: Option<Decimal>,
    /// `true`: all dates and times may differ; `false`: none; unset: those of the run's own day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_timestamps: Option<bool>,
    /// `false`: the `n` of `In [n]` is compared too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_execution_count: Option<bool>,
    /// Texts that may differ: regular expressions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_timestamp_patterns: Option<Vec<String>>,
    /// What is left out: types of nbformat, names of streams, MIME types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_output_types: Option<Vec<String>>,
}
