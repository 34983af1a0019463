//! NB920 stale-lock.

use std::collections::HashMap;

use nbvet_report::{Level, Row};
use pep440_rs::Version;
use pep508_rs::PackageName;

use crate::{
    Declared, Dependency, Wanted,
    policy::{Finding, Review, at, code, each, rule, takes_all},
};

rule! {
    /// A lock that does not give what the file that it was made from asks for.
    ///
    /// ## Why it matters
    ///
    /// `requirements.in` was changed, and `requirements.txt` was not compiled again: what is installed is not what people
    /// read. The same goes for `pyproject.toml` and its lock.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// numpy==1.26.4
    /// # --- requirements.in
    /// numpy>=2
    /// ```
    ///
    /// ```requirements bad
    /// numpy==1.26.4
    /// # --- requirements.in
    /// numpy
    /// attrs
    /// ```
    ///
    /// ```requirements good
    /// numpy==1.26.4
    /// # --- requirements.in
    /// numpy<2
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Make the lock again: `uv pip compile requirements.in --generate-hashes -o requirements.txt`, `uv lock`,
    /// `poetry lock` or `pipenv lock`. The finding names the command.
    "NB920" "stale-lock",
    row: Row::From(Level::Production),
    since: "0.1.0",
    check: check,
}

/// Lines of one name in the lock that are compared.
const MOST_LINES: usize = 64;

/// A line of the source that the lock does not give.
struct Hit<'a> {
    asked: &'a Dependency,
    /// The lock's line that says otherwise; `None`: there is none of that name.
    locked: Option<(&'a Dependency, &'a Version)>,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let Some(source) = cx.source else {
        return Vec::new();
    };
    let hits = hits(cx, source);
    each(
        &hits,
        |hit| finding(cx, source, hit),
        |hit| (&hit.asked.place, code(&hit.asked.text)),
        |rest| format!("{rest} more lines of {} are not in the lock", code(&source.file)),
    )
}

fn hits<'a>(cx: &Review<'a>, source: &'a Declared) -> Vec<Hit<'a>> {
    let mut locked: HashMap<&PackageName, Vec<&Dependency>> = HashMap::new();
    for entry in cx.entries() {
        if let Some(name) = &entry.name {
            let lines = locked.entry(name).or_default();
            if lines.len() < MOST_LINES {
                lines.push(entry);
            }
        }
    }
    let mut hits = Vec::new();
    for asked in source.entries.iter().filter(|entry| cx.applies(entry)) {
        let Some(name) = &asked.name else {
            continue;
        };
        match locked.get(name) {
            None if !asked.constraint => hits.push(Hit { asked, locked: None }),
            None => {}
            Some(lines) => hits.extend(other(cx, asked, lines)),
        }
    }
    hits
}

/// A line of the lock whose version the source does not take.
fn other<'a>(cx: &Review<'_>, asked: &'a Dependency, lines: &[&'a Dependency]) -> Option<Hit<'a>> {
    let Wanted::Index(specifiers) = &asked.wanted else {
        return None;
    };
    lines
        .iter()
        .filter(|line| cx.applies(line) && !asked.marker.is_disjoint(&line.marker))
        .find_map(|line| {
            Some((
                *line,
                line.pin().filter(|version| !takes_all(specifiers, version))?,
            ))
        })
        .map(|locked| Hit {
            asked,
            locked: Some(locked),
        })
}

fn finding(cx: &Review<'_>, source: &Declared, hit: &Hit<'_>) -> Finding {
    let asked = code(&hit.asked.text);
    let place = at(&hit.asked.place);
    let finding = if let Some((line, version)) = hit.locked {
        let message = format!("{place} asks for {asked}, and the lock has {version}");
        Finding::new(&RULE, &line.place, message).label(&hit.asked.place, format!("{asked} here"))
    } else {
        let message = format!(
            "{asked} of {} is not in {}",
            code(&source.file),
            code(&cx.declared.file)
        );
        Finding::new(&RULE, &hit.asked.place, message)
    };
    finding
        .because("The lock was not made again after the file was changed: what is installed is not what people read.")
        .help(cx.lock_command())
}
