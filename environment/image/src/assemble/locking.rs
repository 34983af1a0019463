//! The lock of an image: a dependency file that is one, or what versions were found for it. What was found is kept, here
//! and on the shelf of the repository, so that the next build within its time gets the same.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nbvet_deps::{
    Declared, Dependency, Digest, Hash, Lock, Specifier, Wanted,
    lock::{Origin, Package},
    target::Target,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Error, Shelf};
use crate::wheel::hex;

/// What a kept lock is called in a registry.
const LOCK_TYPE: &str = "application/vnd.nbvet.lock.v1+json";

/// Where a lock came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Came {
    /// The dependency file says everything.
    Complete,
    /// Versions were found before, and are still taken.
    Kept,
    /// Versions were found now.
    Resolved,
}

/// Where locks that were found are kept.
#[derive(Debug, Clone)]
pub struct Locks<'l> {
    /// A folder of this machine.
    pub folder: PathBuf,
    /// The shelf of a repository.
    pub shelf: Option<&'l Shelf>,
    /// How long they are taken; zero: not at all.
    pub ttl: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// What it was found for.
    key: String,
    /// Seconds since 1970.
    found: u64,
    lock: String,
}

/// What comes of looking at a kept lock.
enum Look {
    Taken(Lock),
    /// It has had its time.
    Old,
    /// It is not what its name says.
    Unfit(&'static str),
}

/// What a lock is asked for.
struct Asked<'a> {
    key: String,
    declared: &'a Declared,
    target: &'a Target,
}

impl Locks<'_> {
    /// The lock for a dependency file on a target: `find` is asked for versions where nothing else tells them, from these
    /// indexes.
    pub fn lock(
        &self,
        declared: &Declared,
        target: &Target,
        indexes: &[String],
        find: &dyn Fn() -> Result<Lock, Error>,
    ) -> Result<(Lock, Came), Error> {
        if let Ok(lock) = Lock::from_declared(declared, target) {
            return Ok((lock, Came::Complete));
        }
        let asked = Asked {
            key: key(declared, target, indexes),
            declared,
            target,
        };
        if let Some(lock) = self.kept(&asked)? {
            return Ok((lock, Came::Kept));
        }
        let lock = find()?;
        self.keep(&asked.key, &lock)?;
        Ok((lock, Came::Resolved))
    }

    fn kept(&self, asked: &Asked<'_>) -> Result<Option<Lock>, Error> {
        if let Ok(bytes) = fs::read(self.file(&asked.key))
            && let Look::Taken(lock) = self.look(&bytes, asked)
        {
            return Ok(Some(lock));
        }
        let Some(there) = self.shelf else {
            return Ok(None);
        };
        let tag = tag(&asked.key);
        let Some(bytes) = there.bytes(&tag, LOCK_TYPE)? else {
            return Ok(None);
        };
        match self.look(&bytes, asked) {
            Look::Taken(lock) => return Ok(Some(lock)),
            Look::Old => {}
            Look::Unfit(why) => there.reject(&tag, why),
        }
        Ok(None)
    }

    /// Whether a kept lock is taken. Whatever is not, is found anew.
    fn look(&self, bytes: &[u8], asked: &Asked<'_>) -> Look {
        let Ok(kept) = serde_json::from_slice::<Kept>(bytes) else {
            return Look::Unfit("it is not a lock as this version of nbvet keeps them");
        };
        if kept.key != asked.key {
            return Look::Unfit("it was found for another dependency file, Python or index");
        }
        let Some(age) = now().checked_sub(kept.found) else {
            return Look::Unfit("it was found in the future, by the clock of this machine");
        };
        if Duration::from_secs(age) >= self.ttl {
            return Look::Old;
        }
        match kept.lock.parse::<Lock>() {
            Ok(lock) if fits(&lock, asked.declared, asked.target) => Look::Taken(lock),
            _ => Look::Unfit("it does not hold what the dependency file asks for"),
        }
    }

    fn keep(&self, key: &str, lock: &Lock) -> Result<(), Error> {
        let kept = Kept {
            key: key.to_owned(),
            found: now(),
            lock: lock.to_string(),
        };
        #[expect(clippy::expect_used, reason = "plain data with string keys")]
        let bytes = serde_json::to_vec(&kept).expect("locks serialize");
        // Where this machine has no room, the next command finds versions anew.
        let _ = write(&self.folder, &self.file(key), &bytes);
        if let Some(shelf) = self.shelf {
            shelf.keep_bytes(&tag(key), LOCK_TYPE, &bytes)?;
        }
        Ok(())
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }
}

/// A kept lock has all that is asked for, in versions and with digests that are allowed, and nothing of a URL that
/// nobody named: what lies in a registry is the word of whoever can push there.
fn fits(lock: &Lock, declared: &Declared, target: &Target) -> bool {
    let holds = |entry: &&Dependency| entry.marker.evaluate(target.markers(), &[]);
    let entries = || declared.entries.iter().filter(holds);
    let is_there = |entry: &Dependency| match (&entry.name, &entry.wanted) {
        (Some(name), Wanted::Index(_)) => entry.constraint || lock.get(name).is_some(),
        _ => true,
    };
    let is_allowed = |entry: &Dependency| {
        let package = entry.name.as_ref().and_then(|name| lock.get(name));
        package.is_none_or(|package| {
            let versions = match &entry.wanted {
                Wanted::Index(specifiers) => specifiers.iter().all(|specifier| match specifier {
                    Specifier::Version(version) => version.contains(&package.version),
                    Specifier::Arbitrary(text) => *text == package.version.to_string(),
                }),
                _ => true,
            };
            let is_named = |digest: &Digest| {
                let named = |hash: &Hash| hash.digest.eq_ignore_ascii_case(digest.hex());
                entry.hashes.iter().any(named)
            };
            versions && (entry.hashes.is_empty() || package.allowed.iter().all(is_named))
        })
    };
    let is_named = |package: &Package| match &package.origin {
        Origin::Index => true,
        Origin::Url(url) => {
            entries().any(|entry| matches!(&entry.wanted, Wanted::Url(named) if named == url))
        }
    };
    entries().all(|entry| is_there(entry) && is_allowed(entry)) && lock.packages().iter().all(is_named)
}

fn write(folder: &Path, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let new = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(new.path(), bytes)?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

fn tag(key: &str) -> String {
    format!("lock-{key}")
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Everything that decides which versions are found, but the time.
fn key(declared: &Declared, target: &Target, indexes: &[String]) -> String {
    let mut hasher = Sha256::new();
    let mut field = |text: &str| {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    };
    field("nbvet-lock-1");
    field(&target.to_string());
    for index in indexes {
        field(index);
    }
    for (_, option) in &declared.options {
        field(&option.to_string());
    }
    for entry in &declared.entries {
        field(if entry.constraint { "-c" } else { "-r" });
        field(&entry.text);
        for hash in &entry.hashes {
            field(&format!("{}:{}", hash.algorithm, hash.digest));
        }
    }
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use nbvet_deps::{Format, formats, requirements::Source};

    use super::*;

    struct Memory(&'static str);

    impl Source for Memory {
        fn load(&mut self, _: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.as_bytes().to_vec())
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }
    }

    #[test]
    fn a_kept_lock_counts_only_where_it_has_what_is_asked_for() {
        let a = "a".repeat(64);
        let b = "b".repeat(64);
        let six = |version: &str, digest: &str| format!("six=={version} --hash=sha256:{digest}\n");
        let url = format!("idna @ https://evil.example/idna-1-py3-none-any.whl --hash=sha256:{a}\n");
        let with_url = six("1.17.0", &a) + &url;
        let hashed: &'static str = format!("six==1.17.0 --hash=sha256:{a}").leak();
        for (asked, kept, expected) in [
            ("six>=1.16", six("1.17.0", &a), true),
            ("six==1.17.0", six("1.16.0", &a), false),
            ("six==1.17.0\ncolorama", six("1.17.0", &a), false),
            ("six ; sys_platform == 'win32'", String::new(), true),
            (hashed, six("1.17.0", &a), true),
            (hashed, six("1.17.0", &b), false),
            ("six", with_url, false),
        ] {
            let declared =
                formats::read(Format::Requirements, "requirements.txt", &mut Memory(asked)).unwrap();
            let target: Target = "cpython-3.11.2-linux-x86_64-glibc2.36".parse().unwrap();
            let lock: Lock = kept.parse().unwrap();
            assert_eq!(fits(&lock, &declared, &target), expected, "{asked:?} {kept:?}");
        }
    }
}
