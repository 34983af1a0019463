//! How a validation is done, in the form of the custom resource's `spec.validationConfig`: one type for the program and
//! for whatever else orders validations.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Expectation, Level, Severity};

/// `validationConfig`. Unset means what the level says; `false` of a switch that makes things stricter means unset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ValidationConfig {
    /// How strict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// `true`: level production, whatever `level` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_mode: Option<bool>,
    /// Text on the notebook's stderr is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_on_stderr: Option<bool>,
    /// Python warnings raised while a cell ran are errors (deprecations: warnings).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_on_warnings: Option<bool>,
    /// `false`: the rules on silent failures are off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detect_silent_failures: Option<bool>,
    /// Commands whose exit status nobody looks at are errors, even when they succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_explicit_exit_codes: Option<bool>,
    /// Values have the types that the notebook's annotations and expectations name, exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_output_types: Option<bool>,
    /// No assertion, and assertions that cannot fail, are errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_assertions: Option<bool>,
    /// Explanations in the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub educational_mode: Option<bool>,
    /// The user's own line, mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provide_examples: Option<bool>,
    /// Advice of severity note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggest_best_practices: Option<bool>,
    /// What becomes of `pip install` lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installs: Option<InstallPolicy>,
    /// What is expected of values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expected_outputs: Vec<Expectation>,
    /// Severities of single rules, by id or name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, Severity>,
}

/// What to do with `pip install` lines of a notebook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InstallPolicy {
    /// Not executed; said what is missing.
    #[default]
    Check,
    /// Executed.
    Run,
    /// Not executed; an error.
    Refuse,
}
