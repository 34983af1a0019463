//! What is known of a base image, in the form in which it is kept beside it in the registry.

use std::collections::BTreeMap;

use nbvet_deps::target::{Arch, BadTarget, Libc, Platform, Target};
use serde::{Deserialize, Serialize};

/// The version of the form; another one is probed anew.
const VERSION: u32 = 1;

/// All that nbvet wants to know of a base image. The same image always gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Of this form.
    pub version: u32,
    /// The digest of the image's manifest.
    pub image: String,
    /// The machine, as registries name it: `amd64`.
    pub architecture: String,
    /// The system by its own name: `Debian GNU/Linux 12 (bookworm)`.
    pub system: Option<String>,
    /// As the configuration has it; empty: root.
    pub user: String,
    /// As the configuration has it; empty: `/`.
    pub working_dir: String,
    /// As the configuration has it.
    pub entrypoint: Vec<String>,
    /// As the configuration has it.
    pub cmd: Vec<String>,
    /// Variables of the configuration that change which Python runs or what it imports, and no others.
    pub env: BTreeMap<String, String>,
    /// The Python that a notebook runs in.
    pub running: Option<Running>,
    /// Every Python, one for each folder of programs.
    pub interpreters: Vec<Interpreter>,
    /// Kernels that Jupyter would find.
    pub kernelspecs: Vec<Kernelspec>,
    /// Every distribution that one of the interpreters can import.
    pub distributions: Vec<Distribution>,
    /// What is odd, in words.
    pub notes: Vec<String>,
}

/// Which interpreter runs, and why that one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// [`Interpreter::path`].
    pub interpreter: String,
    /// `the kernelspec /opt/conda/share/jupyter/kernels/python3/kernel.json`, `the first on PATH`.
    pub because: String,
}

/// How a Python came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The distribution's, or built by hand.
    System,
    /// A virtual environment.
    Venv,
    /// A prefix with `conda-meta`.
    Conda,
}

/// A Python in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// As it is called.
    pub path: String,
    /// The file to which that leads.
    pub program: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The full version: `3.11.2`.
    pub version: Option<String>,
    /// The file that says so.
    pub version_from: Option<String>,
    /// `t` of a free-threaded build, `d` of one for debugging.
    pub abi_flags: String,
    /// `glibc2.36`, `musl1.2`.
    pub libc: Option<String>,
    /// `sys.prefix`.
    pub prefix: String,
    /// Folders of `sys.path` that may hold distributions, the first wins.
    pub site: Vec<String>,
}

/// A kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernelspec {
    /// The name of its folder.
    pub name: String,
    /// Its `kernel.json`.
    pub path: String,
    /// The command.
    pub argv: Vec<String>,
    /// The language that it says it speaks.
    pub language: String,
}

/// An installed distribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Distribution {
    /// Normalised: `scikit-learn`.
    pub name: String,
    /// As it says.
    pub version: String,
    /// The folder in which it lies.
    pub location: String,
    /// The running interpreter imports this one.
    pub used: bool,
    /// Its top-level modules, where it says which.
    pub modules: Vec<String>,
}

/// Why no wheels can be chosen for an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// Nothing to build upon.
    #[error("no Python is on the PATH of the base image; name an image that has Python 3")]
    NoPython,
    /// Not the Python of python.org.
    #[error("`{0}` is no CPython; wheels are chosen for CPython alone")]
    NoCPython(String),
    /// It hides its version.
    #[error("the version of `{0}` in the base image is not to be found")]
    NoVersion(String),
    /// It hides its C library.
    #[error("the C library of `{0}` in the base image is not to be found")]
    NoLibc(String),
    /// It is one that wheels are not chosen for.
    #[error(transparent)]
    Bad(#[from] BadTarget),
}

impl Probe {
    pub(super) const VERSION: u32 = VERSION;

    /// The bytes to keep: the same for the same image.
    pub fn to_json(&self) -> Vec<u8> {
        // Only maps with keys that are no text could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what was kept; `None`: by another version of nbvet, or not a probe.
    pub fn from_json(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json)
            .ok()
            .filter(|probe: &Self| probe.version == VERSION)
    }

    /// The interpreter that runs.
    pub fn python(&self) -> Option<&Interpreter> {
        let running = self.running.as_ref()?;
        self.interpreters
            .iter()
            .find(|python| python.path == running.interpreter)
    }

    /// What the running interpreter imports, by name.
    pub fn installed(&self) -> impl Iterator<Item = &Distribution> {
        self.distributions.iter().filter(|distribution| distribution.used)
    }

    /// The distribution that the running interpreter imports, by its normalised name.
    pub fn distribution(&self, name: &str) -> Option<&Distribution> {
        self.installed().find(|distribution| distribution.name == name)
    }

    /// A kernel for notebooks is installed for the running interpreter.
    pub fn has_kernel(&self) -> bool {
        self.distribution("ipykernel").is_some()
    }

    /// IPython is installed for the running interpreter.
    pub fn has_ipython(&self) -> bool {
        self.distribution("ipython").is_some()
    }

    /// What wheels are chosen for.
    pub fn target(&self) -> Result<Target, NoTarget> {
        let python = self.python().ok_or(NoTarget::NoPython)?;
        let program = || crate::wheel::shown(&python.program);
        if python
            .program
            .rsplit('/')
            .next()
            .is_some_and(|name| name.starts_with("pypy"))
        {
            return Err(NoTarget::NoCPython(program()));
        }
        let version = python
            .version
            .as_deref()
            .ok_or_else(|| NoTarget::NoVersion(program()))?;
        let libc = python
            .libc
            .as_deref()
            .ok_or_else(|| NoTarget::NoLibc(program()))?;
        let arch: Arch = self.architecture.parse()?;
        let libc: Libc = libc.parse()?;
        Ok(Target::new(version, &python.abi_flags, Platform { arch, libc })?)
    }
}
