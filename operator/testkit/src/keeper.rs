//! What is left of a cluster when its test is gone: nothing. Held by a script that outlives the test by a moment.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{Error, Result};

/// The folder of a cluster, which goes away with the value or with this process.
#[derive(Debug)]
pub(crate) struct Keeper {
    script: Child,
    /// Its closing is the sign to clean up.
    input: Option<ChildStdin>,
    folder: PathBuf,
    name: String,
}

impl Keeper {
    /// Makes the folder and starts the script; `first` is the first process of a node, to which its name is given.
    pub(crate) fn start(first: impl FnOnce(&Path, &str) -> Vec<String>) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("nbvet-{}-{count}", std::process::id());
        let folder = tempfile::Builder::new()
            .prefix("nbvet-cluster-")
            .tempdir()
            .map_err(|source| Error::Other(format!("no temporary folder: {source}")))?
            .keep();
        let log = folder.join("keeper.log");
        let out = File::create(&log).map_err(Error::file(&log))?;
        let also = out.try_clone().map_err(Error::file(&log))?;
        let mut script = Command::new(script("keeper.sh"))
            .args([folder.as_os_str(), name.as_ref()])
            .args(first(&folder, &name))
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(also)
            // Ctrl-C is not for it: it ends after the test.
            .process_group(0)
            .spawn()
            .map_err(Error::file("keeper.sh"))?;
        let input = script.stdin.take();
        Ok(Self {
            script,
            input,
            folder,
            name,
        })
    }

    /// The cluster's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Of this machine's clusters it alone has this name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Logs and configuration are left for reading.
    pub(crate) fn keep(&self) {
        // Where it cannot be written there is nothing to be read.
        let _ = fs::write(self.folder.join("keep"), "");
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.script.wait();
    }
}

/// The path of one of the kit's scripts.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name)
}
