//! `[dependencies]` of a settings file, and the options of the same names: where the dependencies of a notebook stand,
//! and what may stand there. What is not set stays unset.

use std::{path::PathBuf, time::Duration};

use nbvet_deps::detection::Fallback;
use nbvet_engine::Flags;

/// What is said about dependencies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DependencyConfig {
    /// A path from the root of the repository, or, on the command line, from the current folder.
    pub(crate) requirements_file: Option<PathBuf>,
    pub(crate) requirements_sources: Option<Vec<PathBuf>>,
    pub(crate) dockerfile: Option<PathBuf>,
    pub(crate) target: Option<String>,
    pub(crate) prefer_dockerfile: Option<bool>,
    pub(crate) auto_generate_requirements: Option<bool>,
    pub(crate) fallback_strategy: Option<Fallback>,
    pub(crate) allow_unpinned: Option<bool>,
    pub(crate) verify_hashes: Option<bool>,
    pub(crate) fail_on_conflict: Option<bool>,
    /// Source distributions are no finding: who builds runs their code.
    pub(crate) allow_sdist: Option<bool>,
    /// Indexes that dependency files may name.
    pub(crate) allowed_indexes: Option<Vec<String>>,
    /// Hosts that dependency files may trust without TLS.
    pub(crate) allowed_hosts: Option<Vec<String>>,
    /// How long versions that were found for an image are taken again; zero: not at all.
    pub(crate) cache_ttl: Option<Duration>,
}

impl DependencyConfig {
    /// This over weaker settings. Switches that make things stricter only ever raise.
    pub(crate) fn over(self, weaker: Self) -> Self {
        let raised =
            |strong: Option<bool>, weak: Option<bool>| strong.filter(|set| *set).or(weak).filter(|set| *set);
        Self {
            requirements_file: self.requirements_file.or(weaker.requirements_file),
            requirements_sources: self.requirements_sources.or(weaker.requirements_sources),
            dockerfile: self.dockerfile.or(weaker.dockerfile),
            target: self.target.or(weaker.target),
            prefer_dockerfile: self.prefer_dockerfile.or(weaker.prefer_dockerfile),
            auto_generate_requirements: self
                .auto_generate_requirements
                .or(weaker.auto_generate_requirements),
            fallback_strategy: self.fallback_strategy.or(weaker.fallback_strategy),
            allow_unpinned: self.allow_unpinned.or(weaker.allow_unpinned),
            verify_hashes: raised(self.verify_hashes, weaker.verify_hashes),
            fail_on_conflict: raised(self.fail_on_conflict, weaker.fail_on_conflict),
            allow_sdist: self.allow_sdist.or(weaker.allow_sdist),
            allowed_indexes: self.allowed_indexes.or(weaker.allowed_indexes),
            allowed_hosts: self.allowed_hosts.or(weaker.allowed_hosts),
            cache_ttl: self.cache_ttl.or(weaker.cache_ttl),
        }
    }

    /// The switches among it, put to the others.
    pub(crate) fn switch(&self, flags: &mut Flags) {
        flags.allow_unpinned = self.allow_unpinned;
        flags.verify_hashes = self.verify_hashes.unwrap_or_default();
        flags.fail_on_conflict = self.fail_on_conflict.unwrap_or_default();
    }
}

/// What `fallback-strategy` says.
pub(crate) fn fallback(word: &str) -> Result<Fallback, String> {
    match word {
        "warn" => Ok(Fallback::Warn),
        "fail" => Ok(Fallback::Fail),
        "auto" => Ok(Fallback::Auto),
        _ => Err(format!("`{word}` is no strategy; write `warn`, `fail` or `auto`")),
    }
}
