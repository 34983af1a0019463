//! Docker's credential helpers: `docker-credential-NAME get` prints who to be.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::http::Secret;

/// A helper may ask its user something; nobody answers here.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a helper prints has no more bytes.
const LARGEST: u64 = 64 << 10;

/// What a helper keeps for a registry.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) user: String,
    pub(super) secret: Secret,
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

#[derive(Debug)]
pub(super) enum Failure {
    /// The name is none.
    Name,
    /// The program; it holds nothing that was printed.
    Program(String),
}

/// The program of a helper.
pub(super) fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// Asks a helper. The name comes from a file: it must not be a path.
pub(super) fn get(name: &str, registry: &str) -> Result<Option<Kept>, Failure> {
    let is_name = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_name) {
        return Err(Failure::Name);
    }
    let server = match registry {
        "docker.io" => "https://index.docker.io/v1/",
        registry => registry,
    };
    let (has_succeeded, printed) = run(&program(name), server).map_err(Failure::Program)?;
    if !has_succeeded {
        // What docker's own client looks for.
        return if String::from_utf8_lossy(&printed).contains("credentials not found") {
            Ok(None)
        } else {
            Err(Failure::Program(
                "it failed; run it by hand to see why".to_owned(),
            ))
        };
    }
    let answer: Answer = serde_json::from_slice(&printed)
        .map_err(|_| Failure::Program("what it printed is not the JSON of a credential helper".to_owned()))?;
    Ok(Some(Kept {
        user: answer.username,
        secret: Secret::new(answer.secret),
    }))
}

/// Runs the program with a line on its input; whether it ended well, and what it printed.
fn run(program: &str, input: &str) -> Result<(bool, Vec<u8>), String> {
    let found = crate::programs::program(program)
        .ok_or("it cannot be started: no folder of PATH that begins with `/` holds it")?;
    let mut child = Command::new(found)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("it cannot be started: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input fails by itself.
        let _ = writeln!(stdin, "{input}");
    }
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut printed = Vec::new();
            let read = stdout.take(LARGEST + 1).read_to_end(&mut printed);
            let _ = sender.send(read.map(|_| printed));
        });
    }
    let deadline = Instant::now() + PATIENCE;
    let Ok(printed) = receiver.recv_timeout(PATIENCE) else {
        stop(&mut child);
        return Err(format!("it did not answer within {} s", PATIENCE.as_secs()));
    };
    let has_succeeded = wait(&mut child, deadline)?;
    let printed = printed.map_err(|error| format!("what it printed cannot be read: {error}"))?;
    if printed.len() as u64 > LARGEST {
        return Err(format!("it printed more than {LARGEST} bytes"));
    }
    Ok((has_succeeded, printed))
}

fn wait(child: &mut Child, deadline: Instant) -> Result<bool, String> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                stop(child);
                return Err(format!("it did not end within {} s", PATIENCE.as_secs()));
            }
            Err(error) => return Err(format!("it cannot be waited for: {error}")),
        }
    }
}

fn stop(child: &mut Child) {
    // Both fail only where it has ended.
    let _ = child.kill();
    let _ = child.wait();
}
