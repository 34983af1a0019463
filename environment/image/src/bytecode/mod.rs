//! Byte-code of wheels, compiled by the Python of an image: without it a notebook starts half as fast, and the users of
//! an image may not write it. Nothing of the wheels is run; what the Python answers is not trusted either.

mod answers;
mod beside;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nbvet_deps::Digest;
use tempfile::TempPath;

use crate::{
    layout,
    wheel::{Refused, Source, Wheel, shown},
};
use answers::{Answer, Process};
pub use beside::{Finished, command as beside};

/// The program that compiles.
pub const SCRIPT: &str = include_str!("compile.py");
/// What a Python is started with.
pub const ARGUMENTS: [&str; 5] = ["-I", "-S", "-B", "-c", SCRIPT];
/// What a Python is started with that is only asked which one it is.
pub const QUESTION: [&str; 5] = ["-I", "-S", "-B", "-c", include_str!("question.py")];
/// The byte-code of final releases, by their minor version: it stays the same for all patches of one.
const MAGIC: &[(usize, &str)] = &[
    (8, "550d0d0a"),
    (9, "610d0d0a"),
    (10, "6f0d0d0a"),
    (11, "a70d0d0a"),
    (12, "cb0d0d0a"),
    (13, "f30d0d0a"),
];
/// A file that is larger is left as it is.
const MAX_SOURCE: u64 = 8 << 20;

/// Which Python made some byte-code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Python {
    /// Stands in the names of files: `cpython-311`.
    pub tag: String,
    /// The first bytes of each file, in hexadecimal.
    pub magic: String,
    /// `cpython-3.11.7`: patches may compile otherwise.
    pub version: String,
    /// The image that it is of, where an image's own Python compiles: whoever made that image decides what it answers, so
    /// that what it made is kept for images upon it and for no others.
    pub image: Option<Digest>,
}

/// Why there is no byte-code.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program that runs the Python is not there.
    #[error("{program}: cannot be started: {error}")]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        error: io::Error,
    },
    /// The container of the base image did not come up beside this one.
    #[error(
        "the base image's container did not come up within {seconds} s, and its Python compiles: {error}"
    )]
    Unreached {
        /// How long it was waited for.
        seconds: u64,
        /// What the system says.
        error: io::Error,
    },
    /// It ended before it had answered.
    #[error("the Python of the image ended while {what}{}", said(.stderr))]
    Ended {
        /// What it was doing.
        what: String,
        /// What it wrote to standard error, at most a few lines.
        stderr: String,
    },
    /// It took too long.
    #[error("the Python of the image was ended after {seconds} s of {what}")]
    TimedOut {
        /// What it was doing.
        what: String,
        /// The limit.
        seconds: u64,
    },
    /// It answers something else than byte-code.
    #[error("the Python of the image does not answer as nbvet's program does: {0}")]
    Answer(String),
    /// It is not the one that was expected.
    #[error("the Python that compiles says that it is {found}, and {expected} was expected")]
    Another {
        /// By its version.
        expected: String,
        /// By itself.
        found: String,
    },
    /// A wheel is not what it must be.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The byte-code cannot be kept.
    #[error("{folder}: byte-code cannot be written there: {error}", folder = .folder.display())]
    Spool {
        /// The folder for temporary files.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

fn said(stderr: &str) -> String {
    match stderr.trim() {
        "" => String::new(),
        text => format!(": {}", shown(text)),
    }
}

/// A Python that compiles one wheel after another.
#[derive(Debug)]
pub struct Compiler {
    process: Process,
    python: Python,
    limit: Duration,
}

/// Starts compilers of one Python, when there is something to compile: it is known which Python that is before.
pub struct Compilers {
    way: Way,
    python: Python,
    limit: Duration,
}

/// How a Python comes to run.
enum Way {
    /// It is started.
    Command(Box<dyn Fn() -> Command + Send + Sync>),
    /// Another container starts it, which may take a while to come up.
    Beside { socket: PathBuf, patience: Duration },
}

/// The byte-code of a wheel, in a file that goes when it is dropped.
#[derive(Debug)]
pub struct Bytecode {
    /// Whose.
    pub label: String,
    /// Files that do not compile, or only to other bytes each time, or are very large: Python compiles them when they are
    /// imported. Tests are not counted.
    pub left_out: usize,
    pub(crate) files: Vec<Compiled>,
    path: TempPath,
    file: File,
}

/// A file of byte-code.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    /// From [`PREFIX`](layout::PREFIX).
    pub(crate) path: String,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl Compiler {
    /// Starts a Python: `command` runs it with [`ARGUMENTS`], here or in a container, and passes standard input and output
    /// through. Each wheel may take as long as `limit`, and so may the start.
    pub fn start(command: Command, limit: Duration) -> Result<Self, Error> {
        Self::of(Process::start(command)?, limit)
    }

    fn of(mut process: Process, limit: Duration) -> Result<Self, Error> {
        let line = process.line(Instant::now() + limit, limit)?;
        let python = read(&line)?;
        Ok(Self {
            process,
            python,
            limit,
        })
    }

    /// Which Python it is.
    pub fn python(&self) -> &Python {
        &self.python
    }

    /// Compiles every Python file of the wheel into a new file in `folder`. After an error the compiler is of no more use.
    pub fn compile(&mut self, wheel: &mut Wheel, folder: &Path) -> Result<Bytecode, Error> {
        let failed = |error| Error::Spool {
            folder: folder.to_owned(),
            error,
        };
        let (file, path) = tempfile::Builder::new()
            .prefix("nbvet-bytecode-")
            .tempfile_in(folder)
            .map_err(failed)?
            .into_parts();
        let mut bytecode = Bytecode {
            label: wheel.label().to_owned(),
            left_out: 0,
            files: Vec::new(),
            path,
            file,
        };
        let deadline = Instant::now() + self.limit;
        let sources = sources(wheel, &mut bytecode.left_out);
        let mut offset = 0;
        let is_empty = sources.is_empty();
        let compiling = format!("compiling {}", bytecode.label);
        for (path, index) in sources {
            let mut source = Vec::new();
            wheel.copy(index, &mut source)?;
            let installed = format!("{}/{path}", layout::PREFIX);
            let answer = self
                .process
                .ask(installed, source, &compiling, deadline, self.limit)?;
            let Answer::Compiled(bytes) = answer else {
                bytecode.left_out += 1;
                continue;
            };
            self.check(&bytes)?;
            bytecode.file.write_all(&bytes).map_err(failed)?;
            let size = bytes.len() as u64;
            bytecode.files.push(Compiled {
                path: cached(&path, &self.python.tag),
                offset,
                size,
            });
            offset += size;
        }
        if !is_empty {
            self.process.end_wheel();
        }
        Ok(bytecode)
    }

    /// It is for this Python, and not to be compared with its source: all else would be compiled anew at each start.
    fn check(&self, bytes: &[u8]) -> Result<(), Error> {
        let head = bytes.get(..8).map(crate::wheel::hex);
        if head == Some(format!("{}01000000", self.python.magic)) {
            return Ok(());
        }
        Err(Error::Answer(
            "its byte-code starts with other bytes than it said".to_owned(),
        ))
    }
}

impl Compilers {
    /// Of this Python, each started as by [`Compiler::start`].
    pub fn new(
        python: Python,
        command: impl Fn() -> Command + Send + Sync + 'static,
        limit: Duration,
    ) -> Self {
        Self {
            way: Way::Command(Box::new(command)),
            python,
            limit,
        }
    }

    /// Of this Python, each started behind a socket by the command that [`beside`] gives, in another container. It may take
    /// `patience` until somebody listens.
    pub fn beside(python: Python, socket: PathBuf, patience: Duration, limit: Duration) -> Self {
        Self {
            way: Way::Beside { socket, patience },
            python,
            limit,
        }
    }

    /// Which Python it is.
    pub const fn python(&self) -> &Python {
        &self.python
    }

    /// One more. It must be the Python that was expected: layers are named by it.
    pub fn start(&self) -> Result<Compiler, Error> {
        let mut compiler = match &self.way {
            Way::Command(command) => Compiler::start(command(), self.limit)?,
            Way::Beside { socket, patience } => Compiler::of(beside::reach(socket, *patience)?, self.limit)?,
        };
        // It does not say of which image it is.
        compiler.python.image.clone_from(&self.python.image);
        if compiler.python == self.python {
            return Ok(compiler);
        }
        let named = |python: &Python| format!("{} (byte-code {})", python.version, python.magic);
        Err(Error::Another {
            expected: named(&self.python),
            found: named(&compiler.python),
        })
    }
}

impl Python {
    /// Asks the Python that `command` runs with [`QUESTION`] which one it is: far quicker than a compiler starts.
    pub fn ask(command: Command, limit: Duration) -> Result<Self, Error> {
        let mut process = Process::start(command)?;
        let line = process.line(Instant::now() + limit, limit)?;
        read(&line)
    }

    /// What a final release of CPython is by its version: `3.11.2`. `None`: its byte-code is not known here.
    pub fn of_release(version: &str) -> Option<Self> {
        let minor: usize = version.strip_prefix("3.")?.split('.').next()?.parse().ok()?;
        let is_final = version.split('.').count() == 3
            && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let (_, magic) = MAGIC.iter().find(|(of, _)| *of == minor).filter(|_| is_final)?;
        Some(Self {
            tag: format!("cpython-3{minor}"),
            magic: (*magic).to_owned(),
            version: format!("cpython-{version}"),
            image: None,
        })
    }

    /// The same as the own one of an image.
    #[must_use]
    pub fn of_image(self, digest: &Digest) -> Self {
        Self {
            image: Some(digest.clone()),
            ..self
        }
    }
}

impl Bytecode {
    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one of its files.
    pub(crate) fn copy(&mut self, position: usize, to: &mut dyn Write) -> io::Result<()> {
        let Compiled { offset, size, .. } = self.files[position];
        self.file.seek(SeekFrom::Start(offset))?;
        let copied = io::copy(&mut Read::by_ref(&mut self.file).take(size), to)?;
        if copied < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

fn read(line: &str) -> Result<Python, Error> {
    python(line).ok_or_else(|| Error::Answer(format!("`{}`", shown(line))))
}

/// The line with which the program begins.
fn python(line: &str) -> Option<Python> {
    let words: Vec<&str> = line.trim_end().split(' ').collect();
    let ["nbvet-bytecode", "1", tag, magic, version] = words[..] else {
        return None;
    };
    let is_plain = |text: &str| {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        !text.is_empty() && text.len() <= 40 && text.chars().all(is_plain) && !text.starts_with('.')
    };
    let is_magic = magic.len() == 8 && magic.bytes().all(|digit| digit.is_ascii_hexdigit());
    (is_plain(tag) && is_plain(version) && is_magic).then(|| Python {
        tag: tag.to_owned(),
        magic: magic.to_owned(),
        version: version.to_owned(),
        image: None,
    })
}

/// The Python files among the packages, and where they are in the archive.
fn sources(wheel: &Wheel, left_out: &mut usize) -> Vec<(String, usize)> {
    let mut sources = Vec::new();
    for item in wheel.items() {
        // What packages bring to test themselves is no small part of them, and is hardly ever imported.
        let is_test = item.path.split('/').any(|part| part == "tests");
        let is_source = item.path.starts_with("site/") && item.path.strip_suffix(".py").is_some() && !is_test;
        let Source::Entry(index) = item.source else {
            continue;
        };
        if is_source && item.size > MAX_SOURCE {
            *left_out += 1;
        } else if is_source {
            sources.push((item.path.clone(), index));
        }
    }
    sources
}

/// Where Python looks for the byte-code of a file.
fn cached(path: &str, tag: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.strip_suffix(".py").unwrap_or(name);
    format!("{folder}/__pycache__/{stem}.{tag}.pyc")
}
