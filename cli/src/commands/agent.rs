//! `nbvet agent`: what runs beside a notebook. Not for people.

use std::io;

use nbvet_report::ExitCode;

use crate::{
    args::AgentArgs,
    usage::{UsageError, shown},
};

/// Serves one host until it goes away.
pub(crate) fn agent(args: &AgentArgs) -> Result<ExitCode, UsageError> {
    match &args.listen {
        Some(path) => {
            let connection = nbvet_agent::accept(path).map_err(|source| UsageError::Listen {
                path: shown(path),
                source,
            })?;
            nbvet_agent::serve(connection)?;
        }
        None => nbvet_agent::serve(io::stdin())?,
    }
    Ok(ExitCode::Passed)
}
