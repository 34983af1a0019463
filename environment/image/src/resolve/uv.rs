//! The uv that is run: a program that was named, one on PATH, or the module of a Python on PATH.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    ResolveError,
    child::{self, Ended},
};
use crate::index::Surroundings;

/// How long `uv --version` may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A uv that answers.
#[derive(Debug, Clone)]
pub struct Uv {
    program: PathBuf,
    before: Vec<OsString>,
    version: String,
}

impl Uv {
    /// The uv at a path.
    pub fn at(program: &Path) -> Result<Self, ResolveError> {
        Self::asked(program.to_owned(), Vec::new())
    }

    /// The uv of this machine, for a dependency file that a message names.
    pub fn find(surroundings: &dyn Surroundings, file: &str) -> Result<Self, ResolveError> {
        if let Some(uv) = on_path(surroundings, "uv") {
            return Self::at(&uv);
        }
        let mut pythons = ["python3", "python"]
            .iter()
            .filter_map(|name| on_path(surroundings, name));
        let as_module =
            pythons.find_map(|python| Self::asked(python, vec!["-I".into(), "-m".into(), "uv".into()]).ok());
        as_module.ok_or_else(|| ResolveError::NoUv {
            file: file.to_owned(),
        })
    }

    /// `uv 0.9.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.before);
        command
    }

    fn asked(program: PathBuf, before: Vec<OsString>) -> Result<Self, ResolveError> {
        let mut uv = Self {
            program,
            before,
            version: String::new(),
        };
        let mut command = uv.command();
        command.arg("--version");
        // Nothing of the folder that the user stands in is looked at, nor imported.
        command.current_dir(std::env::temp_dir());
        let bad = |why: String| ResolveError::BadUv {
            uv: uv.to_string(),
            why,
        };
        let said = match child::run(command, PATIENCE) {
            Ok(Ended::Well(said)) => said,
            Ok(Ended::Failed(said)) => return Err(bad(super::explain::shortened(&said))),
            Ok(Ended::TimedOut) => return Err(bad("it does not answer `--version`".to_owned())),
            Err(error) => return Err(bad(error.to_string())),
        };
        let mut words = said.split_whitespace();
        match (words.next(), words.next()) {
            (Some("uv"), Some(number)) => uv.version = format!("uv {}", crate::http::cut(number, 40)),
            _ => return Err(bad("its `--version` does not begin with `uv`".to_owned())),
        }
        Ok(uv)
    }
}

impl fmt::Display for Uv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program.display())?;
        self.before
            .iter()
            .try_for_each(|word| write!(f, " {}", word.display()))
    }
}

fn on_path(surroundings: &dyn Surroundings, name: &str) -> Option<PathBuf> {
    crate::programs::on_path(surroundings.variable("PATH")?.as_ref(), name)
}
