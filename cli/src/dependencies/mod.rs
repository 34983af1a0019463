//! What a notebook needs and what its repository says about that, from files alone: found, read, judged by the rules of
//! dependencies, and told.

mod diagnose;
mod needs;

mod tell;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf, absolute},
};

use nbvet_deps::{
    Declared, Tree,
    detection::{Asked, Decision, Detection, detect},
    formats,
    inference::Inference,
    policy::{Allowed, BaseImage, Installed, Review},
    requirements::Fault,
    rules,
    target::Target,
};
use nbvet_image::base::Probe;
use nbvet_notebook::Reading;
use nbvet_report::{Dependencies, Diagnostic, Level, NotebookReport, judge};

use self::diagnose::Grading;
pub(crate) use self::needs::minor_of;
use crate::{config::dependencies::DependencyConfig, settings::NotebookSettings, usage::shown};

/// Everything that is known of a notebook's dependencies without asking an index, a registry or a Python.
pub(crate) struct Gathered {
    pub(crate) detection: Option<Detection>,
    pub(crate) declared: Option<Declared>,
    pub(crate) inference: Inference,
    /// What the report tells.
    pub(crate) told: Dependencies,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The lines that diagnostics point at, by the names that these give.
    pub(crate) texts: BTreeMap<String, String>,
    /// The notebook, from the root of the tree.
    pub(crate) notebook: String,
}

/// What is known of where a notebook is to run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place<'a> {
    /// The Python and platform of its image.
    pub(crate) target: Option<&'a Target>,
    /// Something is to be built from it, or is asked about that: what must not be built from is refused at every level.
    /// Where a notebook was run in another environment, that grades as lines that are not pinned.
    pub(crate) building: bool,
    /// What the base image holds.
    pub(crate) base: Option<&'a Probe>,
    /// The base image as it was named.
    pub(crate) base_image: Option<BaseImage<'a>>,
    /// Which Python 3 it is written for, where there is no target.
    pub(crate) minor: Option<u8>,
}

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
    let asked = asked(&notebook, &settings.dependencies, &tree);
    let mut findings = Vec::new();
    let detection = match detect(&tree, &asked) {
        Ok(detection) => Some(detection),
        Err(refused) => {
            findings.push(rules::of_refused(&refused));
            None
        }
    };
    let declared = detection
        .as_ref()
        .and_then(|detection| match read(detection, &mut tree)? {
            Ok(declared) => Some(declared),
            Err(fault) => {
                findings.push(rules::of_fault(&fault));
                None
            }
        });
    let source = detection
        .as_ref()
        .and_then(|detection| input(detection, &mut tree));
    if let Some(declared) = &declared {
        let allowed = Allowed {
            indexes: settings.dependencies.allowed_indexes.clone().unwrap_or_default(),
            ..Allowed::default()
        };
        let mut review = Review::new(declared, &allowed);
        let installed = place.base.map(installed);
        review.target = place.target;
        review.base = installed.as_deref();
        review.base_image = place.base_image;
        review.source = source.as_ref();
        review.verify_hashes = settings.engine.flags.verify_hashes;
        findings.extend(rules::review(&review));
    }
    let minor = place
        .target
        .and_then(|target| u8::try_from(target.minor()).ok())
        .or(place.minor)
        .unwrap_or_else(|| minor_of(reading));
    let inference = needs::infer(reading, &notebook, &tree, place.base, minor);
    if let Some(Detection {
        decision: Decision::BaseImageAlone,
        ..
    }) = &detection
    {
        let elsewhere = needs::from_elsewhere(&inference);
        findings.extend((!elsewhere.is_empty()).then(|| rules::none_found(&elsewhere)));
    }
    let mut texts = BTreeMap::new();
    let diagnostics = diagnose::diagnostics(
        &findings,
        &Grading {
            settings: &settings.engine,
            building: place.building,
        },
        &names,
        &mut tree,
        &mut texts,
    );
    let told = tell::told(detection.as_ref(), declared.as_ref(), &inference, &names);
    Ok(Gathered {
        detection,
        declared,
        inference,
        told,
        diagnostics,
        texts,
        notebook,
    })
}

/// The report of a notebook of which only its dependencies were looked at.
pub(crate) fn report_of(
    notebook: &Path,
    level: Level,
    diagnostics: Vec<Diagnostic>,
    told: Dependencies,
) -> NotebookReport {
    NotebookReport {
        path: shown(notebook),
        verdict: judge(level, &diagnostics, &[], None, None),
        diagnostics,
        strengths: Vec::new(),
        interpreter: None,
        cells: Vec::new(),
        expectations: Vec::new(),
        end: None,
        failure: None,
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
}

impl Names {
    fn new(tree: &Tree) -> Self {
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        Self {
            root: tree.root().to_owned(),
            here: here.ok(),
        }
    }

    /// A file of the tree.
    pub(crate) fn of(&self, file: &str) -> String {
        let file = if file.is_empty() { "./" } else { file };
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
}
