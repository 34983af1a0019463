//! NB930 no-dependency-file.

use nbvet_report::{Hint, Row};

use crate::policy::{Finding, Review, rule};

rule! {
    /// A notebook that imports what no file of its repository asks for.
    ///
    /// ## Why it matters
    ///
    /// It runs where its packages happen to be installed, in the versions that happen to be there. Nobody else can make
    /// that environment again, nor can its author in a year.
    ///
    /// ## Examples
    ///
    /// A folder that holds the notebook alone, while the notebook imports pandas.
    ///
    /// ## How to mend it
    ///
    /// `nbvet deps --write` proposes a `requirements.in` out of what the notebook imports; look at it, and lock it with
    /// `uv pip compile requirements.in --generate-hashes -o requirements.txt`.
    "NB930" "no-dependency-file",
    row: Row::Advice,
    since: "0.1.0",
    check: check,
}

/// Where a file is reviewed, there is one.
fn check(_: &Review<'_>) -> Vec<Finding> {
    Vec::new()
}

/// The finding for a notebook with nothing beside it. `modules`: what it imports from elsewhere.
pub fn none_found(modules: &[&str]) -> Finding {
    let shown: Vec<String> = modules.iter().take(3).map(|name| format!("`{name}`")).collect();
    let more = if modules.len() > shown.len() {
        " and more"
    } else {
        ""
    };
    Finding::of_none(
        &RULE,
        format!(
            "no file says which versions of {}{more} this notebook needs",
            shown.join(", ")
        ),
    )
    .because("It runs where its packages happen to be installed, in whatever versions these are.")
    .help(
        Hint::from("`nbvet deps --write` proposes a requirements.in out of what it imports")
            .in_cluster("write a requirements.txt beside the notebook that names them with their versions"),
    )
}
