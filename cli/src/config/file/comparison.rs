//! The table `[comparison]`: how outputs are held against a golden notebook's.

use nbvet_report::ComparisonStrategy;
use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Place, Word, offset};
use crate::{
    config::comparison::{ComparisonConfig, GoldenSource, Share, check_output_type, check_pattern},
    usage::UsageError,
};

const KEYS: [&str; 10] = [
    "golden",
    "strategy",
    "floating-point-tolerance",
    "absolute-tolerance",
    "ignore-timestamps",
    "ignore-execution-count",
    "only-marked",
    "custom-timestamp-patterns",
    "ignore-output-types",
    "sanitize",
];

/// The table's own form; its lists are read with their places.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Table {
    golden: Option<String>,
    strategy: Option<ComparisonStrategy>,
    floating_point_tolerance: Option<f64>,
    absolute_tolerance: Option<f64>,
    ignore_timestamps: Option<bool>,
    ignore_execution_count: Option<bool>,
    only_marked: Option<bool>,
}

impl Place<'_> {
    /// What the file says of comparisons; nothing where it has no such table.
    pub(super) fn comparison(&self, file: &DeTable<'_>) -> Result<ComparisonConfig, UsageError> {
        let Some(value) = file.get("comparison") else {
            return Ok(ComparisonConfig::default());
        };
        let table = value.get_ref().as_table().ok_or_else(|| {
            self.error(
                value.span().start,
                "write a table here: `[comparison]`".to_owned(),
            )
        })?;
        self.check_table_keys("comparison", &KEYS, table)?;
        let is_list = |key: &str| {
            matches!(
                key,
                "custom-timestamp-patterns" | "ignore-output-types" | "sanitize"
            )
        };
        let plain = table.iter().filter(|(key, _)| !is_list(key.get_ref()));
        let plain: DeTable<'_> = plain.map(|(key, value)| (key.clone(), value.clone())).collect();
        let plain = Spanned::new(0..self.text.len(), DeValue::Table(plain));
        let read = Table::deserialize(toml::de::ValueDeserializer::from(plain));
        let own = read.map_err(|error| self.toml(&error))?;
        let share = |number: Option<f64>, key: &str| {
            number
                .map(|number| Share::new(number).map_err(|message| self.error(offset(table, key), message)))
                .transpose()
        };
        let sanitize = self.words(table, "sanitize")?;
        let beside = |word: Word| self.path.with_file_name(word.text);
        Ok(ComparisonConfig {
            golden: own.golden.map(|golden| self.golden(golden)),
            strategy: own.strategy,
            relative: share(own.floating_point_tolerance, "floating-point-tolerance")?,
            absolute: share(own.absolute_tolerance, "absolute-tolerance")?,
            ignore_timestamps: own.ignore_timestamps,
            ignore_execution_count: own.ignore_execution_count,
            only_marked: own.only_marked,
            custom_timestamp_patterns: self.checked(table, "custom-timestamp-patterns", check_pattern)?,
            ignore_output_types: self.checked(table, "ignore-output-types", check_output_type)?,
            sanitize: sanitize.map(|words| words.into_iter().map(beside).collect()),
        })
    }

    /// A list whose words must pass a check.
    fn checked(
        &self,
        table: &DeTable<'_>,
        key: &str,
        check: fn(&str) -> Result<(), String>,
    ) -> Result<Option<Vec<String>>, UsageError> {
        let Some(words) = self.words(table, key)? else {
            return Ok(None);
        };
        let good = |word: Word| match check(&word.text) {
            Ok(()) => Ok(word.text),
            Err(message) => Err(self.error(word.offset, message)),
        };
        words.into_iter().map(good).collect::<Result<_, _>>().map(Some)
    }

    /// A path is meant from the file that names it.
    fn golden(&self, golden: String) -> GoldenSource {
        if golden == "stored" {
            return GoldenSource::Stored;
        }
        let base = self.path.parent().map(ToOwned::to_owned);
        GoldenSource::Path {
            path: self.path.with_file_name(golden),
            base,
        }
    }
}
