//! What a step ends with: small enough for a container's termination message, and all that a controller needs to go on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{STEP_VERSION, Step, plain};
use crate::{CellCounts, Outcome, Reason, Verdict};

/// Bytes that a termination message may have; Kubernetes cuts what is longer.
pub const MAX_END: usize = 4096;

/// Bytes of [`StepEnd::message`].
pub const MAX_MESSAGE: usize = 1200;

/// Bytes of the name of an image.
const MAX_IMAGE: usize = 600;

/// How a step ended: the JSON of its container's termination message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepEnd {
    /// [`STEP_VERSION`] of the writer.
    pub version: u32,
    /// Which step.
    pub step: Step,
    /// Passed: it did what it is for. Of `validate` this is the notebook's verdict. Failed: the notebook, or a policy over
    /// its dependencies, is at fault. Error: something else is.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// Whether another try may go well: it was the network, a server or the machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transient: bool,
    /// For people: one line, at most [`MAX_MESSAGE`] bytes, without control characters.
    pub message: String,
    /// The image that was found, built, run or published: `registry/repository@sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Compressed bytes of all layers of an image that was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_size: Option<u64>,
    /// What was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<StepCounts>,
    /// The result in the container's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<BlobRef>,
}

/// What a step counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepCounts {
    /// Diagnostics of severity error that count.
    pub errors: u32,
    /// Diagnostics of severity warning that count.
    pub warnings: u32,
    /// Diagnostics of severity note that count.
    pub notes: u32,
    /// Code cells by outcome, where the notebook was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<CellCounts>,
}

impl From<&Verdict> for StepCounts {
    fn from(verdict: &Verdict) -> Self {
        Self {
            errors: verdict.errors,
            warnings: verdict.warnings,
            notes: verdict.notes,
            cells: verdict.cells,
        }
    }
}

/// By what a result is known among the lines of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlobRef {
    /// Of the compressed bytes: 64 hexadecimal digits.
    pub sha256: String,
    /// Compressed bytes.
    pub bytes: u32,
    /// Lines that they stand in.
    pub lines: u32,
}

impl StepEnd {
    /// An end without a result. The message is made plain and cut.
    pub fn new(step: Step, outcome: Outcome, reason: Reason, message: &str) -> Self {
        Self {
            version: STEP_VERSION,
            step,
            outcome,
            reason,
            transient: false,
            message: plain(message, MAX_MESSAGE),
            image: None,
            image_size: None,
            counts: None,
            blob: None,
        }
    }

    /// With the image that it is about. What is too long for a name of an image is left out.
    pub fn with_image(mut self, image: &str) -> Self {
        self.image = (image.len() <= MAX_IMAGE).then(|| plain(image, MAX_IMAGE));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_end_fits_a_termination_message() {
        // Each of these bytes becomes two in JSON.
        let quotes = "\\\"".repeat(MAX_END);
        let most = CellCounts {
            total: u32::MAX,
            ok: u32::MAX,
            failed: u32::MAX,
            skipped: u32::MAX,
            not_run: u32::MAX,
        };
        let mut end = StepEnd::new(
            Step::Validate,
            Outcome::TimedOut,
            Reason::UnpinnedDependencies,
            &quotes,
        )
        .with_image(&"a".repeat(MAX_IMAGE));
        end.transient = true;
        end.image_size = Some(u64::MAX);
        end.counts = Some(StepCounts {
            errors: u32::MAX,
            warnings: u32::MAX,
            notes: u32::MAX,
            cells: Some(most),
        });
        end.blob = Some(BlobRef {
            sha256: "f".repeat(64),
            bytes: u32::MAX,
            lines: u32::MAX,
        });
        let text = serde_json::to_string(&end).unwrap();
        assert!(text.len() <= MAX_END, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<StepEnd>(&text).unwrap(), end);
    }

    #[test]
    fn what_a_later_version_adds_is_read_over_and_what_is_unset_is_not_written() {
        let end = StepEnd::new(Step::Prepare, Outcome::Passed, Reason::Done, "a\u{1b}[31mb");
        let text = serde_json::to_string(&end).unwrap();
        assert_eq!(
            text,
            r#"{"version":1,"step":"prepare","outcome":"Passed","reason":"Done","message":"a [31mb"}"#
        );
        let more = text.replacen('{', r#"{"more":{"a":1},"#, 1);
        assert_eq!(serde_json::from_str::<StepEnd>(&more).unwrap(), end);
    }
}
