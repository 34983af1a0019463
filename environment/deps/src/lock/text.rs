//! The text of a lock: a requirements file that pip takes with `--require-hashes --no-deps`, one digest a line, sorted.

use std::{collections::HashSet, fmt, str::FromStr};

use pep440_rs::Version;
use pep508_rs::PackageName;

use super::{Lock, Origin, Package, complete::is_plain_url, file_name, named};
use crate::{Digest, masked};

/// Bytes of a lock, at most: a thousand distributions with a hundred files each.
const MAX_BYTES: usize = 16 << 20;

/// Why a text is no lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLock {
    /// A line that is not `name==version` or `name @ URL` with digests.
    #[error("line {line} of the lock: {why}: `{text}`")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: &'static str,
        /// What stands there, cut.
        text: String,
    },
    /// One name stands there twice.
    #[error("line {line} of the lock: `{name}` stands there twice")]
    Twice {
        /// The second line.
        line: usize,
        /// The name.
        name: PackageName,
    },
    /// Too large.
    #[error("the lock is larger than {} MiB", MAX_BYTES >> 20)]
    TooLarge,
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.packages.iter().try_for_each(|package| package.fmt(f))
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Index => write!(f, "{}=={}", self.name, self.version)?,
            Origin::Url(url) => write!(f, "{} @ {url}", self.name)?,
        }
        for digest in &self.allowed {
            write!(f, " \\\n    --hash={}:{}", digest.algorithm(), digest.hex())?;
        }
        f.write_str("\n")
    }
}

/// Reads locks and what `uv pip compile --generate-hashes` writes: comments, extras and order do not count.
impl FromStr for Lock {
    type Err = BadLock;

    fn from_str(text: &str) -> Result<Self, BadLock> {
        if text.len() > MAX_BYTES {
            return Err(BadLock::TooLarge);
        }
        let mut packages: Vec<Package> = Vec::new();
        let mut names = HashSet::new();
        for (line, entry) in logical(text) {
            let package = parsed(&entry).map_err(|why| BadLock::Line {
                line,
                why,
                text: masked(&entry).chars().take(80).collect(),
            })?;
            if !names.insert(package.name.clone()) {
                return Err(BadLock::Twice {
                    line,
                    name: package.name,
                });
            }
            packages.push(package);
        }
        Ok(Self::new(packages))
    }
}

/// Lines with those joined that end in a backslash, without comments and empty ones; with the number of the first.
fn logical(text: &str) -> Vec<(usize, String)> {
    let mut entries = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let (line, goes_on) = match line.strip_suffix('\\') {
            Some(line) => (line.trim_end(), true),
            None => (line, false),
        };
        let (_, entry) = open.get_or_insert_with(|| (number, String::new()));
        if !entry.is_empty() {
            entry.push(' ');
        }
        entry.push_str(line);
        if !goes_on {
            entries.extend(open.take());
        }
    }
    entries.extend(open);
    entries.retain(|(_, entry)| !entry.is_empty());
    entries
}

fn parsed(entry: &str) -> Result<Package, &'static str> {
    let (requirement, hashes) = match entry.find(" --hash") {
        Some(at) => entry.split_at(at),
        None => return Err("it has no `--hash=sha256:…`"),
    };
    let hashes = hashes.split_whitespace().map(|hash| {
        let digest = hash.strip_prefix("--hash=").ok_or("only `--hash=` may follow")?;
        let digest: Digest = digest.parse().map_err(|_| "its digest is none")?;
        match digest.algorithm() {
            "sha256" => Ok(digest),
            _ => Err("its digest is not a SHA-256"),
        }
    });
    let (name, version, origin) = distribution(requirement.trim())?;
    Ok(Package {
        name,
        version,
        origin,
        allowed: hashes.collect::<Result<_, _>>()?,
        file: None,
    })
}

fn distribution(requirement: &str) -> Result<(PackageName, Version, Origin), &'static str> {
    if let Some((name, url)) = requirement.split_once(" @ ") {
        let url = url.trim();
        if !is_plain_url(url) {
            return Err("its URL is not a plain `https://…`");
        }
        let (_, version) = named(file_name(url)).ok_or("its URL tells no version")?;
        return Ok((plain_name(name)?, version, Origin::Url(url.to_owned())));
    }
    let (name, version) = requirement
        .split_once("==")
        .ok_or("`name==version` is expected")?;
    let version = version
        .trim()
        .parse()
        .map_err(|_| "its version is none by PEP 440")?;
    Ok((plain_name(name)?, version, Origin::Index))
}

/// The name in `name[extra]`.
fn plain_name(text: &str) -> Result<PackageName, &'static str> {
    let name = text.split('[').next().unwrap_or_default().trim();
    if name.is_empty() {
        return Err("its name is empty");
    }
    PackageName::new(name.to_owned()).map_err(|_| "its name is none")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn check(text: &str, expected: &Expect) {
        let text = text.replace("AA", A).replace("BB", B);
        let told = match text.parse::<Lock>() {
            Ok(lock) => {
                let again: Lock = lock.to_string().parse().expect("it can be read again");
                assert_eq!(again, lock);
                assert_eq!(again.digest(), lock.digest());
                lock.to_string()
            }
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&told.replace(A, "AA").replace(B, "BB"));
    }

    #[test]
    fn a_lock_is_sorted_normalised_and_read_as_it_is_written() {
        check(
            "# by uv\r\nSix[x]==1.17.0 \\\r\n    --hash=sha256:BB \\\r\n    --hash=sha256:AA\r\n    # via -r in\r\n\r\na.B==1.0RC1 --hash=sha256:AA\nc @ https://h/c-2%2Bcpu-py3-none-any.whl --hash=sha256:BB\n",
            &expect![[r#"
                a-b==1.0rc1 \
                    --hash=sha256:AA
                c @ https://h/c-2%2Bcpu-py3-none-any.whl \
                    --hash=sha256:BB
                six==1.17.0 \
                    --hash=sha256:AA \
                    --hash=sha256:BB
            "#]],
        );
    }

    #[test]
    fn what_is_no_lock_is_refused_with_its_line() {
        for (text, expected) in [
            (
                "\nsix==1.17.0",
                "line 2 of the lock: it has no `--hash=sha256:…`: `six==1.17.0`",
            ),
            (
                "six>=1 --hash=sha256:AA",
                "line 1 of the lock: `name==version` is expected: `six>=1",
            ),
            (
                "six==1.* --hash=sha256:AA",
                "line 1 of the lock: its version is none by PEP 440: `six==1.*",
            ),
            (
                "six==1 --hash=sha256:aa",
                "line 1 of the lock: its digest is none: `six==1",
            ),
            (
                "six==1 --hash=sha256:AA --pre",
                "line 1 of the lock: only `--hash=` may follow: `six==1",
            ),
            (
                "==1 --hash=sha256:AA",
                "line 1 of the lock: its name is empty: `==1",
            ),
            (
                "six @ https://u:p@h/six-1-py3-none-any.whl --hash=sha256:AA",
                "line 1 of the lock: its URL is not a plain `https://…`: `six @ https://****@h/six",
            ),
            (
                "six==1 --hash=sha256:AA\n\nSIX==1 --hash=sha256:AA",
                "line 3 of the lock: `six` stands there twice",
            ),
        ] {
            let text = text.replace("AA", A);
            let error = text.parse::<Lock>().expect_err(&text).to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(error.len() < 200, "{error}");
        }
    }

    #[test]
    fn nothing_is_a_lock_too() {
        check("# nothing\n", &expect![""]);
    }
}
