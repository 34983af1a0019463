//! What commands make: those of a Dockerfile in the source, or of distributions that come as source. By what it is known
//! before it is made, and how it is made: by buildah, in a container that may do more than others.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use nbvet_deps::{
    BadReference, Digest, ImageReference, Lock, Tree,
    dockerfile::{CA_SECRET, Context, PIP_SECRET, Recipe, TARGET},
    identity::{Copied, Identity, Ingredients},
    target::Arch,
    tree::Kind,
};
use nbvet_image::{
    assemble::{Known as KnownBase, interpreter},
    http::Secret,
    kernel::Kernel,
    reason, remedy,
};
use nbvet_report::{
    Reason,
    step::{BuildInput, Built, CommandsInput, IndexInput, RegistryInput, SourceInput, Step},
};
use nbvet_source::Allowed;

use super::{
    Ending,
    build::{Ground, PLATFORM},
    buildah::{Bud, Buildah, Failed, secret},
    dockerfile::from_images,
    network::index_urls,
};
use crate::image::{failure, network::Network};

/// Names what makes images by commands, for their identity: another way of doing it gives others.
const BY_COMMANDS: &str = "commands 2";

/// The system's authorities, in the places of Debian, Alpine and Red Hat.
const AUTHORITIES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// What is known around a build by commands.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) step: Step,
    pub(super) base: &'a ImageReference,
    pub(super) known: &'a KnownBase,
    pub(super) arch: Arch,
    pub(super) network: &'a Network,
}

/// Whom pip is to ask.
pub(super) struct Networking<'n> {
    pub(super) registry: &'n RegistryInput,
    pub(super) index: &'n IndexInput,
}

/// What would be made.
pub(super) struct Known {
    pub(super) identity: Identity,
    /// Every image that it starts from can be told.
    pub(super) is_sure: bool,
    /// Those images.
    bases: Vec<(ImageReference, Digest)>,
}

impl Around<'_> {
    fn internal(&self, message: &str) -> Ending {
        Ending::error(self.step, Reason::InternalError, false, message)
    }

    fn failure(&self, error: &(dyn std::error::Error + 'static)) -> Ending {
        Ending::usage(self.step, &failure(error))
    }

    fn ingredients(&self) -> Ingredients {
        Ingredients {
            builder: BY_COMMANDS.to_owned(),
            base: self.known.digest.clone(),
            lock: None,
            kernel: None,
            dockerfile: None,
            target: None,
            arch: self.arch,
            files: BTreeMap::new(),
        }
    }

    /// Of a tree: every file of it counts, since any may be copied. `outside`: what symlinks name that lead out of it.
    pub(super) fn of_tree(
        &self,
        (root, outside): (&Path, &BTreeMap<String, PathBuf>),
        dockerfile: Option<(&str, Option<&str>)>,
    ) -> Result<Known, Ending> {
        let tree = Tree::open(root).map_err(|fault| self.internal(&fault.to_string()))?;
        let bases = match dockerfile {
            Some((file, _)) => self.bases(&tree, file)?,
            None => Some(Vec::new()),
        };
        let is_sure = bases.is_some();
        let bases = bases.unwrap_or_default();
        let read = |message: String| self.internal(&message);
        let mut files = files(&tree, outside).map_err(read)?;
        for (image, digest) in &bases {
            let digest = digest.clone();
            let executable = false;
            files.insert(format!("FROM {image}"), Copied { executable, digest });
        }
        let named = dockerfile.map(|(file, _)| copied(&tree, file)).transpose();
        let identity = Ingredients {
            dockerfile: named.map_err(read)?.map(|file| file.digest),
            target: dockerfile.and_then(|(_, target)| target.map(str::to_owned)),
            files,
            ..self.ingredients()
        }
        .identity();
        Ok(Known {
            identity,
            is_sure,
            bases,
        })
    }

    /// What the images of a Dockerfile are now; `None`: not all of them can be told.
    fn bases(&self, tree: &Tree, dockerfile: &str) -> Result<Option<Vec<(ImageReference, Digest)>>, Ending> {
        let text = tree.read(dockerfile);
        let text = text.map_err(|fault| self.internal(&fault.to_string()))?;
        let Some(images) = from_images(&String::from_utf8_lossy(&text)) else {
            return Ok(None);
        };
        let mut bases = Vec::new();
        for image in images {
            let reference: ImageReference = image
                .parse()
                .map_err(|error: BadReference| self.failure(&error))?;
            let repository = self.network.registries.repository(&reference);
            let there = repository.head_manifest(reference.manifest());
            let there = there.map_err(|error| self.failure(&error))?.ok_or_else(|| {
                let message = format!("{dockerfile}: the base image {image} is not there");
                Ending::error(self.step, Reason::BaseImageNotFound, false, &message)
            })?;
            bases.push((reference, there.digest));
        }
        Ok(Some(bases))
    }

    /// Of a lock with distributions that come as source: a Dockerfile is written for it.
    pub(super) fn of_sources(
        &self,
        lock: &Lock,
        kernel: &Kernel,
        networking: &Networking<'_>,
    ) -> Result<(Known, Context), Ending> {
        if self.known.probe.distribution("pip").is_none() {
            let message = "the lock holds a source distribution, and the base image has no pip, which would build it; name a base \
                           image with pip, or give a wheel";
            return Err(Ending::error(
                self.step,
                Reason::DependencyConflict,
                false,
                message,
            ));
        }
        let python = interpreter(&self.known.probe).map_err(|error| self.failure(&error))?;
        let base = self.base.clone().pinned(self.known.digest.clone());
        let mut recipe = Recipe::new(base, self.arch, python, lock, kernel.lock());
        recipe.ca = networking
            .registry
            .ca_files
            .iter()
            .any(|file| Path::new(file).exists());
        recipe.pip_config = !networking.index.urls.is_empty();
        let context = recipe.context(lock);
        let identity = Ingredients {
            lock: Some(lock.digest()),
            kernel: kernel.lock().map(Lock::digest),
            dockerfile: Some(context.digest()),
            target: Some(TARGET.to_owned()),
            ..self.ingredients()
        }
        .identity();
        let known = Known {
            identity,
            is_sure: true,
            bases: Vec::new(),
        };
        Ok((known, context))
    }
}

/// Every file of a tree but git's own.
fn files(tree: &Tree, outside: &BTreeMap<String, PathBuf>) -> Result<BTreeMap<String, Copied>, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for item in tree.list(&folder).map_err(|fault| fault.to_string())? {
            let name = if folder.is_empty() {
                item.name
            } else {
                format!("{folder}/{}", item.name)
            };
            match item.kind {
                Kind::Folder if name != ".git" => folders.push(name),
                Kind::File => _ = files.insert(name.clone(), copied(tree, &name)?),
                Kind::Symlink => {
                    let target = match outside.get(&name) {
                        Some(target) => target.clone(),
                        None => fs::read_link(tree.root().join(&name))
                            .map_err(|error| format!("{name}: {error}"))?,
                    };
                    let digest = Digest::sha256(target.as_os_str().as_encoded_bytes());
                    let executable = false;
                    files.insert(format!("{name} ->"), Copied { executable, digest });
                }
                Kind::Folder | Kind::Other => {}
            }
        }
    }
    Ok(files)
}

fn copied(tree: &Tree, name: &str) -> Result<Copied, String> {
    let file = tree.file(name).map_err(|fault| fault.to_string())?;
    let mode = file.metadata().map_or(0, |found| found.permissions().mode());
    let digest = Digest::sha256_of(file).map_err(|error| format!("{name}: {error}"))?;
    Ok(Copied {
        executable: mode & 0o100 != 0,
        digest,
    })
}

/// What buildah is given.
struct Work {
    known: Known,
    context: PathBuf,
    dockerfile: PathBuf,
    target: Option<String>,
    secrets: Vec<(&'static str, PathBuf)>,
}

/// Makes the image, or finds it.
pub(super) fn built(
    ground: &Ground,
    wish: &BuildInput,
    commands: &CommandsInput,
    source: Option<&SourceInput>,
    allowed: Allowed,
) -> Result<Ending, Ending> {
    let around = ground.around();
    let scratch = tempfile::tempdir();
    let scratch = scratch.map_err(|error| around.internal(&format!("a temporary folder: {error}")))?;
    let work = match (&commands.dockerfile, source) {
        (Some(file), Some(source)) => fetched(around, (file, commands.target.as_deref()), source, allowed)?,
        (Some(_), None) => {
            return Err(around.internal("a Dockerfile is built, and the input has no `source`"));
        }
        (None, _) => written(ground, wish, scratch.path())?,
    };
    let identity = &work.known.identity;
    if identity.hex() != wish.identity {
        let message = "the source, or an image that it starts from, is another one than when it was prepared; set the annotation \
                       nbvet.mlops.dev/rerun to begin anew";
        return Err(Ending::error(Step::Build, Reason::BuildFailed, false, message));
    }
    let repository = ground.repository();
    let failed = |error: nbvet_image::registry::RegistryError| {
        let cause = reason::of_registry(&error, &repository.image());
        Ending::failed(Step::Build, cause, &error, &remedy::of_registry(&error))
    };
    let mut body = Built {
        identity: identity.to_string(),
        ..Built::default()
    };
    if wish.reuse_if_exists != Some(false)
        && work.known.is_sure
        && let Some(there) = repository.head_manifest(&identity.tag()).map_err(failed)?
    {
        body.image = format!("{}@{}", repository.image(), there.digest);
        body.cache_hit = true;
        return Ok(super::build::ending(body, "the image was there"));
    }
    let layout = scratch.path().join("image");
    run(wish, &work, scratch.path(), &layout).map_err(|failed| {
        let (reason, transient) = failed.cause;
        Ending::error(Step::Build, reason, transient, &failed.message)
    })?;
    let put = repository.push_layout(&layout, &identity.tag()).map_err(failed)?;
    body.image = format!("{}@{}", repository.image(), put.digest);
    body.size = put.layers.iter().map(|layer| layer.size).sum();
    Ok(super::build::ending(body, "built by commands"))
}

fn run(wish: &BuildInput, work: &Work, scratch: &Path, layout: &Path) -> Result<(), Failed> {
    let folder = scratch.join("buildah");
    fs::create_dir(&folder)?;
    let buildah = Buildah::new(&folder, &wish.registry)?;
    for (image, digest) in &work.known.bases {
        buildah.take(image, digest)?;
    }
    let bud = Bud {
        context: &work.context,
        dockerfile: &work.dockerfile,
        target: work.target.as_deref(),
        platform: wish.platform.as_deref().unwrap_or(PLATFORM),
        labels: BTreeMap::from([("dev.nbvet.identity", work.known.identity.to_string())]),
        secrets: work.secrets.clone(),
    };
    buildah.bud(&bud, layout)
}

/// The source once more, in two folders: one to be read here, and one as it is, which is the context.
fn fetched(
    around: Around<'_>,
    dockerfile: (&str, Option<&str>),
    source: &SourceInput,
    allowed: Allowed,
) -> Result<Work, Ending> {
    let [tree, context] = &source.into[..] else {
        return Err(around.internal("a source to build from goes into two folders"));
    };
    let found = nbvet_source::fetch(source, allowed);
    let found = found.map_err(|error| Ending::no_source(Step::Build, &error))?;
    let known = around.of_tree((Path::new(tree), &found.outside), Some(dockerfile))?;
    let context = PathBuf::from(context);
    // It is no part of the identity: what git keeps there differs from fetch to fetch.
    match fs::remove_dir_all(context.join(".git")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(around.internal(&format!("{}: {error}", context.display())));
        }
        _ => {}
    }
    let (file, target) = dockerfile;
    Ok(Work {
        known,
        dockerfile: context.join(file),
        context,
        target: target.map(str::to_owned),
        secrets: Vec::new(),
    })
}

/// The Dockerfile of a lock, with what pip needs to ask its index.
fn written(ground: &Ground, wish: &BuildInput, scratch: &Path) -> Result<Work, Ending> {
    let around = ground.around();
    let networking = Networking {
        registry: &wish.registry,
        index: &wish.index,
    };
    let of = |kernel: &Kernel| around.of_sources(ground.lock(), kernel, &networking);
    let (mut known, mut files) = of(ground.kernel())?;
    if known.identity.hex() != wish.identity {
        // `prepare` has found that the index has no such kernel.
        (known, files) = of(&Kernel::Off)?;
    }
    let failed = |error: std::io::Error| around.internal(&format!("a temporary folder: {error}"));
    let context = scratch.join("context");
    files.write(&context).map_err(failed)?;
    let mut secrets = Vec::new();
    let mounts = |id: &str| files.dockerfile.contains(&format!("id={id},"));
    if mounts(CA_SECRET) {
        let file = scratch.join("authorities");
        secret(&file, &authorities(wish).map_err(failed)?).map_err(failed)?;
        secrets.push((CA_SECRET, file));
    }
    if mounts(PIP_SECRET) {
        let urls = index_urls(&wish.index).map_err(|error| Ending::usage(Step::Build, &error))?;
        let file = scratch.join("pip.conf");
        secret(&file, &pip_config(&urls)).map_err(failed)?;
        secrets.push((PIP_SECRET, file));
    }
    Ok(Work {
        known,
        dockerfile: context.join("Dockerfile"),
        context,
        target: Some(TARGET.to_owned()),
        secrets,
    })
}

/// The system's and the job's: what pip is given replaces its own.
fn authorities(wish: &BuildInput) -> std::io::Result<String> {
    let system = AUTHORITIES.iter().find_map(|file| fs::read_to_string(file).ok());
    let mut all = system.unwrap_or_default();
    for file in &wish.registry.ca_files {
        all.push('\n');
        all += &fs::read_to_string(file)?;
    }
    Ok(all)
}

fn pip_config(urls: &[Secret]) -> String {
    let mut text = "[global]\n".to_owned();
    let mut urls = urls.iter().map(Secret::reveal);
    if let Some(first) = urls.next() {
        let _ = writeln!(text, "index-url = {first}");
    }
    let more: Vec<&str> = urls.collect();
    if !more.is_empty() {
        let _ = writeln!(text, "extra-index-url = {}", more.join("\n    "));
    }
    text
}
