//! A folder of its own for each test, and the binary called in it.

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use expect_test::Expect;

pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders that it needs.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// The binary in this folder, with nothing of the caller's environment that changes its mind.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nbvet"));
        command.args(arguments).current_dir(self.folder.path());
        for name in [
            "VIRTUAL_ENV",
            "CONDA_PREFIX",
            "CLICOLOR_FORCE",
            "NO_COLOR",
            "RUST_BACKTRACE",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Exit code, stdout and stderr at once, with this folder and the seconds taken out.
    pub(crate) fn check(&self, arguments: &[&str], expected: &Expect) {
        expected.assert_eq(&self.shown(&self.output(arguments)));
    }

    fn shown(&self, output: &Output) -> String {
        let mut text = format!("exit {}\n", output.status.code().unwrap());
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                let _ = write!(text, "--- {name}\n{}", String::from_utf8_lossy(bytes));
            }
        }
        let text = without_seconds(&text.replace(self.folder.path().to_str().unwrap(), "[folder]"));
        without_version(&text)
    }
}

/// `0.4 s` becomes `[s]`: it differs from run to run.
fn without_seconds(text: &str) -> String {
    text.split(' ')
        .fold(Vec::new(), |mut words: Vec<String>, word| {
            let number = words.last().is_some_and(|last| last.parse::<f64>().is_ok());
            match word.strip_prefix('s') {
                Some(rest) if number && !rest.starts_with(char::is_alphanumeric) => {
                    words.pop();
                    words.push(format!("[s]{rest}"));
                }
                _ => words.push(word.to_owned()),
            }
            words
        })
        .join(" ")
}

/// The version of the Python that happens to be here is taken out.
fn without_version(text: &str) -> String {
    let Some((before, after)) = text.split_once("Python 3.") else {
        return text.to_owned();
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    format!("{before}Python [version]{rest}")
}

/// A notebook of code cells.
pub(crate) fn notebook(cells: &[&str]) -> String {
    let cells: Vec<_> = cells
        .iter()
        .enumerate()
        .map(|(number, source)| {
            serde_json::json!({
                "cell_type": "code", "id": format!("cell-{number}"), "metadata": {}, "execution_count": null,
                "outputs": [], "source": source.split_inclusive('\n').collect::<Vec<_>>(),
            })
        })
        .collect();
    let notebook = serde_json::json!({
        "cells": cells, "metadata": { "language_info": { "name": "python" } }, "nbformat": 4, "nbformat_minor": 5,
    });
    serde_json::to_string_pretty(&notebook).unwrap() + "\n"
}
