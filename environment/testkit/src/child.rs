//! Processes that never outlive the test that started them, however it ends, nor do their folders; and commands that run to
//! their end.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, Output, Stdio},
};

use crate::{Error, Result};

/// Waits for the end of its input, which comes when the test drops it or dies (a death signal would come with the
/// end of the thread that started it), then ends the service and takes its folder away.
const WATCHER: &str = r#"folder=$1; shift; "$@" </dev/null & service=$!
read -r _; kill -KILL "$service"; wait; rm -rf "$folder""#;

/// A service that ends with the test, and its folder with it.
#[derive(Debug)]
pub(crate) struct Service {
    watcher: Child,
    /// Its closing is the sign to end.
    input: Option<ChildStdin>,
}

impl Service {
    /// Starts it with its output going to the file `log` of its folder.
    pub(crate) fn start(program: &str, arguments: &[&OsStr], folder: &Path) -> Result<Self> {
        let log = folder.join("log");
        let out = File::create(&log).map_err(Error::file(&log))?;
        let also = out.try_clone().map_err(Error::file(&log))?;
        let mut watcher = Command::new("sh")
            .args(["-c", WATCHER, "watcher"])
            .arg(folder)
            .arg(program)
            .args(arguments)
            .env_remove("OTEL_TRACES_EXPORTER")
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(also)
            // Ctrl-C ends the test; its end is what ends the service.
            .process_group(0)
            .spawn()
            .map_err(missing("sh", "dash"))?;
        let input = watcher.stdin.take();
        Ok(Self { watcher, input })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.watcher.wait();
    }
}

/// Runs a command to its end; its output, if it succeeded.
pub(crate) fn run(command: &mut Command, package: &str) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(missing(&program, package))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(failed(command, &output))
}

/// The error of a command that failed.
pub(crate) fn failed(command: &Command, output: &Output) -> Error {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    Error::Command {
        command: words.join(" "),
        ended: output.status.to_string(),
        output: String::from_utf8_lossy(&both).into_owned(),
    }
}

/// The error of a command that could not be started.
pub(crate) fn missing(program: &str, package: &str) -> impl FnOnce(io::Error) -> Error {
    let (what, package) = (program.to_owned(), package.to_owned());
    move |source| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing {
            why: format!("not installed; it is in Debian's package `{package}` (`make setup` installs it)"),
            what,
        },
        _ => Error::Other(format!("{what}: {source}")),
    }
}
