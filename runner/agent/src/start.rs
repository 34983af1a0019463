//! Starts a worker in the notebook's Python: the contract with the loader, the environment, the descriptors.
//! Knows nothing of what the worker says afterwards.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    io::{self, Read},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nbvet_protocol::{FromAgent, InstallPolicy, StartFailureKind, StartSpec};
use nbvet_report::{Hint, Readers};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{FdFlags, fcntl_setfd},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::{
    assets::{Assets, AssetsError},
    elf::libc_of,
    interpreter::{Found, Surroundings, prefix_of, version_by_name},
    processes::MARKER,
};

/// The oldest Python that the worker can be loaded into.
const OLDEST: (u32, u32) = (3, 9);
/// Digits of a session's number in its marker.
const SESSION_DIGITS: usize = 10;
/// How long a program may take to say which Python it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a job names in the place of a Python.
pub(crate) const ANOTHER_IMAGE: &str = "name an image that has a working one in `spec.podConfig.containerImage`, or, where it is built, in \
                                        `spec.podConfig.buildConfig.baseImage`";

fn no_python() -> Hint {
    Hint::from("name a working Python with `--python`").in_cluster(ANOTHER_IMAGE)
}

/// A worker that was started and has not said anything yet.
pub(crate) struct Worker {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    pub(crate) channel: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) python: Found,
    /// It comes from a fork server, with these modules imported; `None`: a fresh interpreter.
    pub(crate) forked_with: Option<Vec<String>>,
}

/// Why no worker was started, as the host will hear it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartFailure {
    pub(crate) kind: StartFailureKind,
    pub(crate) message: String,
    pub(crate) hint: Hint,
}

impl StartFailure {
    pub(crate) fn new(kind: StartFailureKind, message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// As the host of a session is told.
    pub(crate) fn told(self, session: u32, readers: Readers) -> FromAgent {
        let hint = self.hint.to(readers);
        FromAgent::StartFailed {
            session,
            kind: self.kind,
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
            message: self.message,
        }
    }

    pub(crate) fn unsupported(reason: &str) -> Self {
        Self::new(
            StartFailureKind::UnsupportedInterpreter,
            reason,
            Hint::from("nbvet needs CPython 3.9 or newer, with the GIL; name one with `--python`")
                .in_cluster(format!(
                    "nbvet needs CPython 3.9 or newer, with the GIL; {ANOTHER_IMAGE}"
                )),
        )
    }
}

impl From<AssetsError> for StartFailure {
    fn from(error: AssetsError) -> Self {
        Self::new(StartFailureKind::NoWorker, error.to_string(), error.hint())
    }
}

/// All that is known about a worker before it is started.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) python: Found,
    /// The folder that it runs in.
    pub(crate) folder: PathBuf,
    /// Names its session in the environment.
    pub(crate) marker: String,
    /// Variables added to the environment.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) installs: InstallPolicy,
    pub(crate) memory_limit: Option<u64>,
    /// Modules that a fork server may import.
    pub(crate) preload: Vec<String>,
    arguments: Arguments,
}

/// What a process is started as; the loader knows these words.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Worker,
    ForkServer,
}

/// Finds the Python and what it is to load; `marker` names the session.
pub(crate) fn plan(spec: &StartSpec, marker: String) -> Result<Plan, StartFailure> {
    let notebook_directory = directory(spec.notebook_directory.as_deref())?;
    let folder = directory(
        spec.working_directory
            .as_deref()
            .or(spec.notebook_directory.as_deref()),
    )?;
    let python = find(spec, &notebook_directory)?;
    let version = version(&python.path)?;
    let assets = Assets::find(Some(version).filter(|version| !has_ipython(&python.path, *version)))?;
    let arguments = arguments(&assets, &python.path, version)?;
    Ok(Plan {
        python,
        folder,
        marker,
        env: spec.env.clone(),
        installs: spec.installs,
        memory_limit: spec.memory_limit,
        preload: spec.preload.clone(),
        arguments,
    })
}

impl Plan {
    /// Starts a worker in a fresh interpreter.
    pub(crate) fn spawn(&self) -> Result<Worker, StartFailure> {
        let mut command = self.command();
        command
            .current_dir(&self.folder)
            .env(MARKER, &self.marker)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let (channel, theirs) = socket(SocketType::STREAM).map_err(|error| self.not_started(&error))?;
        let mut child = self.start(command, Role::Worker, &theirs)?;
        let pid = Pid::from_child(&child);
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| self.not_started(&error.into()))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            unreachable!("both were asked for as pipes")
        };
        Ok(Worker {
            pid,
            pidfd,
            channel,
            stdout: stdout.into(),
            stderr: stderr.into(),
            python: self.python.clone(),
            forked_with: None,
        })
    }

    /// Starts a fork server for workers like this one: its process, and our end of its socket.
    pub(crate) fn serve_forks(&self) -> Result<(Pid, OwnedFd), StartFailure> {
        let mut command = self.command();
        // As long as a session's marker, and no session's.
        let marker = self.marker.rsplit_once('.').map_or("", |(mark, _)| mark);
        command
            .current_dir("/")
            .env(MARKER, format!("{marker}.{:->1$}", "", SESSION_DIGITS))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let (socket, theirs) = socket(SocketType::SEQPACKET).map_err(|error| self.not_started(&error))?;
        let child = self.start(command, Role::ForkServer, &theirs)?;
        Ok((Pid::from_child(&child), socket))
    }

    /// Whether both would be started alike but for their folder and session.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let alike = |one: &Self| (one.python.path.clone(), one.preload.clone());
        alike(self) == alike(other) && self.env == other.env && self.arguments == other.arguments
    }

    /// Whether the interpreter's start depends on the folder that it is started in.
    pub(crate) fn depends_on_folder(&self) -> bool {
        let search = self
            .env
            .get("PYTHONPATH")
            .map(OsString::from)
            .or_else(|| env::var_os("PYTHONPATH"));
        search.is_some_and(|search| {
            !search.is_empty() && env::split_paths(&search).any(|path| !path.is_absolute())
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.python.path);
        environment(&mut command, &self.python.path);
        command.envs(&self.env).process_group(0).stdin(Stdio::null());
        command
    }

    fn start(&self, mut command: Command, role: Role, theirs: &OwnedFd) -> Result<Child, StartFailure> {
        let Arguments {
            loader,
            worker,
            shim,
            kit,
        } = &self.arguments;
        command
            .arg("-c")
            .arg(loader)
            .arg(theirs.as_raw_fd().to_string())
            .args([worker, shim, kit])
            .arg(match role {
                Role::Worker => "worker",
                Role::ForkServer => "fork-server",
            });
        if matches!(role, Role::ForkServer) {
            command.args(&self.preload);
        }
        // This process has one thread, so no other child can inherit it in between.
        fcntl_setfd(theirs, FdFlags::empty()).map_err(|error| self.not_started(&error.into()))?;
        command.spawn().map_err(|error| self.not_started(&error))
    }

    fn not_started(&self, error: &io::Error) -> StartFailure {
        StartFailure::new(
            StartFailureKind::NoInterpreter,
            format!("{} does not start: {error}", self.python.path.display()),
            no_python(),
        )
    }
}

/// The marker of a session, all of one length.
pub(crate) fn marker(mark: &str, session: u32) -> String {
    format!("{mark}.{session:0SESSION_DIGITS$}")
}

/// Two ends of a new socket.
pub(crate) fn socket(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?)
}

fn directory(named: Option<&str>) -> Result<PathBuf, StartFailure> {
    let folder = named.map_or_else(env::current_dir, |name| Path::new(name).canonicalize());
    let shown = named.unwrap_or("the current folder");
    match folder {
        Ok(folder) if folder.is_dir() => Ok(folder),
        Ok(_) => Err(format!("{shown} is no folder")),
        Err(error) => Err(format!("{shown} cannot be entered: {error}")),
    }
    .map_err(|message| {
        StartFailure::new(
            StartFailureKind::NoDirectory,
            message,
            "the notebook's folder must exist where it runs",
        )
    })
}

fn find(spec: &StartSpec, directory: &Path) -> Result<Found, StartFailure> {
    let variable = |name: &str| {
        spec.env
            .get(name)
            .map(OsString::from)
            .or_else(|| env::var_os(name))
    };
    Surroundings {
        variable: &variable,
        directory,
        request: &spec.python,
    }
    .find()
    .map_err(|error| StartFailure::new(StartFailureKind::NoInterpreter, error.message, error.hint))
}

/// What the loader is given, and itself.
#[derive(Clone, PartialEq, Eq)]
struct Arguments {
    loader: OsString,
    worker: OsString,
    shim: OsString,
    /// Empty: none.
    kit: OsString,
}

fn arguments(assets: &Assets, python: &Path, version: (u32, u32)) -> Result<Arguments, StartFailure> {
    let libc = libc_of(python);
    let worker = assets.worker(libc).ok_or_else(|| {
        let message = format!(
            "this build of nbvet carries no worker for {} ({libc:?})",
            python.display()
        );
        StartFailure::new(StartFailureKind::NoWorker, message, "")
    })?;
    let loader = assets.loader().map_err(|error| {
        StartFailure::new(
            StartFailureKind::NoWorker,
            format!("the loader cannot be read: {error}"),
            "",
        )
    })?;
    Ok(Arguments {
        loader: loader.into(),
        worker: worker.into(),
        shim: assets.shim().into(),
        kit: assets
            .kit(version)
            .map_or_else(OsString::new, PathBuf::into_os_string),
    })
}

/// The environment surely has an IPython of its own: then none is taken from a kit.
fn has_ipython(python: &Path, (major, minor): (u32, u32)) -> bool {
    prefix_of(python).is_some_and(|prefix| {
        let packages = format!("lib/python{major}.{minor}/site-packages/IPython/__init__.py");
        prefix.join(packages).is_file()
    })
}

fn version(python: &Path) -> Result<(u32, u32), StartFailure> {
    let version = version_by_name(python).map_or_else(|| ask_version(python), Ok)?;
    if version < OLDEST {
        let (major, minor) = version;
        let reason = format!(
            "{} is Python {major}.{minor}, which is too old to run notebooks",
            python.display()
        );
        return Err(StartFailure::unsupported(&reason));
    }
    Ok(version)
}

/// Asks the program itself; wrappers and shims tell nothing by their name.
fn ask_version(python: &Path) -> Result<(u32, u32), StartFailure> {
    let failed = |reason: String| {
        let message = format!("{} does not say which Python it is: {reason}", python.display());
        StartFailure::new(StartFailureKind::NoInterpreter, message, no_python())
    };
    let mut child = Command::new(python)
        .args([
            "-E",
            "-S",
            "-c",
            "import sys; sys.stdout.write('nbvet %d.%d\\n' % sys.version_info[:2])",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let answer = answer(&mut child);
    // It has answered, or is not a Python; either way it has nothing more to do.
    let _ = child.kill();
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    parse_version(&answer).ok_or_else(|| {
        let why = status.code().map_or_else(
            || format!("signal {}", status.signal().unwrap_or(0)),
            |code| format!("status {code}"),
        );
        failed(format!("it answered {answer:?} and ended with {why}"))
    })
}

fn parse_version(answer: &str) -> Option<(u32, u32)> {
    let (major, minor) = answer
        .lines()
        .find_map(|line| line.strip_prefix("nbvet "))?
        .split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// What the child prints, up to its end, a limit of size and one of time.
fn answer(child: &mut Child) -> String {
    const LIMIT: usize = 4096;
    let mut bytes = Vec::new();
    let Some(mut stdout) = child.stdout.take() else {
        return String::new();
    };
    while bytes.len() < LIMIT && parse_version(&String::from_utf8_lossy(&bytes)).is_none() {
        let mut ready = [PollFd::new(&stdout, PollFlags::IN)];
        let patience = PATIENCE.try_into().ok();
        if !matches!(poll(&mut ready, patience.as_ref()), Ok(1..)) {
            break;
        }
        let mut chunk = [0; 1024];
        match stdout.read(&mut chunk) {
            Ok(length @ 1..) => bytes.extend_from_slice(&chunk[..length]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

/// As activating the environment would have it: `python` and `pip` within the notebook mean this one. An
/// environment that was active and is not the chosen one must not be seen, since IPython would mix the two.
///
/// Assertions are what a notebook is vetted by, so none are optimised away, whoever asked for that.
fn environment(command: &mut Command, python: &Path) {
    command.env_remove("PYTHONOPTIMIZE");
    if let Some(prefix) = prefix_of(python) {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [prefix.join("bin")].into_iter().chain(env::split_paths(&path));
        if let Ok(path) = env::join_paths(folders) {
            command.env("PATH", path);
        }
        command.env("VIRTUAL_ENV", prefix).env_remove("PYTHONHOME");
    } else {
        command.env_remove("VIRTUAL_ENV");
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn program(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("python3");
        fs::write(&path, text).expect("it can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        (folder, path)
    }

    #[test]
    fn a_wrapper_is_asked_for_its_version() {
        let (_folder, path) = program("#!/bin/sh\necho welcome\necho nbvet 3.12\n");
        assert_eq!(version(&path), Ok((3, 12)));
    }

    #[test]
    fn an_old_python_is_refused_by_its_version() {
        let (_folder, path) = program("#!/bin/sh\necho nbvet 2.7\n");
        let failure = version(&path).expect_err("it is too old");
        assert_eq!(failure.kind, StartFailureKind::UnsupportedInterpreter);
        assert!(
            failure
                .message
                .ends_with("is Python 2.7, which is too old to run notebooks"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn a_program_that_is_no_python_is_said_to_be_none() {
        let (_folder, path) = program("#!/bin/sh\necho hello; exit 3\n");
        let failure = version(&path).expect_err("it is no Python");
        assert_eq!(failure.kind, StartFailureKind::NoInterpreter);
        assert!(
            failure
                .message
                .contains("it answered \"hello\" and ended with status 3"),
            "{}",
            failure.message
        );
    }
}
