//! `build`: the image out of a lock and a base image that `prepare` named by digest. Nothing of the packages is run.

use std::path::Path;

use nbvet_deps::{ImageReference, Lock, target::Target};
use nbvet_image::{
    assemble::{self, Known, Order, Probes, Shelf, Tools, existing, identity, known},
    kernel::Kernel,
    reason,
    registry::Platform,
};
use nbvet_report::{
    Reason,
    step::{BuildInput, Built, BuiltLayer, Shadowed, Step, StepBody, StepInput},
};

use super::{Ending, input, network::network};
use crate::{
    image::{self, failure, network::Network, tell::layers_counted},
    ordinary,
};

/// What images are for where nobody says it.
pub(super) const PLATFORM: &str = "linux/amd64";

pub(crate) fn build(path: &Path) -> Ending {
    let StepInput { build, .. } = match input::read(Step::Build, path) {
        Ok(input) => input,
        Err(ending) => return ending,
    };
    input::part(Step::Build, "build", build)
        .and_then(|wish| Ground::new(&wish)?.built(&wish))
        .unwrap_or_else(|ending| ending)
}

/// Everything that decides the image.
struct Ground {
    network: Network,
    shelf: Shelf,
    base: ImageReference,
    known: Known,
    platform: Platform,
    target: Target,
    lock: Lock,
}

impl Ground {
    fn new(wish: &BuildInput) -> Result<Self, Ending> {
        let usage = |error| Ending::usage(Step::Build, &error);
        let read = |text: &str| {
            let reference = text.parse::<ImageReference>();
            reference.map_err(|error| usage(failure(&error)))
        };
        let (base, into) = (read(&wish.base)?, read(&wish.repository)?);
        if base.digest().is_none() {
            return Err(internal(&format!(
                "{}: the base image is named by its digest",
                wish.base
            )));
        }
        let network = network(&wish.registry, &wish.index).map_err(usage)?;
        let shelf = Shelf::of(&network.registries, &into);
        let platform = image::platform(wish.platform.as_deref().unwrap_or(PLATFORM)).map_err(usage)?;
        let text = ordinary::read_to_string(Path::new(&wish.lock_file))
            .map_err(|error| internal(&format!("{}: {error}", wish.lock_file)))?;
        let lock: Lock = text
            .parse()
            .map_err(|error| internal(&format!("{}: {error}", wish.lock_file)))?;
        let probes = Probes::new(network.folder("probes"));
        let found = known(&network.registries, &base, &platform, &probes, Some(&shelf));
        let (known, _) = found.map_err(|error| failed(&error, &shelf))?;
        let target = known.probe.target().map_err(|error| usage(failure(&error)))?;
        Ok(Self {
            network,
            shelf,
            base,
            known,
            platform,
            target,
            lock,
        })
    }

    fn order(&self) -> Order<'_> {
        Order {
            base: &self.base,
            known: &self.known,
            platform: &self.platform,
            lock: &self.lock,
            kernel: &Kernel::Off,
            target: &self.target,
        }
    }

    fn built(&self, wish: &BuildInput) -> Result<Ending, Ending> {
        let order = self.order();
        let identity = identity(&order, None);
        if identity.hex() != wish.identity {
            return Err(internal(&format!(
                "the image would have the identity {identity}, and {} is asked for: the pods are of different versions",
                wish.identity
            )));
        }
        let found = if wish.reuse_if_exists == Some(false) {
            None
        } else {
            existing(&order, &self.shelf, &identity).map_err(|error| failed(&error, &self.shelf))?
        };
        let built = match found {
            Some(found) => found,
            None => self.assemble(&order)?,
        };
        let size = self.size(&built)?;
        Ok(ending(built, size))
    }

    fn assemble(&self, order: &Order<'_>) -> Result<assemble::Built, Ending> {
        let scratch =
            tempfile::tempdir().map_err(|error| internal(&format!("a temporary folder: {error}")))?;
        let index = self.network.packages();
        let tools = Tools {
            registries: &self.network.registries,
            index: &index.map_err(|error| Ending::usage(Step::Build, &error))?,
            shelf: &self.shelf,
            scratch: scratch.path(),
            doing: &|_| {},
        };
        assemble::build(order, &tools, None).map_err(|error| failed(&error, &self.shelf))
    }

    /// Bytes of all layers as the registry has them.
    fn size(&self, built: &assemble::Built) -> Result<u64, Ending> {
        let found = self.shelf.repository().resolve(&built.digest, &self.platform);
        let found = found.map_err(|error| failed(&error.into(), &self.shelf))?;
        Ok(found.manifest.layers.iter().map(|layer| layer.size).sum())
    }
}

fn internal(message: &str) -> Ending {
    Ending::error(Step::Build, Reason::InternalError, false, message)
}

fn failed(error: &assemble::Error, shelf: &Shelf) -> Ending {
    let (reason, transient) = reason::of_build(error, &shelf.repository().image());
    Ending::error(Step::Build, reason, transient, &error.to_string())
}

fn ending(built: assemble::Built, size: u64) -> Ending {
    let known = built.layers.iter().filter(|layer| layer.known).count();
    let message = if built.reused {
        "the image was there".to_owned()
    } else {
        layers_counted(built.layers.len(), " on the base", known)
    };
    let layer = |layer: assemble::Told| BuiltLayer {
        what: layer.what,
        size: layer.size,
        known: layer.known,
    };
    let shadowed = |shadowed: assemble::Shadowed| Shadowed {
        name: shadowed.name,
        base: shadowed.base,
        image: shadowed.image,
    };
    let body = Built {
        image: built.image.clone(),
        identity: built.identity.to_string(),
        cache_hit: built.reused,
        size,
        layers: built.layers.into_iter().map(layer).collect(),
        shadowed: built.shadowed.into_iter().map(shadowed).collect(),
        warnings: built.warnings,
    };
    let mut ending = Ending::done(Step::Build, &message, Some(StepBody::Built(Box::new(body))));
    if built.reused {
        ending.end.reason = Reason::ImageReused;
    }
    ending = ending.with_image(&built.image);
    ending
}
