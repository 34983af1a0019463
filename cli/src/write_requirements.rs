//! `nbvet deps --write`: a `requirements.in` of what a notebook imports, for review, and the lock that `uv` makes of it.
//! Files of others are never overwritten.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use nbvet_deps::{Lock, target::Target};
use nbvet_image::{index::Process, resolve::Uv};
use nbvet_report::ExitCode;

use crate::{
    args::{DepsArgs, RegistryArgs},
    batch::Item,
    dependencies::{self, Place},
    image::{failure, in_memory, network::Network},
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

fn one(item: &Item, args: &DepsArgs, minor: Option<u8>) -> Result<ExitCode, UsageError> {
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
    let proposal = gathered.inference.proposal(&name);
    create(&input, &proposal)?;
    output::note("write", &format!("{}: look at it", shown(&input)));
    let output = folder.join("requirements.txt");
    let minor = minor.unwrap_or_else(|| dependencies::minor_of(&opened.reading));
    match locked(proposal, args, minor) {
        Ok(lock) => {
            let head = format!("# Made by `nbvet deps --write` from {INPUT}, for Python 3.{minor}.\n");
            create(&output, &(head + &lock.to_string()))?;
            output::note("write", &format!("{}: versions and hashes of it", shown(&output)));
            Ok(ExitCode::Passed)
        }
        Err(error) => {
            output::usage_error(&error);
            Ok(ExitCode::Error)
        }
    }
}

/// The versions that are found now for what is proposed.
fn locked(proposal: String, args: &DepsArgs, minor: u8) -> Result<Lock, UsageError> {
    let network = Network::new(&RegistryArgs::default(), &args.index, false)?;
    let declared = in_memory(INPUT, proposal)?;
    // The oldest patch, and the C library that most wheels are made for: what fits there fits widely.
    let target: Target = format!("cpython-3.{minor}.0-linux-{}-glibc2.28", std::env::consts::ARCH)
        .parse()
        .map_err(|error: nbvet_deps::target::BadTarget| failure(&error))?;
    let uv = match &args.index.uv {
        Some(uv) => Uv::at(uv),
        None => Uv::find(&Process, INPUT),
    };
    let uv = uv.map_err(|error| failure(&error))?;
    let lock = network.resolver(&uv).resolve(&declared, &target);
    lock.map_err(|error| failure(&error))
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
