//! `target/nbvet-assets.tar.gz`: all that the agent carries to a Python interpreter. The names within it are the
//! agent's contract (its `assets` module); nothing is done when no input changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    archive::Archive,
    command,
    error::Error,
    files::{self, Fingerprint},
    kit::{self, KITS},
    worker::{self, LIBCS},
    workspace::Workspace,
};

/// Python of the worker; `loader.py` there is the program that starts it, the rest its shim.
const PYTHON: &str = "runner/worker/python";

/// Builds the archive where it is not up to date, and gives its path.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf, Error> {
    let goal = workspace.path("target/nbvet-assets.tar.gz");
    let stamp = goal.with_extension("stamp");
    let inputs = fingerprint(workspace)?;
    if goal.is_file() && fs::read_to_string(&stamp).is_ok_and(|done| done == inputs) {
        return Ok(goal);
    }
    let bytes = collect(workspace)?.pack()?;
    files::replace(&goal, &bytes)?;
    files::replace(&stamp, inputs.as_bytes())?;
    command::say(&format!("{} ({} KiB)", goal.display(), bytes.len() / 1024));
    Ok(goal)
}

fn collect(workspace: &Workspace) -> Result<Archive, Error> {
    let mut archive = Archive::default();
    let python = workspace.path(PYTHON);
    archive.add_file("loader.py", &python.join("loader.py"));
    archive.add_folder("shim", &python, |path| path != Path::new("loader.py"))?;
    for libc in &LIBCS {
        command::say(&format!("building the worker for {}", libc.name));
        archive.add_file(
            &format!("worker/{}/nbvet_worker.abi3.so", libc.name),
            &libc.build(workspace)?,
        );
    }
    for kit in &KITS {
        archive.add_folder(
            &format!("kit/{}", kit.name),
            &kit.folder(workspace)?,
            kit::is_shipped,
        )?;
    }
    Ok(archive)
}

/// Everything that can change the archive: sources, locks, the compiler, and this program.
fn fingerprint(workspace: &Workspace) -> Result<String, Error> {
    let mut fingerprint = Fingerprint::default();
    fingerprint.add(
        "rustc",
        &command::output(Command::new("rustc").arg("-vV").current_dir(workspace.root()))?,
    );
    for path in [
        "Cargo.toml",
        "Cargo.lock",
        "tools/requirements-test.txt",
        "tools/kit",
        "tools/xtask/src",
        PYTHON,
    ] {
        fingerprint.add_path(&workspace.path(path))?;
    }
    for folder in workspace.source_folders(worker::PACKAGE) {
        fingerprint.add_path(&folder.join("Cargo.toml"))?;
        fingerprint.add_path(&folder.join("src"))?;
    }
    Ok(fingerprint.finish())
}
