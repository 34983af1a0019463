//! What folders and indexes tell of versions that are pinned: whether they are there, were withdrawn, which files they
//! have, what they need. No file of a package is fetched, but for the METADATA that an index gives alone (PEP 658).

use std::collections::{BTreeMap, BTreeSet};

use nbvet_deps::{
    Digest,
    lock::named,
    policy::{Release, Releases},
    target::{Tags, Target, WheelName},
};
use pep440_rs::Version;
use pep508_rs::PackageName;

use super::{
    Folder, IndexError, JOBS, PackageIndex,
    cache::ordinary,
    known::{self, Told},
    parallel,
    simple::Offered,
};
use crate::{
    http::{Secret, shown_url},
    wheel::{Limits, metadata_of},
};

/// Bytes of METADATA, at most.
const MAX_METADATA: u64 = 4 << 20;
/// Requirements of one distribution, at most.
const MAX_REQUIRES: usize = 2000;
/// Distributions that are asked about, at most.
pub const MAX_ASKED: usize = 2000;

/// The newest version of a project's files that its authors stand by; pre-releases where there is nothing else.
fn newest(files: &[Offered]) -> Option<Version> {
    let stands = files.iter().filter(|file| file.yanked.is_none());
    let versions = stands.filter_map(|file| named(&file.filename).map(|(_, version)| version));
    versions.max_by_key(|version| (!version.any_prerelease(), version.clone()))
}

/// One version, and what is known of it.
type Known = ((PackageName, Version), Release);

impl PackageIndex {
    /// What is known of these versions, for a target. Of what nobody could be asked about nothing is told: where there
    /// is no index, of what no folder has; offline, of what was not asked before.
    pub fn releases(
        &self,
        wanted: &BTreeSet<(PackageName, Version)>,
        target: &Target,
    ) -> Result<Releases, IndexError> {
        let tags = target.tags();
        let mut by_name: BTreeMap<&PackageName, Vec<&Version>> = BTreeMap::new();
        for (name, version) in wanted {
            by_name.entry(name).or_default().push(version);
        }
        if by_name.len() > MAX_ASKED {
            return Err(IndexError::TooManyAsked { asked: by_name.len() });
        }
        let by_name: Vec<(&PackageName, Vec<&Version>)> = by_name.into_iter().collect();
        let told = parallel::each(&by_name, JOBS, |(name, versions)| {
            self.of_name(name, versions, target, &tags)
        })?;
        Ok(told.into_iter().flatten().collect())
    }

    fn of_name(
        &self,
        name: &PackageName,
        versions: &[&Version],
        target: &Target,
        tags: &Tags,
    ) -> Result<Vec<Known>, IndexError> {
        let mut found = Vec::new();
        let mut open = Vec::new();
        for version in versions {
            let key = (name.clone(), (*version).clone());
            let question = self.question(&key, target);
            let file = known::place(self.cache.folder(), &question);
            if let Some(told) = self.in_folders(&key, tags) {
                found.push((key, told.release()));
            } else if let Some(told) = known::kept(&file, self.http.is_offline()) {
                found.push((key, told.release()));
            } else {
                open.push((key, file));
            }
        }
        if open.is_empty() || self.indexes.is_empty() || self.http.is_offline() {
            return Ok(found);
        }
        let mut offered = None;
        for (index, asked) in &self.indexes {
            offered = self.page(index, asked, name)?.map(|files| (asked, files));
            if offered.is_some() {
                break;
            }
        }
        let (asked, files) = offered.map_or((None, Vec::new()), |(asked, files)| (Some(asked), files));
        for (key, file) in open {
            let own = files
                .iter()
                .filter(|file| named(&file.filename).as_ref() == Some(&key));
            let own: Vec<&Offered> = own.collect();
            let release = match asked.filter(|_| !own.is_empty()) {
                Some(asked) => {
                    let told = self.told(&own, asked, tags)?;
                    known::keep(&file, &told);
                    told.release()
                }
                // It may be there tomorrow: not kept.
                None => Release {
                    absent: true,
                    newest: newest(&files),
                    ..Release::default()
                },
            };
            found.push((key, release));
        }
        Ok(found)
    }

    /// What decides the answer.
    fn question(&self, (name, version): &(PackageName, Version), target: &Target) -> String {
        let mut question = format!("{name}=={version}\n{target}");
        for (index, _) in &self.indexes {
            question.push('\n');
            question.push_str(&shown_url(index));
        }
        question
    }

    /// What an index tells of one version by its files.
    fn told(&self, files: &[&Offered], asked: &Secret, tags: &Tags) -> Result<Told, IndexError> {
        let wheel = best(files.iter().map(|file| file.filename.as_str()), tags);
        let best = wheel.and_then(|wheel| files.iter().find(|file| file.filename == wheel));
        let metadata = match best {
            Some(file) => self.metadata(file, asked)?,
            None => None,
        };
        // Each file may be withdrawn alone: what is installed counts.
        let yanked = match best {
            Some(file) => file.yanked.clone(),
            None if files.iter().all(|file| file.yanked.is_some()) => {
                files.first().and_then(|file| file.yanked.clone())
            }
            None => None,
        };
        let said = best
            .or(files.first())
            .and_then(|file| file.requires_python.clone());
        let (requires, python) = metadata.map_or((None, None), |text| {
            let (requires, python) = read(&text);
            (Some(requires), python)
        });
        Ok(Told {
            yanked,
            requires,
            requires_python: said.or(python),
            files: files.iter().map(|file| file.filename.clone()).collect(),
            ..Told::default()
        })
    }

    /// The METADATA of a wheel, where its index gives it alone and it is the one that the index says.
    fn metadata(&self, file: &Offered, asked: &Secret) -> Result<Option<String>, IndexError> {
        let Some(apart) = &file.metadata else {
            return Ok(None);
        };
        let mut url = file.url.clone();
        url.set_path(&format!("{}.metadata", file.url.path()));
        let url = super::choose::with_credentials(url, asked);
        let response = self.http.get(url.reveal()).send()?;
        if matches!(response.status(), 404 | 410) {
            return Ok(None);
        }
        let bytes = response.checked()?.read_bounded(MAX_METADATA)?;
        let expected = apart.sha256.as_ref();
        let is_it = expected.is_none_or(|expected| *expected == Digest::sha256(&bytes));
        Ok(is_it.then(|| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// What local folders have of a version.
    fn in_folders(&self, key: &(PackageName, Version), tags: &Tags) -> Option<Told> {
        let files_of = |folder: &Folder| -> Vec<String> {
            let own = folder
                .files
                .iter()
                .filter(|file| named(file).as_ref() == Some(key));
            own.cloned().collect()
        };
        self.folders.iter().find_map(|folder| {
            let files = files_of(folder);
            let first = files.first()?;
            let wheel = best(files.iter().map(String::as_str), tags);
            let text = wheel.as_deref().or(Some(first)).and_then(|file| {
                let opened = ordinary(&folder.path.join(file)).ok()?;
                metadata_of(opened, file, &Limits::default())
            });
            let (requires, requires_python) = text.map_or((None, None), |text| {
                let (requires, python) = read(&text);
                (Some(requires), python)
            });
            Some(Told {
                requires,
                requires_python,
                files,
                ..Told::default()
            })
        })
    }
}

/// The wheel that fits best.
fn best<'f>(files: impl Iterator<Item = &'f str>, tags: &Tags) -> Option<String> {
    let wheels: Vec<WheelName> = files.filter_map(|file| file.parse().ok()).collect();
    tags.best_wheel(&wheels).map(|wheel| wheel.file_name().to_owned())
}

/// `Requires-Dist` and `Requires-Python` of METADATA, whose head ends with an empty line.
fn read(text: &str) -> (Vec<String>, Option<String>) {
    let mut requires = Vec::new();
    let mut python = None;
    for line in text.lines().take_while(|line| !line.trim().is_empty()) {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim().to_owned();
        if key.eq_ignore_ascii_case("Requires-Dist") && requires.len() < MAX_REQUIRES {
            requires.push(value);
        } else if key.eq_ignore_ascii_case("Requires-Python") {
            python.get_or_insert(value);
        }
    }
    (requires, python)
}
