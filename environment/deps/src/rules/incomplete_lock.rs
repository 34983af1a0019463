//! NB913 incomplete-lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nbvet_report::{Level, Row};
use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName, Requirement, VerbatimUrl, VersionOrUrl};

use crate::{
    Dependency,
    policy::{Finding, Review, code, each, in_range, labelled, rule},
};

rule! {
    /// A package that a pinned one needs, and that no line names, or names in a version that it does not take.
    ///
    /// ## Why it matters
    ///
    /// Pins of what you import are half of the environment: what these packages need is answered by the index on the day
    /// of the build. Where lines have hashes, pip refuses to install what no line names.
    ///
    /// It is looked at once the metadata of the packages is known: when the image is planned or built, or by
    /// `nbvet deps --check-index`. Packages that the base image has in a version that will do are not missed.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// requests==2.32.3
    /// urllib3==2.2.3
    /// ```
    ///
    /// ```requirements good
    /// requests==2.32.3
    /// urllib3==2.2.3
    /// idna==3.10
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Let a compiler write the whole list: `uv pip compile requirements.in --generate-hashes -o requirements.txt`.
    "NB913" "incomplete-lock",
    row: Row::From(Level::Production),
    since: "0.1.0",
    check: check,
}

/// Something that a pinned package needs.
struct Hit<'a> {
    by: &'a Dependency,
    needs: &'a Requirement<VerbatimUrl>,
    /// The line that names it in another version; `None`: no line names it.
    named: Option<(&'a Dependency, Version)>,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let (Some(_), Some(target)) = (cx.releases, cx.target) else {
        return Vec::new();
    };
    let mut named: BTreeMap<&PackageName, Vec<&Dependency>> = BTreeMap::new();
    for entry in cx.requirements().filter(|entry| cx.applies(entry)) {
        if let Some(name) = &entry.name {
            named.entry(name).or_default().push(entry);
        }
    }
    let in_base: HashMap<&PackageName, &Version> = cx
        .base
        .into_iter()
        .flatten()
        .map(|one| (&one.name, &one.version))
        .collect();
    let mut hits = Vec::new();
    let mut told = BTreeSet::new();
    for (by, extras) in with_extras(cx, &named) {
        for needs in cx
            .release(by)
            .and_then(|release| release.requires.as_ref())
            .into_iter()
            .flatten()
        {
            if !needs.marker.evaluate(target.markers(), &extras) || !told.insert((&by.name, &needs.name)) {
                continue;
            }
            hits.extend(hit(&in_base, by, needs, &named));
        }
    }
    let (contradicted, unnamed): (Vec<_>, Vec<_>) = hits.into_iter().partition(|hit| hit.named.is_some());
    let mut found = each(
        &contradicted,
        |hit| finding(cx, hit),
        |hit| (&hit.by.place, needs(hit)),
        |rest| format!("{rest} more packages are pinned in versions that others do not take"),
    );
    found.extend(together(cx, &unnamed));
    found
}

/// `requests==2.32.3` needs `idna`.
fn needs(hit: &Hit<'_>) -> String {
    format!("{} needs {}", code(&hit.by.text), code(hit.needs.name.as_ref()))
}

/// Packages that a message names; the others are counted.
const MOST_SHOWN: usize = 3;

/// One finding for all that no line names: one command mends them together.
fn together(cx: &Review<'_>, hits: &[Hit<'_>]) -> Option<Finding> {
    let (first, others) = hits.split_first()?;
    if others.is_empty() {
        return Some(finding(cx, first));
    }
    let names: BTreeSet<&PackageName> = hits.iter().map(|hit| &hit.needs.name).collect();
    let shown: Vec<String> = names
        .iter()
        .take(MOST_SHOWN)
        .map(|name| code(name.as_ref()))
        .collect();
    let more = match names.len().saturating_sub(MOST_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "pinned packages need {}{more}, which no line names",
        shown.join(", ")
    );
    let finding = Finding::new(&RULE, &first.by.place, message)
        .because(why(cx))
        .help(cx.lock_command())
        .about(hits.iter().map(|hit| hit.needs.name.as_ref()))
        .label(&first.by.place, needs(first));
    Some(labelled(
        finding,
        others.iter().map(|hit| (&hit.by.place, needs(hit))),
    ))
}

fn why(cx: &Review<'_>) -> &'static str {
    if cx.hash_mode() {
        "Where lines have hashes, pip refuses to install what no line names."
    } else {
        "The index answers for it on the day of the build."
    }
}

fn hit<'a>(
    in_base: &HashMap<&PackageName, &Version>,
    by: &'a Dependency,
    needs: &'a Requirement<VerbatimUrl>,
    named: &BTreeMap<&PackageName, Vec<&'a Dependency>>,
) -> Option<Hit<'a>> {
    let Some(lines) = named.get(&needs.name) else {
        let does = in_base
            .get(&needs.name)
            .is_some_and(|version| takes(needs, version));
        return (!does).then_some(Hit {
            by,
            needs,
            named: None,
        });
    };
    let wrong = lines.iter().find_map(|line| {
        let pin = line.pin().filter(|pin| !takes(needs, pin))?;
        Some((*line, pin.clone()))
    });
    wrong.map(|wrong| Hit {
        by,
        needs,
        named: Some(wrong),
    })
}

/// Each pinned line with the extras that it has, also by what others need of it.
fn with_extras<'a>(
    cx: &Review<'a>,
    named: &BTreeMap<&PackageName, Vec<&'a Dependency>>,
) -> Vec<(&'a Dependency, Vec<ExtraName>)> {
    let mut extras: BTreeMap<&PackageName, BTreeSet<&ExtraName>> = BTreeMap::new();
    for (name, lines) in named {
        extras.insert(*name, lines.iter().flat_map(|line| &line.extras).collect());
    }
    let Some(target) = cx.target else {
        return Vec::new();
    };
    let mut open: Vec<&PackageName> = named.keys().copied().collect();
    while let Some(name) = open.pop() {
        let of_name: Vec<ExtraName> = extras
            .get(name)
            .into_iter()
            .flatten()
            .map(|extra| (*extra).clone())
            .collect();
        let releases = named
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|line| cx.release(line));
        for needs in releases.filter_map(|release| release.requires.as_ref()).flatten() {
            let Some(known) = extras.get_mut(&needs.name).filter(|_| !needs.extras.is_empty()) else {
                continue;
            };
            if !needs.marker.evaluate(target.markers(), &of_name) {
                continue;
            }
            let before = known.len();
            known.extend(&needs.extras);
            // Extras only ever grow, so this ends.
            if known.len() > before {
                open.push(&needs.name);
            }
        }
    }
    let all = named
        .iter()
        .flat_map(|(name, lines)| lines.iter().map(move |line| (*name, *line)));
    all.map(|(name, line)| {
        let of_name = extras
            .get(name)
            .into_iter()
            .flatten()
            .map(|extra| (*extra).clone());
        (line, of_name.collect())
    })
    .collect()
}

fn takes(needs: &Requirement<VerbatimUrl>, version: &Version) -> bool {
    match &needs.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(range)) => in_range(range, version),
        _ => true,
    }
}

fn finding(cx: &Review<'_>, hit: &Hit<'_>) -> Finding {
    let by = code(&hit.by.text);
    let needs = code(&match &hit.needs.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(range)) => format!("{}{range}", hit.needs.name).replace(' ', ""),
        _ => hit.needs.name.to_string(),
    });
    if let Some((line, version)) = &hit.named {
        let message = format!(
            "{by} needs {needs}, but {} {version} is pinned",
            code(hit.needs.name.as_ref())
        );
        return Finding::new(&RULE, &hit.by.place, message)
            .because("The installation would stop with ResolutionImpossible.")
            .help(cx.lock_command())
            .label(&line.place, format!("{} here", code(&line.text)));
    }
    Finding::new(
        &RULE,
        &hit.by.place,
        format!("{by} needs {needs}, which no line names"),
    )
    .because(why(cx))
    .help(cx.lock_command())
}
