//! The table `[dependencies]`: where the dependencies of notebooks stand, and what may stand there.

use std::fmt::Write as _;

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Place, Word, offset};
use crate::{
    config::dependencies::{DependencyConfig, fallback},
    duration,
    usage::{UsageError, nearest},
};

const KEYS: [&str; 14] = [
    "requirements-file",
    "requirements-sources",
    "dockerfile",
    "target",
    "prefer-dockerfile",
    "auto-generate-requirements",
    "fallback-strategy",
    "allow-unpinned",
    "verify-hashes",
    "fail-on-conflict",
    "allow-sdist",
    "allowed-indexes",
    "allowed-hosts",
    "cache-ttl",
];

/// The table's own form; its lists are read with their places.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Table {
    requirements_file: Option<String>,
    dockerfile: Option<String>,
    target: Option<String>,
    prefer_dockerfile: Option<bool>,
    auto_generate_requirements: Option<bool>,
    fallback_strategy: Option<String>,
    allow_unpinned: Option<bool>,
    verify_hashes: Option<bool>,
    fail_on_conflict: Option<bool>,
    allow_sdist: Option<bool>,
    cache_ttl: Option<String>,
}

impl Place<'_> {
    /// What the file says of dependencies; nothing where it has no such table.
    pub(super) fn dependencies(&self, file: &DeTable<'_>) -> Result<DependencyConfig, UsageError> {
        let Some(value) = file.get("dependencies") else {
            return Ok(DependencyConfig::default());
        };
        let table = value.get_ref().as_table().ok_or_else(|| {
            self.error(
                value.span().start,
                "write a table here: `[dependencies]`".to_owned(),
            )
        })?;
        self.check_table_keys("dependencies", &KEYS, table)?;
        let is_list = |key: &str| matches!(key, "requirements-sources" | "allowed-indexes" | "allowed-hosts");
        let plain = table.iter().filter(|(key, _)| !is_list(key.get_ref()));
        let plain: DeTable<'_> = plain.map(|(key, value)| (key.clone(), value.clone())).collect();
        let plain = Spanned::new(0..self.text.len(), DeValue::Table(plain));
        let own = Table::deserialize(toml::de::ValueDeserializer::from(plain))
            .map_err(|error| self.toml(&error))?;
        let beside = |name: String| self.path.with_file_name(name);
        let words = |key: &str| self.words(table, key);
        let fallback = own.fallback_strategy.map(|word| {
            fallback(&word).map_err(|message| self.error(offset(table, "fallback-strategy"), message))
        });
        let cache_ttl = own.cache_ttl.map(|text| {
            duration::parse(&text).map_err(|message| self.error(offset(table, "cache-ttl"), message))
        });
        Ok(DependencyConfig {
            requirements_file: own.requirements_file.map(beside),
            requirements_sources: words("requirements-sources")?
                .map(|words| words.into_iter().map(|word: Word| beside(word.text)).collect()),
            dockerfile: own.dockerfile.map(beside),
            target: own.target,
            prefer_dockerfile: own.prefer_dockerfile,
            auto_generate_requirements: own.auto_generate_requirements,
            fallback_strategy: fallback.transpose()?,
            allow_unpinned: own.allow_unpinned,
            verify_hashes: own.verify_hashes,
            fail_on_conflict: own.fail_on_conflict,
            allow_sdist: own.allow_sdist,
            allowed_indexes: words("allowed-indexes")?
                .map(|words| words.into_iter().map(|word| word.text).collect()),
            allowed_hosts: words("allowed-hosts")?
                .map(|words| words.into_iter().map(|word| word.text).collect()),
            cache_ttl: cache_ttl.transpose()?,
        })
    }

    /// Refuses a key that a table does not know, with the nearest ones.
    pub(super) fn check_table_keys(
        &self,
        name: &str,
        keys: &[&'static str],
        table: &DeTable<'_>,
    ) -> Result<(), UsageError> {
        let unknown = table.keys().find(|key| !keys.contains(&key.get_ref().as_ref()));
        unknown.map_or(Ok(()), |key| {
            let near = nearest(key.get_ref(), keys.iter().copied());
            let mut message = format!("there is no setting `{}` in [{name}]", key.get_ref());
            if near.is_empty() {
                let names: Vec<String> = keys.iter().map(|name| format!("`{name}`")).collect();
                let _ = write!(message, "; there are {}", names.join(", "));
            }
            Err(self.error_near(key.span().start, message, near))
        })
    }
}
