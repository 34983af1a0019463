//! Every kind of dependency file, read into one model. One file a format; each tells the line of what it says.

mod requirements;

use std::sync::Arc;

use crate::{
    declared::{Declared, Format},
    requirements::{Fault, Place, Source},
};

/// Reads a dependency file with all that it includes.
pub fn read(format: Format, file: &str, source: &mut dyn Source) -> Result<Declared, Fault> {
    let mut noted = Noted {
        source,
        files: Vec::new(),
    };
    let mut declared = match format {
        Format::Requirements => requirements::read(file, &mut noted),
        _ => Err(Fault::line(&first_line(file), "this format is not read yet")),
    }?;
    declared.files = noted.files;
    Ok(declared)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_told_by_the_name() {
        for (name, expected) in [
            ("requirements.txt", Some(Format::Requirements)),
            ("dev-requirements.in", Some(Format::Requirements)),
            ("pylock.toml", Some(Format::Pylock)),
            ("pylock.dev.toml", Some(Format::Pylock)),
            ("pylock.a.b.toml", None),
            ("pylock..toml", None),
            ("uv.lock", Some(Format::UvLock)),
            ("Pipfile", Some(Format::Pipfile)),
            ("environment.yaml", Some(Format::CondaEnvironment)),
            ("setup.py", Some(Format::SetupPy)),
            ("other.py", None),
            (".txt", None),
            ("README", None),
        ] {
            assert_eq!(Format::of(name), expected, "{name}");
        }
    }
}
