//! NB918 shadowed-package.

use std::collections::HashMap;

use nbvet_report::Row;
use pep440_rs::Version;
use pep508_rs::PackageName;

use crate::{
    Dependency,
    policy::{Finding, Review, code, count, labelled, rule},
};

rule! {
    /// Packages that the base image has in another version.
    ///
    /// ## Why it matters
    ///
    /// What the file pins is installed before the base image's own packages, and hides these. The notebook gets what the
    /// file says; other packages of the base that were built against the hidden version may not work with it.
    ///
    /// This is a note at every level: an image is assembled so on purpose, since a file that pins what the notebook needs
    /// is worth more than what a base happens to hold. It is told so that, where an import fails, you know where to look.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// numpy==2.1.3
    /// ```
    ///
    /// ```requirements good
    /// numpy==1.26.4
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Pin the version of the base image, or take a base image without the package.
    "NB918" "shadowed-package",
    row: Row::Advice,
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let Some(base) = cx.base else {
        return Vec::new();
    };
    let in_base: HashMap<&PackageName, &Version> = base
        .iter()
        .map(|installed| (&installed.name, &installed.version))
        .collect();
    let hit = |entry| {
        let pin = Dependency::pin(entry)?;
        let version = *in_base.get(entry.name.as_ref()?)?;
        (pin != version).then_some((entry, version))
    };
    let hits: Vec<_> = cx
        .requirements()
        .filter(|entry| cx.applies(entry))
        .filter_map(hit)
        .collect();
    let Some(((first, version), others)) = hits.split_first() else {
        return Vec::new();
    };
    let message = match others {
        [] => format!("{} hides {version} of the base image", code(&first.text)),
        _ => format!(
            "{} of the base image are hidden by other versions",
            count(hits.len(), "package")
        ),
    };
    let finding = Finding::new(&RULE, &first.place, message)
        .because("Packages of the base image that were built against the hidden version may not work with this one.")
        .help("pin the version of the base image where there is no reason for another, or take a base image without it")
        .label(&first.place, told(first, version));
    vec![labelled(
        finding,
        others
            .iter()
            .map(|(entry, version)| (&entry.place, told(entry, version))),
    )]
}

fn told(entry: &Dependency, version: &Version) -> String {
    format!("{}; the base image has {version}", code(&entry.text))
}
