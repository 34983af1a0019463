//! `nbvet validate`.

use nbvet_report::ExitCode;

use crate::{args::ValidateArgs, usage::UsageError};

pub(crate) fn validate(_args: &ValidateArgs) -> Result<ExitCode, UsageError> {
    Err(UsageError::Agent(
        "this build of nbvet cannot run notebooks".to_owned(),
    ))
}
