//! NB901 unpinned-requirement.

use std::collections::HashMap;

use nbvet_report::Row;
use pep508_rs::PackageName;

use crate::{
    Dependency, Format, Specifier, Wanted,
    policy::{Finding, Review, code, each, listed, rule, takes_all},
};

rule! {
    /// A requirement that does not say which version is installed.
    ///
    /// ## Why it matters
    ///
    /// A range, or no version at all, is answered by the index on the day of the build. The environment that is built
    /// next month is not the one in which the notebook was validated: what worked fails, or gives other figures
    /// without a word.
    ///
    /// A requirement counts as pinned when another line, or a file of constraints, pins it. Ranges in
    /// `pyproject.toml`, `Pipfile` and `environment.yml` are right there; what is missing is the lock beside them.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// pandas
    /// scikit-learn>=1.5,<2
    /// ```
    ///
    /// ```requirements good
    /// pandas==2.2.3
    /// scikit-learn==1.5.2
    /// ```
    ///
    /// ```requirements good
    /// -c constraints.txt
    /// pandas
    /// # --- constraints.txt
    /// pandas==2.2.3
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Keep the ranges in `requirements.in`, and let a compiler write the versions of everything that is installed,
    /// with their hashes:
    ///
    /// ```sh
    /// uv pip compile requirements.in --generate-hashes --python-version 3.11 -o requirements.txt
    /// ```
    ///
    /// For `pyproject.toml` that is `uv lock` or `poetry lock`, for a `Pipfile` `pipenv lock`. The finding names the
    /// command with the Python and the platform of the image.
    "NB901" "unpinned-requirement",
    row: Row::Unpinned,
    since: "0.1.0",
    check: check,
}

/// A line and why it is no pin.
struct Hit<'a> {
    entry: &'a Dependency,
    specifiers: &'a [Specifier],
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    if cx.declared.format.is_lock() {
        return Vec::new();
    }
    let pins = pins(cx);
    let hash_mode = cx.hash_mode();
    let mut hits = Vec::new();
    for entry in cx.requirements().filter(|entry| cx.applies(entry)) {
        let Wanted::Index(specifiers) = &entry.wanted else {
            continue;
        };
        let says = |test: fn(&Specifier) -> bool| specifiers.iter().any(test);
        // A wildcard and `===` have rules of their own.
        if says(Specifier::is_wildcard) || says(Specifier::is_arbitrary) {
            continue;
        }
        let is_pinned = if hash_mode {
            entry.pin().is_some() && specifiers.len() == 1
        } else {
            entry.pin().is_some() || is_pinned_elsewhere(cx, entry, &pins)
        };
        if !is_pinned {
            hits.push(Hit { entry, specifiers });
        }
    }
    each(
        &hits,
        |hit| finding(cx, hit),
        |hit| (&hit.entry.place, code(&hit.entry.text)),
        |rest| format!("{rest} more requirements do not say which version is installed"),
    )
}

fn finding(cx: &Review<'_>, hit: &Hit<'_>) -> Finding {
    let entry = hit.entry;
    let place = &entry.place;
    let name = entry.name.as_ref().map_or("version", |name| name.as_ref());
    if entry.pin().is_some() {
        return Finding::new(
            &RULE,
            place,
            format!(
                "{} has more conditions than its version, which pip refuses where lines have hashes",
                code(&entry.text)
            ),
        )
        .because("With hashes, pip takes a requirement for pinned only if `==` stands alone.")
        .help("leave only the condition with `==`");
    }
    Finding::new(
        &RULE,
        place,
        format!(
            "{} may install a different {name} tomorrow than the one you validated",
            code(&entry.text)
        ),
    )
    .because(match hit.specifiers {
        [] => "No version is named: the newest one on the day of the build is installed.".to_owned(),
        range => format!(
            "{} is a range: the newest version in it on the day of the build is installed.",
            code(&listed(range))
        ),
    })
    .help(help(cx, hit))
}

fn help(cx: &Review<'_>, hit: &Hit<'_>) -> String {
    if cx.declared.format != Format::Requirements {
        return cx.lock_command();
    }
    let pin = match (&hit.entry.name, in_base(cx, hit)) {
        (Some(name), Some(version)) => {
            format!(
                "pin it: {} (as in the base image)",
                code(&format!("{name}=={version}"))
            )
        }
        _ => "pin the version that you validated (`pip freeze` tells it)".to_owned(),
    };
    format!("{pin}, or {}", cx.lock_command())
}

/// The base image's version, if it will do.
fn in_base(cx: &Review<'_>, hit: &Hit<'_>) -> Option<String> {
    let name = hit.entry.name.as_ref()?;
    let installed = cx.base?.iter().find(|installed| installed.name == *name)?;
    takes_all(hit.specifiers, &installed.version).then(|| installed.version.to_string())
}

/// Lines and constraints that name one version, by name.
fn pins<'a>(cx: &Review<'a>) -> HashMap<&'a PackageName, Vec<&'a Dependency>> {
    let mut pins: HashMap<_, Vec<_>> = HashMap::new();
    for entry in &cx.declared.entries {
        if let Some(name) = entry.name.as_ref().filter(|_| entry.pin().is_some()) {
            let known = pins.entry(name).or_default();
            // Each tells no more than the first of the same marker.
            if !known.iter().any(|pin: &&Dependency| pin.marker == entry.marker) {
                known.push(entry);
            }
        }
    }
    pins
}

/// Whenever the line counts, so does a pin of the same name.
fn is_pinned_elsewhere(
    cx: &Review<'_>,
    entry: &Dependency,
    pins: &HashMap<&PackageName, Vec<&Dependency>>,
) -> bool {
    let known = entry.name.as_ref().and_then(|name| pins.get(name));
    known.is_some_and(|known| {
        known.iter().any(|pin| {
            pin.marker.is_true() || pin.marker == entry.marker || (cx.target.is_some() && cx.applies(pin))
        })
    })
}
