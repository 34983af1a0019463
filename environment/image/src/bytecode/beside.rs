//! The Python of an image in a container of its own, reached by a socket in a folder that two containers share: it is
//! somebody else's, and runs there without any secret, and nothing of it where the image is built.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{Error, SCRIPT, answers::Process};

/// The program that such a container runs.
const PROGRAM: &str = include_str!("beside.py");

/// How often somebody is looked for.
const TICK: Duration = Duration::from_millis(100);

/// The command of a container that compiles for a build in another, by the Python of its image; the socket's path is its
/// last word.
pub fn command(python: &str, socket: &str) -> Vec<String> {
    let words = [python, "-I", "-S", "-B", "-c", PROGRAM, socket];
    words.map(str::to_owned).to_vec()
}

/// Tells the other container, when it goes, that nothing more is to be compiled, whether that has come up or not.
#[derive(Debug)]
pub struct Finished(PathBuf);

impl Finished {
    /// Of a socket, in whose folder this process may write.
    pub fn of(socket: &Path) -> Self {
        let mut mark = socket.as_os_str().to_owned();
        mark.push(".finished");
        Self(PathBuf::from(mark))
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        // Where it cannot be written the other container ends by its own patience.
        let _ = fs::write(&self.0, "");
    }
}

/// A Python behind a socket, as soon as somebody listens there.
pub(super) fn reach(socket: &Path, patience: Duration) -> Result<Process, Error> {
    let since = Instant::now();
    loop {
        match connect(socket) {
            Ok(process) => return Ok(process),
            Err(error) if since.elapsed() >= patience => {
                return Err(Error::Unreached {
                    seconds: patience.as_secs(),
                    error,
                });
            }
            Err(_) => thread::sleep(TICK),
        }
    }
}

fn connect(socket: &Path) -> io::Result<Process> {
    let mut stream = UnixStream::connect(socket)?;
    let length = u32::try_from(SCRIPT.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(SCRIPT.as_bytes())?;
    Process::at(stream)
}
