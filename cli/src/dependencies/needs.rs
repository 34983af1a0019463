//! What a notebook imports, and which distributions that is.

use std::collections::BTreeMap;

use nbvet_deps::{
    Tree,
    inference::{self, Asked, At, Imported, InBase, Inference, Need, Origin, Request},
};
use nbvet_engine::{Import, Install, Tool, Wanted, When, needs};
use nbvet_image::base::Probe;
use nbvet_notebook::{Notebook, Reading};

/// Where nothing says for which Python a notebook was written.
const USUAL_MINOR: u8 = 12;

/// The Python 3 that ran the notebook last, as its file says.
pub(crate) fn minor_of(reading: &Reading) -> u8 {
    let metadata = reading.notebook.as_ref().map(Notebook::metadata);
    let version = metadata
        .as_ref()
        .and_then(|metadata| metadata.get("language_info")?.get("version")?.as_str());
    let minor = version.and_then(|version| version.strip_prefix("3.")?.split('.').next()?.parse().ok());
    minor.unwrap_or(USUAL_MINOR)
}

/// What a notebook of a tree imports, and where that comes from.
pub(super) fn infer(
    reading: &Reading,
    notebook: &str,
    tree: &Tree,
    base: Option<&Probe>,
    minor: u8,
) -> Inference {
    let mut known: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    let mut load = |file: &str| {
        known
            .entry(file.to_owned())
            .or_insert_with(|| tree.read(file).ok())
            .clone()
    };
    let found = needs(reading, notebook, &mut load);
    let imports: Vec<Imported> = found.imports.iter().map(imported).collect();
    let asked: Vec<Asked> = found.installs.iter().flat_map(asked).collect();
    let base = base.map(in_base).unwrap_or_default();
    inference::infer(&imports, &asked, &|_| false, &base, minor)
}

fn in_base(probe: &Probe) -> Vec<InBase> {
    let installed = probe.installed().filter_map(|one| {
        Some(InBase {
            name: one.name.parse().ok()?,
            version: one.version.clone(),
            modules: one.modules.clone(),
        })
    });
    installed.collect()
}

/// The modules that neither Python nor the repository has, and that a run needs.
pub(super) fn from_elsewhere(inference: &Inference) -> Vec<&str> {
    let is_elsewhere = |origin: &Origin| {
        !matches!(
            origin,
            Origin::StandardLibrary | Origin::Local(_) | Origin::InBase { .. }
        )
    };
    let modules = inference.modules.iter();
    let needed = modules.filter(|module| module.need == Need::Needed && is_elsewhere(&module.origin));
    needed.map(|module| module.module.as_str()).collect()
}

fn imported(import: &Import) -> Imported {
    Imported {
        module: import.module.clone(),
        names: import.names.clone(),
        need: match import.when {
            When::Always | When::Called => Need::Needed,
            When::Guarded => Need::Optional,
            When::TypeChecking => Need::TypesOnly,
        },
        local: import.local.clone(),
        at: At {
            file: import.file.clone(),
            location: import.location.clone(),
        },
    }
}

fn asked(install: &Install) -> Vec<Asked> {
    let at = At {
        file: install.file.clone(),
        location: install.location.clone(),
    };
    let request = |wanted: &Wanted| match (wanted, install.tool) {
        (Wanted::File(file), _) => Request::File(file.clone()),
        (Wanted::Editable(folder), _) => Request::Editable(folder.clone()),
        (Wanted::Requirement(word), Tool::Pip) => Request::Pip(word.clone()),
        (Wanted::Requirement(word), Tool::Conda) => Request::Conda(word.clone()),
    };
    let requests = install.wanted.iter().map(request);
    requests
        .map(|request| Asked {
            request,
            at: at.clone(),
        })
        .collect()
}
