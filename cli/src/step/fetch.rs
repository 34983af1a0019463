//! `fetch`: the trees of the notebook and of the golden one, where their containers look for them.

use std::path::Path;

use nbvet_report::step::{Step, StepInput};
use nbvet_source::{Allowed, SourceError};

use super::{Ending, input};

pub(crate) fn fetch(path: &Path, allowed: Allowed) -> Ending {
    fetched(path, allowed).unwrap_or_else(|ending| ending)
}

fn fetched(path: &Path, allowed: Allowed) -> Result<Ending, Ending> {
    let StepInput { source, golden, .. } = input::read(Step::Fetch, path)?;
    let source = input::part(Step::Fetch, "source", source)?;
    let mut fetched = Vec::new();
    let no_source: fn(Step, &SourceError) -> Ending = Ending::no_source;
    for (what, source, none) in [
        ("", Some(source), no_source),
        ("golden: ", golden, Ending::no_golden),
    ] {
        let Some(source) = source else { continue };
        let found = nbvet_source::fetch(&source, allowed);
        let found = found.map_err(|error| none(Step::Fetch, &error))?;
        let commit = found
            .commit
            .map_or_else(String::new, |commit| format!(" of commit {commit}"));
        fetched.push(format!("{what}{}{commit}", found.notebook.path));
    }
    Ok(Ending::done(Step::Fetch, &fetched.join("; "), None))
}
