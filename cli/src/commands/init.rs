//! `nbvet init`: an `nbvet.toml` in which every setting is there, explained and commented out.

use std::{fs, io::Write as _};

use nbvet_report::ExitCode;

use crate::{
    args::InitArgs,
    output,
    usage::{UsageError, shown},
};

/// What is written. A test reads it with every setting switched on.
pub(crate) const TEMPLATE: &str = include_str!("init.toml");

pub(crate) fn init(args: &InitArgs) -> Result<ExitCode, UsageError> {
    let path = args.folder.join("nbvet.toml");
    let path = path.strip_prefix(".").unwrap_or(&path);
    let mut options = fs::OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(TEMPLATE.as_bytes()));
    match written {
        Ok(()) => {
            output::print(&format!("wrote {}\n", shown(path)));
            Ok(ExitCode::Passed)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(UsageError::Exists { path: shown(path) })
        }
        Err(source) => Err(UsageError::Unwritable {
            path: shown(path),
            source,
        }),
    }
}
