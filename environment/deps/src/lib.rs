//! Dependency files, read as the tools that own them read them, with the place of everything that is said. Works on a
//! tree of files that the caller gives; asks no index, no registry and no interpreter.

mod declared;
pub mod detection;
pub mod dockerfile;
pub mod formats;
pub mod identity;
mod image_reference;
pub mod inference;
pub mod layout;
pub mod lock;
mod masked;
pub mod policy;
pub mod requirement;
pub mod requirements;
pub mod rules;
pub mod target;
pub mod tree;

pub use declared::{Artifact, Declared, Dependency, Format, Hash, Specifier, Unread, Wanted};
pub use image_reference::{BadReference, Digest, ImageReference, PinnedImage};
pub use lock::Lock;
pub use masked::masked;
pub use tree::Tree;

pub use pep440_rs::Version;
pub use pep508_rs::PackageName;
