//! NB901 unpinned-requirement.

use std::collections::HashMap;

use nbvet_report::Row;
use pep508_rs::{MarkerTree, PackageName};

use crate::{
    Dependency, Format, Specifier, Wanted,
    policy::{Finding, MOST_MARKERS, Review, code, each, listed, rule, takes_all},
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
    /// A requirement counts as pinned when another line, or a file of constraints, pins it; where lines have hashes, pip
    /// wants `==` alone on the first line of each package. Ranges in
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

/// A line that is no pin.
struct Hit<'a> {
    entry: &'a Dependency,
    specifiers: &'a [Specifier],
    /// There is one version, but pip wants it alone on this line.
    is_one_version: bool,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    if cx.declared.format.is_lock() {
        return Vec::new();
    }
    let pins = pins(cx);
    let hits: Vec<Hit<'_>> = if cx.hash_mode() {
        let alone = |hit: &Hit<'_>| hit.entry.pin().is_some() && hit.specifiers.len() == 1;
        let hits = cx.first_lines().filter_map(|entry| hit(entry, &pins));
        hits.filter(|hit| !alone(hit)).collect()
    } else {
        let lines = cx.requirements().filter(|entry| cx.applies(entry));
        let hits = lines.filter_map(|entry| hit(entry, &pins));
        hits.filter(|hit| !hit.is_one_version).collect()
    };
    each(
        &hits,
        |hit| finding(cx, hit),
        |hit| (&hit.entry.place, code(&hit.entry.text)),
        |rest| format!("{rest} more requirements do not say which version is installed"),
    )
}

/// A line of a package from the index; a wildcard and `===` have rules of their own.
fn hit<'a>(entry: &'a Dependency, pins: &Pins<'_>) -> Option<Hit<'a>> {
    let Wanted::Index(specifiers) = &entry.wanted else {
        return None;
    };
    let is_other = |specifier: &Specifier| specifier.is_wildcard() || specifier.is_arbitrary();
    (!specifiers.iter().any(is_other)).then(|| Hit {
        entry,
        specifiers,
        is_one_version: entry.pin().is_some() || is_pinned_elsewhere(entry, pins),
    })
}

fn finding(cx: &Review<'_>, hit: &Hit<'_>) -> Finding {
    let entry = hit.entry;
    let text = code(&entry.text);
    let found = |message: String| Finding::new(&RULE, &entry.place, message);
    if hit.is_one_version {
        return found(format!("{text} needs its version with `==`, and nothing else, since lines have hashes"))
            .because("With hashes, pip takes a package for pinned only if `==` stands alone on its first line, and refuses others.")
            .help("write the version with `==` on this line, and no other condition");
    }
    let name = entry.name.as_ref().map_or("version", |name| name.as_ref());
    found(format!(
        "{text} may install a different {name} tomorrow than the one you validated"
    ))
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

/// By name, when lines and constraints that name one version hold.
type Pins<'a> = HashMap<&'a PackageName, Vec<MarkerTree>>;

fn pins<'a>(cx: &Review<'a>) -> Pins<'a> {
    let mut pins: Pins<'a> = HashMap::new();
    for entry in cx
        .entries()
        .filter(|entry| entry.pin().is_some() && cx.applies(entry))
    {
        let Some(name) = &entry.name else {
            continue;
        };
        let marker = cx.marker(entry);
        let known = pins.entry(name).or_default();
        if known.len() < MOST_MARKERS && !known.contains(&marker) {
            known.push(marker);
        }
    }
    pins
}

/// Whenever the line counts, so does a pin of the same name.
fn is_pinned_elsewhere(entry: &Dependency, pins: &Pins<'_>) -> bool {
    let known = entry.name.as_ref().and_then(|name| pins.get(name));
    known.is_some_and(|known| {
        let mut known = known.iter();
        known.any(|marker| marker.is_true() || *marker == entry.marker)
    })
}
