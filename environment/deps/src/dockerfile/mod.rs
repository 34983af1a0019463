//! The Dockerfile for a lock: for builders that run one, and for whoever wants to read what an image is made of. It
//! says the same as what is assembled without it, and the same files come to lie at the same places. No text of a user
//! stands in it: what varies is a [`PinnedImage`], an [`Interpreter`], names and versions of packages, or a choice
//! between fixed lines, and the files beside it have fixed names.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::{
    Digest, Lock, PinnedImage,
    layout::{Interpreter, SITE},
    target::Arch,
};

/// The name of the lock in the build's context.
pub const LOCK: &str = "requirements.lock";
/// The name of the kernel's lock in the context, where one is added.
pub const KERNEL_LOCK: &str = "kernel.lock";
/// The name of the program in the context that lays files out as nbvet does.
pub const ARRANGE: &str = "arrange.py";
/// The name of pip's own wheel in the context, where the base has no pip.
pub const PIP_WHEEL: &str = "pip.whl";
/// The stage that is the image.
pub const TARGET: &str = "notebook";
/// The stage that installs; nothing of it but the packages is in the image.
pub const INSTALLED: &str = "installed";
/// The secret that holds certificates of authorities, in PEM.
pub const CA_SECRET: &str = "nbvet-ca";
/// The secret that is pip's configuration: indexes with their credentials.
pub const PIP_SECRET: &str = "nbvet-pip";
/// The label that names the packages of a kernel that was added.
pub const KERNEL_LABEL: &str = "dev.nbvet.kernel";
/// The folder of the prefix is copied: the folder that is named itself gets the mode of new ones, not its own.
const ABOVE: &str = "/opt/nbvet";
/// The text of [`ARRANGE`].
const ARRANGE_TEXT: &str = include_str!("arrange.py");

/// What decides the text of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The base image.
    pub base: PinnedImage,
    /// The platform.
    pub arch: Arch,
    /// The base's Python that packages are for.
    pub python: Interpreter,
    /// What is installed.
    pub installs: Installs,
    /// The kernel that is added, with what it needs.
    pub kernel: Option<Lock>,
    /// The pip that installs.
    pub pip: Pip,
    /// Authorities beside those of the base are needed, given as [`CA_SECRET`].
    pub ca: bool,
    /// pip needs a configuration, given as [`PIP_SECRET`].
    pub pip_config: bool,
}

/// What a build installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installs {
    /// Nothing: the base image alone.
    Nothing,
    /// Wheels, which are only unpacked.
    Wheels,
    /// Some distribution as source too: its own code runs in the build.
    Sources,
}

/// Which pip installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pip {
    /// That of the base's Python.
    OfBase,
    /// A wheel of pip in the context as [`PIP_WHEEL`], which runs without being installed: for bases whose Python has
    /// none, as environments made by uv. Who writes the context has checked its digest.
    Beside,
}

/// A Dockerfile and what stands beside it: the whole context of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The Dockerfile.
    pub dockerfile: String,
    /// The text of each file beside it, by its name.
    pub files: BTreeMap<&'static str, String>,
}

impl Recipe {
    /// For a lock on a base image, and a kernel where one is added, with the base's pip, without extra authorities and
    /// configuration.
    pub fn new(
        base: PinnedImage,
        arch: Arch,
        python: Interpreter,
        lock: &Lock,
        kernel: Option<&Lock>,
    ) -> Self {
        let mut all = [Some(lock), kernel].into_iter().flatten();
        let installs = if all.clone().all(|lock| lock.packages().is_empty()) {
            Installs::Nothing
        } else if all.any(|lock| lock.need_build().next().is_some()) {
            Installs::Sources
        } else {
            Installs::Wheels
        };
        Self {
            base,
            arch,
            python,
            installs,
            kernel: kernel.cloned(),
            pip: Pip::OfBase,
            ca: false,
            pip_config: false,
        }
    }

    /// The Dockerfile with the lock.
    pub fn context(&self, lock: &Lock) -> Context {
        let mut files = BTreeMap::from([(LOCK, lock.to_string())]);
        if self.installs != Installs::Nothing {
            files.insert(ARRANGE, ARRANGE_TEXT.to_owned());
        }
        if let Some(kernel) = &self.kernel {
            files.insert(KERNEL_LOCK, kernel.to_string());
        }
        Context {
            dockerfile: self.to_string(),
            files,
        }
    }

    /// What pip is run with.
    ///
    /// `--target` is why it works with any pip on any base: pip does not ask there whether somebody else manages the
    /// environment (PEP 668), so that `--break-system-packages`, which pip before 23.0.1 refuses, is not needed; it
    /// takes nothing of the base away; and a venv or a prefix of conda make no difference. `--isolated` and `-I`:
    /// neither PIP_* variables of the base nor its folders change what is installed.
    fn pip(&self) -> Vec<&str> {
        let mut words = vec![self.python.path(), "-I"];
        match self.pip {
            Pip::OfBase => words.extend(["-m", "pip"]),
            Pip::Beside => words.push("/tmp/pip.whl/pip"),
        }
        words.extend([
            "--isolated",
            "--no-input",
            "--disable-pip-version-check",
            "install",
            "--require-hashes",
            "--no-deps",
            "--no-cache-dir",
        ]);
        if self.installs == Installs::Wheels {
            words.extend(["--only-binary", ":all:"]);
        }
        if self.ca {
            words.extend(["--cert", "/run/secrets/nbvet-ca"]);
        }
        words.extend(["--target", SITE, "--requirement", "/tmp/requirements.lock"]);
        if self.kernel.is_some() {
            words.extend(["--requirement", "/tmp/kernel.lock"]);
        }
        words
    }

    /// The stage that runs pip, as root: secrets and the folder below `/` are root's. The image keeps its base's user.
    fn installed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, arch) = (&self.base, self.arch.oci());
        writeln!(f, "FROM --platform=linux/{arch} {base} AS {INSTALLED}")?;
        writeln!(f, "USER 0")?;
        writeln!(f, "COPY {}", json(&[LOCK, "/tmp/requirements.lock"]))?;
        if self.kernel.is_some() {
            writeln!(
                f,
                "# A kernel for Jupyter: neither requirements.lock nor the base has one."
            )?;
            writeln!(f, "COPY {}", json(&[KERNEL_LOCK, "/tmp/kernel.lock"]))?;
        }
        writeln!(f, "COPY {}", json(&[ARRANGE, "/tmp/arrange.py"]))?;
        if self.pip == Pip::Beside {
            writeln!(f, "COPY {}", json(&[PIP_WHEEL, "/tmp/pip.whl"]))?;
        }
        if self.installs == Installs::Sources {
            writeln!(
                f,
                "# Some distributions come as source: their code runs here, and what it builds with has no digest."
            )?;
        }
        writeln!(f, "RUN {}{}", self.mounts(), json(&self.pip()))?;
        let arrange = [self.python.path(), "-I", "/tmp/arrange.py"];
        writeln!(f, "RUN {}\n", json(&arrange))
    }

    fn mounts(&self) -> String {
        let mut mounts = String::new();
        for (is_needed, id, at) in [
            (self.ca, CA_SECRET, "/run/secrets/nbvet-ca"),
            (self.pip_config, PIP_SECRET, "/etc/pip.conf"),
        ] {
            if is_needed {
                let _ = write!(mounts, "--mount=type=secret,id={id},target={at},required=true ");
            }
        }
        mounts
    }
}

/// The text of the Dockerfile.
impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, arch) = (&self.base, self.arch.oci());
        writeln!(
            f,
            "# Written by nbvet from requirements.lock; changes here are lost."
        )?;
        if self.installs != Installs::Nothing {
            self.installed(f)?;
        }
        writeln!(f, "FROM --platform=linux/{arch} {base} AS {TARGET}")?;
        if self.installs != Installs::Nothing {
            writeln!(f, "COPY --from={INSTALLED} {}", json(&[ABOVE, ABOVE]))?;
            writeln!(f, "{ENV}")?;
        }
        if let Some(kernel) = &self.kernel {
            writeln!(f, "LABEL {KERNEL_LABEL}=\"{}\"", kernel.pins())?;
        }
        writeln!(
            f,
            "LABEL org.opencontainers.image.base.digest=\"{}\"",
            base.digest()
        )
    }
}

/// Packages, programs, kernels and settings of Jupyter; an empty part of PYTHONPATH would be the working folder.
const ENV: &str = r#"ENV PYTHONPATH="/opt/nbvet/env/site${PYTHONPATH:+:$PYTHONPATH}" \
    PATH="/opt/nbvet/env/bin:${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}" \
    JUPYTER_PATH="/opt/nbvet/env/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}" \
    JUPYTER_CONFIG_PATH="/opt/nbvet/env/etc/jupyter${JUPYTER_CONFIG_PATH:+:$JUPYTER_CONFIG_PATH}""#;

/// Words as the JSON form has them: no shell reads them. They are words of this file, which need no escapes.
fn json(words: &[&str]) -> String {
    format!("[\"{}\"]", words.join("\", \""))
}

impl Context {
    /// The digest of all of it, which is part of the image's identity.
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        let dockerfile = [("Dockerfile", &self.dockerfile)];
        let files = self.files.iter().map(|(name, text)| (*name, text));
        for (name, text) in dockerfile.into_iter().chain(files) {
            for part in [name, text] {
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part);
            }
        }
        Digest::of_sha256(hasher.finalize().into())
    }

    /// Writes it into a folder, which is made where it is not there. No link is followed: what has the name of a file
    /// is replaced, and a folder that is a link, or that a relative path names through one, is an error.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        refuse_links(folder)?;
        fs::create_dir_all(folder)?;
        write_new(&folder.join("Dockerfile"), &self.dockerfile)?;
        let mut files = self.files.iter();
        files.try_for_each(|(name, text)| write_new(&folder.join(name), text))
    }
}

/// A repository may hold links to anywhere; what stands before a whole path is the machine's own.
fn refuse_links(folder: &Path) -> io::Result<()> {
    let parts: PathBuf = folder.components().collect();
    let several = if folder.is_absolute() { 1 } else { usize::MAX };
    for path in parts.ancestors().take(several) {
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(io::Error::other(format!(
                "{} is a link; name the folder that it leads to",
                path.display().to_string().escape_debug()
            )));
        }
    }
    Ok(())
}

/// Writes a file that is new: one that was there goes, be it a link.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}
