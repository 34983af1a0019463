//! Dependency files, read as the tools that own them read them, with the place of everything that is said; so far
//! pip's requirements files. Works on a tree of files that the caller gives; asks no index, no registry and no interpreter.

mod declared;
mod masked;
pub mod requirements;

pub use declared::{Artifact, Declared, Dependency, Format, Hash, Specifier, Unread, Wanted};
pub use masked::masked;
