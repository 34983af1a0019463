//! NB917 pre-release.

use nbvet_report::{Level, Row};

use crate::{
    Dependency, Specifier, Wanted,
    policy::{Finding, Review, code, each, rule},
    requirements::{Given, Opt, Place},
};

rule! {
    /// A version that is not final, or an option that lets such versions in.
    ///
    /// ## Why it matters
    ///
    /// Alphas, betas, release candidates and development versions change without notice and are often deleted once the
    /// final one is out. `--pre` lets them in for every package.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// pandas==3.0.0rc1
    /// ```
    ///
    /// ```requirements bad
    /// --pre
    /// pandas==2.2.3
    /// ```
    ///
    /// ```requirements good
    /// pandas==2.2.3
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Pin the final version; take `--pre` out.
    "NB917" "pre-release",
    row: Row::From(Level::Production),
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let options = cx.options().filter(|(_, given)| lets_in(given));
    let mut found: Vec<Finding> = options
        .take(1)
        .map(|(place, given)| option(place, given))
        .collect();
    let hits: Vec<&Dependency> = cx
        .requirements()
        .filter(|entry| names_one(entry) && cx.applies(entry))
        .collect();
    found.extend(each(
        &hits,
        |entry| {
            let message = match entry.pin() {
                Some(_) => format!("{} is not a final version", code(&entry.text)),
                None => format!("{} lets versions in that are not final", code(&entry.text)),
            };
            Finding::new(&RULE, &entry.place, message)
                .because(
                    "Such versions change without notice, and are often deleted once the final one is out.",
                )
                .help("pin the final version, and validate the notebook with it")
        },
        |entry| (&entry.place, code(&entry.text)),
        |rest| format!("{rest} more versions are not final"),
    ));
    found
}

fn lets_in(given: &Given) -> bool {
    match given.opt {
        Opt::Pre => true,
        Opt::AllReleases => given.value.as_deref() != Some(":none:"),
        _ => false,
    }
}

fn option(place: &Place, given: &Given) -> Finding {
    let shown = match &given.value {
        Some(value) => code(&format!("{} {value}", given.opt.name())),
        None => code(given.opt.name()),
    };
    Finding::new(
        &RULE,
        place,
        format!("{shown} lets versions in that are not final"),
    )
    .because("It counts for packages that these need as well, and for all of them with `--pre`.")
    .help("take the option out; pin by name what is needed before its final version")
}

/// The version, or the lower end of its range, is a pre-release.
fn names_one(entry: &Dependency) -> bool {
    let Wanted::Index(specifiers) = &entry.wanted else {
        return false;
    };
    specifiers.iter().any(|specifier| match specifier {
        Specifier::Version(version) => version.any_prerelease() && version.has_lower_bound(),
        Specifier::Arbitrary(_) => false,
    })
}
