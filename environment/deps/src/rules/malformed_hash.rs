//! NB909 malformed-hash.

use std::sync::Arc;

use nbvet_report::Row;

use crate::{
    Dependency, Hash, Wanted,
    policy::{Finding, Review, code, each, rule},
    requirements::{Fault, Place},
};

rule! {
    /// A hash that no file can have, or of an algorithm that pip refuses.
    ///
    /// ## Why it matters
    ///
    /// pip takes sha256, sha384 and sha512. A digest that was cut, or has a letter that is no hexadecimal digit, never
    /// matches: the installation stops, or goes on by another hash of the same line, and the typing error stays. Other
    /// tools accept such lines without a check.
    ///
    /// ## Examples
    ///
    /// ```requirements bad
    /// six==1.17.0 --hash=sha256:4721f391ed90541f
    /// ```
    ///
    /// ```requirements bad
    /// six==1.17.0 --hash=md5:d41d8cd98f00b204e9800998ecf8427e
    /// ```
    ///
    /// ```requirements good
    /// six==1.17.0 \
    ///     --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Let a compiler write the hashes (`uv pip compile --generate-hashes`); `pip hash FILE` prints the one of a file.
    "NB909" "malformed-hash",
    row: Row::Refused,
    since: "0.1.0",
    check: check,
}

fn check(cx: &Review<'_>) -> Vec<Finding> {
    let mut hits: Vec<(&Dependency, &Hash)> = Vec::new();
    for entry in cx.entries() {
        let of_url = matches!(entry.wanted, Wanted::Url(_));
        // A weak digest of a URL is told by the rule for URLs.
        let own = entry.hashes.iter().filter(|hash| hash.is_strong() || !of_url);
        hits.extend(own.filter(|hash| !is_right(hash)).map(|hash| (entry, hash)));
        for file in &entry.artifacts {
            let strong_wrong = file
                .hashes
                .iter()
                .filter(|hash| hash.is_strong() && !is_right(hash));
            let weak_alone = file
                .hashes
                .first()
                .filter(|_| !file.hashes.iter().any(Hash::is_strong));
            hits.extend(strong_wrong.chain(weak_alone).map(|hash| (entry, hash)));
        }
    }
    each(
        &hits,
        |(entry, hash)| {
            Finding::new(
                &RULE,
                &entry.place,
                format!("{} of {}", wrong(hash), code(&entry.text)),
            )
            .because("No file matches it, so that nothing is installed, or it protects nothing.")
            .help(format!(
                "`pip hash FILE` prints the hash of a file; or {}",
                cx.lock_command()
            ))
        },
        |(entry, hash)| (&entry.place, wrong(hash)),
        |rest| format!("{rest} more hashes are malformed"),
    )
}

fn is_right(hash: &Hash) -> bool {
    hash.length() == Some(hash.digest.len()) && is_hex(&hash.digest)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What is wrong with it; reads before "of `six==1.17.0`".
fn wrong(hash: &Hash) -> String {
    let algorithm = code(&hash.algorithm);
    match hash.length() {
        None => format!("{algorithm} is none of sha256, sha384 and sha512: the hash"),
        Some(_) if !is_hex(&hash.digest) => {
            format!("there is more than hexadecimal digits in the {algorithm}")
        }
        Some(length) => format!(
            "{} digits in place of {length} in the {algorithm}",
            hash.digest.len()
        ),
    }
}

/// The finding for a line that could not be read for its hash.
pub(crate) fn of_fault(fault: &Fault) -> Option<Finding> {
    let Fault::Line { file, line, message } = fault else {
        return None;
    };
    if !message.starts_with("--hash ") {
        return None;
    }
    let place = Place {
        file: Arc::from(&**file),
        line: *line,
        included_by: None,
    };
    Some(
        Finding::new(&RULE, &place, message.clone())
            .because("pip refuses the whole file.")
            .help("`pip hash FILE` prints the hash of a file; `uv pip compile --generate-hashes` writes them all"),
    )
}
