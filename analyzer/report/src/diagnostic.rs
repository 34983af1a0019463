//! One finding, static or at run time.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Fix, Location, Severity};

/// One finding: one rule, at one place, with what was seen there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// The rule that speaks.
    pub rule: RuleRef,
    /// How bad it is, after level, configuration and flags.
    pub severity: Severity,
    /// An execution fault, a time-out or a file that is no notebook: fails at every level, never suppressed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fault: bool,
    /// What was seen, in the words of the notebook: "`days` holds 2 None".
    pub message: String,
    /// What it means for this notebook, one or two sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// How to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Where.
    pub location: Location,
    /// Other places that explain the finding, such as where the `None` comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// A mechanical remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// The notebook's own lines as the remedy would leave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Set where the notebook's author or a baseline switched this finding off; it then counts for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
    /// What the finding is known by in other versions of the notebook: it stays while other cells, and other lines
    /// of its cell, are edited or moved. No two diagnostics of a notebook share one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
}

impl Diagnostic {
    /// Whether the finding counts for the verdict: not off and not suppressed.
    pub fn counts(&self) -> bool {
        self.severity != Severity::Off && self.suppression.is_none()
    }
}

/// Names a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleRef {
    /// `NB` and three digits; never reused.
    pub id: Cow<'static, str>,
    /// The name in words: `none-method-assigned`.
    pub name: Cow<'static, str>,
}

/// A second place of a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    /// Where.
    pub location: Location,
    /// What is there.
    pub message: String,
}

/// Why a diagnostic does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suppression {
    /// How the author wrote it.
    pub kind: SuppressionKind,
    /// The reason given, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The forms of suppression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SuppressionKind {
    /// A comment `# nbvet: ignore[NB201] reason`.
    Comment,
    /// A cell tag `nbvet-ignore-NB201`.
    Tag,
    /// The finding stands in the baseline file.
    Baseline,
}
