//! `nbvet agent`: what runs beside a notebook. Not for people.

use std::io;

use nbvet_agent::Home;
use nbvet_report::ExitCode;

use crate::{
    args::AgentArgs,
    output,
    usage::{UsageError, shown},
};

/// Serves one host until it goes away, or ends without coming.
pub(crate) fn agent(args: &AgentArgs) -> Result<ExitCode, UsageError> {
    match &args.listen {
        Some(path) => {
            let connection = nbvet_agent::accept(path).map_err(|source| UsageError::Listen {
                path: shown(path),
                source,
            })?;
            match connection {
                Some(connection) => nbvet_agent::serve(connection, Home::Container)?,
                None => output::note("agent", "the host ended without coming: there is nothing to run"),
            }
        }
        None => nbvet_agent::serve(io::stdin(), Home::Command)?,
    }
    Ok(ExitCode::Passed)
}
