//! One file of settings: its keys checked one by one, its values read. Every message has the file, the line and what
//! to write instead.

mod comparison;
mod dependencies;

use std::{collections::BTreeMap, path::Path};

use ignore::gitignore::GitignoreBuilder;
use nbvet_expect::Written;
use nbvet_protocol::InstallPolicy;
use nbvet_report::{Level, Severity};
use regex::RegexBuilder;
use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Config, Named, PerFile};
use crate::{
    args::Flags,
    catalogue, duration, expectations,
    selection::{Refused, Selection, Selector, is_fault},
    size,
    usage::{UsageError, nearest, shown},
};

/// The file's own form.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct File {
    level: Option<Level>,
    strict: bool,
    fail_on_stderr: Option<bool>,
    fail_on_warnings: Option<bool>,
    detect_silent_failures: Option<bool>,
    require_explicit_exit_codes: Option<bool>,
    verify_assertions: Option<bool>,
    check_output_types: Option<bool>,
    educational_mode: Option<bool>,
    provide_examples: Option<bool>,
    suggest_best_practices: Option<bool>,
    python: Option<String>,
    timeout: Option<String>,
    cell_timeout: Option<String>,
    memory_limit: Option<String>,
    installs: Option<InstallPolicy>,
    baseline: Option<String>,
    rules: BTreeMap<String, Severity>,
}

/// What may stand in a file and in its `[[per-file]]` tables.
const KEYS: [&str; 25] = [
    "level",
    "strict",
    "fail-on-stderr",
    "fail-on-warnings",
    "detect-silent-failures",
    "require-explicit-exit-codes",
    "verify-assertions",
    "check-output-types",
    "educational-mode",
    "provide-examples",
    "suggest-best-practices",
    "stderr-allow",
    "python",
    "timeout",
    "cell-timeout",
    "memory-limit",
    "installs",
    "baseline",
    "comparison",
    "dependencies",
    "select",
    "extend-select",
    "ignore",
    "rules",
    "expected-outputs",
];

/// Those of them that are read by themselves.
const APART: [&str; 7] = [
    "comparison",
    "dependencies",
    "select",
    "extend-select",
    "ignore",
    "stderr-allow",
    "expected-outputs",
];

/// What may only stand in the file itself.
const OWN_KEYS: [&str; 2] = ["extend", "per-file"];

/// `[tool.nbvet]`, if there is one.
pub(super) fn parse_project(path: &Path, text: &str) -> Result<Option<Config>, UsageError> {
    let at = Place { path, text };
    let document = DeTable::parse(text).map_err(|error| at.toml(&error))?;
    let own = document
        .get_ref()
        .get("tool")
        .and_then(|tool| tool.get_ref().as_table()?.get("nbvet"));
    let read = |own: &Spanned<DeValue<'_>>| {
        let table = own.get_ref().as_table();
        let message = || "write a table here: `[tool.nbvet]`".to_owned();
        at.file(table.ok_or_else(|| at.error(own.span().start, message()))?)
    };
    own.map(read).transpose()
}

/// A whole file.
pub(super) fn parse(path: &Path, text: &str) -> Result<Config, UsageError> {
    let at = Place { path, text };
    let document = DeTable::parse(text).map_err(|error| at.toml(&error))?;
    at.file(document.get_ref())
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
    /// What a file says, its tables for single notebooks among it.
    fn file(&self, table: &DeTable<'_>) -> Result<Config, UsageError> {
        let mut config = self.settings(table, &OWN_KEYS)?;
        if let Some(value) = table.get("extend") {
            config.extend = Some(self.named(value)?);
        }
        if let Some(value) = table.get("per-file") {
            let is_table = |entry: &&Spanned<DeValue<'_>>| entry.get_ref().is_table();
            let entries = value.get_ref().as_array();
            let Some(entries) = entries.filter(|entries| entries.iter().all(|entry| is_table(&entry))) else {
                let message =
                    "write `[[per-file]]` and below it `files` and the settings for them".to_owned();
                return Err(self.error(value.span().start, message));
            };
            let tables = entries
                .iter()
                .filter_map(|entry| Some((entry.span().start, entry.get_ref().as_table()?)));
            config.per_file = tables
                .map(|(offset, table)| self.per_file(offset, table))
                .collect::<Result<_, _>>()?;
        }
        Ok(config)
    }

    fn per_file(&self, offset: usize, table: &DeTable<'_>) -> Result<PerFile, UsageError> {
        let config = self.settings(table, &["files"])?;
        let patterns = self.words(table, "files")?.unwrap_or_default();
        if patterns.is_empty() {
            let message =
                "`files` is missing: say which notebooks are meant, such as `files = [\"drafts/\"]`";
            return Err(self.error(offset, message.to_owned()));
        }
        for pattern in &patterns {
            // To a .gitignore these are a comment, the opposite and nothing: here they would match no notebook.
            if pattern.text.trim().is_empty() || pattern.text.starts_with(['#', '!']) {
                let message = format!("`{}` matches nothing: write a path or a pattern", pattern.text);
                return Err(self.error(pattern.offset, message));
            }
            let checked = GitignoreBuilder::new("").add_line(None, &pattern.text).map(drop);
            checked.map_err(|error| self.error(pattern.offset, format!("this is no pattern: {error}")))?;
        }
        let patterns = patterns.into_iter().map(|word| self.named_word(word)).collect();
        Ok(PerFile { patterns, config })
    }

    /// The settings of a file or of one of its tables, where other keys may stand too.
    fn settings(&self, table: &DeTable<'_>, others: &[&'static str]) -> Result<Config, UsageError> {
        self.check_keys(table, others)?;
        let rules = self.rules(table)?;
        let read = |key: &str| -> bool { KEYS.contains(&key) && !APART.contains(&key) };
        let own = table.iter().filter(|(key, _)| read(key.get_ref()));
        let own: DeTable<'_> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
        let value = Spanned::new(0..self.text.len(), DeValue::Table(own));
        let file =
            File::deserialize(toml::de::ValueDeserializer::from(value)).map_err(|error| self.toml(&error))?;
        let limit = |text: Option<String>, key: &str| {
            text.map(|text| duration::parse(&text).map_err(|message| self.error(offset(table, key), message)))
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
                check_output_types: file.check_output_types,
                educational_mode: file.educational_mode,
                provide_examples: file.provide_examples,
                suggest_best_practices: file.suggest_best_practices,
            },
            selections: vec![
                self.selection(table, rules.into_iter().zip(file.rules.into_values()).collect())?,
            ],
            python: file.python.map(|python| beside(self.path, python)),
            timeout: limit(file.timeout, "timeout")?,
            cell_timeout: limit(file.cell_timeout, "cell-timeout")?,
            memory_limit: file
                .memory_limit
                .map(|text| {
                    size::parse(&text).map_err(|message| self.error(offset(table, "memory-limit"), message))
                })
                .transpose()?,
            installs: file.installs,
            baseline: file.baseline.map(|name| self.path.with_file_name(name)),
            stderr_allow: self.patterns(table)?,
            expectations: self.expectations(table)?,
            comparison: self.comparison(table)?,
            dependencies: self.dependencies(table)?,
            extend: None,
            per_file: Vec::new(),
        })
    }

    fn check_keys(&self, table: &DeTable<'_>, others: &[&'static str]) -> Result<(), UsageError> {
        let known: Vec<&str> = KEYS.iter().chain(others).copied().collect();
        let unknown = table.keys().find(|key| !known.contains(&key.get_ref().as_ref()));
        unknown.map_or(Ok(()), |key| {
            let mut message = format!("there is no setting `{}`", key.get_ref());
            let nearest = nearest(key.get_ref(), known.iter().copied());
            if key.get_ref() == "tool" {
                message += "; `[tool.nbvet]` is for pyproject.toml, here its settings stand by themselves";
            } else if nearest.is_empty() {
                // Those of this table first: they are what is missed most.
                let names = others.iter().chain(&KEYS);
                let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
                message = format!("{message}; there are {}", names.join(", "));
            }
            Err(self.error_near(key.span().start, message, nearest))
        })
    }

    fn selection(
        &self,
        table: &DeTable<'_>,
        rules: BTreeMap<String, Severity>,
    ) -> Result<Selection, UsageError> {
        let selectors = |key: &str, new: fn(&str) -> Result<Selector, Refused>| {
            let words = self.words(table, key)?;
            let read = |word: &Word| {
                new(&word.text).map_err(|refused| {
                    let (message, nearest) = refused.told(&word.text);
                    self.error_near(word.offset, message, nearest)
                })
            };
            words
                .map(|words| words.iter().map(read).collect::<Result<Vec<_>, _>>())
                .transpose()
        };
        let select = selectors("select", Selector::new)?;
        if select.as_ref().is_some_and(Vec::is_empty) {
            let message =
                "`select` is empty: no rule would judge; write `[\"ALL\"]` or leave it out".to_owned();
            return Err(self.error(offset(table, "select"), message));
        }
        Ok(Selection {
            select,
            extend_select: selectors("extend-select", Selector::new)?.unwrap_or_default(),
            ignore: selectors("ignore", Selector::to_ignore)?.unwrap_or_default(),
            rules,
        })
    }

    /// A list of words, with their places.
    fn words(&self, table: &DeTable<'_>, key: &str) -> Result<Option<Vec<Word>>, UsageError> {
        let Some(value) = table.get(key) else {
            return Ok(None);
        };
        let list = value.get_ref().as_array().ok_or_else(|| {
            let message = format!("write a list here, such as `{key} = [\"…\"]`");
            self.error(value.span().start, message)
        })?;
        list.iter()
            .map(|value| self.word(value))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn word(&self, value: &Spanned<DeValue<'_>>) -> Result<Word, UsageError> {
        let offset = value.span().start;
        let text = value.get_ref().as_str().map(ToOwned::to_owned);
        let text = text.ok_or_else(|| self.error(offset, "write text in quotes here".to_owned()))?;
        Ok(Word { text, offset })
    }

    fn named(&self, value: &Spanned<DeValue<'_>>) -> Result<Named, UsageError> {
        Ok(self.named_word(self.word(value)?))
    }

    fn named_word(&self, word: Word) -> Named {
        Named {
            text: word.text,
            file: shown(self.path),
            line: self.line(word.offset),
        }
    }

    /// Regular expressions of lines that may stand on stderr.
    fn patterns(&self, table: &DeTable<'_>) -> Result<Vec<String>, UsageError> {
        /// Bytes that one may take when it is made ready.
        const SIZE: usize = 1 << 20;
        let words = self.words(table, "stderr-allow")?.unwrap_or_default();
        for word in &words {
            let made = RegexBuilder::new(&word.text).size_limit(SIZE).build();
            made.map_err(|error| {
                let told = error.to_string();
                let told = told
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ");
                self.error(
                    word.offset,
                    format!("`{}` is no regular expression: {told}", word.text),
                )
            })?;
        }
        Ok(words.into_iter().map(|word| word.text).collect())
    }

    /// What is expected of values: `[[expected-outputs]]`.
    fn expectations(&self, table: &DeTable<'_>) -> Result<Vec<Written>, UsageError> {
        let Some(value) = table.get("expected-outputs") else {
            return Ok(Vec::new());
        };
        let entries = value.get_ref().as_array();
        let entries = entries.filter(|entries| entries.iter().all(|entry| entry.get_ref().is_table()));
        let Some(entries) = entries else {
            let message =
                "write `[[expected-outputs]]` and below it what is expected of which value".to_owned();
            return Err(self.error(value.span().start, message));
        };
        let one = |entry: &Spanned<DeValue<'_>>| {
            let line = self.line(entry.span().start);
            let label = format!("{}:{line}", shown(self.path));
            expectations::in_settings(entry.clone(), label).map_err(|fault| UsageError::Config {
                path: shown(self.path),
                line,
                nearest: expectations::nearest_of(&fault),
                message: fault.to_string(),
            })
        };
        entries.iter().map(one).collect()
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
                Ok(rule) if is_fault(rule) => {
                    let (message, nearest) = Refused::NeverOff.told(key.get_ref());
                    Err(self.error_near(key.span().start, message, nearest))
                }
                Ok(rule) => Ok(rule.id.to_owned()),
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
        UsageError::Config {
            path: shown(self.path),
            line: self.line(offset),
            message,
            nearest,
        }
    }

    fn line(&self, offset: usize) -> usize {
        self.text[..offset.min(self.text.len())].matches('\n').count() + 1
    }
}

/// A text of the file and where it stands.
struct Word {
    text: String,
    offset: usize,
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
    if message == "wanted string or table" {
        return "write text in quotes here".to_owned();
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
    use std::time::Duration;

    use nbvet_report::Readers;

    use super::*;
    use crate::commands::init::TEMPLATE;

    fn told(text: &str) -> String {
        let error = parse(Path::new("p/nbvet.toml"), text).unwrap_err();
        error.told(Readers::Terminal)
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
        let config = parse(Path::new("nbvet.toml"), &on).unwrap();
        assert_eq!(
            (config.level, config.timeout),
            (Some(Level::Development), Some(Duration::from_mins(30)))
        );
        for key in KEYS.iter().chain(&OWN_KEYS) {
            assert!(
                on.contains(&format!("\n{key} = "))
                    || on.contains(&format!("\n[{key}]"))
                    || on.contains(&format!("\n[[{key}]]")),
                "{key} is missing"
            );
        }
        assert_eq!(
            parse(Path::new("nbvet.toml"), TEMPLATE).unwrap(),
            parse(Path::new("nbvet.toml"), "").unwrap()
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

    /// Mutated settings: whatever stands in a file, it is taken or refused with its name and one of its lines.
    #[test]
    fn any_text_is_settings_or_is_refused_by_its_line() {
        const PARTS: [&str; 16] = [
            "[",
            "]",
            "=",
            "\"",
            "'",
            "\n",
            "#",
            "-1",
            "true",
            "1e999",
            "\u{feff}",
            "é",
            "[[per-file]]\n",
            "rules.",
            "{",
            "\0",
        ];
        let on: String = TEMPLATE
            .lines()
            .map(|line| line.strip_prefix("# ").unwrap_or(line).to_owned() + "\n")
            .collect();
        let mut state: u64 = 20_261_124;
        let mut below = |bound: usize| {
            // xorshift64: the same numbers everywhere.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap() % bound.max(1)
        };
        let mut refused = 0;
        for seed in 0..400 {
            let mut text = if seed % 2 == 0 {
                on.clone()
            } else {
                TEMPLATE.to_owned()
            };
            for _ in 0..=below(6) {
                let start = text.floor_char_boundary(below(text.len()));
                let end = text.ceil_char_boundary(start + below(12));
                text.replace_range(start..end, PARTS[below(PARTS.len())]);
            }
            for name in ["p/nbvet.toml", "p/pyproject.toml"] {
                let Err(error) = super::super::read_text(Path::new(name), &text) else {
                    continue;
                };
                refused += 1;
                let said = error.to_string();
                let line = said.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
                let line = line.and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
                let lines = text.split('\n').count();
                assert!(
                    line.is_some_and(|line| (1..=lines).contains(&line)),
                    "{said}\n{text}"
                );
            }
        }
        assert!(refused > 100, "the mutations do harm: {refused}");
    }
}
