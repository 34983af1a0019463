//! What a job names beside its notebook, looked at before anything is built or run: a golden notebook that can be compared
//! with, parameters that the notebook knows.

use std::{collections::BTreeMap, fs, path::Path};

use nbvet_host::JobCell;
use nbvet_notebook::Notebook;
use nbvet_report::{
    Literal, Readers, Reason, RunFailure,
    step::{SourceInput, Step, plain},
};
use nbvet_source::Allowed;

use super::Ending;
use crate::{golden, parameters::Parameters};

/// Bytes that are told of each.
const LONGEST: usize = 200;

/// The notebook of a tree; `None`: the file is none, of which the rules have their say.
pub(super) fn notebook(tree: &Path, path: &str) -> Option<Notebook> {
    let bytes = fs::read(tree.join(path)).ok()?;
    nbvet_notebook::read(&bytes).notebook
}

/// Fetches the golden notebook and sees that it can be compared with.
pub(super) fn golden(
    golden: &SourceInput,
    notebook: Option<&Notebook>,
    allowed: Allowed,
) -> Result<(), Ending> {
    let found = nbvet_source::fetch(golden, allowed);
    let found = found.map_err(|error| Ending::no_golden(Step::Prepare, &error))?;
    let tree = golden.into.first().map_or(Path::new(""), Path::new);
    let runs = notebook.is_none_or(|notebook| JobCell::all_of(notebook).iter().any(|cell| !cell.skip));
    let path = &found.notebook.path;
    golden::usable(&tree.join(path), path, runs, Readers::Cluster)
        .map(drop)
        .map_err(|failure| {
            let RunFailure { message, hint, .. } = failure;
            let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
            let message = format!("spec.goldenNotebook.path: {message}{hint}");
            Ending::error(Step::Prepare, Reason::InvalidField, false, &message)
        })
}

/// What is odd about the parameters, and stops nothing.
pub(super) fn odd_parameters(
    given: &BTreeMap<String, Literal>,
    notebook: Option<&Notebook>,
) -> Result<Vec<String>, Ending> {
    let given = Parameters::of_job(given).map_err(|error| Ending::usage(Step::Prepare, &error))?;
    let odd = notebook
        .filter(|_| !given.is_empty())
        .map_or_else(Vec::new, |notebook| given.oddities(notebook));
    let told = odd
        .iter()
        .map(|odd| format!("spec.parameters: {}", plain(odd, LONGEST)));
    Ok(told.collect())
}
