//! What an index told of versions, kept on this machine for a day: a build that has everything else asks nobody again.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nbvet_deps::{Digest, policy::Release, requirement::required};
use serde::{Deserialize, Serialize};

/// How long it is believed. A version may be withdrawn at any time.
const BELIEVED: Duration = Duration::from_hours(24);
/// Bytes of a range of Pythons, at most.
const LONGEST: usize = 1000;
/// Bytes of one answer that is kept.
const MOST: u64 = 4 << 20;

/// One answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// Seconds since 1970.
    pub(super) found: u64,
    pub(super) yanked: Option<String>,
    /// `Requires-Dist`, as it is written.
    pub(super) requires: Option<Vec<String>>,
    pub(super) requires_python: Option<String>,
    pub(super) files: Vec<String>,
}

impl Told {
    /// As the policy takes it; what cannot be understood is left out.
    pub(super) fn release(self) -> Release {
        Release {
            absent: false,
            newest: None,
            yanked: self.yanked,
            requires: self
                .requires
                .map(|lines| lines.iter().filter_map(|line| required(line)).collect()),
            requires_python: self
                .requires_python
                .filter(|range| range.len() <= LONGEST)
                .and_then(|range| range.parse().ok()),
            files: Some(self.files),
        }
    }
}

/// The file of an answer, by all that decides it.
pub(super) fn place(cache: &Path, question: &str) -> PathBuf {
    cache.join("told").join(Digest::sha256(question.as_bytes()).hex())
}

/// An answer that was kept. `of_any_age`: nobody can be asked anew.
pub(super) fn kept(file: &Path, of_any_age: bool) -> Option<Told> {
    let is_small = fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() <= MOST);
    let told: Told = serde_json::from_slice(&fs::read(file).ok().filter(|_| is_small)?).ok()?;
    let age = now().checked_sub(told.found)?;
    (of_any_age || Duration::from_secs(age) < BELIEVED).then_some(told)
}

/// Keeps an answer. Where there is no room, the next command asks again.
pub(super) fn keep(file: &Path, told: &Told) {
    let told = Told {
        found: now(),
        ..told.clone()
    };
    let Some(folder) = file.parent() else { return };
    let _ = fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(folder))
        .and_then(|mut new| {
            serde_json::to_writer(&mut new, &told)?;
            new.persist(file).map_err(|error| error.error)
        });
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
