//! NB907 outside-repository.

use std::sync::Arc;

use nbvet_report::Row;

use crate::{
    Dependency, Wanted, masked,
    policy::{Finding, Review, code, each, is_local_url, rule},
    requirements::{Fault, Place},
    tree,
};

rule! {
    /// A file that is not in the repository, or files that include each other.
    ///
    /// ## Why it matters
    ///
    /// What is installed must be decided by what is in the repository at the validated commit. A file above it, behind
    /// a link or on another machine can be changed by others, and may not be there at all; it may also be one that
    /// nobody meant to show.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// -r https://packages.example/requirements.txt
    /// ```
    ///
    /// ```requirements bad
    /// -r ../../common.txt
    /// ```
    ///
    /// ```requirements bad
    /// -r more.txt
    /// # --- more.txt
    /// -r requirements.txt
    /// ```
    ///
    /// ```requirements bad
    /// tool @ file:///opt/tools/tool-1.0-py3-none-any.whl
    /// ```
    ///
    /// ```requirements good
    /// -r more/requirements.txt
    /// # --- more/requirements.txt
    /// -c ../constraints.txt
    /// pandas==2.2.3
    /// # --- more/../constraints.txt
    /// numpy<2
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Copy the file into the repository and name it by its path from there; take the line out that closes the circle.
    "NB907" "outside-repository",
    row: Row::Refused,
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let hits: Vec<&Dependency> = cx.entries().filter(|entry| is_outside(entry)).collect();
    each(
        &hits,
        |entry| {
            let message = format!("{} is not in this repository", code(&entry.text));
            Finding::new(&RULE, &entry.place, message)
                .because("What is installed must be decided by what is in the repository alone.")
                .help("copy it into the repository and name it by its path from the file with this line")
        },
        |entry| (&entry.place, code(&entry.text)),
        |rest| format!("{rest} more lines name files that are not in this repository"),
    )
}

/// It names a file that is not in the tree.
pub(crate) fn is_outside(entry: &Dependency) -> bool {
    match &entry.wanted {
        Wanted::Path(path) => leaves(&entry.place.file, path),
        Wanted::Url(url) | Wanted::Vcs { url, .. } => is_local_url(url),
        Wanted::Index(_) => false,
    }
}

/// A path, as written in a file, leads out of the tree.
fn leaves(file: &str, path: &str) -> bool {
    let is_drive = |path: &str| path.as_bytes().get(1) == Some(&b':');
    if path.starts_with(['/', '\\', '~']) || is_drive(path) {
        return true;
    }
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut depth = 0_usize;
    for part in folder.split('/').chain(path.split(['/', '\\'])) {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

/// The finding for a file that could not be read since it is not in the repository, or since files include each other.
pub(crate) fn of_fault(fault: &Fault) -> Option<Finding> {
    match fault {
        Fault::Recursive { file, line, included } => Some(
            Finding::new(
                &RULE,
                &place(file, *line),
                format!(
                    "{} includes itself, or files include each other too deep",
                    code(included)
                ),
            )
            .because("No list of packages follows from files that include each other.")
            .help("take the line out that closes the circle"),
        ),
        Fault::Missing {
            file,
            message,
            included_by,
        } if file.contains("://") || leaves("", file) || leads_out(file, message) => {
            let line = included_by.as_deref().and_then(|line| line.rsplit_once(':'));
            let place = line.and_then(|(file, line)| Some(place(file, line.parse().ok()?)));
            Some(
                Finding {
                    place,
                    ..Finding::of_none(&RULE, format!("{} is not in this repository", code(file)))
                }
                .because(format!(
                    "What is installed must be decided by what is in the repository alone ({}).",
                    masked(message)
                ))
                .help("copy the file into the repository and include it by its path from there"),
            )
        }
        _ => None,
    }
}

/// A symlink leads out of the tree.
fn leads_out(file: &str, message: &str) -> bool {
    let fault = tree::Fault::LeadsOut {
        name: file.to_owned(),
    };
    fault.reason() == message
}

fn place(file: &str, line: usize) -> Place {
    Place {
        file: Arc::from(file),
        line,
        included_by: None,
    }
}
