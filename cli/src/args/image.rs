//! The command line of `nbvet image`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use nbvet_report::{Level, Severity};

use super::{DependencyArgs, JudgeArgs, ListFormat};
use crate::duration;

#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Show what would be built, what of it is known already, and the equivalent Dockerfile; writes nothing
    Plan(Box<ImagePlanArgs>),
    /// Build the image and put it into a registry, unless it is there
    Build(Box<ImageBuildArgs>),
    /// Give an image that was built a name for people: copied by digest, not built again
    Publish(Box<ImagePublishArgs>),
}

/// What an image is made from.
#[derive(Debug, Args)]
pub(crate) struct ImageSourceArgs {
    /// The notebook that runs in it, or its folder
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: PathBuf,
    /// The image to start from, best by digest: `registry/name@sha256:…`
    #[arg(long, value_name = "IMAGE")]
    pub(crate) base_image: String,
    /// The platform, of those that the base image has
    #[arg(long, value_name = "OS/ARCH", default_value = "linux/amd64")]
    pub(crate) platform: String,
    /// The kernel for Jupyter: `auto` adds one where neither the dependency file nor the base image has it, `none` does not
    #[arg(long, value_enum, default_value_t = KernelWay::Auto, value_name = "WAY")]
    pub(crate) kernel: KernelWay,
    #[command(flatten)]
    pub(crate) dependencies: DependencyArgs,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
    #[command(flatten)]
    pub(crate) bytecode: BytecodeArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

/// What of a verdict is about dependencies: nothing is run here.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Verdict")]
pub(crate) struct PolicyArgs {
    /// How strict: learning, development (the default), staging or production
    #[arg(long, value_name = "LEVEL", value_parser = super::levels(), hide_possible_values = true)]
    level: Option<Level>,
    /// The same as `--level production`
    #[arg(long)]
    strict: bool,
    /// Give one rule another severity, such as `NB917=off`; off, note, warning or error; may be repeated
    #[arg(long = "rule", value_name = "RULE=SEVERITY", value_parser = super::rule_override)]
    rules: Vec<(String, Severity)>,
    /// Leave these rules out: ids, names, beginnings of ids such as NB91
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    ignore: Vec<String>,
}

impl PolicyArgs {
    /// The same, as other commands have it.
    pub(crate) fn judge(&self) -> JudgeArgs {
        JudgeArgs {
            level: self.level,
            strict: self.strict,
            rules: self.rules.clone(),
            ignore: self.ignore.clone(),
            ..JudgeArgs::default()
        }
    }
}

/// Whether an image without a kernel gets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KernelWay {
    Auto,
    None,
}

#[derive(Debug, Args)]
pub(crate) struct ImagePlanArgs {
    #[command(flatten)]
    pub(crate) source: ImageSourceArgs,
    /// The repository that would be built into: what it has already is not built again
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: Option<String>,
    /// Ask nobody: only what was looked up before is known. The base image is named by digest then
    #[arg(long, conflicts_with = "repository")]
    pub(crate) offline: bool,
    /// Print the equivalent Dockerfile alone
    #[arg(long)]
    pub(crate) print_dockerfile: bool,
    /// Write the equivalent Dockerfile and the lock beside it into a folder: all that `podman build` needs
    #[arg(long, value_name = "FOLDER")]
    pub(crate) write_context: Option<PathBuf>,
    /// How the plan is printed
    #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT")]
    pub(crate) format: ListFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ImageBuildArgs {
    #[command(flatten)]
    pub(crate) source: ImageSourceArgs,
    /// The repository to build into: `registry/team/nbvet`
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: String,
    /// Build even where the repository has this very image
    #[arg(long)]
    pub(crate) no_reuse: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT")]
    pub(crate) format: ListFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ImagePublishArgs {
    /// The image, by its digest: `registry/team/nbvet@sha256:…`
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// What to call it: `registry/team/name:tag`
    #[arg(long, value_name = "NAME")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT")]
    pub(crate) format: ListFormat,
}

/// Where wheels come from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Packages")]
pub(crate) struct IndexArgs {
    /// The package index; may be repeated, the first that has a package wins [default: pip's configuration]
    #[arg(long = "index-url", value_name = "URL")]
    pub(crate) indexes: Vec<String>,
    /// A folder of wheels to look into first
    #[arg(long, value_name = "FOLDER")]
    pub(crate) find_links: Option<PathBuf>,
    /// `uv`, which resolves what is no complete lock [default: that on PATH]
    #[arg(long, value_name = "COMMAND")]
    pub(crate) uv: Option<PathBuf>,
    /// How long versions that were found are taken again, such as 12h or 30d; 0: not at all [default: 7d]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) cache_ttl: Option<Duration>,
}

/// How byte-code is made.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Byte-code")]
pub(crate) struct BytecodeArgs {
    /// Compile packages, so that notebooks start twice as fast: `auto`, by a Python of the base's version where there is
    /// one here; `base`, by the base image's own in a container; `off`; or the path of a Python
    #[arg(long, value_name = "WAY", default_value = "auto")]
    pub(crate) bytecode: String,
    /// What starts a container for `--bytecode base`, with its options
    #[arg(
        long,
        value_name = "COMMAND",
        env = "NBVET_CONTAINER_RUN",
        default_value = "podman run"
    )]
    pub(crate) container_run: String,
}

/// How registries and indexes are reached.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct RegistryArgs {
    /// Credentials of registries, in Docker's form [default: where podman and docker keep them]
    #[arg(long, value_name = "FILE")]
    pub(crate) auth_file: Option<PathBuf>,
    /// Certificates of further authorities to trust; may be repeated
    #[arg(long = "ca-file", value_name = "FILE")]
    pub(crate) ca_files: Vec<PathBuf>,
    /// A host that may be spoken to without encryption, beside this machine's own loopback; may be repeated
    #[arg(long = "insecure-host", value_name = "HOST[:PORT]")]
    pub(crate) insecure_hosts: Vec<String>,
}
