//! Debian's `docker-registry`, alone on a free port of loopback, with a folder of its own.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    Error, Result,
    certificate::{self, Certificate},
    child::Service,
};

/// Who may come in where a password is asked for.
pub const USER: &str = "tester";
/// The password of [`USER`]. Protects nothing but a folder that lives as long as one test.
pub const PASSWORD: &str = "not-a-secret";
/// The same in htpasswd's bcrypt, the only form that the registry takes.
const HTPASSWD: &str = "tester:$2b$04$WiaY.a.huin8JAyqMF8LPu9jvlYrDbz3FBPcY.bus8MaVFv9zuwvi\n";
/// A loaded machine needs several seconds, one at rest a tenth of one.
const START: Duration = Duration::from_mins(1);

/// What kind of registry a test needs; by default: plain HTTP, open to all, writable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one switch of the registry's configuration"
)]
pub struct RegistryOptions {
    /// Asks for [`USER`] and [`PASSWORD`] (Basic).
    pub password: bool,
    /// HTTPS with a certificate of [`Registry::authority`].
    pub tls: bool,
    /// Refuses writes.
    pub read_only: bool,
    /// Its `Location` headers hold no host.
    pub relative_urls: bool,
    /// Allows manifests and blobs to be deleted.
    pub delete: bool,
}

/// A running registry; ends with the value, and with the test's process however that ends.
#[derive(Debug)]
pub struct Registry {
    // Before the folder: it ends before its files go.
    _service: Service,
    folder: TempDir,
    port: u16,
    certificate: Option<Certificate>,
}

/// One answered request, from the registry's own log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD`, `POST`, `PATCH`, `PUT`, `DELETE`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Of the answer.
    pub status: u16,
    /// Bytes of the answer's body.
    pub sent: u64,
}

impl Request {
    /// It sent the content of a blob or a manifest, or asked to (a mounted blob sends none, and answers 201 to POST).
    pub fn is_upload(&self) -> bool {
        match self.method.as_str() {
            "POST" => self.status == 202,
            "PATCH" | "PUT" => true,
            _ => false,
        }
    }
}

impl Registry {
    /// Starts one and waits until it answers.
    pub fn start(options: RegistryOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("nbvet-registry-").tempdir();
        let folder = folder.map_err(|source| Error::Other(format!("no temporary folder: {source}")))?;
        let at = folder.path();
        let served = options.tls.then(|| certificate::make(at)).transpose()?;
        let config = configuration(at, options, served.as_ref());
        write(&at.join("htpasswd"), HTPASSWD)?;
        write(&at.join("config.yml"), &config)?;
        is_installed()?;
        let config = at.join("config.yml");
        let arguments: [&OsStr; 2] = ["serve".as_ref(), config.as_ref()];
        let service = Service::start("docker-registry", &arguments, at)?;
        let port = listening_port(&at.join("log"))?;
        Ok(Self {
            _service: service,
            port,
            certificate: served,
            folder,
        })
    }

    /// `127.0.0.1:PORT`, as an image reference begins.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT` or the same with `https`.
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.host())
    }

    /// The authority's certificate (PEM), where it speaks TLS.
    pub fn authority(&self) -> Option<&Path> {
        self.certificate
            .as_ref()
            .map(|certificate| &*certificate.authority)
    }

    /// What it shows to clients, where it speaks TLS.
    pub(crate) const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Where its files are: `docker/registry/v2/blobs/sha256/…`.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    /// Bytes of all blobs, manifests among them, each once: what the registry's disk holds.
    pub fn bytes_on_disk(&self) -> u64 {
        files(&self.storage().join("docker/registry/v2/blobs")).map_or(0, |files| {
            files
                .iter()
                .filter_map(|file| file.metadata().ok())
                .map(|m| m.len())
                .sum()
        })
    }

    /// Unfinished uploads: each is a folder that a client began and neither ended nor took back.
    pub fn unfinished_uploads(&self) -> usize {
        let all = files(&self.storage()).unwrap_or_default();
        all.iter().filter(|file| file.ends_with("startedat")).count()
    }

    /// Every request that was answered, in order.
    pub fn requests(&self) -> Vec<Request> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().filter_map(access).collect()
    }

    /// All that it printed, for a test that failed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Whether the program is there; the watcher that starts it could only say so in the log.
fn is_installed() -> Result<()> {
    let mut command = std::process::Command::new("docker-registry");
    crate::child::run(command.arg("--version"), "docker-registry").map(drop)
}

fn configuration(at: &Path, options: RegistryOptions, tls: Option<&Certificate>) -> String {
    let mut text =
        String::from("version: 0.1\nlog:\n  level: info\n  accesslog: {disabled: false}\nstorage:\n");
    let _ = writeln!(
        text,
        "  filesystem: {{rootdirectory: {}}}",
        at.join("storage").display()
    );
    let _ = writeln!(text, "  delete: {{enabled: {}}}", options.delete);
    let _ = writeln!(
        text,
        "  maintenance: {{readonly: {{enabled: {}}}}}",
        options.read_only
    );
    // Port 0: the system gives a free one, and the log tells which.
    let _ = writeln!(
        text,
        "http:\n  addr: 127.0.0.1:0\n  relativeurls: {}",
        options.relative_urls
    );
    let _ = writeln!(text, "  secret: not-a-secret");
    if let Some(tls) = tls {
        let (certificate, key) = (tls.signed.display(), tls.key.display());
        let _ = writeln!(text, "  tls: {{certificate: {certificate}, key: {key}}}");
    }
    if options.password {
        let _ = writeln!(
            text,
            "auth:\n  htpasswd: {{realm: tests, path: {}}}",
            at.join("htpasswd").display()
        );
    }
    text
}

/// Reads `msg="listening on 127.0.0.1:41235"` as soon as it stands in the log.
fn listening_port(log: &Path) -> Result<u16> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        let after = text.split_once("listening on 127.0.0.1:").map(|(_, after)| after);
        let digits = |after: &str| {
            after
                .split(|c: char| !c.is_ascii_digit())
                .next()
                .map(str::to_owned)
        };
        if let Some(port) = after.and_then(digits).and_then(|port| port.parse().ok()) {
            return Ok(port);
        }
        if start.elapsed() > START {
            let seconds = START.as_secs();
            return Err(Error::Other(format!(
                "docker-registry did not listen within {seconds} s:\n{text}"
            )));
        }
        sleep(Duration::from_millis(20));
    }
}

/// A line of the access log, in Apache's combined form; other lines are none.
fn access(line: &str) -> Option<Request> {
    let mut parts = line.split('"');
    let (_, request, numbers) = (parts.next()?, parts.next()?, parts.next()?);
    let mut request = request.split(' ');
    let mut numbers = numbers.split_whitespace();
    let (method, path, version) = (request.next()?, request.next()?, request.next()?);
    version.starts_with("HTTP/").then_some(())?;
    Some(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        status: numbers.next()?.parse().ok()?,
        sent: numbers.next()?.parse().ok()?,
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(Error::file(path))
}

/// Every file below a folder.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}
