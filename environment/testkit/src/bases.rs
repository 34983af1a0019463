//! The base images and the wheels of the tests' locks: made once on a machine, kept in the user's cache.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use crate::{Error, Registry, Result, child, runtime};

/// Which base image. Each holds pandas 2.0.3; none holds what its upper layers took away (`leftover`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Base {
    /// Debian's Python, packages in `/usr/local/lib/python3.11/dist-packages`; no kernel; root.
    Plain,
    /// A venv at `/opt/app-root` before everything on PATH, with ipykernel; uid 1001. Like OpenShift AI's images.
    Venv,
    /// A prefix at `/opt/conda` with a Python of its own and an absolute kernelspec; uid 1000. Like Jupyter's images.
    Conda,
    /// An index: [`Base::Plain`] for this machine, a stub for another architecture, and an attestation.
    Index,
}

impl Base {
    /// The single images.
    pub const IMAGES: [Self; 3] = [Self::Plain, Self::Venv, Self::Conda];

    /// Its name in the layout, and of its repository in a registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Venv => "venv",
            Self::Conda => "conda",
            Self::Index => "index",
        }
    }

    /// The digest of its manifest or index.
    pub fn digest(self) -> Result<String> {
        let path = layout()?.join("index.json");
        let text = fs::read(&path).map_err(Error::file(&path))?;
        let index: Value = serde_json::from_slice(&text).map_err(|e| Error::Other(e.to_string()))?;
        let name = |m: &&Value| m["annotations"]["org.opencontainers.image.ref.name"] == self.name();
        let found = index["manifests"]
            .as_array()
            .and_then(|all| all.iter().find(name));
        let digest = found.and_then(|manifest| manifest["digest"].as_str());
        digest
            .map(str::to_owned)
            .ok_or_else(|| Error::Other(format!("no {} in {}", self.name(), path.display())))
    }

    /// The registry gets it as `bases/NAME:latest`; returns `HOST/bases/NAME@sha256:…`.
    pub fn push(self, registry: &Registry) -> Result<String> {
        let repository = format!("{}/bases/{}", registry.host(), self.name());
        copy(&self.in_layout()?, &repository, &["--all", "--preserve-digests"])?;
        Ok(format!("{repository}@{}", self.digest()?))
    }

    /// The same image with layers compressed by zstd, as `bases/NAME-zstd:latest`; returns its name by digest.
    pub fn push_with_zstd(self, registry: &Registry) -> Result<String> {
        let folder = tempfile::tempdir().map_err(Error::file("a temporary folder"))?;
        // Not into the registry at once: it would take the layers that it has, by whatever they are compressed.
        let packed = format!("oci:{}:zstd", folder.path().join("layout").display());
        let mut skopeo = runtime::skopeo();
        skopeo.args(["copy", "--quiet", "--dest-compress-format", "zstd"]);
        child::run(skopeo.args([&self.in_layout()?, &packed]), "skopeo")?;
        let repository = format!("{}/bases/{}-zstd", registry.host(), self.name());
        let file = folder.path().join("digest");
        let told = file.display().to_string();
        copy(
            &packed,
            &repository,
            &["--preserve-digests", "--digestfile", &told],
        )?;
        let digest = fs::read_to_string(&file).map_err(Error::file(&file))?;
        Ok(format!("{repository}@{}", digest.trim()))
    }

    /// Its place as skopeo names it.
    fn in_layout(self) -> Result<String> {
        Ok(format!("oci:{}:{}", layout()?.display(), self.name()))
    }
}

/// An image of a layout goes into a registry.
fn copy(from: &str, repository: &str, options: &[&str]) -> Result<()> {
    let mut skopeo = runtime::skopeo();
    skopeo.args(["copy", "--quiet"]).args(options);
    skopeo.args([
        "--dest-creds",
        &format!("{}:{}", crate::USER, crate::PASSWORD),
        "--dest-tls-verify=false",
    ]);
    let to = format!("docker://{repository}:latest");
    child::run(skopeo.args([from, &to]), "skopeo").map(drop)
}

/// A lock of the testkit, by its file in `bases/locks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// What a test's notebook asks for: pandas 2.2.3, scikit-learn, matplotlib, a kernel, a wheel with a script.
    Test,
    /// What every base image holds: pandas 2.0.3.
    Old,
    /// The kernel of the base images that have one.
    Kernel,
    /// The kernel that nbvet adds to images of Python 3.11, by nbvet's own lock.
    Added,
    /// What `fixtures/feedback` asks for.
    Feedback,
}

impl Lock {
    const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Old => "old",
            Self::Kernel => "kernel",
            Self::Added => "added",
            Self::Feedback => "feedback",
        }
    }

    /// The requirements file: every distribution pinned, with its digests.
    pub fn path(self) -> PathBuf {
        if self == Self::Added {
            return sources().join("../../image/kernel/py311.txt");
        }
        sources().join("locks").join(format!("{}.txt", self.name()))
    }

    /// The unpinned list that it was made from.
    pub fn input(self) -> PathBuf {
        match self {
            Self::Added => self.path().with_file_name("kernel.in"),
            _ => self.path().with_extension("in"),
        }
    }

    /// A folder with its wheels and nothing else. Read-only by agreement: it is shared by all tests.
    pub fn wheels(self) -> Result<PathBuf> {
        make(&["wheels", self.name()])
    }
}

/// The OCI layout that holds all base images.
pub fn layout() -> Result<PathBuf> {
    static LAYOUT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(known) = LAYOUT.get() {
        return Ok(known.clone());
    }
    let made = make(&["images"])?;
    Ok(LAYOUT.get_or_init(|| made).clone())
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bases")
}

/// Runs the maker; a command that it lacks is told by status 3.
fn make(arguments: &[&str]) -> Result<PathBuf> {
    let mut command = Command::new(python());
    command.arg("-B").arg(sources()).args(arguments);
    let output = command.output().map_err(child::missing("python3", "python3"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(PathBuf::from(text(&output.stdout))),
        Some(3) => Err(Error::Missing {
            what: "base images".to_owned(),
            why: text(&output.stderr).lines().last().unwrap_or_default().to_owned(),
        }),
        _ => Err(child::failed(&command, &output)),
    }
}

/// The Python of `make setup` where it is there: it surely has pip.
fn python() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    if ours.exists() {
        ours
    } else {
        PathBuf::from("python3")
    }
}
