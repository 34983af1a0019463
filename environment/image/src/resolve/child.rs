//! A program that is run to its end or to a limit of time, with bounded output.

use std::{
    io::{self, Read},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Bytes of its output that are read, at most: as large as a lock may be.
const MAX_OUT: u64 = (16 << 20) + 1;
/// The same for what it says of errors.
const MAX_SAID: u64 = 256 << 10;

/// How it ended.
pub(super) enum Ended {
    /// With status 0, and what it wrote.
    Well(String),
    /// With another status or by a signal, and what it said.
    Failed(String),
    /// Not in time; it was killed with what it had begun.
    TimedOut,
}

pub(super) fn run(mut command: Command, limit: Duration) -> io::Result<Ended> {
    let deadline = Instant::now() + limit;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that what it begins ends with it.
        .process_group(0)
        .spawn()?;
    let (out, said) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let out = scope.spawn(|| read(out, MAX_OUT));
        let said = scope.spawn(|| read(said, MAX_SAID));
        let status = wait(&mut child, deadline)?;
        let (out, said) = (out.join().unwrap_or_default(), said.join().unwrap_or_default());
        Ok(match status {
            None => Ended::TimedOut,
            Some(status) if status.success() => Ended::Well(out),
            Some(status) if said.trim().is_empty() => Ended::Failed(status.to_string()),
            Some(_) => Ended::Failed(said),
        })
    })
}

/// The first of a stream; the rest is read and left out, so that nobody waits for a full pipe.
fn read(stream: Option<impl Read>, limit: u64) -> String {
    let Some(mut stream) = stream else {
        return String::new();
    };
    let mut bytes = Vec::new();
    // A stream that breaks off has been read as far as it goes.
    let _ = stream.by_ref().take(limit).read_to_end(&mut bytes);
    let _ = io::copy(&mut stream, &mut io::sink());
    String::from_utf8_lossy(&bytes).into_owned()
}

fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            if let Some(group) = group {
                // It may have ended by itself just now.
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
