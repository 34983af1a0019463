//! Where the files of wheels lie in an image.
//!
//! A prefix of our own, so that images of every kind work alike, whatever the place of their Python. Nothing in it
//! depends on the image: a layer of one wheel is the same for all of them. What does depend on it, the interpreter, is
//! named in one file, [`PYTHON`].

/// Stands in every key: when any byte of any layer comes to be another one, so must this.
pub const VERSION: &str = "2";
/// All that is installed.
pub const PREFIX: &str = "/opt/nbvet/env";
/// Packages; on `PYTHONPATH`.
pub const SITE: &str = "/opt/nbvet/env/site";
/// Programs; on `PATH`.
pub const BIN: &str = "/opt/nbvet/env/bin";
/// Kernels and extensions of Jupyter; on `JUPYTER_PATH`.
pub const JUPYTER: &str = "/opt/nbvet/env/share/jupyter";
/// What programs name in their first line: starts the image's Python.
pub const PYTHON: &str = "/opt/nbvet/env/libexec/python";

/// The file at [`PYTHON`]: a script, since the image's Python may be a link whose place tells it where its packages are.
/// `None`: no absolute path of plain characters.
pub fn launcher(interpreter: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@".contains(letter);
    (interpreter.starts_with('/') && interpreter.chars().all(is_plain))
        .then(|| format!("#!/bin/sh\nexec {interpreter} \"$@\"\n"))
}
