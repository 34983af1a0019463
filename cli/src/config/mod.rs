//! `nbvet.toml`, or `[tool.nbvet]` of a `pyproject.toml`: found upwards from a notebook's folder, with the file that
//! it extends and its tables for single notebooks. What is not set stays unset; `settings` says what wins.

pub(crate) mod comparison;
pub(crate) mod dependencies;
mod file;
pub(crate) mod foreign;

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use nbvet_expect::Written;
use nbvet_protocol::InstallPolicy;
use nbvet_report::Level;

use self::{comparison::ComparisonConfig, dependencies::DependencyConfig};
use crate::{
    args::Flags,
    ordinary,
    selection::Selection,
    usage::{UsageError, shown},
};

/// The settings of one file, or of several laid over each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) level: Option<Level>,
    pub(crate) strict: bool,
    pub(crate) flags: Flags,
    /// What is said about rules, the weakest first.
    pub(crate) selections: Vec<Selection>,
    pub(crate) python: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) cell_timeout: Option<Duration>,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) installs: Option<InstallPolicy>,
    pub(crate) baseline: Option<PathBuf>,
    /// Lines that may stand on stderr; those of all places add up.
    pub(crate) stderr_allow: Vec<String>,
    /// What is expected of values; those of all places add up.
    pub(crate) expectations: Vec<Written>,
    pub(crate) comparison: ComparisonConfig,
    pub(crate) dependencies: DependencyConfig,
    /// Another file, over which this one lies.
    extend: Option<Named>,
    per_file: Vec<PerFile>,
}

/// A name that a file gives, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    text: String,
    file: String,
    line: usize,
}

/// Settings for the notebooks that a pattern of `.gitignore`'s kind matches.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PerFile {
    patterns: Vec<Named>,
    config: Config,
}

impl Config {
    /// This file's settings laid over weaker ones.
    fn over(self, weaker: Self) -> Self {
        let mut selections = weaker.selections;
        selections.extend(self.selections);
        let mut stderr_allow = weaker.stderr_allow;
        stderr_allow.extend(self.stderr_allow);
        let mut expectations = weaker.expectations;
        expectations.extend(self.expectations);
        let mut per_file = weaker.per_file;
        per_file.extend(self.per_file);
        Self {
            // A level that is written replaces another place's `strict`.
            strict: self.strict || (self.level.is_none() && weaker.strict),
            level: self.level.or(weaker.level),
            flags: self.flags.over(weaker.flags),
            selections,
            python: self.python.or(weaker.python),
            timeout: self.timeout.or(weaker.timeout),
            cell_timeout: self.cell_timeout.or(weaker.cell_timeout),
            memory_limit: self.memory_limit.or(weaker.memory_limit),
            installs: self.installs.or(weaker.installs),
            baseline: self.baseline.or(weaker.baseline),
            stderr_allow,
            expectations,
            comparison: self.comparison.over(weaker.comparison),
            dependencies: self.dependencies.over(weaker.dependencies),
            extend: self.extend,
            per_file,
        }
    }
}

/// Reads each file once; many notebooks share one.
#[derive(Debug, Default)]
pub(crate) struct Configs {
    by_folder: BTreeMap<PathBuf, Option<Rc<Loaded>>>,
    by_file: BTreeMap<PathBuf, Rc<Loaded>>,
}

/// A configuration that was found, with its patterns made ready.
#[derive(Debug)]
struct Loaded {
    folder: PathBuf,
    config: Config,
    /// Those of each `[[per-file]]`.
    patterns: Vec<Vec<Pattern>>,
}

#[derive(Debug)]
struct Pattern {
    matcher: Gitignore,
    hit: Cell<bool>,
}

impl Configs {
    /// The configuration for a notebook: the nearest file in its folder or above it, else in the current folder or
    /// above that, else nothing set; with what the file says about this notebook alone.
    pub(crate) fn for_notebook(&mut self, notebook: &Path) -> Result<Config, UsageError> {
        let folder = notebook.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let path = notebook
            .file_name()
            .map_or_else(|| folder.clone(), |name| folder.join(name));
        let loaded = self.for_folder(&folder)?;
        Ok(loaded.map_or_else(Config::default, |loaded| loaded.for_path(&path)))
    }

    fn for_folder(&mut self, folder: &Path) -> Result<Option<Rc<Loaded>>, UsageError> {
        if let Some(known) = self.by_folder.get(folder) {
            return Ok(known.clone());
        }
        let loaded = match self.find(folder)? {
            Some(loaded) => Some(loaded),
            None => self.find(&std::env::current_dir().unwrap_or_default())?,
        };
        self.by_folder.insert(folder.to_owned(), loaded.clone());
        Ok(loaded)
    }

    fn find(&mut self, folder: &Path) -> Result<Option<Rc<Loaded>>, UsageError> {
        for folder in folder.ancestors() {
            for name in ["nbvet.toml", "pyproject.toml"] {
                let path = folder.join(name);
                if let Some(known) = self.by_file.get(&path) {
                    return Ok(Some(Rc::clone(known)));
                }
                if let Some(config) = read(&path)? {
                    let loaded = Rc::new(Loaded::new(
                        folder,
                        extended(config, &path, &mut vec![path.clone()])?,
                    ));
                    self.by_file.insert(path, Rc::clone(&loaded));
                    return Ok(Some(loaded));
                }
            }
        }
        Ok(None)
    }

    /// Patterns that matched no notebook, of files below folders that were searched as a whole.
    pub(crate) fn unmatched(&self, searched: &[PathBuf]) -> Vec<String> {
        let searched: Vec<PathBuf> = searched
            .iter()
            .filter_map(|path| fs::canonicalize(path).ok())
            .collect();
        let whole = |loaded: &&Rc<Loaded>| searched.iter().any(|folder| loaded.folder.starts_with(folder));
        self.by_file
            .values()
            .filter(whole)
            .flat_map(|loaded| loaded.unmatched())
            .collect()
    }
}

impl Loaded {
    /// Patterns count from the folder of the file that was found, also those of a file that it extends.
    fn new(folder: &Path, config: Config) -> Self {
        let ready = |named: &Named| {
            let mut builder = GitignoreBuilder::new(folder);
            // It was tried when its file was read.
            let _ = builder.add_line(None, &named.text);
            Pattern {
                matcher: builder.build().unwrap_or_else(|_| Gitignore::empty()),
                hit: Cell::new(false),
            }
        };
        let patterns = config
            .per_file
            .iter()
            .map(|entry| entry.patterns.iter().map(ready).collect());
        Self {
            patterns: patterns.collect(),
            folder: folder.to_owned(),
            config,
        }
    }

    fn for_path(&self, path: &Path) -> Config {
        let mut config = self.config.clone();
        let entries = std::mem::take(&mut config.per_file);
        let Ok(path) = path.strip_prefix(&self.folder) else {
            return config;
        };
        for (entry, patterns) in entries.into_iter().zip(&self.patterns) {
            let mut hit = false;
            for pattern in patterns {
                if pattern
                    .matcher
                    .matched_path_or_any_parents(path, false)
                    .is_ignore()
                {
                    pattern.hit.set(true);
                    hit = true;
                }
            }
            if hit {
                config = entry.config.over(config);
            }
        }
        config
    }

    fn unmatched(&self) -> Vec<String> {
        let named = self.config.per_file.iter().flat_map(|entry| &entry.patterns);
        let patterns = self.patterns.iter().flatten();
        named
            .zip(patterns)
            .filter(|(_, pattern)| !pattern.hit.get())
            .map(|(Named { text, file, line }, _)| format!("{file}:{line}: `{text}` matches no notebook"))
            .collect()
    }
}

/// What a file says; nothing where there is none, or none that speaks of nbvet.
fn read(path: &Path) -> Result<Option<Config>, UsageError> {
    let text = match ordinary::read_to_string(path) {
        Ok(text) => text,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(source) => {
            return Err(UsageError::UnreadableConfig {
                path: shown(path),
                source,
            });
        }
    };
    read_text(path, &text)
}

/// What a file with this text says; of a `pyproject.toml` its `[tool.nbvet]`, if there is one.
pub(crate) fn read_text(path: &Path, text: &str) -> Result<Option<Config>, UsageError> {
    if path.file_name().is_none_or(|name| name != "pyproject.toml") {
        return file::parse(path, text).map(Some);
    }
    if text.contains("nbvet") {
        file::parse_project(path, text)
    } else {
        Ok(None)
    }
}

/// A file's settings over those of the file that it extends, and so on. `chain`: the files so far.
fn extended(mut config: Config, path: &Path, chain: &mut Vec<PathBuf>) -> Result<Config, UsageError> {
    let Some(Named { text, file, line }) = config.extend.take() else {
        return Ok(config);
    };
    let refused = |message: String| UsageError::Config {
        path: file.clone(),
        line,
        message,
        nearest: Vec::new(),
    };
    let unreadable = |error: &dyn std::fmt::Display| refused(format!("`{text}` cannot be read: {error}"));
    let base = path.parent().unwrap_or(Path::new("")).join(&text);
    let base = fs::canonicalize(&base).map_err(|error| unreadable(&error))?;
    if !base.is_file() {
        return Err(unreadable(&"it is no file"));
    }
    if chain.contains(&base) {
        return Err(refused(format!("`{text}` extends this file in turn")));
    }
    let weaker = read(&base)?.ok_or_else(|| refused(format!("`{text}` has no settings of nbvet")))?;
    chain.push(base.clone());
    Ok(config.over(extended(weaker, &base, chain)?))
}
