//! The programs of a cluster: those of `KUBEBUILDER_ASSETS`, or those that `tools/controlplane/build.sh` has built.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::{Error, Result};

/// The folder that other tools for tests of operators read too.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// One program of Kubernetes, or etcd.
pub(crate) fn find(name: &str) -> Result<PathBuf> {
    let path = folder()?.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Missing {
        what: name.to_owned(),
        why: format!(
            "not in {} (`tools/controlplane/build.sh` builds all that {ASSETS} does not give)",
            path.parent().unwrap_or(&path).display()
        ),
    })
}

/// A program of Debian's, wherever root finds it.
pub(crate) fn installed(name: &str, package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let found = folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.ok_or_else(|| Error::Missing {
        what: name.to_owned(),
        why: format!("not installed; it is in Debian's package `{package}` (`make test` installs it)"),
    })
}

fn folder() -> Result<PathBuf> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(set) = env::var_os(ASSETS).filter(|set| !set.is_empty()) {
        return Ok(PathBuf::from(set));
    }
    if let Some(known) = BUILT.get() {
        return Ok(known.clone());
    }
    let built = built()?;
    Ok(BUILT.get_or_init(|| built).clone())
}

/// Asks the builder, which knows the folder's name; it answers with status 3 where it has never built.
fn built() -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/controlplane/build.sh");
    let script = fs::canonicalize(&script).map_err(Error::file(&script))?;
    let mut command = Command::new(&script);
    let output = command.arg("--find").output().map_err(Error::file(&script))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(PathBuf::from(text(&output.stdout))),
        Some(3) => Err(Error::Missing {
            what: "Kubernetes".to_owned(),
            why: text(&output.stderr).lines().last().unwrap_or_default().to_owned(),
        }),
        _ => Err(Error::command(&command, &output)),
    }
}
