//! An image out of a base image and a lock: wheels become layers, each kept under a name of its own, and the registry
//! puts them onto the base. The same base, lock and byte-code give the same digest, whoever builds and when. Nothing of
//! the wheels is run, nothing is half-published: the manifest comes last, and what was kept before is taken up again.

mod base;
mod config;
mod error;
mod layers;
mod locking;
mod shelf;

use std::{collections::BTreeSet, path::Path};

use nbvet_deps::{
    Digest, ImageReference, Lock,
    identity::{Identity, Ingredients},
    target::Target,
};
use serde::Serialize;

pub use self::{
    base::{Base, Known, Probes, known},
    config::BadConfig,
    error::Error,
    layers::{Doing, Group, Told, choose, groups, kept},
    locking::{Came, Locks},
    shelf::{Shelf, Unfit},
};
use crate::{
    base::Probe,
    bytecode::{Compilers, Python},
    index::PackageIndex,
    kernel::Kernel,
    layer::{Content, Key, Stored},
    layout::Interpreter,
    registry::{Descriptor, Platform, Registries},
};
use config::{CONFIG_TYPE, Labels, MANIFEST_TYPE};

/// When the plan of layers or the configuration comes to be another one for the same input, so must this.
const VERSION: &str = "3";

/// What an image is to be made of.
#[derive(Debug)]
pub struct Order<'o> {
    /// The base image, by the name that was given.
    pub base: &'o ImageReference,
    /// What it is.
    pub known: &'o Known,
    /// For this platform.
    pub platform: &'o Platform,
    /// What is installed.
    pub lock: &'o Lock,
    /// Its kernel.
    pub kernel: &'o Kernel,
    /// Its Python and platform.
    pub target: &'o Target,
}

/// What images are built with.
pub struct Tools<'t> {
    /// Registries.
    pub registries: &'t Registries,
    /// Where wheels come from.
    pub index: &'t PackageIndex,
    /// The shelf of the repository that is built into.
    pub shelf: &'t Shelf,
    /// A folder for temporary files.
    pub scratch: &'t Path,
    /// Told what is being done.
    pub doing: &'t (dyn Fn(Doing<'_>) + Sync),
}

/// An image that is there.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    /// `registry/repository@sha256:…`.
    pub image: String,
    /// Its digest.
    pub digest: String,
    /// Of what it was made.
    pub identity: Identity,
    /// It was there already; nothing was built.
    pub reused: bool,
    /// Its kernel for Jupyter.
    pub kernel: Kernel,
    /// What was laid on the base, from below; empty where it was there already.
    pub layers: Vec<Told>,
    /// Packages of the base in whose place others are imported now.
    pub shadowed: Vec<Shadowed>,
    /// What is installed and does not work as its maker meant.
    pub warnings: Vec<String>,
}

/// A package of the base image that is there and is not imported any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shadowed {
    /// Its name.
    pub name: String,
    /// Its version in the base.
    pub base: String,
    /// The version that is imported.
    pub image: String,
}

impl Order<'_> {
    /// All that is installed, the kernel too where one is added.
    pub fn installed(&self) -> Lock {
        let kernel = self.kernel.lock();
        kernel.map_or_else(|| self.lock.clone(), |kernel| self.lock.with(kernel))
    }
}

/// The identity of what an order asks for, known before anything is built.
pub fn identity(order: &Order<'_>, python: Option<&Python>) -> Identity {
    // Whose Python it is decides who may take a layer, and nothing of what is in it.
    let python = python.map(|python| Python {
        image: None,
        ..python.clone()
    });
    let layers = Key::of(&[Content {
        sha256: "",
        files: true,
        bytecode: python.as_ref(),
    }]);
    Ingredients {
        builder: format!("assemble {VERSION} {}", layers.tag()),
        base: order.known.digest.clone(),
        lock: Some(order.lock.digest()),
        kernel: order.kernel.lock().map(Lock::digest),
        dockerfile: None,
        target: None,
        arch: order.target.platform().arch,
        files: std::collections::BTreeMap::new(),
    }
    .identity()
}

/// The image of an order where the repository has it: one question. What stands under its tag and says of itself that it
/// is made of something else is left to [`Shelf::take_unfit`].
pub fn existing(order: &Order<'_>, shelf: &Shelf, identity: &Identity) -> Result<Option<Built>, Error> {
    let labels = labels(order, identity);
    let found = shelf.image(&identity.tag(), |manifest| labels.unlike(&manifest.annotations))?;
    Ok(found.map(|digest| Built {
        image: format!("{}@{digest}", shelf.repository().image()),
        digest: digest.to_string(),
        identity: identity.clone(),
        reused: true,
        kernel: order.kernel.clone(),
        layers: Vec::new(),
        shadowed: shadowed(&order.known.probe, &order.installed()),
        warnings: Vec::new(),
    }))
}

/// Builds what is not there yet, and puts the image into the repository under the tag of its identity.
pub fn build(order: &Order<'_>, tools: &Tools<'_>, compilers: Option<&Compilers>) -> Result<Built, Error> {
    if let Some(compilers) = compilers {
        check_python(compilers.python(), order.target)?;
    }
    let identity = identity(order, compilers.map(Compilers::python));
    let base = Base::open(tools.registries, order.base, &order.known.digest, order.platform)?;
    let mut made = layers::ensure(order, base.resolved.manifest.layers.len(), tools, compilers)?;
    made.layers.push(layers::top(&order.known.probe, tools)?);
    let digest = put_together(order, tools, &identity, &base, &made.layers)?;
    Ok(Built {
        image: format!("{}@{digest}", tools.shelf.repository().image()),
        digest: digest.to_string(),
        identity,
        reused: false,
        kernel: order.kernel.clone(),
        layers: made.layers.into_iter().map(|(_, told)| told).collect(),
        shadowed: shadowed(&order.known.probe, &order.installed()),
        warnings: made.warnings,
    })
}

/// The base's layers, ours, the configuration, and last the manifest.
fn put_together(
    order: &Order<'_>,
    tools: &Tools<'_>,
    identity: &Identity,
    base: &Base,
    layers: &[(Stored, Told)],
) -> Result<Digest, Error> {
    let repository = tools.shelf.repository();
    (tools.doing)(Doing::Joining);
    for layer in &base.resolved.manifest.layers {
        base.repository.copy_blob(layer, repository)?;
    }
    let labels = labels(order, identity);
    let layers: Vec<(Stored, String)> = layers
        .iter()
        .map(|(stored, told)| (stored.clone(), told.what.clone()))
        .collect();
    let config = config::config(&base.config, &layers, &labels)?;
    let descriptor = Descriptor::of(CONFIG_TYPE, &config);
    repository.push_blob(&descriptor, None, &config)?;
    let named = (descriptor.digest.as_str(), descriptor.size);
    let manifest = config::manifest(named, &base.resolved.manifest.layers, &layers, &labels);
    let put = repository.push_manifest(&identity.tag(), MANIFEST_TYPE, &manifest)?;
    Ok(put.digest)
}

/// What an order's image says of itself.
fn labels(order: &Order<'_>, identity: &Identity) -> Labels {
    Labels {
        base_digest: order.known.digest.to_string(),
        identity: identity.to_string(),
        lock: order.lock.digest().to_string(),
        kernel: order.kernel.lock().map(Lock::pins),
    }
}

/// The Python that compiles is of the version that the probe has found.
fn check_python(python: &Python, target: &Target) -> Result<(), Error> {
    let tag = format!("cpython-3{}", target.minor());
    if python.tag == tag {
        return Ok(());
    }
    Err(Error::OtherPython {
        probed: target.python().to_string(),
        said: python.version.clone(),
    })
}

/// Packages of the base that ours come before.
pub fn shadowed(probe: &Probe, lock: &Lock) -> Vec<Shadowed> {
    let seen: BTreeSet<_> = lock
        .packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let ours = |name: &str| {
        let name = name.parse().ok()?;
        lock.get(&name).map(|package| package.version.to_string())
    };
    probe
        .installed()
        .filter(|installed| seen.contains(&installed.name))
        .filter_map(|installed| {
            let image = ours(&installed.name)?;
            (image != installed.version).then(|| Shadowed {
                name: installed.name.clone(),
                base: installed.version.clone(),
                image,
            })
        })
        .collect()
}

/// The base's Python, as scripts name it.
pub fn interpreter(probe: &Probe) -> Result<Interpreter, Error> {
    let path = probe.python().map_or("", |python| python.path.as_str());
    Interpreter::new(path).ok_or_else(|| Error::OddInterpreter {
        path: path.to_owned(),
    })
}
