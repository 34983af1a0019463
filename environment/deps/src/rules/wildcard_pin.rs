//! NB902 wildcard-pin.

use nbvet_report::Row;

use crate::{
    Dependency, Specifier, Wanted,
    policy::{Finding, Review, code, each, rule},
};

rule! {
    /// A version with a wildcard, which is no pin.
    ///
    /// ## Why it matters
    ///
    /// `==2.*` looks like a pin, and pip itself takes it for one, even where it asks for hashes. But it moves with
    /// every release whose version begins so: the next build may install another one.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// pandas==2.*
    /// ```
    ///
    /// ```requirements good
    /// pandas==2.2.3
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Write the whole version, or keep the wildcard in `requirements.in` and let `uv pip compile` write the versions.
    "NB902" "wildcard-pin",
    row: Row::Unpinned,
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    if cx.declared.format.is_lock() {
        return Vec::new();
    }
    let is_hit = |entry: &&Dependency| match &entry.wanted {
        Wanted::Index(specifiers) => specifiers.iter().any(Specifier::is_wildcard) && entry.pin().is_none(),
        _ => false,
    };
    let hits: Vec<&Dependency> = cx
        .requirements()
        .filter(is_hit)
        .filter(|entry| cx.applies(entry))
        .collect();
    each(
        &hits,
        |entry| {
            let message = format!(
                "{} is no pin: the wildcard moves with each release of that series",
                code(&entry.text)
            );
            Finding::new(&RULE, &entry.place, message)
                .because("pip takes it for pinned, but installs the newest version that begins so.")
                .help(format!(
                    "write the whole version that you validated, or {}",
                    cx.lock_command()
                ))
        },
        |entry| (&entry.place, code(&entry.text)),
        |rest| format!("{rest} more requirements have a wildcard for their version"),
    )
}
