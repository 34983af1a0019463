//! NB908 missing-hash.

use nbvet_report::Row;

use crate::{
    Dependency, Wanted,
    policy::{Finding, Review, code, count, labelled, rule},
    requirements::{Opt, Place},
};

rule! {
    /// Lines without a hash where hashes are asked for.
    ///
    /// ## Why it matters
    ///
    /// One `--hash`, or `--require-hashes`, makes pip ask for a hash of every line and of everything that these lines
    /// need: a file in which some are missing cannot be installed. `--no-require-hashes` in a file switches the check
    /// off for whoever installs from it, and is refused by name.
    ///
    /// A file in which no line has a hash is reported only under `--verify-hashes` (`verifyHashes: true`). That is then
    /// an error at every level, also for the lines of a lock.
    ///
    /// A repository, an editable project and a folder have no hash: a wheel in the repository can.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// six==1.17.0 \
    ///     --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274
    /// pandas==2.2.3
    /// ```
    ///
    /// ```requirements bad
    /// --no-require-hashes
    /// six==1.17.0
    /// ```
    ///
    /// ```requirements good
    /// six==1.17.0 \
    ///     --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Let a compiler write them all:
    ///
    /// ```sh
    /// uv pip compile requirements.in --generate-hashes --python-version 3.11 -o requirements.txt
    /// ```
    "NB908" "missing-hash",
    row: Row::Refused,
    raised_by: VerifyHashes,
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let switched_off = cx
        .options()
        .filter(|(_, given)| given.opt == Opt::NoRequireHashes);
    let mut found: Vec<Finding> = switched_off.map(|(place, _)| off(place)).take(1).collect();
    let asked_by_file = cx.hash_mode() && !cx.declared.format.is_lock();
    if asked_by_file || cx.verify_hashes {
        found.extend(lacking(cx, asked_by_file));
    }
    found
}

fn off(place: &Place) -> Finding {
    Finding::new(
        &RULE,
        place,
        "`--no-require-hashes` switches the check of hashes off for everybody who installs this",
    )
    .because("A file that was replaced on the index would be installed without a word.")
    .help("take the line out")
}

/// One finding for all lines without a hash.
fn lacking(cx: &Review<'_>, asked_by_file: bool) -> Option<Finding> {
    let all: Vec<&Dependency> = cx.first_lines().collect();
    let lacking: Vec<&Dependency> = all.iter().copied().filter(|entry| !has_hash(entry)).collect();
    let (first, others) = lacking.split_first()?;
    let lines = count(all.len(), "requirement");
    let verb = if lacking.len() == 1 { "has" } else { "have" };
    let asks = if asked_by_file {
        "although this file asks for them"
    } else {
        "and hashes are asked for (`verifyHashes`)"
    };
    let message = format!(
        "{} of {lines} {verb} no hash, {asks}: {}",
        lacking.len(),
        code(&first.text)
    );
    let because = if asked_by_file {
        "One hash makes pip ask for a hash of every line and of all that the lines need: it would install nothing."
    } else {
        "Without a hash, a file that was replaced on the index is installed without a word."
    };
    let finding = Finding::new(&RULE, &first.place, message)
        .because(because)
        .help(help(cx, &lacking));
    Some(labelled(
        finding,
        others.iter().map(|entry| (&entry.place, label(entry))),
    ))
}

/// Whether it has one, strong or not: weak and malformed ones have rules of their own.
fn has_hash(entry: &Dependency) -> bool {
    if matches!(entry.wanted, Wanted::Vcs { .. }) || entry.editable {
        return false;
    }
    let of_artifacts =
        !entry.artifacts.is_empty() && entry.artifacts.iter().all(|file| !file.hashes.is_empty());
    !entry.hashes.is_empty() || of_artifacts
}

fn label(entry: &Dependency) -> String {
    let text = code(&entry.text);
    match &entry.wanted {
        Wanted::Vcs { .. } => format!("{text}: a repository has none"),
        _ if entry.editable => format!("{text}: an editable project has none"),
        _ => format!("{text}: no hash"),
    }
}

fn help(cx: &Review<'_>, lacking: &[&Dependency]) -> String {
    let cannot = lacking
        .iter()
        .any(|entry| entry.editable || matches!(entry.wanted, Wanted::Vcs { .. }));
    let vendor = if cannot {
        "vendor a wheel of what has no hash (`pip wheel --no-deps --wheel-dir wheels …`) and name it with its \
        `--hash`; then "
    } else {
        ""
    };
    format!("{vendor}{}", cx.lock_command())
}
