//! Versions for what a dependency file leaves open, found by `uv pip compile`. nbvet has no resolver of its own; it writes
//! what uv is asked, so that neither text nor option of a user's file reaches uv, and reads the answer as a lock.

mod child;
mod explain;
mod question;
mod uv;

use std::{ffi::OsString, fs, io, path::Path, time::Duration};

use nbvet_deps::{
    Declared, Dependency, Lock,
    lock::{BadLock, Incomplete},
    target::Target,
};
use tempfile::TempDir;
use url::Url;

pub use self::uv::Uv;
use self::{child::Ended, question::Question};
use crate::{
    http::{Http, shown_url},
    index::{IndexConfig, Surroundings},
};

/// How long a resolution may take; large ones on a slow index take a minute.
pub const TIME_LIMIT: Duration = Duration::from_mins(5);

/// Resolves by running uv against the indexes of some settings.
#[derive(Clone, Copy)]
pub struct Resolver<'r> {
    /// The program.
    pub uv: &'r Uv,
    /// Indexes, folders of wheels and certificates.
    pub config: &'r IndexConfig,
    /// Says which hosts may be asked without TLS.
    pub http: &'r Http,
    /// Where variables come from that uv needs: caches, proxies.
    pub surroundings: &'r dyn Surroundings,
    /// When it is given up.
    pub limit: Duration,
}

/// Why there is no resolution. Messages hold no credentials.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Nothing that resolves is here.
    #[error("versions are to be found, and uv is not here")]
    NoUv {
        /// The dependency file.
        file: String,
    },
    /// Nobody is to be asked.
    #[error(
        "versions for {file} are to be found, which `--offline` forbids: none were found before; lock it: `{}`",
        locks(file)
    )]
    Offline {
        /// The dependency file.
        file: String,
    },
    /// The uv that was named cannot be run.
    #[error("{uv} cannot be run as uv: {why}")]
    BadUv {
        /// The program.
        uv: String,
        /// Why not.
        why: String,
    },
    /// Lines that no resolution can mend.
    #[error("{0}")]
    Lines(Incomplete),
    /// What the file asks for cannot be had together, or not at all.
    #[error("{file}: no versions fit together:\n{explanation}")]
    Conflict {
        /// The dependency file.
        file: String,
        /// What uv says, shortened.
        explanation: String,
    },
    /// Only source is there, and nbvet runs no code of packages to read what it needs.
    #[error("{file}: {} has no wheel for {target}, only source", package.as_deref().unwrap_or("a package"))]
    NeedsBuild {
        /// The dependency file.
        file: String,
        /// Which package, where uv tells it.
        package: Option<String>,
        /// What a wheel is lacking for.
        target: String,
    },
    /// The index has files, but none with a digest that the file demands.
    #[error(
        "{file}:{line}: `{text}`: the index has {version} with other digests than those in the file; do not use what is there unless you know why"
    )]
    OtherFiles {
        /// The dependency file.
        file: String,
        /// The line.
        line: usize,
        /// What it says.
        text: String,
        /// What was found.
        version: String,
    },
    /// An index cannot be reached.
    #[error("no versions could be looked up, an index cannot be reached: {explanation}")]
    Network {
        /// What uv says, shortened.
        explanation: String,
    },
    /// A server has an answer, and it is no.
    #[error("no versions could be looked up: {url} answers {status}")]
    Status {
        /// What was asked for, without credentials.
        url: String,
        /// The status, in its words.
        status: String,
    },
    /// An index wants credentials.
    #[error("no versions could be looked up, an index wants credentials: {explanation}")]
    Credentials {
        /// What uv says, shortened.
        explanation: String,
    },
    /// Credentials or names would be readable on the way.
    #[error("{url}: plain http is refused")]
    Plain {
        /// The index.
        url: String,
    },
    /// It takes too long.
    #[error("uv has found no versions after {} s and was stopped; name versions for more packages, so that there is less to try", limit.as_secs())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// uv does not know what it is asked.
    #[error("uv does not know what it is asked, it may be too old: {explanation}")]
    Usage {
        /// What uv says, shortened.
        explanation: String,
    },
    /// Anything else.
    #[error("uv failed: {explanation}")]
    Failed {
        /// What uv says, shortened.
        explanation: String,
    },
    /// uv's answer is no lock.
    #[error("uv's answer cannot be used: {0}")]
    Answer(BadLock),
    /// Files for uv cannot be written.
    #[error("a resolution needs a temporary folder, which fails: {0}")]
    Folder(io::Error),
}

impl ResolveError {
    /// What the file asks for is at fault, not what surrounds it.
    pub const fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Lines(_) | Self::Conflict { .. } | Self::NeedsBuild { .. } | Self::OtherFiles { .. }
        )
    }
}

impl Resolver<'_> {
    /// A lock for what a dependency file asks for on a target. Pins stay, and digests that the file names still bind.
    pub fn resolve(&self, declared: &Declared, target: &Target) -> Result<Lock, ResolveError> {
        let question = Question::of(declared, target)?;
        if question.requirements.is_empty() {
            return Ok(Lock::default());
        }
        if self.http.is_offline() {
            return Err(ResolveError::Offline {
                file: declared.file.to_string(),
            });
        }
        self.check_indexes()?;
        let folder = question
            .written(&self.config.ca_files)
            .map_err(ResolveError::Folder)?;
        let answer = match child::run(self.command(&folder, &question, target), self.limit) {
            Err(error) => {
                return Err(ResolveError::BadUv {
                    uv: self.uv.to_string(),
                    why: error.to_string(),
                });
            }
            Ok(Ended::TimedOut) => return Err(ResolveError::TimedOut { limit: self.limit }),
            Ok(Ended::Failed(said)) => return Err(explain::error(&said, declared, target)),
            Ok(Ended::Well(answer)) => answer,
        };
        let lock: Lock = answer.parse().map_err(ResolveError::Answer)?;
        bound(&lock, &question.asked)
    }

    /// Plain http only where nbvet itself would speak it: uv would send credentials that way.
    fn check_indexes(&self) -> Result<(), ResolveError> {
        for index in &self.config.indexes {
            if let Ok(url) = Url::parse(index.reveal())
                && url.scheme() == "http"
                && !self.http.may_be_plain(&url)
            {
                return Err(ResolveError::Plain { url: shown_url(&url) });
            }
        }
        Ok(())
    }

    fn command(&self, folder: &TempDir, question: &Question<'_>, target: &Target) -> std::process::Command {
        let mut command = self.uv.command();
        command
            .current_dir(folder.path())
            .env_clear()
            .args(["pip", "compile", "--no-config", "--no-build", "--generate-hashes"])
            .args(["--format", "requirements.txt", "--no-header", "--no-annotate"])
            .args([
                "--no-progress",
                "--color",
                "never",
                "--keyring-provider",
                "disabled",
            ])
            .args(["--index-strategy", "first-index", "--no-python-downloads"])
            .args(["--python-version", &release(target)])
            .args(["--python-platform", &target.uv_platform()]);
        if question.with_pre_releases {
            command.args(["--prerelease", "allow"]);
        }
        for folder in &self.config.folders {
            // uv runs in another folder.
            let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            command.arg("--find-links").arg(folder);
        }
        if self.config.indexes.is_empty() {
            command.arg("--no-index");
        }
        if !question.constraints.is_empty() {
            command.args(["--constraints", question::CONSTRAINTS]);
        }
        command.arg(question::REQUIREMENTS);
        command.envs(self.variables(folder.path()));
        command
    }

    /// What uv is told of its surroundings, and the indexes: as variables, which other users of the machine cannot
    /// read, unlike a command line.
    fn variables(&self, folder: &Path) -> Vec<(&'static str, OsString)> {
        const KEPT: &[&str] = &[
            "PATH",
            "HOME",
            "TMPDIR",
            "VIRTUAL_ENV",
            "XDG_CACHE_HOME",
            "XDG_DATA_HOME",
            "UV_CACHE_DIR",
            "UV_HTTP_TIMEOUT",
            "UV_PYTHON_INSTALL_DIR",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "ALL_PROXY",
            "NO_PROXY",
            "https_proxy",
            "http_proxy",
            "all_proxy",
            "no_proxy",
        ];
        let kept = KEPT.iter().filter_map(|name| {
            let value = self.surroundings.variable(name)?;
            Some((*name, OsString::from(value)))
        });
        let mut variables: Vec<(&'static str, OsString)> = kept.collect();
        // No credentials but those of the settings.
        variables.push(("NETRC", folder.join("no-netrc").into()));
        // The system's certificates, by the name that uv has for them now and by that of before.
        variables.push(("UV_SYSTEM_CERTS", "true".into()));
        variables.push(("UV_NATIVE_TLS", "true".into()));
        let authorities = folder.join(question::AUTHORITIES);
        if fs::exists(&authorities).unwrap_or(false) {
            variables.retain(|(name, _)| !name.starts_with("SSL_CERT"));
            variables.push(("SSL_CERT_FILE", authorities.into()));
        }
        // The last is the default index, which uv asks after the others.
        if let Some((default, first)) = self.config.indexes.split_last() {
            let first: Vec<&str> = first.iter().map(crate::http::Secret::reveal).collect();
            variables.push(("UV_DEFAULT_INDEX", default.reveal().into()));
            if !first.is_empty() {
                variables.push(("UV_INDEX", first.join(" ").into()));
            }
        }
        variables
    }
}

/// The command that makes a lock where nbvet finds it.
pub(crate) fn locks(file: &str) -> String {
    let compile = |from: &str, to: &str| format!("uv pip compile {from} --generate-hashes -o {to}");
    if let Some(stem) = file.strip_suffix(".in") {
        return compile(file, &format!("{stem}.txt"));
    }
    if let Some(stem) = file.strip_suffix(".txt") {
        // What is asked for stands in the file that is to be the lock.
        let from = format!("{stem}.in");
        return format!("mv {file} {from} && {}", compile(&from, file));
    }
    let folder = file
        .rsplit_once('/')
        .map_or_else(String::new, |(folder, _)| format!("{folder}/"));
    compile(file, &format!("{folder}requirements.txt"))
}

/// The version of a Python without what marks it as not final, which uv does not take.
fn release(target: &Target) -> String {
    let release: Vec<String> = target.python().release().iter().map(u64::to_string).collect();
    release.join(".")
}

/// The digests that lines name bind: uv leaves them out and takes those of the index.
fn bound(lock: &Lock, asked: &[&Dependency]) -> Result<Lock, ResolveError> {
    let mut packages = lock.packages().to_vec();
    for package in &mut packages {
        let lines = asked
            .iter()
            .filter(|line| line.name.as_ref() == Some(&package.name));
        for line in lines {
            let allowed = nbvet_deps::lock::sha256(&line.hashes);
            if allowed.is_empty() {
                continue;
            }
            package.allowed.retain(|digest| allowed.contains(digest));
            if package.allowed.is_empty() {
                return Err(ResolveError::OtherFiles {
                    file: line.place.file.to_string(),
                    line: line.place.line,
                    text: nbvet_deps::masked(&line.text).into_owned(),
                    version: package.version.to_string(),
                });
            }
        }
    }
    Ok(Lock::new(packages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_proposed_under_a_name_that_is_found() {
        for (file, expected) in [
            (
                "requirements.txt",
                "mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes -o requirements.txt",
            ),
            (
                "n/requirements.in",
                "uv pip compile n/requirements.in --generate-hashes -o n/requirements.txt",
            ),
            (
                "n/pyproject.toml",
                "uv pip compile n/pyproject.toml --generate-hashes -o n/requirements.txt",
            ),
        ] {
            assert_eq!(locks(file), expected);
        }
    }
}
