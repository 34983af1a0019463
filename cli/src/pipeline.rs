//! One notebook from its file to its report: read, run, check, judge. The only place where the analyser and the
//! runner meet.

use std::{fs, io, path::Path};

use nbvet_engine::check;
use nbvet_notebook::Reading;
use nbvet_render::{CellSource, NotebookSource};
use nbvet_report::{FailureKind, NotebookReport, RunFailure, judge};

use crate::{
    batch::{Done, Item, without_verdict},
    usage::shown,
};

/// Judges a notebook by reading it.
pub(crate) fn lint(item: &Item) -> Done {
    let level = item.settings.engine.level;
    let bytes = match read(&item.path) {
        Ok(bytes) => bytes,
        Err(failure) => return without_verdict(&item.path, level, failure),
    };
    let reading = nbvet_notebook::read(&bytes);
    let mut diagnostics = check(&reading, None, nbvet_rules::ALL, &item.settings.engine);
    leave_out_explanations(item, &mut diagnostics);
    let source = if diagnostics.is_empty() {
        NotebookSource::default()
    } else {
        shown_source(&reading, &bytes)
    };
    let report = NotebookReport {
        path: shown(&item.path),
        verdict: judge(level, &diagnostics, &[], None, None),
        diagnostics,
        interpreter: None,
        cells: Vec::new(),
        end: None,
        failure: None,
    };
    Done { report, source }
}

fn leave_out_explanations(item: &Item, diagnostics: &mut [nbvet_report::Diagnostic]) {
    if item.settings.educational == Some(false) {
        for diagnostic in diagnostics {
            diagnostic.explanation = None;
        }
    }
}

/// The file's bytes, or why nobody could have judged it.
fn read(path: &Path) -> Result<Vec<u8>, RunFailure> {
    fs::read(path).map_err(|error| RunFailure {
        kind: FailureKind::Unreadable,
        message: format!("failed to read {}: {error}", shown(path)),
        hint: (error.kind() == io::ErrorKind::PermissionDenied)
            .then(|| "the file's permissions do not let you read it".to_owned()),
    })
}

/// What the report shows beside its diagnostics.
fn shown_source(reading: &Reading, bytes: &[u8]) -> NotebookSource {
    let cells = reading.notebook.as_ref().map_or_else(Vec::new, |notebook| {
        notebook
            .cells()
            .iter()
            .map(|cell| CellSource {
                source: cell.source.clone(),
                execution_count: cell.execution_count,
            })
            .collect()
    });
    // Only a problem of the file itself points into its text.
    let file = (!reading.problems.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
    NotebookSource { cells, file }
}
