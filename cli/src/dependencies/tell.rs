//! What is told of a notebook's dependencies, as the report's values.

use nbvet_deps::{
    Declared, Dependency, Format, Specifier, Wanted,
    detection::{Decision, Detection, Why},
    inference::{At, Inference, Inferred, Need as Needed, Origin},
    masked,
    policy::{Pins, Releases},
    target::Target,
};
use nbvet_report::{
    Dependencies, DependencySource, DependencySourceKind, LookedAt, Need, NeedStatus, Readers, Requirement,
};

use super::{Names, entries::Entries, remarks};

/// What there is to tell besides what the notebook imports.
pub(super) struct Known<'a> {
    /// Who is told.
    pub(super) readers: Readers,
    pub(super) detection: Option<&'a Detection>,
    pub(super) declared: Option<&'a Declared>,
    /// Of each requirement, as [`pinned`] gives it.
    pub(super) pinned: &'a [bool],
    /// The notebook belongs to a git tree.
    pub(super) is_repository: bool,
    pub(super) inference: &'a Inference,
    /// What an index was asked on request, for this target.
    pub(super) asked: Option<(&'a Releases, &'a Target)>,
}

pub(super) fn told(known: &Known<'_>, needs: Vec<Need>, names: &Names) -> Dependencies {
    let (detection, declared) = (known.detection, known.declared);
    let looks = detection.iter().flat_map(|detection| &detection.looked_at);
    let looked_at = looks.map(|look| LookedAt {
        file: names.of(&look.file),
        taken: look.why == Why::Won,
        why: look.why.told(known.readers),
    });
    Dependencies {
        source: source(detection, names),
        looked_at: looked_at.collect(),
        needs,
        requirements: declared
            .into_iter()
            .flat_map(requirements_of)
            .zip(known.pinned)
            .map(|(entry, pinned)| requirement(entry, *pinned, names))
            .collect(),
        remarks: remarks::all(known, names),
    }
}

/// What is to be installed.
fn requirements_of(declared: &Declared) -> impl Iterator<Item = &Dependency> {
    declared.entries.iter().filter(|entry| !entry.constraint)
}

/// Whether each requirement is pinned, by its own line or by another.
pub(super) fn pinned(declared: &Declared, pins: &Pins<'_>) -> Vec<bool> {
    let is_of_index = |entry: &Dependency| matches!(entry.wanted, Wanted::Index(_));
    let pinned = |entry| is_pinned(entry) || (is_of_index(entry) && pins.hold(entry));
    requirements_of(declared).map(pinned).collect()
}

/// The modules from elsewhere, and whether the dependency file has them.
pub(super) fn needs(inference: &Inference, entries: Option<&Entries<'_>>, names: &Names) -> Vec<Need> {
    let modules = inference.modules.iter();
    modules
        .filter_map(|module| need(module, entries, names))
        .collect()
}

fn source(detection: Option<&Detection>, names: &Names) -> DependencySource {
    let (kind, file, why) = match detection.map(|detection| &detection.decision) {
        None => (DependencySourceKind::Nothing, None, "nothing that could be used"),
        Some(Decision::Dependencies { file, format, .. }) => {
            let (kind, why) = kind(*format);
            (kind, Some(file), why)
        }
        Some(Decision::Dockerfile { file, .. }) => (
            DependencySourceKind::Dockerfile,
            Some(file),
            "its commands make the environment",
        ),
        Some(Decision::Inferred) => (
            DependencySourceKind::Imports,
            None,
            "what the notebook imports; there is no dependency file",
        ),
        Some(Decision::BaseImageAlone) => (
            DependencySourceKind::Nothing,
            None,
            "nothing: there is no dependency file",
        ),
    };
    DependencySource {
        kind,
        file: file.map(|file| names.of(file)),
        why: why.to_owned(),
    }
}

fn kind(format: Format) -> (DependencySourceKind, &'static str) {
    match format {
        Format::Pylock | Format::UvLock | Format::PoetryLock | Format::PipfileLock => {
            (DependencySourceKind::Lock, "a lock: every version is resolved")
        }
        Format::CondaEnvironment => (DependencySourceKind::Conda, "a conda environment"),
        Format::Requirements => (DependencySourceKind::Requirements, "requirements in pip's form"),
        Format::Pyproject => (DependencySourceKind::Requirements, "dependencies of a project"),
        Format::Pipfile => (
            DependencySourceKind::Requirements,
            "requirements in pipenv's form",
        ),
        Format::SetupPy => (
            DependencySourceKind::Requirements,
            "code, which only a build would run",
        ),
    }
}

/// A module from elsewhere; `None`: Python or the repository has it.
fn need(module: &Inferred, entries: Option<&Entries<'_>>, names: &Names) -> Option<Need> {
    let mut note = None;
    let (distribution, candidates, mut status) = match &module.origin {
        Origin::StandardLibrary | Origin::Local(_) => return None,
        Origin::Removed { since, instead } => {
            note = Some(format!("Python has it no more since {since}: {instead}"));
            (None, Vec::new(), NeedStatus::Missing)
        }
        Origin::InBase { name, .. } => (Some(name.to_string()), Vec::new(), NeedStatus::InBase),
        Origin::Distribution { name, .. } => (Some(name.to_string()), Vec::new(), NeedStatus::Missing),
        Origin::Ambiguous { candidates, .. } => {
            let one = |candidate: &nbvet_deps::inference::Candidate| {
                format!("{}: {}", candidate.name, candidate.when)
            };
            note = Some(candidates.iter().map(one).collect::<Vec<_>>().join("; "));
            let names = candidates.iter().map(|candidate| candidate.name.to_owned());
            (None, names.collect(), NeedStatus::Missing)
        }
        Origin::Elsewhere(why) => {
            note = Some((*why).to_owned());
            (None, Vec::new(), NeedStatus::Unknown)
        }
        Origin::Unknown => {
            note = Some(
                "no table of nbvet's has it: name its distribution in the dependency file; a guess could install anybody's"
                    .to_owned(),
            );
            (None, Vec::new(), NeedStatus::Unknown)
        }
    };
    let found = entries
        .filter(|_| status != NeedStatus::InBase)
        .and_then(|entries| entries.of(module));
    let distribution = match &found {
        Some((name, _)) => {
            status = NeedStatus::Declared;
            Some(name.clone())
        }
        None => distribution,
    };
    if status == NeedStatus::Missing {
        let by = entries.and_then(|entries| entries.brings(&module.possible()));
        if let Some(by) = by {
            note = Some(format!("comes along with {by}; name it yourself"));
        }
        if by.is_some() || entries.is_some_and(Entries::may_bring_more) {
            status = NeedStatus::Unsure;
        }
    }
    if matches!(status, NeedStatus::Missing | NeedStatus::Unknown) && module.need != Needed::Needed {
        status = NeedStatus::Optional;
    }
    Some(Need {
        module: module.module.clone(),
        cells: cells(&module.places),
        distribution,
        candidates: if status == NeedStatus::Declared {
            Vec::new()
        } else {
            candidates
        },
        status,
        found_at: found.map(|(_, entry)| format!("{}:{}", names.of(&entry.place.file), entry.place.line)),
        note,
    })
}

fn cells(places: &[At]) -> Vec<u32> {
    let own = places.iter().filter(|place| place.file.is_none());
    let mut cells: Vec<u32> = own.filter_map(|place| place.location.cell).collect();
    cells.dedup();
    cells
}

fn requirement(entry: &Dependency, pinned: bool, names: &Names) -> Requirement {
    Requirement {
        text: masked(&entry.text).into_owned(),
        name: entry.name.as_ref().map(ToString::to_string),
        file: names.of(&entry.place.file),
        line: u32::try_from(entry.place.line).unwrap_or(u32::MAX),
        pinned,
        hashed: !entry.hashes.is_empty() || entry.artifacts.iter().any(|file| !file.hashes.is_empty()),
    }
}

/// It names one version, one file by its digest, or one commit.
fn is_pinned(entry: &Dependency) -> bool {
    match &entry.wanted {
        Wanted::Index(specifiers) => specifiers.iter().any(|specifier| match specifier {
            Specifier::Version(version) => *version.operator() == pep440_rs::Operator::Equal,
            Specifier::Arbitrary(_) => true,
        }),
        Wanted::Url(_) => !entry.hashes.is_empty(),
        Wanted::Vcs { revision, .. } => revision.as_ref().is_some_and(|revision| {
            revision.len() >= 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
        }),
        Wanted::Path(_) => false,
    }
}
