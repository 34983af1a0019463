//! `nbvet.toml`, or `[tool.nbvet]` of a `pyproject.toml`: found upwards from a notebook's folder, read, and
//! checked key by key. What is not set stays unset; `settings` says what wins.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use nbvet_protocol::InstallPolicy;
use nbvet_report::{Level, Severity};
use serde::Deserialize;
use toml::{Spanned, de::DeTable};

use crate::{
    args::Flags,
    catalogue, duration,
    usage::{UsageError, nearest, shown},
};

/// The settings of one file. Rules are ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) level: Option<Level>,
    pub(crate) strict: bool,
    pub(crate) flags: Flags,
    pub(crate) rules: BTreeMap<String, Severity>,
    pub(crate) python: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) cell_timeout: Option<Duration>,
    pub(crate) installs: Option<InstallPolicy>,
}

/// The file's own form.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    level: Option<Level>,
    strict: bool,
    fail_on_stderr: Option<bool>,
    fail_on_warnings: Option<bool>,
    detect_silent_failures: Option<bool>,
    require_explicit_exit_codes: Option<bool>,
    verify_assertions: Option<bool>,
    educational_mode: Option<bool>,
    python: Option<String>,
    timeout: Option<String>,
    cell_timeout: Option<String>,
    installs: Option<InstallPolicy>,
    rules: BTreeMap<String, Severity>,
}

const KEYS: [&str; 13] = [
    "level",
    "strict",
    "fail-on-stderr",
    "fail-on-warnings",
    "detect-silent-failures",
    "require-explicit-exit-codes",
    "verify-assertions",
    "educational-mode",
    "python",
    "timeout",
    "cell-timeout",
    "installs",
    "rules",
];

/// Reads each file once; many notebooks share one.
#[derive(Debug, Default)]
pub(crate) struct Configs {
    by_folder: BTreeMap<PathBuf, Config>,
}

impl Configs {
    /// The configuration for notebooks of a folder: the nearest file in it or above it, else in the current
    /// folder or above that, else nothing set.
    pub(crate) fn for_folder(&mut self, folder: &Path) -> Result<Config, UsageError> {
        let absolute = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        if let Some(known) = self.by_folder.get(&absolute) {
            return Ok(known.clone());
        }
        let here = std::env::current_dir().unwrap_or_default();
        let config = match find(&absolute)? {
            Some(config) => config,
            None => find(&here)?.unwrap_or_default(),
        };
        self.by_folder.insert(absolute, config.clone());
        Ok(config)
    }
}

fn find(folder: &Path) -> Result<Option<Config>, UsageError> {
    for folder in folder.ancestors() {
        let own = folder.join("nbvet.toml");
        if let Some(text) = read(&own)? {
            return parse(&own, &text, None).map(Some);
        }
        let project = folder.join("pyproject.toml");
        if let Some(text) = read(&project)?
            && text.contains("nbvet")
            && let Some(config) = parse_project(&project, &text)?
        {
            return Ok(Some(config));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<Option<String>, UsageError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(source) => Err(UsageError::UnreadableConfig {
            path: shown(path),
            source,
        }),
    }
}

/// `[tool.nbvet]`, if there is one.
fn parse_project(path: &Path, text: &str) -> Result<Option<Config>, UsageError> {
    let at = Place { path, text };
    let document = DeTable::parse(text).map_err(|error| at.toml(&error))?;
    let table = document
        .get_ref()
        .get("tool")
        .and_then(|tool| tool.get_ref().as_table()?.get("nbvet"))
        .and_then(|own| own.get_ref().as_table());
    table.is_some().then(|| parse(path, text, table)).transpose()
}

/// Reads a whole file, or one table of it.
fn parse(path: &Path, text: &str, table: Option<&DeTable<'_>>) -> Result<Config, UsageError> {
    let at = Place { path, text };
    let document = DeTable::parse(text).map_err(|error| at.toml(&error))?;
    let table = table.unwrap_or(document.get_ref());
    at.check_keys(table)?;
    let rules = at.rules(table)?;
    let value = Spanned::new(0..text.len(), toml::de::DeValue::Table(table.clone()));
    let file =
        File::deserialize(toml::de::ValueDeserializer::from(value)).map_err(|error| at.toml(&error))?;
    let limit = |text: Option<String>, key: &str| {
        text.map(|text| duration::parse(&text).map_err(|message| at.error(offset(table, key), message)))
            .transpose()
    };
    Ok(Config {
        level: file.level,
        strict: file.strict,
        flags: Flags {
            fail_on_stderr: file.fail_on_stderr,
            fail_on_warnings: file.fail_on_warnings,
            detect_silent_failures: file.detect_silent_failures,
            require_explicit_exit_codes: file.require_explicit_exit_codes,
            verify_assertions: file.verify_assertions,
            educational_mode: file.educational_mode,
        },
        rules: rules.into_iter().zip(file.rules.into_values()).collect(),
        python: file.python.map(|python| beside(path, python)),
        timeout: limit(file.timeout, "timeout")?,
        cell_timeout: limit(file.cell_timeout, "cell-timeout")?,
        installs: file.installs,
    })
}

/// Where a key stands.
fn offset(table: &DeTable<'_>, key: &str) -> usize {
    table
        .keys()
        .find(|known| known.get_ref() == key)
        .map_or(0, |known| known.span().start)
}

/// A relative path of a Python is meant from the file that names it; a bare name is a command.
fn beside(file: &Path, python: String) -> String {
    match file.parent() {
        Some(folder) if python.contains('/') => shown(&folder.join(python)),
        _ => python,
    }
}

/// A file that is being read, for messages with its name and line.
struct Place<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    fn check_keys(&self, table: &DeTable<'_>) -> Result<(), UsageError> {
        let unknown = table.keys().find(|key| !KEYS.contains(&key.get_ref().as_ref()));
        unknown.map_or(Ok(()), |key| {
            let message = format!("there is no setting `{}`", key.get_ref());
            Err(self.error_near(key.span().start, message, nearest(key.get_ref(), KEYS)))
        })
    }

    /// The ids of the rules named in `[rules]`, in the order of their keys.
    fn rules(&self, table: &DeTable<'_>) -> Result<Vec<String>, UsageError> {
        let Some(rules) = table.get("rules").and_then(|rules| rules.get_ref().as_table()) else {
            return Ok(Vec::new());
        };
        let mut keys: Vec<_> = rules.keys().collect();
        keys.sort_by(|a, b| a.get_ref().cmp(b.get_ref()));
        keys.into_iter()
            .map(|key| match catalogue::find(key.get_ref()) {
                Ok(rule) => Ok(rule.meta.id.to_owned()),
                Err(nearest) => {
                    let message = format!("there is no rule `{}`", key.get_ref());
                    Err(self.error_near(key.span().start, message, nearest))
                }
            })
            .collect()
    }

    fn toml(&self, error: &toml::de::Error) -> UsageError {
        self.error(error.span().map_or(0, |span| span.start), plain(error.message()))
    }

    fn error(&self, offset: usize, message: String) -> UsageError {
        self.error_near(offset, message, Vec::new())
    }

    fn error_near(&self, offset: usize, message: String, nearest: Vec<String>) -> UsageError {
        let line = self.text[..offset.min(self.text.len())].matches('\n').count() + 1;
        UsageError::Config {
            path: shown(self.path),
            line,
            message,
            nearest,
        }
    }
}

/// The reader's messages in words for people who do not know how it is made.
fn plain(message: &str) -> String {
    let wrong_kind = message
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "));
    if let Some((found, wanted)) = wrong_kind {
        let wanted = match wanted {
            "a boolean" => "`true` or `false`",
            "a string" => "text in quotes",
            "a map" => "a table of its own, such as `[rules]`",
            other => other,
        };
        return format!("write {wanted} here, not {found}");
    }
    match message
        .strip_prefix("unknown variant ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        Some((found, known)) => format!("{found} is not known here; write {known}"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::init::TEMPLATE;

    fn told(text: &str) -> String {
        let error = parse(Path::new("p/nbvet.toml"), text, None).unwrap_err();
        format!(
            "{error}{}",
            error.hint().map(|hint| format!("; {hint}")).unwrap_or_default()
        )
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line_and_the_nearest_key() {
        assert_eq!(
            told("level = \"staging\"\nfail_on_warning = true\n"),
            "p/nbvet.toml:2: there is no setting `fail_on_warning`; did you mean `fail-on-warnings`?"
        );
    }

    #[test]
    fn an_unknown_rule_is_told_with_its_line_and_the_nearest_rule() {
        assert_eq!(
            told("[rules]\nbare-excpt = \"off\"\n"),
            "p/nbvet.toml:2: there is no rule `bare-excpt`; did you mean `bare-except`?"
        );
    }

    #[test]
    fn a_wrong_value_is_told_with_its_line() {
        assert_eq!(
            told("\n\nlevel = \"hard\"\n"),
            "p/nbvet.toml:3: `hard` is not known here; write one of `learning`, `development`, `staging`, `production`"
        );
        assert_eq!(
            told("strict = true\ntimeout = \"soon\"\n"),
            "p/nbvet.toml:2: `soon` is no duration; write 30s, 5m, 1h30m or 0"
        );
        assert_eq!(
            told("strict = 1\n"),
            "p/nbvet.toml:1: write `true` or `false` here, not integer `1`"
        );
        assert!(told("a = [\n").starts_with("p/nbvet.toml:"));
    }

    #[test]
    fn every_setting_of_the_template_can_be_switched_on() {
        let on: String = TEMPLATE
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|setting| is_setting(setting))
                    .unwrap_or("")
                    .to_owned()
                    + "\n"
            })
            .collect();
        let config = parse(Path::new("nbvet.toml"), &on, None).unwrap();
        assert_eq!(
            (config.level, config.timeout),
            (Some(Level::Development), Some(Duration::from_mins(30)))
        );
        for key in KEYS {
            assert!(
                on.contains(&format!("\n{key} = ")) || on.contains(&format!("\n[{key}]")),
                "{key} is missing"
            );
        }
        assert_eq!(
            parse(Path::new("nbvet.toml"), TEMPLATE, None).unwrap(),
            Config::default()
        );
    }

    fn is_setting(line: &str) -> bool {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    }

    #[test]
    fn a_project_file_counts_only_with_a_table_of_ours() {
        let path = Path::new("pyproject.toml");
        assert_eq!(
            parse_project(path, "[project]\nname = \"nbvet\"\n").unwrap(),
            None
        );
        let config = parse_project(path, "[tool.nbvet]\npython = \"env/python\"\n")
            .unwrap()
            .unwrap();
        assert_eq!(config.python.as_deref(), Some("env/python"));
        let error = parse_project(path, "[project]\n[tool.nbvet]\nlvel = 1\n").unwrap_err();
        assert_eq!(error.to_string(), "pyproject.toml:3: there is no setting `lvel`");
    }
}
