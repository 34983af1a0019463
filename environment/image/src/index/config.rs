//! Which package indexes are asked: what the environment says, then pip's configuration files, then the public index.

use std::path::{Path, PathBuf};

use crate::http::Secret;

/// The public index.
pub const PUBLIC_INDEX: &str = "https://pypi.org/simple";
/// Bytes of a configuration file, at most.
const MAX_BYTES: u64 = 1 << 20;

/// Where packages come from. URLs may hold credentials; `Debug` shows none.
#[derive(Debug, Clone, Default)]
pub struct IndexConfig {
    /// URLs of indexes; a name is taken from the first that has it.
    pub indexes: Vec<Secret>,
    /// Local folders of wheels, looked at before any index.
    pub folders: Vec<PathBuf>,
    /// Files of certificates that are believed beside the system's.
    pub ca_files: Vec<PathBuf>,
    /// Hosts that may be asked without TLS.
    pub trusted_hosts: Vec<String>,
}

/// What surrounds the program: variables, and files by their absolute path.
pub trait Surroundings {
    /// A variable that is set and not empty.
    fn variable(&self, name: &str) -> Option<String>;
    /// The text of a file, if it is there and can be read.
    fn file(&self, path: &Path) -> Option<String>;
}

/// The real ones.
#[derive(Debug, Clone, Copy)]
pub struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.trim().is_empty())
    }

    fn file(&self, path: &Path) -> Option<String> {
        let metadata = std::fs::metadata(path).ok()?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return None;
        }
        std::fs::read_to_string(path).ok()
    }
}

impl IndexConfig {
    /// What this machine is set up for. In this order, the first that is set counts:
    /// `NBVET_INDEX_URL` (several, separated by spaces), `UV_DEFAULT_INDEX`, `UV_INDEX_URL`, `PIP_INDEX_URL`,
    /// `index-url` of pip's configuration files, the public index. Unless `NBVET_INDEX_URL` is set, extra indexes
    /// (`UV_INDEX`, `UV_EXTRA_INDEX_URL`, `PIP_EXTRA_INDEX_URL`, `extra-index-url`) are asked before, as uv does: what
    /// is private is found there first.
    pub fn from_surroundings(surroundings: &dyn Surroundings) -> Self {
        let pip = pip_settings(surroundings);
        let pip_value = |key: &str| {
            let variable = format!("PIP_{}", key.to_ascii_uppercase().replace('-', "_"));
            let from_files = || pip.iter().rev().find(|(name, _)| name == key);
            surroundings
                .variable(&variable)
                .or_else(|| from_files().map(|(_, value)| value.clone()))
        };
        let listed = |value: Option<String>| -> Vec<String> {
            let value = value.unwrap_or_default();
            value.split_whitespace().map(str::to_owned).collect()
        };
        let no_index = pip_value("no-index")
            .is_some_and(|value| ["1", "true", "yes", "on"].contains(&&*value.trim().to_ascii_lowercase()));
        let indexes = match surroundings.variable("NBVET_INDEX_URL") {
            Some(own) => listed(Some(own)),
            None if no_index => Vec::new(),
            None => {
                let extra = surroundings
                    .variable("UV_INDEX")
                    .or_else(|| surroundings.variable("UV_EXTRA_INDEX_URL"))
                    .or_else(|| pip_value("extra-index-url"));
                let main = surroundings
                    .variable("UV_DEFAULT_INDEX")
                    .or_else(|| surroundings.variable("UV_INDEX_URL"))
                    .or_else(|| pip_value("index-url"))
                    .unwrap_or_else(|| PUBLIC_INDEX.to_owned());
                let mut indexes = listed(extra);
                indexes.push(main.trim().to_owned());
                indexes
            }
        };
        let mut seen = Vec::new();
        for index in indexes {
            let index = unnamed(&index).to_owned();
            if !seen.contains(&index) {
                seen.push(index);
            }
        }
        Self {
            indexes: seen.into_iter().map(Secret::new).collect(),
            folders: Vec::new(),
            ca_files: pip_value("cert")
                .into_iter()
                .map(|file| PathBuf::from(file.trim()))
                .collect(),
            trusted_hosts: listed(pip_value("trusted-host")),
        }
    }
}

/// uv lets an index have a name: `name=https://…`.
fn unnamed(index: &str) -> &str {
    match index.split_once('=') {
        Some((name, url)) if !name.contains([':', '/']) => url,
        _ => index,
    }
}

/// The settings of pip's configuration files that concern `pip install`, the last of a key counts.
fn pip_settings(surroundings: &dyn Surroundings) -> Vec<(String, String)> {
    let (mut general, mut for_install) = (Vec::new(), Vec::new());
    for file in pip_files(surroundings) {
        let Some(text) = surroundings.file(&file) else {
            continue;
        };
        for (section, key, value) in settings(&text) {
            match &*section {
                "global" => general.push((key, value)),
                "install" => for_install.push((key, value)),
                _ => {}
            }
        }
    }
    general.extend(for_install);
    general
}

/// pip's configuration files on Linux, the weakest first.
fn pip_files(surroundings: &dyn Surroundings) -> Vec<PathBuf> {
    let own = surroundings.variable("PIP_CONFIG_FILE");
    // This is how pip is told to read none at all.
    if own.as_deref() == Some("/dev/null") {
        return Vec::new();
    }
    let shared = surroundings
        .variable("XDG_CONFIG_DIRS")
        .unwrap_or_else(|| "/etc/xdg".to_owned());
    let mut files: Vec<PathBuf> = shared
        .split(':')
        .filter(|folder| !folder.is_empty())
        .map(|folder| Path::new(folder).join("pip/pip.conf"))
        .collect();
    files.push("/etc/pip.conf".into());
    if let Some(home) = surroundings.variable("HOME") {
        let home = Path::new(&home);
        files.push(home.join(".pip/pip.conf"));
        let config = surroundings
            .variable("XDG_CONFIG_HOME")
            .map_or_else(|| home.join(".config"), PathBuf::from);
        files.push(config.join("pip/pip.conf"));
    }
    if let Some(environment) = surroundings.variable("VIRTUAL_ENV") {
        files.push(Path::new(&environment).join("pip.conf"));
    }
    files.extend(own.map(PathBuf::from));
    files
}

/// Section, key and value of each setting, as Python's `configparser` reads them.
fn settings(text: &str) -> Vec<(String, String, String)> {
    let mut found: Vec<(String, String, String)> = Vec::new();
    let mut section = String::new();
    let mut goes_on = false;
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t'])
            && goes_on
            && let Some((_, _, value)) = found.last_mut()
        {
            value.push('\n');
            value.push_str(bare);
            continue;
        }
        if let Some(name) = bare.strip_prefix('[') {
            name.split(']')
                .next()
                .unwrap_or_default()
                .clone_into(&mut section);
            goes_on = false;
            continue;
        }
        let Some((key, value)) = bare.split_once(['=', ':']) else {
            continue;
        };
        let key = key.trim().to_ascii_lowercase().replace('_', "-");
        found.push((
            section.clone(),
            key.trim_start_matches("--").to_owned(),
            value.trim().to_owned(),
        ));
        goes_on = true;
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};

    use super::*;

    struct Given<'g> {
        variables: &'g [(&'g str, &'g str)],
        files: BTreeMap<PathBuf, String>,
    }

    impl Surroundings for Given<'_> {
        fn variable(&self, name: &str) -> Option<String> {
            let found = self.variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }

        fn file(&self, path: &Path) -> Option<String> {
            self.files.get(path).cloned()
        }
    }

    fn check(variables: &[(&str, &str)], files: &[(&str, &str)], expected: &Expect) {
        let files = files
            .iter()
            .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
        let given = Given {
            variables,
            files: files.collect(),
        };
        let config = IndexConfig::from_surroundings(&given);
        let indexes: Vec<&str> = config.indexes.iter().map(Secret::reveal).collect();
        let told = format!("{indexes:?} {:?} {:?}\n", config.ca_files, config.trusted_hosts);
        expected.assert_eq(&told);
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn nothing_said_is_the_public_index() {
        check(
            &[("HOME", "/h")],
            &[],
            &expect![[r#"
                ["https://pypi.org/simple"] [] []
            "#]],
        );
    }

    #[test]
    fn the_environment_comes_before_files_and_the_nearest_file_last() {
        let files = [
            (
                "/etc/pip.conf",
                "[global]\nindex-url = https://far/simple\ncert=/far.pem\ntrusted-host =\n    one\n    # no\n    two\n",
            ),
            (
                "/h/.config/pip/pip.conf",
                "# mine\n[global]\nindex_url: https://u:secret@near/simple\n[list]\nindex-url = https://never\n",
            ),
        ];
        check(
            &[("HOME", "/h")],
            &files,
            &expect![[r#"
                ["https://u:secret@near/simple"] ["/far.pem"] ["one", "two"]
            "#]],
        );
        check(
            &[("HOME", "/h"), ("PIP_INDEX_URL", "https://pip/simple")],
            &files,
            &expect![[r#"
                ["https://pip/simple"] ["/far.pem"] ["one", "two"]
            "#]],
        );
        check(
            &[
                ("HOME", "/h"),
                ("UV_DEFAULT_INDEX", "main=https://uv/simple"),
                ("PIP_INDEX_URL", "https://pip/simple"),
                ("PIP_CONFIG_FILE", "/dev/null"),
            ],
            &files,
            &expect![[r#"
                ["https://uv/simple"] [] []
            "#]],
        );
        check(
            &[
                ("HOME", "/h"),
                ("NBVET_INDEX_URL", "https://a/simple https://b/simple"),
                ("UV_DEFAULT_INDEX", "https://uv/simple"),
                ("UV_INDEX", "https://extra/simple"),
            ],
            &files,
            &expect![[r#"
                ["https://a/simple", "https://b/simple"] ["/far.pem"] ["one", "two"]
            "#]],
        );
    }

    #[test]
    fn the_section_of_install_counts_more_and_extra_indexes_come_first() {
        check(
            &[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h"), ("VIRTUAL_ENV", "/v")],
            &[
                (
                    "/x/pip/pip.conf",
                    "[install]\nextra-index-url = https://private/simple\n  https://other/simple?a=b\n[global]\nextra-index-url = https://no\n",
                ),
                ("/v/pip.conf", "[global]\nindex-url = https://venv/simple\n"),
            ],
            &expect![[r#"
                ["https://private/simple", "https://other/simple?a=b", "https://venv/simple"] [] []
            "#]],
        );
    }

    #[test]
    fn no_index_means_folders_alone() {
        check(
            &[("PIP_NO_INDEX", "true"), ("PIP_INDEX_URL", "https://pip/simple")],
            &[],
            &expect![[r#"
                [] [] []
            "#]],
        );
    }
}
