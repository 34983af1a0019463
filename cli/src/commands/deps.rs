//! `nbvet deps`: what notebooks need, where that was found, and what is missing, unpinned or contradicts itself; from
//! files alone. With `--check-index` a package index is asked about what is pinned, with `--write` about what is
//! proposed.

use nbvet_deps::target::Target;
use nbvet_notebook::Reading;
use nbvet_render::NotebookSource;
use nbvet_report::{ExitCode, FailureKind, RunFailure};

use crate::{
    args::{DepsArgs, RegistryArgs, RunArgs},
    batch::{Batch, Done, Item, without_verdict},
    dependencies::{self, Place},
    fixing::Fixes,
    image::network::Network,
    pipeline::{self, Opened, unreadable_folder},
    settings::Further,
    usage::UsageError,
    write_requirements,
};

pub(crate) fn deps(args: &DepsArgs) -> Result<ExitCode, UsageError> {
    let minor = args.python_version.as_deref().map(minor).transpose()?;
    let further = Further {
        dependencies: args.dependencies.config(),
        ..Further::default()
    };
    let mut batch = Batch::new(
        &args.paths,
        args.print,
        Some(&args.judge),
        &RunArgs::default(),
        further,
    )?;
    batch.show_dependencies();
    let network = args
        .check_index
        .then(|| Network::new(&RegistryArgs::default(), &args.index, false))
        .transpose()?;
    let code = batch.run(1, |item, _| {
        one(item, args.python_version.as_deref(), minor, network.as_ref())
    });
    if args.write {
        return write_requirements::write(&batch.items, args, minor).map(|written| written.max(code));
    }
    Ok(code)
}

/// `3.11` or `3.11.2`.
fn minor(version: &str) -> Result<u8, UsageError> {
    let minor = version
        .strip_prefix("3.")
        .and_then(|rest| rest.split('.').next()?.parse().ok());
    minor.ok_or_else(|| UsageError::PythonVersion {
        version: version.to_owned(),
    })
}

/// The environment to ask an index for: of a Python of which the last patch is meant, where none is said, on this
/// machine's kind, with the C library that most wheels are made for.
fn likely(version: Option<&str>, reading: &Reading) -> Option<Target> {
    let version = match version.map(|version| (version, version.split('.').count())) {
        Some((version, 3)) => version.to_owned(),
        Some((version, _)) => format!("{version}.{LAST_PATCH}"),
        None => format!("3.{}.{LAST_PATCH}", dependencies::minor_of(reading)),
    };
    let arch = std::env::consts::ARCH;
    format!("cpython-{version}-linux-{arch}-glibc2.28").parse().ok()
}

/// No Python 3 has more.
const LAST_PATCH: u8 = 99;

fn one(item: &Item, version: Option<&str>, minor: Option<u8>, network: Option<&Network>) -> Done {
    let level = item.settings.engine.level;
    let opened = match Opened::new(&item.path, None) {
        Ok(opened) => opened,
        Err(failure) => return without_verdict(&item.path, level, failure),
    };
    if opened.reading.notebook.is_none() {
        return pipeline::lint(item);
    }
    let releases = network.map(Network::releases);
    let target = network.and_then(|_| likely(version, &opened.reading));
    let place = Place {
        building: true,
        minor,
        target: target.as_ref(),
        is_assumed: true,
        index: releases.as_ref().map(|ask| ask as &dependencies::Ask<'_>),
        ..Place::default()
    };
    let gathered = match dependencies::gather(&item.path, &opened.reading, &item.settings, place) {
        Ok(gathered) => gathered,
        Err(message) => return without_verdict(&item.path, level, unreadable_folder(&message)),
    };
    let mut diagnostics = gathered.diagnostics;
    item.known.mark(&mut diagnostics);
    let source = NotebookSource {
        beside: gathered.texts,
        ..opened.shown_source()
    };
    let failure = gathered.index_failure.map(|message| RunFailure {
        kind: FailureKind::IndexUnreachable,
        message,
        hint: Some("without `--check-index` nobody is asked".to_owned()),
    });
    let report = dependencies::report_of(&item.path, level, diagnostics, gathered.told, failure);
    Done {
        report,
        source,
        advice: item.settings.advice,
        fixes: Fixes::default(),
        educational: item.settings.educational,
    }
}
