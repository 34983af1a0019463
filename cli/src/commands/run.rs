//! `nbvet run`.

use nbvet_report::ExitCode;

use crate::{args::ValidateArgs, usage::UsageError};

pub(crate) fn run(_args: &ValidateArgs) -> Result<ExitCode, UsageError> {
    Err(UsageError::Agent(
        "this build of nbvet cannot run notebooks".to_owned(),
    ))
}
