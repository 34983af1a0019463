//! `nbvet agent`: what runs beside a notebook. Not for people.

use nbvet_report::ExitCode;

use crate::{args::AgentArgs, usage::UsageError};

pub(crate) fn agent(_args: &AgentArgs) -> Result<ExitCode, UsageError> {
    Err(UsageError::Agent(
        "this build of nbvet cannot run notebooks".to_owned(),
    ))
}
