//! A package index on loopback, by Python's own web server: pages of the simple API with what a test says of each
//! release. Its wheels can be asked about and not fetched.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Error, Result, child};

/// Python's server needs so long at most until it says where it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// A release that an index offers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Release<'r> {
    /// The distribution, normalised.
    pub name: &'r str,
    /// The version.
    pub version: &'r str,
    /// What it needs: lines of `Requires-Dist`.
    pub requires: &'r [&'r str],
    /// Which Pythons it is for.
    pub requires_python: Option<&'r str>,
    /// It was withdrawn, for this reason.
    pub yanked: Option<&'r str>,
    /// There is a source distribution alone, and no wheel.
    pub only_source: bool,
}

/// A running index; ends with the value.
#[derive(Debug)]
pub struct Index {
    // Before the folder: it ends before its files go.
    _service: child::Service,
    folder: TempDir,
    port: u16,
}

impl Index {
    /// Starts an index that has nothing yet.
    pub fn start() -> Result<Self> {
        child::run(Command::new("python3").arg("--version"), "python3")?;
        let folder = TempDir::new().map_err(|error| Error::Other(error.to_string()))?;
        let served = folder.path().join("served");
        fs::create_dir(&served).map_err(Error::file(&served))?;
        let log = folder.path().join("log");
        let words = [
            "-u",
            "-m",
            "http.server",
            "0",
            "--bind",
            "127.0.0.1",
            "--directory",
        ];
        let mut words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        words.push(served.as_os_str());
        let service = child::Service::start("python3", &words, folder.path())?;
        Ok(Self {
            port: listening_port(&log)?,
            folder,
            _service: service,
        })
    }

    /// `http://127.0.0.1:PORT/simple`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/simple", self.port)
    }

    /// Offers one more release.
    pub fn add(&self, release: &Release<'_>) -> Result<()> {
        let Release { name, version, .. } = release;
        let stem = format!("{}-{version}", name.replace('-', "_"));
        let file = if release.only_source {
            format!("{stem}.tar.gz")
        } else {
            format!("{stem}-py3-none-any.whl")
        };
        let attribute = |name: &str, value: Option<&str>| {
            value.map_or_else(String::new, |value| {
                format!(
                    " {name}=\"{}\"",
                    value
                        .replace('&', "&amp;")
                        .replace('>', "&gt;")
                        .replace('<', "&lt;")
                )
            })
        };
        let link = format!(
            "<a href=\"../../files/{file}\"{}{}{}>{file}</a><br>\n",
            attribute("data-yanked", release.yanked),
            attribute("data-requires-python", release.requires_python),
            attribute("data-core-metadata", (!release.only_source).then_some("true")),
        );
        let served = self.folder.path().join("served");
        append(&served.join("simple").join(name).join("index.html"), &link)?;
        if release.only_source {
            return Ok(());
        }
        let requires = release.requires.iter().fold(String::new(), |mut text, requires| {
            let _ = writeln!(text, "Requires-Dist: {requires}");
            text
        });
        let metadata =
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}\nWords.\n");
        append(&served.join("files").join(format!("{file}.metadata")), &metadata)
    }

    /// How often it was asked for something.
    pub fn requests(&self) -> usize {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| line.contains("\"GET ")).count()
    }
}

fn append(path: &Path, text: &str) -> Result<()> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(text.as_bytes())
    });
    written.map_err(Error::file(path))
}

/// Reads `Serving HTTP on 127.0.0.1 port 41235` as soon as it stands in the log.
fn listening_port(log: &Path) -> Result<u16> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(log).map_err(Error::file(log))?;
        let port = text.split_whitespace().skip_while(|word| *word != "port").nth(1);
        if let Some(port) = port.and_then(|port| port.parse().ok()) {
            return Ok(port);
        }
        if start.elapsed() > PATIENCE {
            return Err(Error::Other(format!(
                "Python's web server did not start:\n{text}"
            )));
        }
        thread::sleep(Duration::from_millis(20));
    }
}
