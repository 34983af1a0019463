//! `install`: nbvet itself and its assets in a folder that the user's container sees, so that it needs nothing but the
//! user's image.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use nbvet_report::{Reason, step::Step};

use super::Ending;

/// The folder gets `nbvet` and `assets`, which `NBVET_ASSETS` has to name there.
pub(crate) fn install(into: &Path) -> Ending {
    match installed(into) {
        Ok(()) => Ending::done(Step::Install, "", None),
        Err(message) => Ending::error(Step::Install, Reason::InternalError, false, &message),
    }
}

fn installed(into: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", into.display());
    fs::create_dir_all(into).map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let goal = into.join("nbvet");
    // Whole or not at all: a pod's folder outlives a container that was killed.
    let beside = into.join(".nbvet");
    fs::copy(program, &beside).map_err(failed)?;
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    fs::rename(&beside, &goal).map_err(failed)?;
    nbvet_agent::install_assets(&into.join("assets")).map_err(|error| error.to_string())
}
