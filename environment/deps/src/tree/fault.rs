//! Why a file of a tree is not read.

use std::path::PathBuf;

use rustix::io::Errno;

/// Why a file or folder of a tree is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The tree itself.
    #[error("{}: cannot be opened: {message}", root.display())]
    Root {
        /// The folder, or the notebook whose folder was looked for.
        root: PathBuf,
        /// What the system says.
        message: String,
    },
    /// The name is none that a file of the tree can have.
    #[error("`{name}` is no name of a file here: {why}")]
    Name {
        /// The name, escaped.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// `..` or a symlink leads out.
    #[error(
        "{name}: `..` or a symlink leads out of the tree; only files inside it are read (a symlink with an absolute target counts as outside)"
    )]
    LeadsOut {
        /// The name.
        name: String,
    },
    /// Nothing has the name.
    #[error("{name}: there is no such file")]
    Missing {
        /// The name.
        name: String,
    },
    /// The system does not let us.
    #[error("{name}: permission denied; let the user that runs nbvet read it")]
    Denied {
        /// The name.
        name: String,
    },
    /// Symlinks that lead to each other, or too many of them.
    #[error("{name}: its symlinks lead in a circle, or one to another too often")]
    Loop {
        /// The name.
        name: String,
    },
    /// A folder where a file was meant.
    #[error("{name}: it is a folder, not a file")]
    Folder {
        /// The name.
        name: String,
    },
    /// A pipe, socket or device.
    #[error("{name}: it is {what}; only ordinary files are read")]
    Special {
        /// The name.
        name: String,
        /// "a named pipe".
        what: &'static str,
    },
    /// More bytes than such a file may have.
    #[error("{name}: it is larger than {} KiB", most >> 10)]
    TooLarge {
        /// The name.
        name: String,
        /// Bytes, at most.
        most: usize,
    },
    /// A folder with more entries than are looked through.
    #[error("{name}: the folder holds more than {} entries", super::MAX_ENTRIES)]
    TooMany {
        /// The name.
        name: String,
    },
    /// What the system says otherwise.
    #[error("{name}: {message}")]
    Io {
        /// The name.
        name: String,
        /// Its words.
        message: String,
    },
}

impl Fault {
    /// The message without the name before it, for those who say the name themselves.
    pub fn reason(&self) -> String {
        let message = self.to_string();
        match self {
            Self::Root { .. } | Self::Name { .. } => message,
            Self::LeadsOut { name }
            | Self::Missing { name }
            | Self::Denied { name }
            | Self::Loop { name }
            | Self::Folder { name }
            | Self::Special { name, .. }
            | Self::TooLarge { name, .. }
            | Self::TooMany { name }
            | Self::Io { name, .. } => {
                let rest = message.strip_prefix(&**name);
                let rest = rest.and_then(|rest| rest.strip_prefix(": "));
                rest.map_or_else(|| message.clone(), str::to_owned)
            }
        }
    }

    pub(super) fn of_io(name: &str, error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(code) => Self::of_errno(name, Errno::from_raw_os_error(code)),
            None => Self::Io {
                name: name.to_owned(),
                message: error.to_string(),
            },
        }
    }

    pub(super) fn of_errno(name: &str, error: Errno) -> Self {
        let name = name.to_owned();
        match error {
            Errno::XDEV => Self::LeadsOut { name },
            Errno::NOENT | Errno::NOTDIR => Self::Missing { name },
            Errno::ACCESS | Errno::PERM => Self::Denied { name },
            Errno::LOOP => Self::Loop { name },
            Errno::ISDIR => Self::Folder { name },
            // What opening a socket says.
            Errno::NXIO => Self::Special {
                name,
                what: "a socket or a device that is not there",
            },
            error => Self::Io {
                name,
                message: std::io::Error::from(error).to_string(),
            },
        }
    }
}
