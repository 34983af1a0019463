//! NB903 arbitrary-equality.

use nbvet_report::{Level, Row};

use crate::{
    Dependency, Specifier, Wanted,
    policy::{Finding, Review, code, each, rule},
};

rule! {
    /// A version compared character by character (`===`).
    ///
    /// ## Why it matters
    ///
    /// `===1.0` does not match 1.0.0, and nothing checks that what follows is a version at all. It is meant for
    /// versions that break the standard, which an index no longer accepts. The requirement counts as pinned.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// pandas===2.2.3
    /// ```
    ///
    /// ```requirements good
    /// pandas==2.2.3
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Write `==`.
    "NB903" "arbitrary-equality",
    row: Row::From(Level::Production),
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let is_hit = |entry: &&Dependency| match &entry.wanted {
        Wanted::Index(specifiers) => specifiers.iter().any(Specifier::is_arbitrary),
        _ => false,
    };
    let hits: Vec<&Dependency> = cx.entries().filter(is_hit).collect();
    each(
        &hits,
        |entry| {
            let message = format!("{} compares characters, not versions", code(&entry.text));
            Finding::new(&RULE, &entry.place, message)
                .because("`===1.0` does not match 1.0.0, and what follows need not be a version.")
                .help("write `==` in place of `===`")
        },
        |entry| (&entry.place, code(&entry.text)),
        |rest| format!("{rest} more requirements compare characters, not versions"),
    )
}
