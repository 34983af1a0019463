//! Every kind of dependency file, read into one model. One file a format; each tells the line of what it says.

mod conda;
mod constraint;
mod graph;
mod pipfile;
mod poetry;
mod pylock;
mod pyproject;
mod requirements;
mod tables;
#[cfg(test)]
mod tests;
mod uv;

use std::sync::Arc;

use pep440_rs::{Version, VersionSpecifier, VersionSpecifiers};

use self::tables::Node;
use crate::{
    declared::{Declared, Dependency, Format, Specifier, Unread, Wanted},
    requirement::shown,
    requirements::{Fault, MAX_BYTES, MAX_ENTRIES, Place, Source},
};

/// Bytes of a lock, at most; other files may have [`MAX_BYTES`].
pub const MAX_LOCK_BYTES: usize = 32 << 20;

/// Packages of one name in a lock, at most: one for each platform and Python that differ.
const MAX_FORKS: usize = 100;

/// Reads a dependency file with all that it includes.
pub fn read(format: Format, file: &str, source: &mut dyn Source) -> Result<Declared, Fault> {
    let mut noted = Noted {
        source,
        files: Vec::new(),
    };
    let source = &mut noted;
    let mut declared = match format {
        Format::Requirements => requirements::read(file, source),
        Format::Pylock => pylock::read(file, &text(format, file, source)?),
        Format::UvLock => uv::read(file, &text(format, file, source)?),
        Format::PoetryLock => poetry::read(file, &text(format, file, source)?, source),
        Format::PipfileLock => pipfile::read_lock(file, &text(format, file, source)?),
        Format::Pyproject => pyproject::read(file, &text(format, file, source)?),
        Format::Pipfile => pipfile::read(file, &text(format, file, source)?),
        Format::CondaEnvironment => conda::read(file, &text(format, file, source)?, source),
        Format::SetupPy => setup(file, source),
    }?;
    declared.files = noted.files;
    Ok(declared)
}

/// It is a program: what it asks for is known to none but who runs it.
fn setup(file: &str, source: &mut dyn Source) -> Result<Declared, Fault> {
    text(Format::SetupPy, file, source)?;
    let mut declared = nothing(Format::SetupPy, file);
    declared.unread.push(Unread {
        place: first_line(file),
        what: "dependencies in `setup.py`".to_owned(),
        why: "it is a program, which nbvet never runs: write its `install_requires` into requirements.txt or pyproject.toml"
            .to_owned(),
    });
    Ok(declared)
}

/// The text of a file in UTF-8.
fn text(format: Format, file: &str, source: &mut dyn Source) -> Result<String, Fault> {
    let most = if format.is_lock() {
        MAX_LOCK_BYTES
    } else {
        MAX_BYTES
    };
    let missing = |message: String| Fault::Missing {
        file: file.to_owned(),
        message,
        included_by: None,
    };
    let bytes = source.load(file).map_err(missing)?;
    if bytes.len() > most {
        return Err(missing(format!("it is larger than {} KiB", most >> 10)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        Fault::Encoding {
            file: file.to_owned(),
            message: format!("line {line} is not UTF-8"),
        }
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map_or_else(|| text.clone(), str::to_owned))
}

/// Refuses a file with more entries than any installation has.
fn within(declared: &Declared, node: &Node<'_>) -> Result<(), Fault> {
    if declared.entries.len() + declared.unread.len() < MAX_ENTRIES {
        return Ok(());
    }
    Err(Fault::TooManyEntries {
        file: node.place().file.to_string(),
    })
}

/// `requires-python` and its like.
fn python_versions(node: Option<Node<'_>>) -> Result<Option<(VersionSpecifiers, Place)>, Fault> {
    let Some(node) = node else {
        return Ok(None);
    };
    let text = node.string()?;
    let found = crate::requirement::specifiers_alone(text).map_err(|message| node.fault(message))?;
    Ok(Some((versions_of(found), node.place())))
}

/// Those that PEP 440 orders.
fn versions_of(found: Vec<Specifier>) -> VersionSpecifiers {
    let known = found.into_iter().filter_map(|one| match one {
        Specifier::Version(version) => Some(version),
        Specifier::Arbitrary(_) => None,
    });
    known.collect()
}

/// The version that a lock names becomes the one that is wanted.
fn pinned(entry: &mut Dependency, version: &Node<'_>) -> Result<(), Fault> {
    let text = version.string()?;
    let known: Version = text
        .parse()
        .map_err(|_| version.fault(format!("`{}` is no version", shown(text))))?;
    entry.text = format!("{}=={known}", entry.text);
    entry.wanted = Wanted::Index(vec![Specifier::Version(VersionSpecifier::equals_version(known))]);
    Ok(())
}

impl Format {
    /// The format of a file by its name; `None`: no dependency file has such a name. Whatever ends with `.txt` or `.in`
    /// is taken for pip's, `.yml` and `.yaml` for conda's: so may a user name them.
    pub fn of(file_name: &str) -> Option<Self> {
        Some(match file_name {
            "uv.lock" => Self::UvLock,
            "poetry.lock" => Self::PoetryLock,
            "Pipfile.lock" => Self::PipfileLock,
            "pyproject.toml" => Self::Pyproject,
            "Pipfile" => Self::Pipfile,
            "setup.py" => Self::SetupPy,
            name if is_pylock(name) => Self::Pylock,
            name => match name.rsplit_once('.')? {
                ("", _) => return None,
                (_, "txt" | "in") => Self::Requirements,
                (_, "yml" | "yaml") => Self::CondaEnvironment,
                _ => return None,
            },
        })
    }
}

/// `pylock.toml`, `pylock.NAME.toml`.
fn is_pylock(name: &str) -> bool {
    let middle = name
        .strip_prefix("pylock.")
        .and_then(|rest| rest.strip_suffix("toml"));
    middle.is_some_and(|middle| {
        middle.is_empty()
            || middle
                .strip_suffix('.')
                .is_some_and(|name| !name.is_empty() && !name.contains('.'))
    })
}

/// A source that keeps the names of what was read.
struct Noted<'s> {
    source: &'s mut dyn Source,
    files: Vec<Arc<str>>,
}

impl Source for Noted<'_> {
    fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
        let bytes = self.source.load(file)?;
        if !self.files.iter().any(|known| &**known == file) {
            self.files.push(file.into());
        }
        Ok(bytes)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.source.variable(name)
    }
}

/// The first line of what a parser says, without the position, which is told already.
fn without_position(message: &str) -> &str {
    let line = message.lines().next().unwrap_or_default();
    line.split_once(" at line ").map_or(line, |(before, _)| before)
}

fn first_line(file: &str) -> Place {
    Place {
        file: file.into(),
        line: 1,
        included_by: None,
    }
}

fn nothing(format: Format, file: &str) -> Declared {
    Declared {
        format,
        file: file.into(),
        files: Vec::new(),
        entries: Vec::new(),
        options: Vec::new(),
        requires_python: None,
        unread: Vec::new(),
    }
}
