//! A validation as a file orders it (`--validation-config`), weaker than options and stronger than nbvet.toml, or as a job of
//! a cluster does.

use std::{collections::BTreeMap, path::Path};

use nbvet_engine::is_expression;
use nbvet_expect::{Fault, Written, document, validation_file};
use nbvet_report::{Decimal, InstallPolicy, Level, Severity, ValidationConfig};
use serde_json::{Value, json};

use crate::{
    args::Flags,
    catalogue,
    config::comparison::{ComparisonConfig, Share, check_output_type, check_pattern},
    expectations, ordinary, output,
    selection::is_fault,
    usage::{UsageError, shown},
};

/// What is ordered; nothing where nobody does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Strict mode is a level.
    pub(crate) level: Option<Level>,
    pub(crate) flags: Flags,
    pub(crate) installs: Option<InstallPolicy>,
    /// By the rule's id.
    pub(crate) rules: BTreeMap<String, Severity>,
    pub(crate) expectations: Vec<Written>,
    /// How outputs are compared; not with which notebook.
    pub(crate) comparison: ComparisonConfig,
}

impl Order {
    /// Reads the file, and says where two of its fields contradict each other.
    pub(crate) fn read(path: &Path) -> Result<Self, UsageError> {
        let text = ordinary::read_to_string(path).map_err(|source| UsageError::UnreadableConfig {
            path: shown(path),
            source,
        })?;
        let is_yaml = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml"));
        let name = shown(path);
        let (order, contradicted) = document(&text, is_yaml)
            .and_then(|value| Self::of(value, |field| format!("{name}, {field}")))
            .map_err(|fault| UsageError::Expectations {
                path: name.clone(),
                fault,
            })?;
        if let Some(level) = contradicted {
            output::warning(&format!(
                "{name}: `strictMode: true` is level production and wins over `level: {level}`"
            ));
        }
        Ok(order)
    }

    /// What a job of a cluster orders, whose fields are called as they are there.
    pub(crate) fn of_job(
        validation: &ValidationConfig,
        comparison: &nbvet_report::ComparisonConfig,
    ) -> Result<Self, UsageError> {
        let spec = json!({ "validationConfig": validation, "comparisonConfig": comparison });
        let order = Self::of(spec, |field| format!("spec.{field}"));
        order.map(|(order, _)| order).map_err(UsageError::Job)
    }

    /// The order, and a level that its strict mode overrules. `place` tells where a field stands.
    fn of(value: Value, place: impl Fn(&str) -> String) -> Result<(Self, Option<Level>), Fault> {
        let read = validation_file(value, &is_expression)?;
        let prefix = if read.is_wrapped { "validationConfig." } else { "" };
        let rules = rules(&read.validation.rules, prefix)?;
        let comparison = comparison(read.comparison.unwrap_or_default())?;
        let validation = read.validation;
        let order = Self {
            level: level(&validation),
            flags: flags(&validation),
            installs: validation.installs,
            rules,
            expectations: expectations::placed(place, read.expectations),
            comparison,
        };
        Ok((order, contradicted(&validation)))
    }
}

/// `comparisonConfig`, its words checked.
fn comparison(ordered: nbvet_report::ComparisonConfig) -> Result<ComparisonConfig, Fault> {
    let fault = |path: String, message: String| Fault {
        path: format!("comparisonConfig.{path}"),
        message,
        ..Fault::default()
    };
    let check = |words: Option<&[String]>, field: &str, check: fn(&str) -> Result<(), String>| {
        for (index, word) in words.into_iter().flatten().enumerate() {
            check(word).map_err(|message| fault(format!("{field}[{index}]"), message))?;
        }
        Ok(())
    };
    let (patterns, types) = (&ordered.custom_timestamp_patterns, &ordered.ignore_output_types);
    check(patterns.as_deref(), "customTimestampPatterns", check_pattern)?;
    check(types.as_deref(), "ignoreOutputTypes", check_output_type)?;
    let tolerance = ordered.floating_point_tolerance;
    let relative = tolerance.map(|Decimal(number)| Share::new(number)).transpose();
    Ok(ComparisonConfig {
        strategy: ordered.strategy,
        relative: relative.map_err(|message| fault("floatingPointTolerance".to_owned(), message))?,
        ignore_timestamps: ordered.ignore_timestamps,
        ignore_execution_count: ordered.ignore_execution_count,
        custom_timestamp_patterns: ordered.custom_timestamp_patterns,
        ignore_output_types: ordered.ignore_output_types,
        ..ComparisonConfig::default()
    })
}

fn level(validation: &ValidationConfig) -> Option<Level> {
    if validation.strict_mode == Some(true) {
        return Some(Level::Production);
    }
    validation.level
}

/// A level that strict mode overrules.
fn contradicted(validation: &ValidationConfig) -> Option<Level> {
    validation
        .level
        .filter(|level| validation.strict_mode == Some(true) && *level != Level::Production)
}

fn flags(validation: &ValidationConfig) -> Flags {
    Flags {
        fail_on_stderr: validation.fail_on_stderr,
        fail_on_warnings: validation.fail_on_warnings,
        detect_silent_failures: validation.detect_silent_failures,
        require_explicit_exit_codes: validation.require_explicit_exit_codes,
        verify_assertions: validation.verify_assertions,
        check_output_types: validation.check_output_types,
        educational_mode: validation.educational_mode,
        provide_examples: validation.provide_examples,
        suggest_best_practices: validation.suggest_best_practices,
    }
}

fn rules(written: &BTreeMap<String, Severity>, prefix: &str) -> Result<BTreeMap<String, Severity>, Fault> {
    let one = |(name, severity): (&String, &Severity)| {
        let path = format!("{prefix}rules");
        match catalogue::find(name) {
            Ok(rule) if is_fault(rule) => Err(Fault {
                path,
                message: format!("{name} tells what keeps a notebook from running; it has one severity"),
                ..Fault::default()
            }),
            Ok(rule) => Ok((rule.id.to_owned(), *severity)),
            Err(nearest) => Err(Fault {
                path,
                message: format!("there is no rule `{name}`"),
                unknown: Some(name.clone()),
                known: nearest,
            }),
        }
    };
    written.iter().map(one).collect()
}
