//! Commands that mend: with the Python and the platform that the environment is made for.

use super::{Review, code};
use crate::Format;

impl Review<'_> {
    /// The command that makes a lock of ranges, in words that stand behind "or".
    pub(crate) fn lock_command(&self) -> String {
        match self.declared.format {
            Format::Pyproject => {
                let command = self.compile(&self.declared.file, &self.beside("requirements.txt"));
                format!("lock it: `uv lock` (`poetry lock` for Poetry), or {command}")
            }
            Format::Pipfile => "lock it: `pipenv lock`".to_owned(),
            Format::UvLock => "lock again: `uv lock`".to_owned(),
            Format::PoetryLock => "lock again: `poetry lock`".to_owned(),
            Format::PipfileLock => "lock again: `pipenv lock`".to_owned(),
            Format::Pylock => {
                let command = self.compile(&self.beside("requirements.in"), &self.declared.file);
                format!("lock again: {command}")
            }
            Format::CondaEnvironment => format!(
                "write what is under `pip:` to `requirements.in` and lock it: {}",
                self.compile(&self.beside("requirements.in"), &self.beside("requirements.txt"))
            ),
            Format::Requirements | Format::SetupPy => {
                let (from, to) = self.names();
                let command = self.compile(&from, &to);
                if self.source.is_some() || from == *self.declared.file {
                    return format!("lock {}: {command}", code(&from));
                }
                if self.declared.format == Format::SetupPy {
                    return format!("keep what you ask for in {} and lock it: {command}", code(&from));
                }
                // What is asked for stands in the file that is to be the lock.
                let command = command.trim_matches('`');
                format!(
                    "keep what you ask for in {} and lock it: `mv {} {} && {command}`",
                    code(&from),
                    word(&self.declared.file),
                    word(&from)
                )
            }
        }
    }

    /// `uv pip compile FROM …`, as code.
    pub(crate) fn compile(&self, from: &str, to: &str) -> String {
        let target = self.target.map(|target| {
            format!(
                " --python-version 3.{} --python-platform {}",
                target.minor(),
                target.uv_platform()
            )
        });
        format!(
            "`uv pip compile {} --generate-hashes{} -o {}`",
            word(from),
            target.unwrap_or_default(),
            word(to)
        )
    }

    /// A file in the same folder.
    pub(crate) fn beside(&self, name: &str) -> String {
        match self.declared.file.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        }
    }

    /// What is compiled, and to what.
    fn names(&self) -> (String, String) {
        let file = &*self.declared.file;
        if let Some(source) = self.source {
            return (source.file.to_string(), file.to_owned());
        }
        let stem = file
            .strip_suffix(".txt")
            .or_else(|| file.strip_suffix(".in"))
            .unwrap_or(file);
        (format!("{stem}.in"), format!("{stem}.txt"))
    }
}

/// A word of a shell's command.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '+');
    if text.chars().all(is_plain) && !text.starts_with('-') {
        return text.to_owned();
    }
    format!(
        "'./{}'",
        text.replace('\'', r"'\''")
            .replace('`', "")
            .replace(char::is_control, "")
    )
}
