//! `cargo xtask`: builds in the order that plain cargo cannot express, packs what is shipped, and keeps
//! generated files as their sources say. Needs the set-up of `make setup`; must not know what a notebook is.

mod archive;
mod assets;
mod command;
mod dist;
mod error;
mod files;
mod generated;
mod image;
mod kit;
mod oci;
mod wheel;
mod worker;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{error::Error, workspace::Workspace};

/// Builds and packages nbvet.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds target/nbvet-assets.tar.gz: worker, shim, loader and IPython kits, which the agent embeds
    Assets,
    /// Builds the static binary and packs it as dist/nbvet-VERSION-….whl
    Dist,
    /// Builds target/nbvet-image, an OCI layout: the image of the operator and of the trusted containers of its pods
    Image {
        /// The profile of cargo that the programs are built with
        #[arg(long, default_value = "release")]
        profile: String,
        /// Another one for the operator alone
        #[arg(long, value_name = "PROFILE")]
        operator_profile: Option<String>,
    },
    /// Writes generated files anew
    Gen {
        /// Writes nothing; fails where a file is not as its source says
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<(), Error> {
    let workspace = Workspace::find()?;
    match task {
        Task::Assets => assets::build(&workspace).map(drop),
        Task::Dist => dist::build(&workspace),
        Task::Image {
            profile,
            operator_profile,
        } => image::build(&workspace, profile, operator_profile.as_deref()),
        Task::Gen { check } => generated::update(&workspace, *check),
    }
}
