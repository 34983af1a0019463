//! A program that runs within limits of time and of what it writes, and is ended with everything that it started.

use std::{
    fs, io,
    io::Read,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Bytes of what it says about errors.
const MOST_SAID: usize = 64 << 10;
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How often what it wrote is measured.
const MEASURE: Duration = Duration::from_millis(100);

/// When a program is ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds<'b> {
    pub(crate) deadline: Instant,
    /// A folder, and the bytes that it may come to hold.
    pub(crate) folder: &'b Path,
    pub(crate) bytes: u64,
}

/// What came of a program that ended by itself.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// The last of what it said.
    pub(crate) stderr: String,
}

/// Why it did not.
#[derive(Debug)]
pub(crate) enum Stopped {
    NotStarted(io::Error),
    TooSlow,
    TooLarge,
    /// Whoever read its output had enough.
    Enough,
}

/// Runs a program; `take` gets its output piece by piece, and says whether to go on.
pub(crate) fn run(
    command: &mut Command,
    bounds: Bounds<'_>,
    take: &mut (dyn FnMut(&[u8]) -> bool + Send),
) -> Result<Ended, Stopped> {
    let started = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let mut child = started.map_err(Stopped::NotStarted)?;
    let (out, said) = (child.stdout.take(), child.stderr.take());
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        let enough = &enough;
        scope.spawn(move || {
            if !out.is_some_and(|out| hand_out(out, take)) {
                return;
            }
            enough.store(true, Ordering::Relaxed);
        });
        let said = scope.spawn(move || said.map(last_of).unwrap_or_default());
        let ended = wait(&mut child, bounds, enough);
        end_all(&mut child);
        let stderr = said.join().unwrap_or_default();
        ended.map(|status| Ended { status, stderr })
    })
}

/// Whether the reader had enough before the end.
fn hand_out(mut out: impl Read, take: &mut (dyn FnMut(&[u8]) -> bool + Send)) -> bool {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match out.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(read) if take(&buffer[..read]) => {}
            Ok(_) => return true,
        }
    }
}

fn last_of(mut said: impl Read) -> String {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = said.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        if kept.len() > 2 * MOST_SAID {
            kept.drain(..kept.len() - MOST_SAID);
        }
    }
    String::from_utf8_lossy(&kept[kept.len().saturating_sub(MOST_SAID)..]).into_owned()
}

fn wait(child: &mut Child, bounds: Bounds<'_>, enough: &AtomicBool) -> Result<ExitStatus, Stopped> {
    let mut measured = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(Stopped::NotStarted)? {
            return if enough.load(Ordering::Relaxed) {
                Err(Stopped::Enough)
            } else {
                Ok(status)
            };
        }
        if enough.load(Ordering::Relaxed) {
            return Err(Stopped::Enough);
        }
        if Instant::now() >= bounds.deadline {
            return Err(Stopped::TooSlow);
        }
        if measured.elapsed() >= MEASURE {
            if size(bounds.folder) > bounds.bytes {
                return Err(Stopped::TooLarge);
            }
            measured = Instant::now();
        }
        thread::sleep(LOOK);
    }
}

/// Ends the program and whatever it started, which is in its process group.
fn end_all(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // All of it may have ended already.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

/// Bytes of the files below a folder, as far as they can be seen.
pub(crate) fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size(&entry.path()),
            Ok(found) if found.is_file() => found.len(),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, bounds: Bounds<'_>) -> Result<Ended, Stopped> {
        run(Command::new("sh").args(["-c", script]), bounds, &mut |_| true)
    }

    fn bounds(folder: &Path, seconds: u64) -> Bounds<'_> {
        Bounds {
            deadline: Instant::now() + Duration::from_secs(seconds),
            folder,
            bytes: 1 << 20,
        }
    }

    #[test]
    fn what_a_program_says_and_how_it_ends_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        let ended = run(
            Command::new("sh").args(["-c", "echo out; echo said >&2; exit 3"]),
            bounds(folder.path(), 60),
            &mut |piece| {
                out.extend_from_slice(piece);
                true
            },
        )
        .unwrap();
        assert_eq!((ended.status.code(), &*ended.stderr), (Some(3), "said\n"));
        assert_eq!(out, b"out\n");
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alive");
        let script = format!(
            "(while :; do echo >> {}; sleep 0.05; done) & sleep 100",
            file.display()
        );
        let stopped = shell(&script, bounds(folder.path(), 1)).unwrap_err();
        assert!(matches!(stopped, Stopped::TooSlow), "{stopped:?}");
        let before = size(folder.path());
        thread::sleep(Duration::from_millis(300));
        assert_eq!(size(folder.path()), before, "something goes on");
    }

    #[test]
    fn a_program_that_writes_too_much_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("large");
        let script = format!(
            "while :; do head -c 100000 /dev/zero >> {}; sleep 0.01; done",
            file.display()
        );
        let stopped = shell(&script, bounds(folder.path(), 60)).unwrap_err();
        assert!(matches!(stopped, Stopped::TooLarge), "{stopped:?}");
    }

    #[test]
    fn a_program_whose_reader_has_enough_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut seen = 0;
        let stopped = run(
            &mut Command::new("yes"),
            bounds(folder.path(), 60),
            &mut |piece| {
                seen += piece.len();
                seen < 1000
            },
        );
        assert!(matches!(stopped, Err(Stopped::Enough)));
    }

    #[test]
    fn a_program_that_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let stopped = run(
            &mut Command::new("nbvet-no-such-program"),
            bounds(folder.path(), 1),
            &mut |_| true,
        );
        assert!(matches!(stopped, Err(Stopped::NotStarted(_))));
    }
}
