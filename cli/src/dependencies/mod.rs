//! What a notebook needs and what its repository says about that, from files alone: found, read, judged by the rules of
//! dependencies, and told.

mod diagnose;
mod entries;
mod environment;
mod needs;
mod remarks;
mod tell;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf, absolute},
};

use nbvet_deps::{
    Declared, Tree,
    detection::{Asked, Decision, Detection, Refused, detect},
    formats,
    inference::Inference,
    policy::{Allowed, BaseImage, Finding, Installed, Pins, Releases, Review},
    requirements::Fault,
    rules,
    target::Target,
};
use nbvet_image::base::Probe;
use nbvet_notebook::Reading;
use nbvet_report::{
    Dependencies, Diagnostic, Interpreter, Level, NotebookReport, RunFailure, Severity, judge,
};

pub(crate) use self::needs::minor_of;
use self::{diagnose::Grading, entries::Entries};
use crate::{config::dependencies::DependencyConfig, settings::NotebookSettings, usage::shown};

/// Everything that is known of a notebook's dependencies without asking an index, a registry or a Python.
pub(crate) struct Gathered {
    pub(crate) detection: Option<Detection>,
    /// Why there is none.
    pub(crate) refused: Option<Refused>,
    pub(crate) declared: Option<Declared>,
    pub(crate) inference: Inference,
    /// What the report tells.
    pub(crate) told: Dependencies,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The lines that diagnostics point at, by the names that these give.
    pub(crate) texts: BTreeMap<String, String>,
    /// The notebook, from the root of the tree.
    pub(crate) notebook: String,
    /// Indexes were to be asked, and could not be: why.
    pub(crate) index_failure: Option<String>,
}

/// What is known of where a notebook is to run.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place<'a> {
    /// The Python and platform of its image.
    pub(crate) target: Option<&'a Target>,
    /// No image was looked at: the target is what is likely, for questions to an index.
    pub(crate) is_assumed: bool,
    /// Something is to be built from it, or is asked about that: what must not be built from is refused at every level.
    /// Where a notebook was run in another environment, that grades as lines that are not pinned.
    pub(crate) building: bool,
    /// What the base image holds.
    pub(crate) base: Option<&'a Probe>,
    /// The base image as it was named.
    pub(crate) base_image: Option<BaseImage<'a>>,
    /// Which Python 3 it is written for, where there is no target.
    pub(crate) minor: Option<u8>,
    /// The Python of this machine that ran it.
    pub(crate) ran_with: Option<&'a Interpreter>,
    /// Asks indexes what they tell of what a file pins. Without it nobody is asked.
    pub(crate) index: Option<&'a Ask<'a>>,
}

/// What indexes tell of the versions that a file pins, or why they could not be asked.
pub(crate) type Ask<'a> = dyn Fn(&Declared, &Target) -> Result<Releases, String> + 'a;

/// Looks for what a notebook needs. Fails where the folder that holds it cannot be looked into.
pub(crate) fn gather(
    path: &Path,
    reading: &Reading,
    settings: &NotebookSettings,
    place: Place<'_>,
) -> Result<Gathered, String> {
    let (tree, notebook) = Tree::around(path).map_err(|fault| fault.to_string())?;
    let mut tree = tree;
    let names = Names::new(&tree);
    let mut findings = Vec::new();
    let (detection, declared, refused) = match found(&notebook, settings, &mut tree, &mut findings) {
        Ok((detection, declared)) => (Some(detection), declared, None),
        Err(refused) => (None, None, Some(refused)),
    };
    let minor = place
        .target
        .and_then(|target| u8::try_from(target.minor()).ok())
        .or(place.minor)
        .unwrap_or_else(|| minor_of(reading));
    let inference = needs::infer(reading, &notebook, &tree, place.base, minor);
    let asked = declared.as_ref().zip(place.index.zip(place.target));
    let asked = asked.map(|(declared, (ask, target))| ask(declared, target));
    let (releases, index_failure) = match asked.transpose() {
        Ok(releases) => (releases, None),
        Err(why) => (None, Some(why)),
    };
    let alone = matches!(
        detection.as_ref().map(|detection| &detection.decision),
        Some(Decision::BaseImageAlone | Decision::Inferred)
    );
    let unknown = || (!alone).then(Entries::unknown);
    let entries = declared
        .as_ref()
        .map(|declared| Entries::new(declared, releases.as_ref()))
        .or_else(unknown);
    let needs = tell::needs(&inference, entries.as_ref(), &names);
    let mut pinned = Vec::new();
    if let Some(declared) = &declared {
        let source = detection
            .as_ref()
            .and_then(|detection| input(detection, &mut tree));
        let known = Known {
            place,
            releases: releases.as_ref(),
            source: source.as_ref(),
        };
        reviewed(declared, &known, settings, |review| {
            findings.extend(rules::review(review));
            let missing = needs::missing(&inference, &needs);
            let undeclared = rules::undeclared(review, &missing);
            findings.extend(undeclared.map(|finding| {
                if place.building {
                    finding
                } else {
                    // It ran, or stopped for want of it, which is told.
                    finding.at_most(Severity::Note)
                }
            }));
            pinned = tell::pinned(declared, &Pins::new(review));
        });
    }
    if matches!(
        detection.as_ref().map(|found| &found.decision),
        Some(Decision::BaseImageAlone)
    ) {
        let elsewhere = needs::from_elsewhere(&inference);
        findings.extend((!elsewhere.is_empty()).then(|| rules::none_found(&elsewhere)));
    }
    let mut texts = BTreeMap::new();
    let grading = Grading {
        settings: &settings.engine,
        building: place.building,
    };
    let diagnostics = diagnose::diagnostics(&findings, &grading, &names, &mut tree, &mut texts);
    let known = tell::Known {
        readers: settings.engine.readers,
        detection: detection.as_ref(),
        declared: declared.as_ref(),
        pinned: &pinned,
        is_repository: tree.is_repository(),
        inference: &inference,
        // Where no image was looked at, nothing else tells what is still open.
        asked: releases.as_ref().zip(place.target).filter(|_| place.is_assumed),
    };
    let told = tell::told(&known, needs, &names);
    Ok(Gathered {
        detection,
        refused,
        declared,
        inference,
        told,
        diagnostics,
        texts,
        notebook,
        index_failure,
    })
}

/// What is known beside a dependency file.
struct Known<'a> {
    place: Place<'a>,
    releases: Option<&'a Releases>,
    source: Option<&'a Declared>,
}

/// Looks for the dependency file and reads it; what stands in the way is a finding.
fn found(
    notebook: &str,
    settings: &NotebookSettings,
    tree: &mut Tree,
    findings: &mut Vec<Finding>,
) -> Result<(Detection, Option<Declared>), Refused> {
    let asked = asked(notebook, &settings.dependencies, tree);
    let readers = settings.engine.readers;
    let detection =
        detect(tree, &asked).inspect_err(|refused| findings.push(rules::of_refused(refused, readers)))?;
    let declared = read(&detection, tree)
        .and_then(|read| read.map_err(|fault| findings.push(rules::of_fault(&fault))).ok());
    Ok((detection, declared))
}

/// Hands a dependency file on with all that is known around it.
fn reviewed(
    declared: &Declared,
    known: &Known<'_>,
    settings: &NotebookSettings,
    look: impl FnOnce(&Review<'_>),
) {
    let config = &settings.dependencies;
    let allowed = Allowed {
        indexes: config.allowed_indexes.clone().unwrap_or_default(),
        hosts: config.allowed_hosts.clone().unwrap_or_default(),
    };
    let place = known.place;
    let base = place.base.map(installed);
    let environment = place
        .ran_with
        .map(|python| environment::installed(Path::new(&python.path), &python.version));
    look(&Review {
        target: place.target,
        is_assumed: place.is_assumed,
        base: base.as_deref(),
        environment: environment.as_deref(),
        base_image: place.base_image,
        source: known.source,
        releases: known.releases,
        verify_hashes: settings.engine.flags.verify_hashes,
        allow_sdist: config.allow_sdist.unwrap_or_default(),
        ..Review::new(declared, &allowed)
    });
}

/// The report of a notebook of which only its dependencies were looked at.
pub(crate) fn report_of(
    notebook: &Path,
    level: Level,
    diagnostics: Vec<Diagnostic>,
    told: Dependencies,
    failure: Option<RunFailure>,
) -> NotebookReport {
    NotebookReport {
        path: shown(notebook),
        verdict: judge(level, &diagnostics, &[], None, failure.as_ref()),
        diagnostics,
        strengths: Vec::new(),
        interpreter: None,
        cells: Vec::new(),
        expectations: Vec::new(),
        end: None,
        failure,
        comparison: None,
        dependencies: Some(told),
    }
}

/// What the base image's Python imports, as far as its names and versions can be read.
fn installed(probe: &Probe) -> Vec<Installed> {
    let installed = probe.installed().filter_map(|one| {
        Some(Installed {
            name: one.name.parse().ok()?,
            version: one.version.parse().ok()?,
        })
    });
    installed.collect()
}

/// The dependency file that was decided for, read; `None`: there is none that could be read.
fn read(detection: &Detection, tree: &mut Tree) -> Option<Result<Declared, Fault>> {
    let Decision::Dependencies { file, format, .. } = &detection.decision else {
        return None;
    };
    Some(formats::read(*format, file, tree))
}

/// What a lock was made from, where it stands beside it and can be read.
fn input(detection: &Detection, tree: &mut Tree) -> Option<Declared> {
    let Decision::Dependencies {
        input: Some(input), ..
    } = &detection.decision
    else {
        return None;
    };
    let format = nbvet_deps::Format::of(input)?;
    formats::read(format, input, tree).ok()
}

/// What settings ask for, from the root of the tree.
fn asked(notebook: &str, config: &DependencyConfig, tree: &Tree) -> Asked {
    let within = |path: &PathBuf| within(path, tree.root());
    Asked {
        notebook: notebook.to_owned(),
        dockerfile: config.dockerfile.as_ref().map(within),
        target: config.target.clone(),
        requirements_file: config.requirements_file.as_ref().map(within),
        requirements_sources: config.requirements_sources.iter().flatten().map(within).collect(),
        prefer_dockerfile: config.prefer_dockerfile.unwrap_or_default(),
        auto_generate_requirements: config.auto_generate_requirements.unwrap_or_default(),
        fallback: config.fallback_strategy.unwrap_or_default(),
    }
}

/// A path as the tree knows it; one that leads out of it stays as it is, and is refused there.
fn within(path: &Path, root: &Path) -> String {
    let whole = absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = whole.parent().and_then(|folder| folder.canonicalize().ok());
    let whole = match (folder, whole.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => whole,
    };
    shown(whole.strip_prefix(root).unwrap_or(path))
}

/// How files of a tree are called to the user: as seen from the current folder.
pub(crate) struct Names {
    root: PathBuf,
    here: Option<PathBuf>,
    /// What was asked before: a file has many lines.
    known: RefCell<HashMap<String, String>>,
}

impl Names {
    fn new(tree: &Tree) -> Self {
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        Self {
            root: tree.root().to_owned(),
            here: here.ok(),
            known: RefCell::default(),
        }
    }

    /// A file of the tree.
    pub(crate) fn of(&self, file: &str) -> String {
        if let Some(known) = self.known.borrow().get(file) {
            return known.clone();
        }
        let name = self.seen_from_here(file);
        self.known.borrow_mut().insert(file.to_owned(), name.clone());
        name
    }

    fn seen_from_here(&self, file: &str) -> String {
        let file = if file.is_empty() { "./" } else { file };
        let straight = self.straight(file);
        let file = straight.as_deref().unwrap_or(file);
        let whole = self.root.join(file);
        let Some(here) = &self.here else {
            return shown(&whole);
        };
        if let Ok(below) = whole.strip_prefix(here) {
            let name = shown(below);
            return if name.is_empty() { "./".to_owned() } else { name };
        }
        match here.strip_prefix(&self.root) {
            Ok(down) => "../".repeat(down.components().count()) + file,
            Err(_) => shown(&whole),
        }
    }

    /// A name without its `..`, as far as the folders are there: `notebooks/../base.txt`.
    fn straight(&self, file: &str) -> Option<String> {
        file.split('/').any(|part| part == "..").then_some(())?;
        let whole = self.root.join(file);
        let folder = whole.parent()?.canonicalize().ok()?;
        let below = folder
            .strip_prefix(self.root.canonicalize().ok()?)
            .ok()?
            .to_owned();
        Some(shown(&below.join(whole.file_name()?)))
    }
}
