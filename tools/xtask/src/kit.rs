//! The IPython kits: what `tools/kit/NAME.txt` pins, installed for no platform in particular, without tests,
//! scripts and manual pages. Kept in the user's cache by the lock's fingerprint.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{command, error::Error, files::Fingerprint, workspace::Workspace};

/// A kit and the Python that its lock was resolved for. Newer ones take the last.
pub(crate) struct Kit {
    /// The folder's name below `kit/`, and the lock's.
    pub(crate) name: &'static str,
    python: &'static str,
}

/// All kits.
pub(crate) const KITS: [Kit; 3] = [
    Kit {
        name: "py39",
        python: "3.9",
    },
    Kit {
        name: "py310",
        python: "3.10",
    },
    Kit {
        name: "py311",
        python: "3.11",
    },
];

impl Kit {
    /// The folder with the kit's modules; downloads them the first time.
    pub(crate) fn folder(&self, workspace: &Workspace) -> Result<PathBuf, Error> {
        let lock = workspace.path("tools/kit").join(format!("{}.txt", self.name));
        let mut fingerprint = Fingerprint::default();
        fingerprint.add(self.python, &crate::files::read(&lock)?);
        let kits = workspace.cache().join("kits");
        let folder = kits.join(format!("{}-{}", self.name, fingerprint.finish()));
        if folder.is_dir() {
            return Ok(folder);
        }
        command::say(&format!("fetching the IPython kit {}", self.name));
        fs::create_dir_all(&kits).map_err(Error::file(&kits))?;
        let beside = tempfile::Builder::new()
            .prefix(".fetching-")
            .tempdir_in(&kits)
            .map_err(Error::file(&kits))?;
        self.install(workspace, &lock, beside.path())?;
        let beside = beside.keep();
        match fs::rename(&beside, &folder) {
            // Another task was faster.
            Err(_) if folder.is_dir() => fs::remove_dir_all(&beside).map_err(Error::file(&beside))?,
            result => result.map_err(Error::file(&folder))?,
        }
        Ok(folder)
    }

    /// pip for the platform `any` takes nothing that was compiled, and checks every hash.
    fn install(&self, workspace: &Workspace, lock: &Path, folder: &Path) -> Result<(), Error> {
        let mut pip = Command::new(workspace.tool("python")?);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--no-deps",
        ])
        .args([
            "--no-compile",
            "--require-hashes",
            "--only-binary=:all:",
            "--implementation=py",
            "--abi=none",
        ])
        .args(["--platform=any", "--python-version", self.python, "--requirement"])
        .arg(lock)
        .arg("--target")
        .arg(folder);
        command::run(&mut pip)
    }
}

/// Whether a file of a kit is shipped: modules, licences and what `importlib.metadata` reads.
pub(crate) fn is_shipped(path: &Path) -> bool {
    let mut parts = path.iter().map(|part| part.to_string_lossy());
    let name = path.file_name().unwrap_or_default();
    let installer_wrote = ["RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json"];
    !path.starts_with("bin")
        && !path.starts_with("share")
        && !parts.any(|part| part == "tests")
        && !installer_wrote.iter().any(|written| name == *written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_and_licences_are_shipped_and_tests_and_scripts_are_not() {
        for shipped in [
            "IPython/core/magic.py",
            "IPython/testing/skipdoctest.py",
            "pexpect-4.9.0.dist-info/LICENSE",
        ] {
            assert!(is_shipped(Path::new(shipped)), "{shipped}");
        }
        for left_out in [
            "bin/ipython",
            "share/man/man1/ipython.1",
            "traitlets/tests/utils.py",
            "x.dist-info/RECORD",
        ] {
            assert!(!is_shipped(Path::new(left_out)), "{left_out}");
        }
    }
}
