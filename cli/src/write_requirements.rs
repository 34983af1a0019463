//! `nbvet deps --write`: a `requirements.in` of what a notebook imports, for review, and the lock that `uv` makes of it.
//! Files of others are never overwritten.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use nbvet_deps::{Lock, inference::Inference, target::Target};
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
    let mut folders: BTreeMap<&Path, Wanted> = BTreeMap::new();
    for item in items {
        let Some(wanted) = wanted(item, minor) else {
            continue;
        };
        match folders.entry(item.path.parent().unwrap_or(Path::new(""))) {
            Entry::Vacant(place) => {
                place.insert(wanted);
            }
            Entry::Occupied(mut place) => place.get_mut().join(wanted),
        }
    }
    let mut code = ExitCode::Passed;
    for (folder, wanted) in folders {
        code = code.max(one(folder, &wanted, args)?);
    }
    Ok(code)
}

/// What the notebooks of one folder need.
struct Wanted {
    /// Their names.
    names: Vec<String>,
    inference: Inference,
    /// Python 3, this version: of the first.
    minor: u8,
}

impl Wanted {
    fn join(&mut self, other: Self) {
        self.inference
            .take(&self.names[0], other.inference, &other.names[0]);
        self.names.extend(other.names);
    }
}

/// What is to be written for a notebook; `None`: nothing.
fn wanted(item: &Item, minor: Option<u8>) -> Option<Wanted> {
    let opened = Opened::new(&item.path, None).ok()?;
    let place = Place {
        minor,
        ..Place::default()
    };
    let gathered = dependencies::gather(&item.path, &opened.reading, &item.settings, place).ok()?;
    if let Some(file) = &gathered.told.source.file {
        output::note(
            "write",
            &format!("{} has {file}: nothing is written", shown(&item.path)),
        );
        return None;
    }
    let name = item.path.file_name().map(|name| shown(Path::new(name)));
    Some(Wanted {
        names: vec![name.unwrap_or_default()],
        inference: gathered.inference,
        minor: minor.unwrap_or_else(|| dependencies::minor_of(&opened.reading)),
    })
}

fn one(folder: &Path, wanted: &Wanted, args: &DepsArgs) -> Result<ExitCode, UsageError> {
    let input = folder.join(INPUT);
    let proposal = wanted.inference.proposal(&subject(&wanted.names));
    create(&input, &proposal)?;
    output::note("write", &format!("{}: look at it", shown(&input)));
    let output = folder.join("requirements.txt");
    let minor = wanted.minor;
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

/// The notebooks, the first of many by their names.
fn subject(names: &[String]) -> String {
    const MOST: usize = 5;
    match names.get(MOST..).filter(|more| !more.is_empty()) {
        None => names.join(", "),
        Some(more) => format!("{} and {} more", names[..MOST].join(", "), more.len()),
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
        // What an earlier try left, as it was.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && holds(path, text) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(UsageError::WouldOverwrite { path: shown(path) })
        }
        Err(source) => Err(UsageError::Unwritable {
            path: shown(path),
            source,
        }),
    }
}

fn holds(path: &Path, text: &str) -> bool {
    let is_as_long =
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == text.len() as u64);
    is_as_long && fs::read(path).is_ok_and(|found| found == text.as_bytes())
}
