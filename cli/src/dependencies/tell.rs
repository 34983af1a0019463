//! What is told of a notebook's dependencies, as the report's values.

use std::collections::BTreeMap;

use nbvet_deps::{
    Declared, Dependency, Format, Specifier, Wanted,
    detection::{Decision, Detection, Why},
    inference::{At, Inference, Inferred, Need as Needed, Origin},
    masked,
};
use nbvet_report::{
    Dependencies, DependencySource, DependencySourceKind, LookedAt, Need, NeedStatus, Requirement,
};

use super::Names;

pub(super) fn told(
    detection: Option<&Detection>,
    declared: Option<&Declared>,
    inference: &Inference,
    names: &Names,
) -> Dependencies {
    let alone = matches!(
        detection.map(|detection| &detection.decision),
        Some(Decision::BaseImageAlone | Decision::Inferred)
    );
    let unknown = || (!alone).then_some(Entries::UNKNOWN);
    let entries = declared.map(Entries::new).or_else(unknown);
    let looks = detection.iter().flat_map(|detection| &detection.looked_at);
    let looked_at = looks.map(|look| LookedAt {
        file: names.of(&look.file),
        taken: look.why == Why::Won,
        why: look.why.to_string(),
    });
    let notes = detection.iter().flat_map(|detection| &detection.notes);
    let unread = declared.iter().flat_map(|declared| &declared.unread);
    let unread = unread.map(|unread| {
        let place = format!("{}:{}", names.of(&unread.place.file), unread.place.line);
        format!("{place}: {}: {}", masked(&unread.what), masked(&unread.why))
    });
    Dependencies {
        source: source(detection, names),
        looked_at: looked_at.collect(),
        needs: inference
            .modules
            .iter()
            .filter_map(|module| need(module, entries.as_ref(), names))
            .collect(),
        requirements: declared
            .iter()
            .flat_map(|declared| declared.entries.iter().filter(|entry| !entry.constraint))
            .map(|entry| requirement(entry, names))
            .collect(),
        remarks: notes.map(ToString::to_string).chain(unread).collect(),
    }
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

/// What a dependency file asks for, by name.
struct Entries<'d> {
    by_name: BTreeMap<String, &'d Dependency>,
    /// Everything that is installed stands in it.
    is_whole: bool,
    /// What it asks for is known by name: no conda package, no code, no address without a name.
    tell_all: bool,
}

impl Entries<'_> {
    /// Of a file that only a run of its commands, or another reading, would tell.
    const UNKNOWN: Self = Self {
        by_name: BTreeMap::new(),
        is_whole: false,
        tell_all: false,
    };
}

impl<'d> Entries<'d> {
    fn new(declared: &'d Declared) -> Self {
        let wanted = || declared.entries.iter().filter(|entry| !entry.constraint);
        let named = wanted().filter_map(|entry| Some((entry.name.as_ref()?.to_string(), entry)));
        let all_hashed = wanted().all(|entry| !entry.hashes.is_empty());
        Self {
            by_name: named.collect(),
            is_whole: declared.format.is_lock() || all_hashed,
            tell_all: declared.unread.is_empty() && wanted().all(|entry| entry.name.is_some()),
        }
    }

    /// The entry that a module may be of.
    fn of(&self, module: &Inferred) -> Option<(String, &'d Dependency)> {
        let mut known = module.distributions().into_iter().map(|name| name.to_string());
        let by_table = known.find_map(|name| self.by_name.get(&name).map(|entry| (name, *entry)));
        by_table.or_else(|| {
            let mut named = self.by_name.iter();
            let found =
                named.find(|(_, entry)| entry.name.as_ref().is_some_and(|name| module.may_be_of(name)));
            found.map(|(name, entry)| (name.clone(), *entry))
        })
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
    let brought = |entries: &Entries<'_>| !entries.tell_all || brings(entries, distribution.as_deref());
    if status == NeedStatus::Missing && entries.is_some_and(brought) {
        status = NeedStatus::Unsure;
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

/// Whether one of the entries is known to bring a distribution along: a few that notebooks lean on, of many.
fn brings(entries: &Entries<'_>, distribution: Option<&str>) -> bool {
    let Some(distribution) = distribution.filter(|_| !entries.is_whole) else {
        return false;
    };
    BROUGHT
        .iter()
        .filter(|(_, brought)| brought.contains(&distribution))
        .any(|(name, _)| entries.by_name.contains_key(*name))
}

/// What the metadata of these distributions require, themselves or through one another.
const BROUGHT: &[(&str, &[&str])] = &[
    ("pandas", &["numpy", "python-dateutil", "pytz", "tzdata", "six"]),
    ("scipy", &["numpy"]),
    ("scikit-learn", &["numpy", "scipy", "joblib", "threadpoolctl"]),
    (
        "matplotlib",
        &["numpy", "pillow", "python-dateutil", "packaging", "six"],
    ),
    ("seaborn", &["numpy", "pandas", "matplotlib", "pillow"]),
    ("statsmodels", &["numpy", "scipy", "pandas", "patsy"]),
    ("xarray", &["numpy", "pandas", "packaging"]),
    ("geopandas", &["numpy", "pandas", "shapely", "pyproj"]),
    ("xgboost", &["numpy", "scipy"]),
    ("lightgbm", &["numpy", "scipy"]),
    ("torchvision", &["torch", "numpy", "pillow"]),
    ("torchaudio", &["torch"]),
    (
        "tensorflow",
        &["numpy", "keras", "h5py", "protobuf", "requests", "six"],
    ),
    (
        "transformers",
        &[
            "numpy",
            "requests",
            "tqdm",
            "pyyaml",
            "huggingface-hub",
            "tokenizers",
        ],
    ),
    (
        "datasets",
        &[
            "numpy",
            "pandas",
            "requests",
            "tqdm",
            "pyarrow",
            "huggingface-hub",
        ],
    ),
    ("nltk", &["tqdm", "joblib", "regex", "click"]),
    ("ipykernel", &["ipython"]),
    ("jupyter", &["ipython", "ipywidgets", "ipykernel", "notebook"]),
    ("ipywidgets", &["ipython"]),
];

fn cells(places: &[At]) -> Vec<u32> {
    let own = places.iter().filter(|place| place.file.is_none());
    let mut cells: Vec<u32> = own.filter_map(|place| place.location.cell).collect();
    cells.dedup();
    cells
}

fn requirement(entry: &Dependency, names: &Names) -> Requirement {
    Requirement {
        text: masked(&entry.text).into_owned(),
        name: entry.name.as_ref().map(ToString::to_string),
        file: names.of(&entry.place.file),
        line: u32::try_from(entry.place.line).unwrap_or(u32::MAX),
        pinned: is_pinned(entry),
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
