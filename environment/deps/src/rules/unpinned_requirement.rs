//! NB901 unpinned-requirement.

use std::collections::HashMap;

use nbvet_report::Row;

use crate::{
    Dependency, Format, Specifier, Wanted,
    policy::{Finding, Pins, Review, code, labelled, listed, rule, takes_all},
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
    /// Of several lines of one file there is one finding, since one command mends them all: it names the first lines
    /// and counts the others. `--format json` has every line, with whether it is pinned, under
    /// `dependencies.requirements`.
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

/// Lines whose text a message shows; the others are counted.
const MOST_SHOWN: usize = 3;
/// Why pip wants `==` alone.
const HASHED: &str = "With hashes, pip takes a package for pinned only if `==` stands alone on its first line, and refuses others.";

fn check(cx: &Review<'_>) -> Vec<Finding> {
    if cx.declared.format.is_lock() {
        return Vec::new();
    }
    let pins = Pins::new(cx);
    let hits: Vec<Hit<'_>> = if cx.hash_mode() {
        let alone = |hit: &Hit<'_>| hit.entry.pin().is_some() && hit.specifiers.len() == 1;
        let hits = cx.first_lines().filter_map(|entry| hit(entry, &pins));
        hits.filter(|hit| !alone(hit)).collect()
    } else {
        let lines = cx.requirements().filter(|entry| cx.applies(entry));
        let hits = lines.filter_map(|entry| hit(entry, &pins));
        hits.filter(|hit| !hit.is_one_version).collect()
    };
    by_file(&hits).filter_map(|hits| of_file(cx, &hits)).collect()
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
        is_one_version: entry.pin().is_some() || pins.hold(entry),
    })
}

/// The lines of each file, those of each kind together, in the order of their first.
fn by_file<'h>(hits: &'h [Hit<'h>]) -> impl Iterator<Item = Vec<&'h Hit<'h>>> {
    let mut groups: Vec<Vec<&Hit<'_>>> = Vec::new();
    let mut known: HashMap<(&str, bool), usize> = HashMap::new();
    for hit in hits {
        let key = (&*hit.entry.place.file, hit.is_one_version);
        let at = *known.entry(key).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(hit),
            None => groups.push(vec![hit]),
        }
    }
    groups.into_iter()
}

/// The finding for lines of one file, all of one kind: one command mends them together.
fn of_file(cx: &Review<'_>, hits: &[&Hit<'_>]) -> Option<Finding> {
    let (first, others) = hits.split_first()?;
    if others.is_empty() {
        return Some(alone(cx, first));
    }
    let shown = hits.iter().take(MOST_SHOWN).map(|hit| code(&hit.entry.text));
    let mut shown = shown.collect::<Vec<_>>().join(", ");
    if hits.len() > MOST_SHOWN {
        shown = format!("{shown} and {} more", hits.len() - MOST_SHOWN);
    }
    let lines = hits.len();
    let found = |message: String| Finding::new(&RULE, &first.entry.place, message);
    let finding = if first.is_one_version {
        found(format!(
            "{lines} lines need their version with `==`, and nothing else, since lines have hashes: {shown}"
        ))
        .because(HASHED)
        .help("write the version with `==` on each of these lines, and no other condition")
    } else {
        found(format!(
            "{lines} lines do not say which version is installed: {shown}"
        ))
        .because("What is newest on the day of the build is installed, which may not be what you validated.")
        .help(format!(
            "pin the versions that you validated (`pip freeze` tells them), or {}",
            cx.lock_command()
        ))
    };
    let labels = others.iter().map(|hit| (&hit.entry.place, label(cx, hit)));
    let lines = hits.iter().map(|hit| hit.entry.text.as_str());
    Some(labelled(finding, labels).about(lines))
}

fn label(cx: &Review<'_>, hit: &Hit<'_>) -> String {
    let text = code(&hit.entry.text);
    match in_base(cx, hit) {
        Some(version) => format!("{text}; the base image has {version}"),
        None => text,
    }
}

/// The finding for the one such line of a file.
fn alone(cx: &Review<'_>, hit: &Hit<'_>) -> Finding {
    let entry = hit.entry;
    let text = code(&entry.text);
    let found = |message: String| Finding::new(&RULE, &entry.place, message);
    if hit.is_one_version {
        return found(format!(
            "{text} needs its version with `==`, and nothing else, since lines have hashes"
        ))
        .because(HASHED)
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
