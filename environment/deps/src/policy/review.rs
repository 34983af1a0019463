//! What the rules look at: a dependency file as it was read and what is known around it.

use std::collections::{BTreeMap, HashMap, HashSet};

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{MarkerTree, PackageName, Requirement, VerbatimUrl};

use super::pins::MOST_MARKERS;
use crate::{
    Declared, Dependency, Digest, Hash, ImageReference, Wanted,
    requirements::{Given, Opt, Place},
    target::Target,
};

/// A dependency file and what is known around it. What is `None` is not known: rules that need it say nothing.
#[derive(Clone, Copy)]
pub struct Review<'a> {
    /// The file, with the files that it includes.
    pub declared: &'a Declared,
    /// What the environment is made for.
    pub target: Option<&'a Target>,
    /// The target is only what is likely: no image was looked at.
    pub is_assumed: bool,
    /// What the base image holds already.
    pub base: Option<&'a [Installed]>,
    /// What the Python holds that ran the notebook, where it was run outside of an image.
    pub environment: Option<&'a [Installed]>,
    /// The base image, as it was asked for.
    pub base_image: Option<BaseImage<'a>>,
    /// What the file was made from: the `requirements.in` beside it, the `pyproject.toml` of an `uv.lock`.
    pub source: Option<&'a Declared>,
    /// What the index, or a lock, tells of distributions.
    pub releases: Option<&'a Releases>,
    /// Indexes and hosts that a file may name.
    pub allowed: &'a Allowed,
    /// `verifyHashes`: every line needs a digest.
    pub verify_hashes: bool,
    /// Source distributions may be built.
    pub allow_sdist: bool,
}

/// A distribution that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
}

/// The base image as it was asked for.
#[derive(Debug, Clone, Copy)]
pub struct BaseImage<'a> {
    /// `quay.io/jupyter/scipy-notebook:2024-10-07`.
    pub reference: &'a ImageReference,
    /// Where that stands; `None`: not in a file.
    pub place: Option<&'a Place>,
    /// The digest that the tag has now, if it was looked up.
    pub digest: Option<&'a Digest>,
}

/// Indexes and hosts that a file may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Index URLs and places for `--find-links`.
    pub indexes: Vec<String>,
    /// Hosts for `--trusted-host`, with the port where there is one.
    pub hosts: Vec<String>,
}

/// What is known of distributions, by name and version.
pub type Releases = BTreeMap<(PackageName, Version), Release>;

/// What is known of one version of a distribution.
#[derive(Debug, Clone, Default)]
pub struct Release {
    /// The index does not have it.
    pub absent: bool,
    /// Where it does not: the newest that it has. `None`: it does not know the project.
    pub newest: Option<Version>,
    /// It was withdrawn, and why (may be empty).
    pub yanked: Option<String>,
    /// What it needs (`Requires-Dist`).
    pub requires: Option<Vec<Requirement<VerbatimUrl>>>,
    /// Which Pythons it is for (`Requires-Python`).
    pub requires_python: Option<VersionSpecifiers>,
    /// Names of its files.
    pub files: Option<Vec<String>>,
}

impl<'a> Review<'a> {
    /// A file of which nothing else is known.
    pub const fn new(declared: &'a Declared, allowed: &'a Allowed) -> Self {
        Self {
            declared,
            target: None,
            is_assumed: false,
            base: None,
            environment: None,
            base_image: None,
            source: None,
            releases: None,
            allowed,
            verify_hashes: false,
            allow_sdist: false,
        }
    }

    /// Everything that is asked for; lines of a file that is included several times are given once.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &'a Dependency> + use<'a> {
        let mut seen = HashSet::new();
        self.declared.entries.iter().filter(move |entry| {
            let Place {
                file,
                line,
                included_by,
            } = &entry.place;
            included_by.is_none() || seen.insert((&**file, *line, &*entry.text, entry.constraint))
        })
    }

    /// What is to be installed: not what only limits versions.
    pub(crate) fn requirements(&self) -> impl Iterator<Item = &'a Dependency> + use<'a> {
        self.entries().filter(|entry| !entry.constraint)
    }

    /// What is installed in the image, by the first line of each package: of several lines, pip looks for hashes and a
    /// pin on the first alone. Where the image is not known, each line that may be the first somewhere is one: a line
    /// stands only for those that count nowhere else than it does.
    pub(crate) fn first_lines(&self) -> impl Iterator<Item = &'a Dependency> {
        let mut seen: HashMap<&PackageName, Vec<MarkerTree>> = HashMap::new();
        self.requirements()
            .filter(|entry| self.applies(entry))
            .filter(move |entry| {
                let Some(name) = &entry.name else {
                    return true;
                };
                let marker = self.marker(entry);
                let earlier = seen.entry(name).or_default();
                let stands_for_it = |one: &MarkerTree| one.is_true() || one.negate().is_disjoint(&marker);
                if earlier.iter().any(stands_for_it) {
                    return false;
                }
                if earlier.len() < MOST_MARKERS {
                    earlier.push(marker);
                }
                true
            })
    }

    /// When a line that counts at all does: where the image is known, always.
    pub(crate) fn marker(&self, entry: &Dependency) -> MarkerTree {
        match self.target {
            Some(_) => MarkerTree::TRUE,
            None => entry.marker.clone(),
        }
    }

    /// Options with their places; those of a file that is included several times are given once.
    pub(crate) fn options(&self) -> impl Iterator<Item = (&'a Place, &'a Given)> + use<'a> {
        let mut seen = HashSet::new();
        let options = self.declared.options.iter().map(|(place, given)| (place, given));
        options.filter(move |(place, given)| {
            place.included_by.is_none()
                || seen.insert((&*place.file, place.line, given.opt, given.value.as_deref()))
        })
    }

    /// Its marker holds where the environment is made for; without that: it may hold somewhere.
    pub(crate) fn applies(&self, entry: &Dependency) -> bool {
        match self.target {
            Some(target) => entry.marker.evaluate(target.markers(), &[]),
            None => !entry.marker.is_false(),
        }
    }

    /// pip asks for a digest of every line: an option says so, or a line has one, be it a constraint.
    pub(crate) fn hash_mode(&self) -> bool {
        let asked = |opt| self.declared.options.iter().any(|(_, given)| given.opt == opt);
        let mut entries = self.declared.entries.iter();
        asked(Opt::RequireHashes)
            // A digest behind a URL alone asks for no others.
            || entries.any(|entry| !matches!(entry.wanted, Wanted::Url(_)) && !entry.hashes.is_empty())
    }

    /// What is known of exactly this version.
    pub(crate) fn release(&self, entry: &Dependency) -> Option<&'a Release> {
        let key = (entry.name.clone()?, entry.pin()?.clone());
        self.releases?.get(&key)
    }
}

impl Dependency {
    /// The one version that is asked for, if one is.
    pub(crate) fn pin(&self) -> Option<&Version> {
        let Wanted::Index(specifiers) = &self.wanted else {
            return None;
        };
        specifiers.iter().find_map(crate::Specifier::pin)
    }

    /// A digest of sha256 or stronger says which file it is; for those that a lock names, of each.
    pub(crate) fn is_promised(&self) -> bool {
        let is_strong = |hashes: &[Hash]| hashes.iter().any(Hash::is_strong);
        let of_files =
            !self.artifacts.is_empty() && self.artifacts.iter().all(|file| is_strong(&file.hashes));
        is_strong(&self.hashes) || of_files
    }
}

impl crate::Specifier {
    /// The version, where only one will do.
    pub(crate) fn pin(&self) -> Option<&Version> {
        match self {
            Self::Version(version) if *version.operator() == pep440_rs::Operator::Equal => {
                Some(version.version())
            }
            _ => None,
        }
    }

    /// `==1.*`.
    pub(crate) fn is_wildcard(&self) -> bool {
        matches!(self, Self::Version(version) if *version.operator() == pep440_rs::Operator::EqualStar)
    }

    /// `===`.
    pub(crate) const fn is_arbitrary(&self) -> bool {
        matches!(self, Self::Arbitrary(_))
    }
}

impl Hash {
    /// One of those that nobody can forge.
    pub(crate) fn is_strong(&self) -> bool {
        self.length().is_some()
    }

    /// Of a strong one, how many hexadecimal digits it has.
    pub(crate) fn length(&self) -> Option<usize> {
        match &*self.algorithm {
            "sha256" => Some(64),
            "sha384" => Some(96),
            "sha512" => Some(128),
            _ => None,
        }
    }
}
