//! The command line of `nbvet step`. Not for people: the operator writes it into its pods.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum StepCommand {
    /// Put the tree of a source into folders
    Fetch(StepArgs),
    /// Put nbvet, and what it needs beside a notebook, into a folder
    Install(InstallArgs),
    /// Fetch, find dependencies, judge and lock them, and name the image
    Prepare(StepArgs),
    /// Make the image
    Build(StepArgs),
    /// Run the notebook over an agent in another container, and judge it
    Validate(StepArgs),
    /// Give the image its name for people
    Publish(StepArgs),
}

/// What every step is told.
#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    /// What is to be done: JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    #[command(flatten)]
    pub(crate) end: EndArgs,
    /// Sources may come by `http://` and `git://`
    #[arg(long)]
    pub(crate) allow_insecure_sources: bool,
    /// Sources may be `file://`: for tests
    #[arg(long)]
    pub(crate) allow_file_sources: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) into: PathBuf,
    #[command(flatten)]
    pub(crate) end: EndArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EndArgs {
    /// Where the step's end is written
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    pub(crate) termination_log: PathBuf,
    /// Where Tekton looks for the image's name; the end is kept short enough for it
    #[arg(long, value_name = "FILE")]
    pub(crate) image_url: Option<PathBuf>,
    /// Where Tekton looks for the image's digest
    #[arg(long, value_name = "FILE")]
    pub(crate) image_digest: Option<PathBuf>,
}
