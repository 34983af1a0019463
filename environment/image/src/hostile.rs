//! The parsers of what servers and strangers write, without the question to a server around them: for fuzzing alone, and
//! hidden from the documentation.

use std::path::Path;

use url::Url;

use crate::{
    index,
    registry::{self, Platform},
};

/// A manifest or index as a registry answers with it, and its image for one platform: refused for what?
pub fn manifest(told: Option<&str>, bytes: &[u8]) -> Result<(), String> {
    let read = registry::manifest(told, bytes, &Platform::linux("amd64"));
    read.map_err(|error| error.to_string())
}

/// The page of a package on an index: how many files it offers, or why it is none.
pub fn page(content_type: &str, body: &[u8], base: &Url) -> Result<usize, String> {
    index::page(body, content_type, base)
}

/// A file of credentials: whether it knows who to be, or what is wrong with it.
pub fn credentials(file: &Path, text: &[u8], registry: &str, repository: &str) -> Result<bool, String> {
    registry::login(file, text, registry, repository).map_err(|error| error.to_string())
}

/// A `WWW-Authenticate` header: whether it asks for something that can be had.
pub fn challenge(header: &str) -> bool {
    registry::is_challenge(header)
}
