//! NB914 withdrawn-version.

use nbvet_report::{Hint, Level, Row};

use crate::{
    Dependency,
    policy::{Finding, Release, Review, code, each, rule},
};

rule! {
    /// A version that its authors withdrew, or that the index does not have.
    ///
    /// ## Why it matters
    ///
    /// A version is withdrawn ("yanked") when it is broken, unsafe or was published by mistake. A pin still installs it,
    /// while everybody else gets another one. A version that is not there cannot be installed at all: a typing error, or
    /// it was deleted.
    ///
    /// It is looked at once the index was asked: when the image is planned or built, or by `nbvet deps --check-index`.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// attrs==21.1.0
    /// ```
    ///
    /// ```requirements bad
    /// pandas==2.2.99
    /// ```
    ///
    /// ```requirements good
    /// attrs==24.2.0
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Pin another version, and validate the notebook with it.
    "NB914" "withdrawn-version",
    row: Row::From(Level::Production),
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let hits: Vec<(&Dependency, &Release)> = cx
        .requirements()
        .filter(|entry| cx.applies(entry))
        .filter_map(|entry| Some((entry, cx.release(entry)?)))
        .filter(|(_, release)| release.absent || release.yanked.is_some())
        .collect();
    each(
        &hits,
        |(entry, release)| finding(cx, entry, release),
        |(entry, _)| (&entry.place, code(&entry.text)),
        |rest| format!("{rest} more versions were withdrawn or are not there"),
    )
}

fn finding(cx: &Review<'_>, entry: &Dependency, release: &Release) -> Finding {
    let text = code(&entry.text);
    let name = entry.name.as_ref().map(ToString::to_string).unwrap_or_default();
    let help = match &release.newest {
        // A resolution would take the pin along, and fail.
        Some(newest) => {
            format!("pin a version that it has, such as {name}=={newest}, its newest, and validate with it")
                .into()
        }
        None if release.absent => {
            Hint::from("write the name as its authors do, or name the index that has it with `--index-url`")
                .in_cluster(
                    "write the name as its authors do, or name the index that has it in \
                 `spec.podConfig.buildConfig.packageIndex`",
                )
        }
        None => format!(
            "pin another version (`pip index versions {name}` lists them) and validate with it, or {}",
            cx.lock_command()
        )
        .into(),
    };
    let (message, why) = match &release.yanked {
        _ if release.absent && release.newest.is_none() => (
            format!("the index has no {text}, and knows no project `{name}`"),
            "The name is a typing error, or the project is on another index: nothing can be installed."
                .to_owned(),
        ),
        _ if release.absent => (
            format!("the index has no {text}"),
            "It was deleted, or the number is a typing error: nothing can be installed.".to_owned(),
        ),
        Some(reason) if !reason.trim().is_empty() => (
            format!("the authors withdrew {text}"),
            format!("They say: {}. A pin still installs it.", code(reason)),
        ),
        _ => (
            format!("the authors withdrew {text}"),
            "They give no reason. A pin still installs it.".to_owned(),
        ),
    };
    Finding::new(&RULE, &entry.place, message).because(why).help(help)
}
