//! What is let through and does not work as its maker meant.

use std::fmt;

/// A file that is installed, and has another effect than with pip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Python reads `.pth` files in its own folders only.
    Pth {
        /// The wheel.
        wheel: String,
        /// The file.
        file: String,
        /// It has lines that would be run.
        has_code: bool,
    },
    /// Byte-code beside source; pip installs it.
    Bytecode {
        /// The wheel.
        wheel: String,
        /// How many files.
        files: usize,
    },
    /// A module that each Python of the image imports when it starts.
    AtStart {
        /// The wheel.
        wheel: String,
        /// The file.
        file: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pth {
                wheel,
                file,
                has_code: true,
            } => write!(
                f,
                "{wheel}: the code in `{file}` is not run: Python does not read `.pth` files on PYTHONPATH. If the package needs it, build from a Dockerfile"
            ),
            Self::Pth { wheel, file, .. } => write!(
                f,
                "{wheel}: `{file}` has no effect: Python does not read `.pth` files on PYTHONPATH"
            ),
            Self::Bytecode { wheel, files } => write!(
                f,
                "{wheel}: byte-code that it brings is left out ({files} {}): Python would run it instead of the source beside it",
                if *files == 1 { "file" } else { "files" }
            ),
            Self::AtStart { wheel, file } => write!(
                f,
                "{wheel}: `{file}` is run whenever a Python of the image starts, and hides a module of that name in the image"
            ),
        }
    }
}
