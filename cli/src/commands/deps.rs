//! `nbvet deps`: what notebooks need, where that was found, and what is missing, unpinned or contradicts itself; from
//! files alone. With `--write`, versions are looked up for what is proposed.

use nbvet_render::NotebookSource;
use nbvet_report::ExitCode;

use crate::{
    args::{DepsArgs, RunArgs},
    batch::{Batch, Done, Item, without_verdict},
    dependencies::{self, Place},
    fixing::Fixes,
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
    let code = batch.run(1, |item, _| one(item, minor));
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

fn one(item: &Item, minor: Option<u8>) -> Done {
    let level = item.settings.engine.level;
    let opened = match Opened::new(&item.path, None) {
        Ok(opened) => opened,
        Err(failure) => return without_verdict(&item.path, level, failure),
    };
    if opened.reading.notebook.is_none() {
        return pipeline::lint(item);
    }
    let place = Place {
        building: true,
        minor,
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
        ..NotebookSource::default()
    };
    let report = dependencies::report_of(&item.path, level, diagnostics, gathered.told);
    Done {
        report,
        source,
        advice: item.settings.advice,
        fixes: Fixes::default(),
        educational: item.settings.educational,
    }
}
