//! A folder served by Python's own web server.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A running server; ends with the value.
pub(crate) struct Served {
    folder: TempDir,
    child: Child,
    port: u16,
}

impl Served {
    /// Serves these files; `None` (and said so) where there is no Python.
    pub(crate) fn start(files: &[(&str, &str)]) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let started = Command::new("python3")
            .args([
                "-u",
                "-m",
                "http.server",
                "0",
                "--bind",
                "127.0.0.1",
                "--directory",
            ])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = started else {
            skip();
            return None;
        };
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.split_whitespace().skip_while(|word| *word != "port").nth(1);
        let served = Self {
            port: port.unwrap().parse().unwrap(),
            folder,
            child,
        };
        for (name, contents) in files {
            served.add(name, contents.as_bytes());
        }
        Some(served)
    }

    /// One more file.
    pub(crate) fn add(&self, name: &str, contents: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

#[expect(clippy::print_stdout, reason = "tests say what they skip")]
fn skip() {
    println!("skipped: no python3");
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
