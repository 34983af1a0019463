//! `nbvet report`: one page about notebooks that are validated now, or that a report tells of.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nbvet_notebook::Notebook;
use nbvet_render::{NotebookSource, html};
use nbvet_report::{ExitCode, NotebookReport, Report, SCHEMA_VERSION};

use crate::{
    args::ReportArgs,
    batch::save_page,
    catalogue, clock,
    commands::validate,
    executed::Destination,
    pipeline::Opened,
    secrecy::mask_run,
    usage::{UsageError, shown},
};

/// A longer report is nobody's.
const MOST_BYTES: u64 = 1 << 30;

/// Gives the exit code of the verdicts, as `nbvet validate` does.
pub(crate) fn report(args: &ReportArgs) -> Result<ExitCode, UsageError> {
    check_page(&args.output)?;
    match &args.from {
        Some(file) => from_report(file, args.executed.as_deref(), &args.output),
        None => validate::with_page(args),
    }
}

/// Said before notebooks run for hours: a page never takes the place of a notebook or a folder.
fn check_page(page: &Path) -> Result<(), UsageError> {
    if page.extension().is_some_and(|end| end == "ipynb") {
        return Err(UsageError::PageIsNotebook { path: shown(page) });
    }
    if page.is_dir() {
        let source = io::Error::from(io::ErrorKind::IsADirectory);
        let path = shown(page);
        return Err(UsageError::Unwritable { path, source });
    }
    Ok(())
}

fn from_report(file: &Path, executed: Option<&Path>, page: &Path) -> Result<ExitCode, UsageError> {
    let mut report = read(file)?;
    let sources = sources(&report, executed)?;
    for notebook in &mut report.notebooks {
        mask_run(&mut notebook.cells);
    }
    let made = html(&report, &sources, &catalogue::infos(), Some(&clock::now()));
    Ok(report.exit_code.max(save_page(page, &made)))
}

fn read(file: &Path) -> Result<Report, UsageError> {
    let path = shown(file);
    let unreadable = |source| UsageError::UnreadableReport {
        path: path.clone(),
        source,
    };
    let found = fs::metadata(file).map_err(unreadable)?;
    if !found.is_file() || found.len() > MOST_BYTES {
        let message = "it is no ordinary file, or a very large one".to_owned();
        return Err(UsageError::NoReport { path, message });
    }
    let bytes = fs::read(file).map_err(unreadable)?;
    let no_report = |message| UsageError::NoReport {
        path: path.clone(),
        message,
    };
    let report: Report = serde_json::from_slice(&bytes).map_err(|error| no_report(error.to_string()))?;
    if report.schema_version != SCHEMA_VERSION {
        return Err(no_report(format!(
            "its version is {}, and this nbvet reads version {SCHEMA_VERSION}",
            report.schema_version
        )));
    }
    Ok(report)
}

/// Sources and outputs of the executed notebooks. Only what the user named is read: a report may name any file.
fn sources(report: &Report, executed: Option<&Path>) -> Result<Vec<NotebookSource>, UsageError> {
    let Some(executed) = executed else {
        return Ok(Vec::new());
    };
    let is_one = report.notebooks.len() == 1 && !executed.is_dir();
    let place = |notebook: &NotebookReport| -> PathBuf {
        if is_one {
            executed.to_owned()
        } else {
            Destination::Folder(executed.to_owned()).file(Path::new(&notebook.path))
        }
    };
    let found = report
        .notebooks
        .iter()
        .map(|notebook| source(&place(notebook), is_one));
    found.collect()
}

/// A notebook that never ran has none that was executed.
fn source(file: &Path, is_needed: bool) -> Result<NotebookSource, UsageError> {
    match Opened::new(file, None) {
        Ok(opened) => {
            let cells = opened.reading.notebook.iter().flat_map(|notebook| {
                let of = |cell: &nbvet_notebook::Cell| (cell.index, Notebook::outputs(notebook, cell.index));
                notebook.cells().iter().map(of)
            });
            Ok(opened.whole_source(cells.collect()))
        }
        Err(_) if !is_needed => Ok(NotebookSource::default()),
        Err(failure) => Err(UsageError::NoReport {
            path: shown(file),
            message: failure.message,
        }),
    }
}
