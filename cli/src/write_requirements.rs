//! `nbvet deps --write`: a `requirements.in` of what a notebook imports, for review, and the lock that `uv` makes of it.
//! Files of others are never overwritten.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use nbvet_report::ExitCode;

use crate::{
    args::DepsArgs,
    batch::Item,
    dependencies::{self, Place},
    output,
    pipeline::Opened,
    usage::{UsageError, shown},
};

/// What is proposed, and what it is locked to.
const INPUT: &str = "requirements.in";

/// Writes the files of each folder that has a notebook without a dependency file.
pub(crate) fn write(items: &[Item], args: &DepsArgs, minor: Option<u8>) -> Result<ExitCode, UsageError> {
    let mut code = ExitCode::Passed;
    for item in items {
        code = code.max(one(item, args, minor)?);
    }
    Ok(code)
}

fn one(item: &Item, _args: &DepsArgs, minor: Option<u8>) -> Result<ExitCode, UsageError> {
    let Ok(opened) = Opened::new(&item.path, None) else {
        return Ok(ExitCode::Passed);
    };
    let place = Place {
        minor,
        ..Place::default()
    };
    let Ok(gathered) = dependencies::gather(&item.path, &opened.reading, &item.settings, place) else {
        return Ok(ExitCode::Passed);
    };
    if let Some(file) = &gathered.told.source.file {
        output::note(
            "write",
            &format!("{} has {file}: nothing is written", shown(&item.path)),
        );
        return Ok(ExitCode::Passed);
    }
    let folder = item.path.parent().unwrap_or(Path::new(""));
    let input = folder.join(INPUT);
    let name = item
        .path
        .file_name()
        .map(|name| shown(Path::new(name)))
        .unwrap_or_default();
    create(&input, &gathered.inference.proposal(&name))?;
    output::note(
        "write",
        &format!(
            "{}: look at it, then lock it: `uv pip compile {} --generate-hashes -o {}`",
            shown(&input),
            shown(&input),
            shown(&folder.join("requirements.txt")),
        ),
    );
    Ok(ExitCode::Passed)
}

/// Writes a file that is not there yet.
fn create(path: &PathBuf, text: &str) -> Result<(), UsageError> {
    let made = fs::OpenOptions::new().write(true).create_new(true).open(path);
    match made.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(UsageError::WouldOverwrite { path: shown(path) })
        }
        Err(source) => Err(UsageError::Unwritable {
            path: shown(path),
            source,
        }),
    }
}
