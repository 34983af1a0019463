//! Processes that never outlive the test that started them, however it ends.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Error, Result};

/// Ends where the test has died before its death could be told; then is the program itself.
const STILL_OURS: &str = r#"[ "$PPID" = "$1" ] || exit; shift; exec "$@""#;

/// Lines of a log that an error shows.
const TAIL: usize = 15;

/// A command whose process gets SIGKILL when this one dies. To be started by [`spawn`] alone: the signal comes with the end
/// of the *thread* that started it.
///
/// ```no_run
/// let mut program = nbvet_operator_testkit::mortal("sleep");
/// program.arg("3600");
/// let child = nbvet_operator_testkit::spawn(program)?;
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn mortal(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "sh", "-c", STILL_OURS, "sh"]);
    command.arg(std::process::id().to_string()).arg(program);
    command
}

/// A running program of a cluster.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    process: Mutex<Child>,
    log: PathBuf,
}

impl Service {
    /// Starts a [`mortal`] command with its output added to `LOGS/NAME.log`.
    pub(crate) fn start(name: &'static str, mut command: Command, logs: &Path) -> Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let open = || File::options().create(true).append(true).open(&log);
        let out = open().map_err(Error::file(&log))?;
        let also = out.try_clone().map_err(Error::file(&log))?;
        // A proxy of the machine has no say: all is on loopback.
        command.env("NO_PROXY", "*").env("no_proxy", "*");
        // Ctrl-C ends the test; its end is what ends the service.
        command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(also)
            .process_group(0);
        let process = spawn(command).map_err(|source| missing(&source, name))?;
        Ok(Self {
            name,
            process: Mutex::new(process),
            log,
        })
    }

    /// An error where it has ended, which it never does by itself.
    pub(crate) fn check(&self) -> Result<()> {
        match self.process().try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failed(format!("ended with {status}"))),
            Err(error) => Err(self.failed(format!("cannot be waited for: {error}"))),
        }
    }

    /// What is said of one that did not do its work.
    pub(crate) fn failed(&self, problem: String) -> Error {
        Error::Start {
            program: self.name.to_owned(),
            problem,
            logs: self.log.parent().unwrap_or(&self.log).to_owned(),
            tail: tail(&self.log),
        }
    }

    /// Sends a signal to the program itself: where it runs in namespaces that is the child of what entered them.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.process().id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let inner = children.split_whitespace().filter_map(|child| child.parse().ok());
        for id in inner.chain(i32::try_from(id)).filter_map(Pid::from_raw) {
            // One that has ended needs no signal.
            let _ = kill_process(id, signal);
        }
    }

    fn process(&self) -> MutexGuard<'_, Child> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // etcd and the API server write nothing that a test would miss, and need seconds to end by themselves.
        self.signal(Signal::KILL);
        let _ = self.process().wait();
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

/// Starts a process from a thread that lives as long as this process does.
///
/// # Errors
/// What the system says.
pub fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in orders {
                // Who does not wait for the answer has ended.
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, started) = mpsc::channel();
    let gone = |_| io::Error::other("the thread that starts processes is gone");
    spawner
        .send((command, answer))
        .map_err(|_| gone(mpsc::RecvError))?;
    started.recv().map_err(gone)?
}

fn missing(source: &io::Error, name: &str) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::Missing {
            what: "setpriv".to_owned(),
            why: "not installed; it is in Debian's package `util-linux`".to_owned(),
        },
        _ => Error::Other(format!("{name}: {source}")),
    }
}
