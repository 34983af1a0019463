//! Why there is no image.

use super::config::BadConfig;
use crate::{
    base, bytecode, index::IndexError, layer, registry::RegistryError, resolve::ResolveError, wheel,
};

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The base image is not there.
    #[error("the base image {base} is not there")]
    NoBase {
        /// Its name.
        base: String,
    },
    /// Nobody is asked which image a name stands for now.
    #[error(
        "{base} is named by no digest, and with `--offline` nobody is asked which image it is now; name it by digest, which `nbvet image plan` prints without `--offline`"
    )]
    NoDigestOffline {
        /// Its name.
        base: String,
    },
    /// Nobody is asked what the base image holds.
    #[error(
        "the base image {base} was not looked into on this machine yet, and with `--offline` nobody is asked; run the same `nbvet image plan` once without `--offline`"
    )]
    UnknownOffline {
        /// Its name.
        base: String,
    },
    /// The base image is one image, for another platform.
    #[error("the base image {base} is for {found}, not for {wanted}")]
    OtherPlatform {
        /// Its name.
        base: String,
        /// Its platform.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// What the base image holds cannot be told.
    #[error("the base image cannot be looked into: {0}")]
    Base(#[from] base::Fault),
    /// Wheels cannot be chosen for the base image.
    #[error("the base image has no Python to install for: {0}")]
    NoTarget(#[from] base::NoTarget),
    /// A registry does not do what is needed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Versions cannot be found.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A file cannot be had.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A wheel is not what it must be.
    #[error(transparent)]
    Wheel(#[from] wheel::Refused),
    /// A layer cannot be made.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// Byte-code cannot be made.
    #[error(transparent)]
    Bytecode(#[from] bytecode::Error),
    /// The base image's configuration is none.
    #[error(transparent)]
    Config(#[from] BadConfig),
    /// The kernel that is added cannot be had.
    #[error("no kernel can be added: {0}")]
    Kernel(Box<Error>),
    /// Something must be built from source.
    #[error(
        "{} only source: assembling installs wheels and runs no code of packages",
        many(packages)
    )]
    NeedsBuild {
        /// Which.
        packages: Vec<String>,
        /// For what.
        target: String,
    },
    /// The Python that compiles is not the base's.
    #[error(
        "the base image was found to have Python {probed}, and the Python that compiles for it says that it is {said}"
    )]
    OtherPython {
        /// By its layers.
        probed: String,
        /// By itself.
        said: String,
    },
    /// An image may not have so many layers.
    #[error(transparent)]
    TooManyLayers(#[from] layer::plan::TooManyLayers),
    /// The interpreter's path has characters that no script may hold.
    #[error("the base image's Python lies at {path:?}, which no script can name")]
    OddInterpreter {
        /// Its path.
        path: String,
    },
    /// Temporary files cannot be written.
    #[error("a temporary folder cannot be made in {folder}: {error}")]
    Temporary {
        /// Where.
        folder: String,
        /// What the system says.
        error: std::io::Error,
    },
}

fn many(packages: &[String]) -> String {
    let shown: Vec<_> = packages.iter().take(5).map(|name| format!("`{name}`")).collect();
    let more = packages.len().saturating_sub(shown.len());
    let have = if packages.len() == 1 { "has" } else { "have" };
    match more {
        0 => format!("{} {have}", shown.join(", ")),
        _ => format!("{} and {more} more {have}", shown.join(", ")),
    }
}
