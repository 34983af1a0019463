//! Where packages lie in an image, whoever puts them there: nbvet itself, or pip in a Dockerfile of nbvet's.
//!
//! A prefix of our own, so that images of every kind work alike, whatever the place of their Python. Nothing in it
//! depends on the image but the interpreter, which is named in one file, [`PYTHON`].

/// All that is installed.
pub const PREFIX: &str = "/opt/nbvet/env";
/// Packages; on `PYTHONPATH`.
pub const SITE: &str = "/opt/nbvet/env/site";
/// Programs; on `PATH`.
pub const BIN: &str = "/opt/nbvet/env/bin";
/// Kernels and extensions of Jupyter; on `JUPYTER_PATH`.
pub const JUPYTER: &str = "/opt/nbvet/env/share/jupyter";
/// Settings of Jupyter that packages bring; on `JUPYTER_CONFIG_PATH`.
pub const JUPYTER_CONFIG: &str = "/opt/nbvet/env/etc/jupyter";
/// What programs name in their first line: starts the image's Python.
pub const PYTHON: &str = "/opt/nbvet/env/libexec/python";

/// The Python of an image, by a path that can stand in a script as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter(String);

impl Interpreter {
    /// By its path; `None`: no absolute path of plain characters.
    pub fn new(path: &str) -> Option<Self> {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@".contains(letter);
        (path.starts_with('/') && path.chars().all(is_plain)).then(|| Self(path.to_owned()))
    }

    /// Its path.
    pub fn path(&self) -> &str {
        &self.0
    }

    /// The file at [`PYTHON`]: a script, since the image's Python may be a link whose place tells it where its packages
    /// are.
    pub fn launcher(&self) -> String {
        format!("#!/bin/sh\nexec {} \"$@\"\n", self.0)
    }
}
