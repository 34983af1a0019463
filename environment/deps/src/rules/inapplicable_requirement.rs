//! NB915 inapplicable-requirement.

use std::collections::HashSet;

use nbvet_report::{Row, Severity};

use crate::{
    Dependency,
    policy::{Finding, Review, code, count, each, in_range, labelled, rule},
    target::Target,
};

rule! {
    /// Dependencies that are not for the Python, or the platform, of the image.
    ///
    /// ## Why it matters
    ///
    /// A project or a package that says `Requires-Python: >=3.12` cannot be installed into an image with 3.11; that is
    /// told before anything is built.
    ///
    /// Lines whose marker does not hold in the image are left out there: where no other line names the package, they are
    /// listed in a note, and that is often meant (`sys_platform == "win32"`). A marker that holds nowhere at all counts as a warning at most.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// scipy==1.99.0
    /// ```
    ///
    /// ```requirements bad
    /// pywin32==308 ; sys_platform == "win32"
    /// ```
    ///
    /// ```requirements good
    /// pandas==2.2.3 ; sys_platform == "linux"
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Take a base image with that Python, or pin a version for the Python that you have: the finding names the command.
    "NB915" "inapplicable-requirement",
    row: Row::Refused,
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    if let Some(target) = cx.target.filter(|_| !cx.is_assumed) {
        found.extend(project(cx, target));
        found.extend(packages(cx, target));
    }
    if !cx.declared.format.is_lock() {
        found.extend(nowhere(cx));
        let image = cx.target.filter(|_| !cx.is_assumed);
        found.extend(image.and_then(|target| left_out(cx, target)));
    }
    found
}

/// The file as a whole is for other Pythons.
fn project(cx: &Review<'_>, target: &Target) -> Option<Finding> {
    let (range, place) = cx.declared.requires_python.as_ref()?;
    if in_range(range, target.python()) {
        return None;
    }
    let message = format!(
        "this is for Python {}, and the image has {}",
        code(&range.to_string()),
        target.python()
    );
    Some(
        Finding::new(&RULE, place, message)
            .because("Nothing that was chosen for other Pythons is known to work there.")
            .help("take a base image with such a Python, or change the range and lock again"),
    )
}

/// Pinned packages that are for other Pythons.
fn packages(cx: &Review<'_>, target: &Target) -> Vec<Finding> {
    let hit = |entry| {
        let range = cx.release(entry)?.requires_python.as_ref()?;
        (!in_range(range, target.python())).then_some((entry, range))
    };
    let hits: Vec<_> = cx
        .requirements()
        .filter(|entry| cx.applies(entry))
        .filter_map(hit)
        .collect();
    each(
        &hits,
        |(entry, range)| {
            let range = code(&range.to_string());
            let message = format!(
                "{} is for Python {range}, and the image has {}",
                code(&entry.text),
                target.python()
            );
            Finding::new(&RULE, &entry.place, message)
                .because("pip and uv refuse to install it there.")
                .help(format!(
                    "take a base image with such a Python, or {}",
                    cx.lock_command()
                ))
        },
        |(entry, _)| (&entry.place, code(&entry.text)),
        |rest| {
            format!(
                "{rest} more packages are for other Pythons than {}",
                target.python()
            )
        },
    )
}

/// Markers that contradict themselves.
fn nowhere(cx: &Review<'_>) -> Vec<Finding> {
    let hits: Vec<&Dependency> = cx
        .requirements()
        .filter(|entry| entry.marker.is_false())
        .collect();
    each(
        &hits,
        |entry| {
            let message = format!(
                "the marker of {} holds nowhere, so it is never installed",
                code(&entry.text)
            );
            Finding::new(&RULE, &entry.place, message)
                .because("No Python on any platform satisfies all parts of the marker.")
                .help("mend the marker, or take the line out")
                .at_most(Severity::Warning)
        },
        |entry| (&entry.place, code(&entry.text)),
        |rest| format!("{rest} more markers hold nowhere"),
    )
}

/// One note for all that is for other platforms.
fn left_out(cx: &Review<'_>, target: &Target) -> Option<Finding> {
    let there: HashSet<_> = cx
        .requirements()
        .filter(|entry| cx.applies(entry))
        .filter_map(|entry| entry.name.as_ref())
        .collect();
    let is_there = |entry: &Dependency| entry.name.as_ref().is_some_and(|name| there.contains(name));
    // Those of extras that nobody asked for are not meant to be there, and those with a line for this image are.
    let is_out = |entry: &&Dependency| {
        !entry.marker.is_false()
            && entry.marker.evaluate_extras(&[])
            && !cx.applies(entry)
            && !is_there(entry)
    };
    let out: Vec<&Dependency> = cx.requirements().filter(is_out).collect();
    let (first, others) = out.split_first()?;
    let (is, others_are) = if out.len() == 1 {
        ("is", "its marker does")
    } else {
        ("are", "their markers do")
    };
    let message = format!(
        "{} {is} left out: {others_are} not hold in the image",
        count(out.len(), "line")
    );
    let finding = Finding::new(&RULE, &first.place, message)
        .because(format!(
            "The image has Python {} on {}.",
            target.python(),
            code(&target.platform().to_string())
        ))
        .help("nothing, if that is meant; else mend the marker")
        .at_most(Severity::Note);
    Some(labelled(
        finding,
        others.iter().map(|entry| (&entry.place, code(&entry.text))),
    ))
}
