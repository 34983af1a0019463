//! crane, another reader of registries than nbvet's and skopeo's, built from its Go module at the version in `crane/`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest as _, Sha256};

use crate::{Error, Registry, Result, child, runtime::cache};

/// crane, built when a machine first needs it.
#[derive(Debug, Clone)]
pub struct Crane(PathBuf);

impl Crane {
    /// Finds or builds it.
    pub fn find() -> Result<Self> {
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("crane");
        let sums = module.join("go.sum");
        let key = Sha256::digest(fs::read(&sums).map_err(Error::file(&sums))?);
        let key = key
            .iter()
            .take(8)
            .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        let folder = cache();
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        // One builder at a time on a machine; the lock goes with the file.
        let lock = folder.join("crane.lock");
        let held = fs::File::create(&lock).map_err(Error::file(&lock))?;
        held.lock().map_err(Error::file(&lock))?;
        let program = folder.join(format!("crane-{key:016x}"));
        if !program.exists() {
            build(&module, &program)?;
        }
        Ok(Self(program))
    }

    /// A command of crane against a registry that speaks plain HTTP.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command
            .env("NO_PROXY", "*")
            .env("no_proxy", "*")
            .env("DOCKER_CONFIG", cache().join("no-docker-config"));
        command
    }

    /// Reads every manifest, configuration and layer of a pushed image anew and compares digests and sizes.
    pub fn validate(&self, reference: &str) -> Result<()> {
        let mut command = self.command();
        child::run(
            command.args(["validate", "--insecure", "--remote", reference]),
            "crane",
        )
        .map(drop)
    }

    /// The digest that a tag has.
    pub fn digest(&self, registry: &Registry, image: &str) -> Result<String> {
        let mut command = self.command();
        command
            .args(["digest", "--insecure"])
            .arg(format!("{}/{image}", registry.host()));
        let output = child::run(&mut command, "crane")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

fn build(module: &Path, program: &Path) -> Result<()> {
    let half = program.with_extension("half");
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-o"]).arg(&half);
    go.arg("github.com/google/go-containerregistry/cmd/crane")
        .current_dir(module);
    child::run(&mut go, "golang-go").map_err(too_old)?;
    fs::rename(&half, program).map_err(Error::file(program))
}

/// A Go that is older than the module asks for is a lack of the machine.
fn too_old(error: Error) -> Error {
    match &error {
        Error::Command { output, .. } if output.contains("requires go >=") => Error::Missing {
            what: "crane".to_owned(),
            why: output.trim().to_owned(),
        },
        _ => error,
    }
}
