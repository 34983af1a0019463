//! Where things are: the checkout, the build folder, the cache of the user, and the Python of `make setup`.

use std::{
    env,
    path::{Path, PathBuf},
};

use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::error::Error;

/// The checkout as cargo sees it.
pub(crate) struct Workspace {
    metadata: Metadata,
    cache: PathBuf,
}

impl Workspace {
    /// Asks cargo. Only what Linux needs is resolved, so no crate of another system is downloaded.
    pub(crate) fn find() -> Result<Self, Error> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let options = ["--filter-platform", "x86_64-unknown-linux-gnu"].map(String::from);
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .other_options(options)
            .exec()?;
        Ok(Self {
            metadata,
            cache: cache(),
        })
    }

    /// The folder of the checkout.
    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// A path below the checkout.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// Where cargo builds, which `CARGO_TARGET_DIR` may move.
    pub(crate) fn target(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// What may be kept between checkouts.
    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// A program of `.venv`.
    pub(crate) fn tool(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path(".venv/bin").join(name);
        if path.is_file() {
            Ok(path)
        } else {
            Err(Error::NotSetUp(path))
        }
    }

    /// A `PATH` on which `.venv` comes first: maturin finds zig through the Python it meets there.
    pub(crate) fn search_path(&self) -> std::ffi::OsString {
        let old = env::var_os("PATH").unwrap_or_default();
        let folders = [self.path(".venv/bin")].into_iter().chain(env::split_paths(&old));
        env::join_paths(folders).unwrap_or(old)
    }

    /// A crate of the workspace.
    pub(crate) fn package(&self, name: &str) -> &Package {
        let mut members = self.metadata.workspace_packages().into_iter();
        members
            .find(|package| package.name == name)
            .expect("tasks name only crates that are members")
    }

    /// The folders of a crate and of the workspace's crates that it is built from.
    pub(crate) fn source_folders(&self, name: &str) -> Vec<PathBuf> {
        let mut names = vec![name.to_owned()];
        let mut next = 0;
        while let Some(name) = names.get(next) {
            let dependencies = &self.package(name).dependencies;
            let ours = dependencies.iter().filter(|dependency| dependency.path.is_some());
            let new: Vec<_> = ours
                .map(|ours| ours.name.clone())
                .filter(|name| !names.contains(name))
                .collect();
            names.extend(new);
            next += 1;
        }
        let folder = |name: &String| {
            self.package(name)
                .manifest_path
                .parent()
                .map(|path| path.as_std_path().to_owned())
        };
        names.iter().filter_map(folder).collect()
    }

    /// Compiler flags that keep the builder's own folders out of what is shipped.
    pub(crate) fn path_flags(&self) -> String {
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home
            .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
            .unwrap_or_default();
        let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
        format!("{} {}", remap(self.root(), "nbvet"), remap(&home, "cargo"))
    }
}

fn cache() -> PathBuf {
    let set = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let cache = set
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .unwrap_or_else(env::temp_dir);
    cache.join("nbvet")
}
