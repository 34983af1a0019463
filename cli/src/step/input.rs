//! The input of a step: read, and of our version.

use std::path::Path;

use nbvet_report::{
    Reason,
    step::{STEP_VERSION, Step, StepInput},
};

use super::Ending;
use crate::ordinary;

/// Reads the input of a pod.
pub(super) fn read(step: Step, path: &Path) -> Result<StepInput, Ending> {
    let fault = |message: String| Ending::error(step, Reason::InternalError, false, &message);
    let text = ordinary::read_to_string(path)
        .map_err(|error| fault(format!("the input {} cannot be read: {error}", path.display())))?;
    let input: StepInput = serde_json::from_str(&text)
        .map_err(|error| fault(format!("the input {} is none: {error}", path.display())))?;
    if input.version != STEP_VERSION {
        return Err(fault(format!(
            "the input is of version {}, and this nbvet reads {STEP_VERSION}: controller and pods are of different versions",
            input.version
        )));
    }
    Ok(input)
}

/// The part of a step.
pub(super) fn part<T>(step: Step, name: &str, part: Option<T>) -> Result<T, Ending> {
    part.ok_or_else(|| {
        let message = format!("the input has no `{name}`");
        Ending::error(step, Reason::InternalError, false, &message)
    })
}
