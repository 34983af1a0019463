//! Commands that are run and seen to succeed, and the one place where a task speaks.

use std::{
    io::{self, Write},
    process::{Command, Stdio},
};

use crate::error::Error;

/// Runs a command that gets no input and prints to standard error.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let line = line(command);
    let status = command
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .map_err(|error| Error::Start {
            command: line.clone(),
            error,
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed {
            command: line,
            status,
        })
    }
}

/// Runs a command and gives what it printed.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Error> {
    let line = line(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Error::Start {
            command: line.clone(),
            error,
        })?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Error::Failed {
            command: line,
            status: output.status,
        })
    }
}

/// Tells the person at the terminal. Standard output stays free for data.
pub(crate) fn say(text: &str) {
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(io::stderr().lock(), "xtask: {text}");
}

fn line(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
