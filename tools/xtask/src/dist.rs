//! What is shipped: one static binary that carries the worker, and the wheel around it.

use std::{path::PathBuf, process::Command};

use crate::{
    assets, command,
    error::Error,
    files,
    wheel::{PLUGIN, Wheel},
    workspace::Workspace,
};

const TARGET: &str = "x86_64-unknown-linux-musl";
const TARGET_FLAGS: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS";
const PACKAGE: &str = "nbvet";
const RELEASE: &str = "release";

/// Builds a static program by a profile of cargo, with the assets that nbvet carries, and gives its path.
pub(crate) fn program(workspace: &Workspace, package: &str, profile: &str) -> Result<PathBuf, Error> {
    let archive = assets::build(workspace)?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--quiet", "--profile", profile, "--package", package])
        .args(["--target", TARGET])
        .env("NBVET_ASSETS_ARCHIVE", archive)
        .current_dir(workspace.root());
    // What is shipped says nothing of where it was built.
    if profile == RELEASE {
        cargo.env(TARGET_FLAGS, workspace.path_flags());
    }
    command::say(&format!("building the static {package}"));
    command::run(&mut cargo)?;
    Ok(workspace.target().join(TARGET).join(profile).join(package))
}

/// Builds assets, binary and wheel, in this order: each carries the one before.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Error> {
    let binary = program(workspace, PACKAGE, RELEASE)?;
    let package = workspace.package(PACKAGE);
    let wheel = Wheel {
        name: PACKAGE,
        version: package.version.to_string(),
        summary: package.description.clone().unwrap_or_default(),
        licence: package.license.clone().unwrap_or_default(),
        repository: package.repository.clone().unwrap_or_default(),
        readme: files::read(&workspace.path("README.md"))?,
        licence_text: files::read(&workspace.path("LICENSE"))?,
        binary: files::read(&binary)?,
        plugin: files::read(&workspace.path(&format!("python/{PLUGIN}.py")))?,
    };
    let path = workspace.path("dist").join(wheel.file_name());
    let bytes = wheel.pack().map_err(|error| Error::Zip {
        path: path.clone(),
        error,
    })?;
    files::replace(&path, &bytes)?;
    command::say(&format!("{} ({} KiB)", path.display(), bytes.len() / 1024));
    Ok(())
}
