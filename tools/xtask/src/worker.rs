//! The worker's extension module, built so that it loads far and wide: for glibc 2.17 and newer, and for musl.
//! maturin brings zig, which links against the old glibc, and refuses a module that needs more than it says.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{command, error::Error, files, workspace::Workspace};

/// The crate.
pub(crate) const PACKAGE: &str = "nbvet-worker";

/// A C library that interpreters are linked with.
pub(crate) struct Libc {
    /// The folder's name below `worker/`.
    pub(crate) name: &'static str,
    target: &'static str,
    compatibility: &'static str,
    flags: &'static str,
}

/// All of them.
pub(crate) const LIBCS: [Libc; 2] = [
    Libc {
        name: "gnu",
        target: "x86_64-unknown-linux-gnu",
        compatibility: "manylinux_2_17",
        flags: "",
    },
    // Rust links musl statically unless told; a module must share the interpreter's.
    Libc {
        name: "musl",
        target: "x86_64-unknown-linux-musl",
        compatibility: "musllinux_1_1",
        flags: "-C target-feature=-crt-static",
    },
];

impl Libc {
    /// Builds the module and gives its path.
    pub(crate) fn build(&self, workspace: &Workspace) -> Result<PathBuf, Error> {
        let target = workspace.target().join("worker");
        let wheels = target.join("wheels").join(self.name);
        if wheels.is_dir() {
            fs::remove_dir_all(&wheels).map_err(Error::file(&wheels))?;
        }
        let flags = format!("{} {}", workspace.path_flags(), self.flags);
        let variable = self.target.to_uppercase().replace('-', "_");
        let mut maturin = Command::new(workspace.tool("maturin")?);
        maturin
            .args(["build", "--quiet", "--release", "--zig", "--target", self.target])
            .args(["--compatibility", self.compatibility, "--manifest-path"])
            .arg(&workspace.package(PACKAGE).manifest_path)
            .arg("--out")
            .arg(&wheels)
            // Other flags than everybody's, so another folder: else each build would throw away the other's.
            .env("CARGO_TARGET_DIR", &target)
            .env(format!("CARGO_TARGET_{variable}_RUSTFLAGS"), flags.trim())
            .env("PATH", workspace.search_path())
            .current_dir(workspace.root());
        command::run(&mut maturin)?;
        self.unpack(&wheels)
    }

    fn unpack(&self, wheels: &Path) -> Result<PathBuf, Error> {
        let wheel = files::below(wheels)?.pop().ok_or_else(|| self.no_wheel())?;
        let zip_error = |error| Error::Zip {
            path: wheel.clone(),
            error,
        };
        let file = fs::File::open(&wheel).map_err(Error::file(&wheel))?;
        let mut archive = zip::ZipArchive::new(file).map_err(zip_error)?;
        let goal = wheels.join("nbvet_worker.abi3.so");
        let mut module = fs::File::create(&goal).map_err(Error::file(&goal))?;
        let mut built = archive
            .by_name("nbvet_worker/nbvet_worker.abi3.so")
            .map_err(zip_error)?;
        io::copy(&mut built, &mut module).map_err(Error::file(&goal))?;
        Ok(goal)
    }

    fn no_wheel(&self) -> Error {
        Error::NotBuilt {
            built: "a wheel".to_owned(),
            by: format!("maturin for {}", self.target),
        }
    }
}
