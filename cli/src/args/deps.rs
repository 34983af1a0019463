//! The command line of `nbvet deps`, and what any command is told about dependencies.

use std::path::PathBuf;

use clap::Args;
use nbvet_deps::detection::Fallback;

use super::{IndexArgs, JudgeArgs, PrintArgs};
use crate::config::dependencies::{DependencyConfig, fallback};

#[derive(Debug, Args)]
pub(crate) struct DepsArgs {
    /// Notebooks, and folders to look for notebooks in
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) print: PrintArgs,
    /// Where there is no dependency file: write what the notebook imports to a new `requirements.in` for review, and a
    /// `requirements.txt` with versions and hashes made from it. A file that is there is left as it is; NB932 tells the
    /// line that it lacks
    #[arg(long)]
    pub(crate) write: bool,
    /// For this Python, such as 3.11 [default: the one that ran the notebook last, as its file says]
    #[arg(long, value_name = "VERSION")]
    pub(crate) python_version: Option<String>,
    /// Ask the package index about the versions that are pinned: whether they are there, were withdrawn, have wheels, and
    /// what they need. Without it nobody is asked
    #[arg(long)]
    pub(crate) check_index: bool,
    #[command(flatten)]
    pub(crate) dependencies: DependencyArgs,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

/// Where dependencies stand, and what may stand there.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Dependencies")]
pub(crate) struct DependencyArgs {
    /// The dependency file [default: looked for beside the notebook and, within its git repository, in the folders above
    /// it; outside of git beside it alone]
    #[arg(long, value_name = "FILE", conflicts_with = "dockerfile")]
    requirements_file: Option<PathBuf>,
    /// Dependency files to try before looking for others, the first that is there wins; may be repeated
    #[arg(long = "requirements-source", value_name = "FILE")]
    requirements_sources: Vec<PathBuf>,
    /// The Dockerfile that makes the environment
    #[arg(long, value_name = "FILE")]
    dockerfile: Option<PathBuf>,
    /// The stage of the Dockerfile
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// Where there are both, a Dockerfile wins over dependency files
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    prefer_dockerfile: Option<bool>,
    /// Where there is no dependency file, take what the notebook imports
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    auto_generate_requirements: Option<bool>,
    /// Where there is nothing: `warn` and take the base image alone (the default), `fail`, or `auto`: what is imported
    #[arg(long, value_name = "STRATEGY", value_parser = fallback)]
    fallback_strategy: Option<Fallback>,
    /// Lines that do not say exactly what is installed are notes; =false: refused [default: by level]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    allow_unpinned: Option<bool>,
    /// Lines without a hash are refused
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    verify_hashes: Option<bool>,
    /// Lines that contradict each other are refused
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    fail_on_conflict: Option<bool>,
    /// Source distributions, whose code runs during a build, are no finding
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    allow_sdist: Option<bool>,
    /// An index that dependency files may name; may be repeated
    #[arg(long = "allow-index", value_name = "URL")]
    allowed_indexes: Vec<String>,
    /// A host that dependency files may trust without TLS; may be repeated
    #[arg(long = "allow-host", value_name = "HOST[:PORT]")]
    allowed_hosts: Vec<String>,
}

impl DependencyArgs {
    /// What is said, and nothing else.
    pub(crate) fn config(&self) -> DependencyConfig {
        DependencyConfig {
            requirements_file: self.requirements_file.clone(),
            requirements_sources: (!self.requirements_sources.is_empty())
                .then(|| self.requirements_sources.clone()),
            dockerfile: self.dockerfile.clone(),
            target: self.target.clone(),
            prefer_dockerfile: self.prefer_dockerfile,
            auto_generate_requirements: self.auto_generate_requirements,
            fallback_strategy: self.fallback_strategy,
            allow_unpinned: self.allow_unpinned,
            verify_hashes: self.verify_hashes,
            fail_on_conflict: self.fail_on_conflict,
            allow_sdist: self.allow_sdist,
            allowed_indexes: (!self.allowed_indexes.is_empty()).then(|| self.allowed_indexes.clone()),
            allowed_hosts: (!self.allowed_hosts.is_empty()).then(|| self.allowed_hosts.clone()),
            cache_ttl: None,
        }
    }
}
