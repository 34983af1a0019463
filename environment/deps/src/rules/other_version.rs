//! NB933 other-version.

use std::collections::HashMap;

use nbvet_report::Row;
use pep440_rs::Version;
use pep508_rs::PackageName;

use crate::{
    Dependency, Format, Wanted,
    policy::{Finding, Review, code, labelled, rule, takes_all},
};

rule! {
    /// Packages of which the notebook ran with another version than its dependency file pins.
    ///
    /// ## Why it matters
    ///
    /// The verdict is about the environment in which the notebook ran. Whoever makes one from the file, an image or a
    /// colleague, gets other versions: what works here may fail there, or give other figures.
    ///
    /// It is told by `nbvet validate` where it runs the notebook itself. Packages that are pinned and not installed are
    /// not told, nor are lines with a marker. This is a note at every level.
    ///
    /// ## Examples
    ///
    /// Where numpy 1.26.4 is installed:
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
    /// Make the environment from the file (`uv pip sync requirements.txt`, `uv sync`, `poetry sync`) and validate again,
    /// or pin what is installed, if that is what you mean.
    "NB933" "other-version",
    row: Row::Advice,
    since: "0.1.0",
    check: check,
}

/// Packages that a message names; the others are counted.
const MOST_SHOWN: usize = 3;

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let Some(environment) = cx.environment else {
        return Vec::new();
    };
    let installed: HashMap<&PackageName, &Version> =
        environment.iter().map(|one| (&one.name, &one.version)).collect();
    let mut pins: HashMap<&PackageName, Vec<&Dependency>> = HashMap::new();
    for entry in cx.requirements().filter(|entry| entry.pin().is_some()) {
        if let Some(name) = &entry.name {
            pins.entry(name).or_default().push(entry);
        }
    }
    let hits: Vec<(&Dependency, &Version)> = cx
        .requirements()
        .filter_map(|entry| {
            let name = entry.name.as_ref()?;
            let version = *installed.get(name)?;
            let Wanted::Index(specifiers) = &entry.wanted else {
                return None;
            };
            // Of several lines it is not known which one counts here.
            let is_alone = entry.marker.is_true() && pins.get(name).is_some_and(|lines| lines.len() == 1);
            (is_alone && entry.pin().is_some() && !takes_all(specifiers, version)).then_some((entry, version))
        })
        .collect();
    finding(cx, &hits).into_iter().collect()
}

fn finding(cx: &Review<'_>, hits: &[(&Dependency, &Version)]) -> Option<Finding> {
    let ((first, version), others) = hits.split_first()?;
    let file = code(&cx.declared.file);
    let message = if others.is_empty() {
        format!(
            "the notebook ran with {version}, and {} is pinned",
            code(&first.text)
        )
    } else {
        let shown = hits.iter().take(MOST_SHOWN);
        let shown: Vec<String> = shown
            .map(|(entry, version)| format!("{} (here {version})", code(&entry.text)))
            .collect();
        let more = match hits.len().saturating_sub(MOST_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "the notebook ran with other versions than are pinned: {}{more}",
            shown.join(", ")
        )
    };
    let finding = Finding::new(&RULE, &first.place, message)
        .because(format!(
            "What was validated is not what an image of {file}, or a colleague, gets."
        ))
        .help(format!(
            "make the environment from the file ({}) and validate again, or pin what is installed",
            code(&synced(cx))
        ))
        .about(hits.iter().map(|(entry, _)| entry.text.as_str()));
    let labels = others
        .iter()
        .map(|(entry, version)| (&entry.place, format!("{}; here {version}", code(&entry.text))));
    Some(labelled(finding, labels))
}

/// The command that makes an environment what the file says.
fn synced(cx: &Review<'_>) -> String {
    match cx.declared.format {
        Format::UvLock => "uv sync".to_owned(),
        Format::PoetryLock => "poetry sync".to_owned(),
        Format::Pipfile | Format::PipfileLock => "pipenv sync".to_owned(),
        Format::Pyproject => "uv pip install .".to_owned(),
        Format::Requirements | Format::Pylock if cx.hash_mode() || cx.declared.format.is_lock() => {
            format!("uv pip sync {}", cx.declared.file)
        }
        _ => format!("uv pip install -r {}", cx.declared.file),
    }
}
