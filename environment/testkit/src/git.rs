//! git's own server behind HTTPS on a free port of loopback: repositories in a folder, open or behind a login.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Error, Result, child};

/// A loaded machine needs several seconds.
const START: Duration = Duration::from_mins(1);

/// Who may see what is below `/private/`.
pub const GIT_USER: &str = "alice";
/// The password of [`GIT_USER`]; with what must be written otherwise in a URL.
pub const GIT_PASSWORD: &str = "p@ss w/ord";

/// A running server; ends with the value, and with the test's process however that ends.
#[derive(Debug)]
pub struct GitServer {
    _service: child::Service,
    _folder: TempDir,
    port: u16,
}

impl GitServer {
    /// Serves the repositories of a folder under a certificate: `NAME.git` as `/open/NAME.git`, and as
    /// `/private/NAME.git` to [`GIT_USER`]. `/elsewhere/…` sends to the same on another port, `/moved/…` to `/open/…`,
    /// and `/broken/…` fails. Each request is a line of the folder's file `requests`.
    pub fn start(repositories: &Path, certificate: &Path, key: &Path, elsewhere: u16) -> Result<Self> {
        for (program, package) in [("python3", "python3"), ("git", "git")] {
            child::run(Command::new(program).arg("--version"), package)?;
        }
        let folder = TempDir::new().map_err(|error| Error::Other(error.to_string()))?;
        let log = folder.path().join("log");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/git.py");
        // Tests look for the password in the arguments of every process.
        let login = folder.path().join("login");
        fs::write(&login, format!("{GIT_USER}:{GIT_PASSWORD}")).map_err(Error::file(&login))?;
        let elsewhere = elsewhere.to_string();
        let words = [
            "-B".as_ref(),
            script.as_os_str(),
            repositories.as_os_str(),
            certificate.as_os_str(),
            key.as_os_str(),
            login.as_os_str(),
            elsewhere.as_ref(),
        ];
        let service = child::Service::start("python3", &words, folder.path())?;
        Ok(Self {
            port: listening_port(&log)?,
            _service: service,
            _folder: folder,
        })
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Makes an empty repository that takes pushes from whoever may see it; its folder.
pub fn bare_repository(repositories: &Path, name: &str) -> Result<PathBuf> {
    let folder = repositories.join(format!("{name}.git"));
    let mut init = Command::new("git");
    init.args(["init", "--quiet", "--bare", "--initial-branch=main"]);
    child::run(init.arg(&folder), "git")?;
    let mut config = Command::new("git");
    config.arg("-C").arg(&folder);
    child::run(config.args(["config", "http.receivepack", "true"]), "git")?;
    Ok(folder)
}

/// Reads `port 41235` as soon as it stands in the log.
fn listening_port(log: &Path) -> Result<u16> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(log).map_err(Error::file(log))?;
        let port = text.lines().find_map(|line| line.strip_prefix("port "));
        if let Some(port) = port.and_then(|port| port.parse().ok()) {
            return Ok(port);
        }
        if start.elapsed() > START {
            return Err(Error::Other(format!("the git server did not start:\n{text}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
}
