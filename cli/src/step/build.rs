//! `build`: the image out of a lock and a base image that `prepare` named by digest. Nothing of the packages is run; where
//! something has to be, `commands` does it.

use std::path::{Path, PathBuf};

use nbvet_deps::{ImageReference, Lock, identity::Identity, target::Target};
use nbvet_image::{
    assemble::{self, Known, Order, Probes, Shelf, Tools, existing, identity, known},
    bytecode::{Compilers, Finished, Python},
    kernel::Kernel,
    reason,
    registry::{Platform, Repository},
    remedy,
};
use nbvet_report::{
    Reason,
    step::{BuildInput, Built, BuiltLayer, Shadowed, Step, StepBody, StepInput},
};

use nbvet_source::Allowed;

use super::{Ending, commands, input, network::network};
use crate::{
    image::{self, failure, network::Network, tell::layers_counted},
    ordinary,
};

/// What images are for where nobody says it.
pub(super) const PLATFORM: &str = "linux/amd64";

pub(crate) fn build(path: &Path, allowed: Allowed) -> Ending {
    let StepInput { build, source, .. } = match input::read(Step::Build, path) {
        Ok(input) => input,
        Err(ending) => return ending,
    };
    input::part(Step::Build, "build", build)
        .and_then(|wish| {
            // However this ends, the container beside it is told.
            let _finished = wish.compiler.as_deref().map(Path::new).map(Finished::of);
            let ground = Ground::new(&wish)?;
            match &wish.commands {
                None => ground.built(&wish),
                Some(commands) => commands::built(&ground, &wish, commands, source.as_ref(), allowed),
            }
        })
        .unwrap_or_else(|ending| ending)
}

/// Everything that decides the image.
pub(super) struct Ground {
    network: Network,
    shelf: Shelf,
    base: ImageReference,
    known: Known,
    platform: Platform,
    target: Target,
    lock: Lock,
    kernel: Kernel,
    python: Option<Python>,
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
        let mut ground = Self {
            network,
            shelf,
            base,
            kernel: Kernel::of(&lock, &known.probe, &target),
            python: (wish.compiler.as_ref()).and_then(|_| image::of_base(&target, &known.digest)),
            known,
            platform,
            target,
            lock,
        };
        if wish.commands.is_none() && ground.identity().hex() != wish.identity {
            // `prepare` has found that the index has no such kernel.
            ground.kernel = Kernel::Off;
        }
        Ok(ground)
    }

    pub(super) fn around(&self) -> commands::Around<'_> {
        commands::Around {
            step: Step::Build,
            base: &self.base,
            known: &self.known,
            arch: self.target.platform().arch,
            network: &self.network,
        }
    }

    pub(super) fn repository(&self) -> &Repository {
        self.shelf.repository()
    }

    pub(super) const fn lock(&self) -> &Lock {
        &self.lock
    }

    pub(super) const fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    fn order(&self) -> Order<'_> {
        Order {
            base: &self.base,
            known: &self.known,
            platform: &self.platform,
            lock: &self.lock,
            kernel: &self.kernel,
            target: &self.target,
        }
    }

    fn identity(&self) -> Identity {
        identity(&self.order(), self.python.as_ref())
    }

    fn built(&self, wish: &BuildInput) -> Result<Ending, Ending> {
        let (order, identity) = (self.order(), self.identity());
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
            None => self.assemble(&order, wish)?,
        };
        let size = self.size(&built)?;
        Ok(assembled(built, size))
    }

    /// The base's own Python, in the container beside this one.
    fn compilers(&self, wish: &BuildInput) -> Option<Compilers> {
        let python = self.python.clone()?;
        let socket = PathBuf::from(wish.compiler.as_ref()?);
        Some(image::beside(python, socket))
    }

    fn assemble(&self, order: &Order<'_>, wish: &BuildInput) -> Result<assemble::Built, Ending> {
        let compilers = self.compilers(wish);
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
        assemble::build(order, &tools, compilers.as_ref()).map_err(|error| failed(&error, &self.shelf))
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
    let cause = reason::of_build(error, &shelf.repository().image());
    Ending::failed(Step::Build, cause, error, &remedy::of_build(error))
}

fn assembled(built: assemble::Built, size: u64) -> Ending {
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
        image: built.image,
        identity: built.identity.to_string(),
        cache_hit: built.reused,
        size,
        layers: built.layers.into_iter().map(layer).collect(),
        shadowed: built.shadowed.into_iter().map(shadowed).collect(),
        warnings: built.warnings,
    };
    ending(body, &message)
}

/// The end of a build that has an image.
pub(super) fn ending(body: Built, message: &str) -> Ending {
    let (image, size, was_there) = (body.image.clone(), body.size, body.cache_hit);
    let mut ending = Ending::done(Step::Build, message, Some(StepBody::Built(Box::new(body))));
    if was_there {
        ending.end.reason = Reason::ImageReused;
    }
    ending.end.image_size = Some(size);
    ending.with_image(&image)
}
