//! What a notebook installs itself, as far as it names distributions: `%pip install foo==1.2`.

use std::{collections::BTreeMap, str::FromStr as _};

use pep508_rs::{PackageName, Requirement, VerbatimUrl, VersionOrUrl};

use super::{Asked, At, table};
use crate::masked;

/// A word that is longer asks for nothing that a person wrote.
const MAX_LENGTH: usize = 1000;
/// Distributions that install others.
const TOOLS: &[&str] = &["pip", "setuptools", "wheel", "uv", "build"];

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// A word of `pip install`: a requirement, a path, an address.
    Pip(String),
    /// A word of `conda install`.
    Conda(String),
    /// `-r file`.
    File(String),
    /// `-e folder`.
    Editable(String),
}

/// All that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Requests {
    pub(super) lines: BTreeMap<PackageName, Line>,
    /// What names no distribution, as it may be shown, and why it is no line.
    pub(super) others: Vec<(String, &'static str, At)>,
}

/// A distribution that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// As a line of requirements.
    pub(super) text: String,
    /// What the notebook calls it, where that is no distribution's name.
    pub(super) renamed: Option<String>,
    /// It says which version.
    pub(super) limits: bool,
    pub(super) places: Vec<At>,
}

impl Requests {
    pub(super) fn new(asked: &[Asked]) -> Self {
        let mut requests = Self::default();
        for one in asked {
            requests.take(one);
        }
        requests
    }

    fn take(&mut self, asked: &Asked) {
        let (shown, why) = match &asked.request {
            Request::Pip(word) => match self.pip(word, &asked.at) {
                Ok(()) => return,
                Err(why) => (format!("pip install {word}"), why),
            },
            Request::Conda(word) => (
                format!("conda install {word}"),
                "conda packages are not read as distributions",
            ),
            Request::File(file) => (format!("pip install -r {file}"), "a file of its own: read it too"),
            Request::Editable(folder) => (format!("pip install -e {folder}"), "a folder, no distribution"),
        };
        let shown = masked(&shown).replace(char::is_control, " ");
        self.others.push((shown, why, asked.at.clone()));
    }

    fn pip(&mut self, word: &str, at: &At) -> Result<(), &'static str> {
        if word.len() > MAX_LENGTH || word.contains(char::is_control) {
            return Err("no requirement");
        }
        let is_address = word.contains("://") && !word.contains(" @ ");
        // Read with the machine's own variables, it would put their values into the proposal.
        if word.contains('$') {
            return Err("it holds a variable");
        }
        // `git@` is every repository's user for ssh.
        let others = word.replace("ssh://git@", "ssh://");
        if masked(&others) != others {
            return Err("it holds credentials: name the distribution without them");
        }
        if is_address {
            let (name, text) =
                repository(word).ok_or("an address that does not tell the distribution's name")?;
            self.add(name, text, None, true, at);
            return Ok(());
        }
        let requirement =
            Requirement::<VerbatimUrl>::from_str(word).map_err(|_| "a path, or no requirement")?;
        if TOOLS.contains(&requirement.name.as_ref()) {
            return Ok(());
        }
        let limits = match &requirement.version_or_url {
            None => false,
            Some(VersionOrUrl::VersionSpecifier(versions)) => !versions.is_empty(),
            Some(VersionOrUrl::Url(url)) if url.scheme() == "file" => return Err("a path"),
            Some(VersionOrUrl::Url(_)) => true,
        };
        let meant = table::renamed(&requirement.name).and_then(table::normalised);
        match meant {
            // Its versions are not those of what is meant.
            Some(meant) => self.add(meant.clone(), meant.to_string(), Some(word.to_owned()), false, at),
            None => self.add(
                requirement.name.clone(),
                requirement.to_string(),
                None,
                limits,
                at,
            ),
        }
        Ok(())
    }

    /// The last line that says which version counts, as for pip; else the first.
    fn add(&mut self, name: PackageName, text: String, renamed: Option<String>, limits: bool, at: &At) {
        let line = self.lines.entry(name).or_insert_with(|| Line {
            text: text.clone(),
            renamed: renamed.clone(),
            limits,
            places: Vec::new(),
        });
        if limits {
            (line.text, line.renamed, line.limits) = (text, renamed, limits);
        }
        if line.places.last() != Some(at) {
            line.places.push(at.clone());
        }
    }

    /// The first of these names that is asked for.
    pub(super) fn one_of(&self, names: &[PackageName]) -> Option<PackageName> {
        names.iter().find(|name| self.lines.contains_key(*name)).cloned()
    }

    /// The distribution that is asked for and has the module's own name.
    pub(super) fn named_like(&self, module: &str) -> Option<PackageName> {
        let whole = module.replace('.', "-");
        let top = module.split('.').next().unwrap_or_default();
        [whole.as_str(), top]
            .into_iter()
            .filter_map(table::normalised)
            .find(|name| self.lines.contains_key(name))
    }
}

/// The name that a repository's or an archive's address tells: `#egg=`, the last part of the path, a wheel's name.
fn repository(word: &str) -> Option<(PackageName, String)> {
    if word.contains(char::is_whitespace) {
        return None;
    }
    let (address, fragment) = word.split_once('#').unwrap_or((word, ""));
    let egg = fragment.split('&').find_map(|part| part.strip_prefix("egg="));
    let last = address.trim_end_matches('/').rsplit('/').next()?;
    let name = match egg {
        Some(egg) => egg.split('[').next().unwrap_or(egg),
        None if word.starts_with("git+") => last.split('@').next()?.trim_end_matches(".git"),
        None => last.strip_suffix(".whl")?.split('-').next()?,
    };
    let name = PackageName::from_str(name).ok()?;
    // What else stands behind the `#` (`subdirectory=`, `sha256=`) belongs to the address.
    let text = format!("{name} @ {word}");
    Requirement::<VerbatimUrl>::from_str(&text).ok()?;
    Some((name, text))
}
