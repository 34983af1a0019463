//! What is shipped: one static binary that carries the worker, and the wheel around it.

use std::process::Command;

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

/// Builds assets, binary and wheel, in this order: each carries the one before.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Error> {
    let archive = assets::build(workspace)?;
    let mut cargo = Command::new("cargo");
    cargo
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            PACKAGE,
            "--target",
            TARGET,
        ])
        .env(TARGET_FLAGS, workspace.path_flags())
        .env("NBVET_ASSETS_ARCHIVE", archive)
        .current_dir(workspace.root());
    command::say("building the static binary");
    command::run(&mut cargo)?;
    let binary = workspace.target().join(TARGET).join("release").join(PACKAGE);
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
