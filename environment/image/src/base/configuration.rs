//! What an image's configuration says that matters to a Python in it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fault::Fault;
use crate::http::{cleaned, cut};

/// Variables that change which Python runs or what it imports. No other is looked at: some hold secrets.
const NAMES: [&str; 8] = [
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONNOUSERSITE",
    "HOME",
    "JUPYTER_PATH",
    "JUPYTER_DATA_DIR",
    "VIRTUAL_ENV",
];
/// Folders of one variable that are looked at.
const MOST: usize = 64;
/// Where a runtime looks for programs if the image does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Debug, Deserialize)]
struct Whole {
    architecture: Option<String>,
    os: Option<String>,
    config: Option<Config>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    env: Option<Vec<String>>,
    user: Option<String>,
    working_dir: Option<String>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

/// The same, without what is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Configuration {
    pub(super) architecture: String,
    pub(super) env: BTreeMap<String, String>,
    pub(super) user: String,
    pub(super) working_dir: String,
    pub(super) entrypoint: Vec<String>,
    pub(super) cmd: Vec<String>,
}

impl Configuration {
    pub(super) fn read(json: &[u8]) -> Result<Self, Fault> {
        let whole: Whole = serde_json::from_slice(json).map_err(Fault::Configuration)?;
        match whole.os.as_deref() {
            Some("linux") | None => {}
            Some(other) => return Err(Fault::System(cut(&cleaned(other), 40))),
        }
        let config = whole.config.unwrap_or_default();
        let pairs = config.env.unwrap_or_default();
        let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
        let known = pairs.filter(|(name, _)| NAMES.contains(name));
        Ok(Self {
            architecture: whole.architecture.unwrap_or_default(),
            env: known
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            user: config.user.unwrap_or_default(),
            working_dir: config.working_dir.unwrap_or_default(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            cmd: config.cmd.unwrap_or_default(),
        })
    }

    /// The folders of a variable that lists such; those that depend on the working folder are left out.
    pub(super) fn folders(&self, name: &str) -> impl Iterator<Item = &str> {
        let value = self.env.get(name).map_or("", String::as_str);
        value
            .split(':')
            .filter(|folder| folder.starts_with('/'))
            .take(MOST)
    }

    /// Where programs are looked for.
    pub(super) fn path(&self) -> impl Iterator<Item = &str> {
        let value = self.env.get("PATH").map_or(PATH, String::as_str);
        value
            .split(':')
            .filter(|folder| folder.starts_with('/'))
            .take(MOST)
    }

    pub(super) fn home(&self) -> Option<&str> {
        self.env
            .get("HOME")
            .map(String::as_str)
            .filter(|home| home.starts_with('/'))
    }
}
