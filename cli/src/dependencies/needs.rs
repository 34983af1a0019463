//! What a notebook imports, and which distributions that is.

use std::collections::{BTreeMap, HashSet};

use nbvet_deps::{
    Tree,
    inference::{self, Asked, At, Imported, InBase, Inference, Inferred, Need as Needed, Origin, Request},
};
use nbvet_engine::{Import, Install, Tool, Wanted, When, needs};
use nbvet_image::base::Probe;
use nbvet_notebook::{Notebook, Reading};
use nbvet_report::{Need, NeedStatus};

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
    let needed = modules.filter(|module| module.need == Needed::Needed && is_elsewhere(&module.origin));
    needed.map(|module| module.module.as_str()).collect()
}

/// The modules that surely nothing brings, of which it is known what would; not those that the notebook may install
/// itself.
pub(super) fn missing<'i>(inference: &'i Inference, needs: &[Need]) -> Vec<&'i Inferred> {
    if inference.installs_unknown() {
        return Vec::new();
    }
    let missing: HashSet<&str> = needs
        .iter()
        .filter(|need| need.status == NeedStatus::Missing)
        .map(|need| need.module.as_str())
        .collect();
    let has_name = |origin: &Origin| matches!(origin, Origin::Distribution { .. } | Origin::Ambiguous { .. });
    let modules = inference.modules.iter().filter(|module| {
        missing.contains(module.module.as_str())
            && has_name(&module.origin)
            && !module.possible().iter().any(|name| inference.installs(name))
    });
    modules.collect()
}

fn imported(import: &Import) -> Imported {
    Imported {
        module: import.module.clone(),
        names: import.names.clone(),
        need: match import.when {
            When::Always | When::Called => Needed::Needed,
            When::Guarded => Needed::Optional,
            When::TypeChecking => Needed::TypesOnly,
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
