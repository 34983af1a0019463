//! `validationConfig` and `comparisonConfig`, as the engine takes them.

use nbvet_report::{ComparisonConfig, Decimal, Expectation, Level, Literal, ValidationConfig};
use serde_json::Value;

use crate::{
    fault::FieldFault,
    number::Quoted,
    validation::{self, ExpectedOutput},
};

/// How strict a validation is: production where `strictMode` is set, else the level, else development.
pub fn level(config: Option<&validation::ValidationConfig>) -> Level {
    let Some(config) = config else {
        return Level::default();
    };
    if config.strict_mode == Some(true) {
        Level::Production
    } else {
        config.level.unwrap_or_default()
    }
}

/// `validationConfig` as the engine takes it. `false` of a switch that makes things stricter is unset, since older
/// controllers stored their defaults; `strictMode` stays beside `level`, so that a report can say that they differ.
///
/// # Errors
/// Every field that holds no number or no shape.
pub fn validation_config(config: &validation::ValidationConfig) -> Result<ValidationConfig, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let expected = config.expected_outputs.iter().enumerate();
    let expected_outputs = expected
        .map(|(index, expected)| {
            let field = format!("spec.validationConfig.expectedOutputs[{index}]");
            expectation(expected, &field, &mut faults)
        })
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(ValidationConfig {
        level: config.level,
        strict_mode: only_true(config.strict_mode),
        fail_on_stderr: only_true(config.fail_on_stderr),
        fail_on_warnings: only_true(config.fail_on_warnings),
        detect_silent_failures: config.detect_silent_failures.filter(|detect| !detect),
        require_explicit_exit_codes: only_true(config.require_explicit_exit_codes),
        check_output_types: only_true(config.check_output_types),
        verify_assertions: only_true(config.verify_assertions),
        educational_mode: config.educational_mode,
        provide_examples: config.provide_examples,
        suggest_best_practices: config.suggest_best_practices,
        installs: config.installs,
        expected_outputs,
        rules: config.rules.clone(),
    })
}

/// A switch that `false` does not turn off.
pub(super) fn only_true(switch: Option<bool>) -> Option<bool> {
    switch.filter(|on| *on)
}

fn expectation(written: &ExpectedOutput, field: &str, faults: &mut Vec<FieldFault>) -> Expectation {
    let mut number =
        |name: &str, number: Option<&Quoted>| decimal(&format!("{field}.{name}"), number?, faults);
    let min_value = number("minValue", written.min_value.as_ref());
    let max_value = number("maxValue", written.max_value.as_ref());
    let tolerance = number("tolerance", written.tolerance.as_ref());
    let range = written.range.as_deref().and_then(|range| match range {
        [low, high] => Some([number("range[0]", Some(low))?, number("range[1]", Some(high))?]),
        // The schema has no other.
        _ => None,
    });
    let shape = written.shape.as_ref().and_then(|text| {
        let shape = text.parse();
        let fault = |_| {
            let shape = "is no shape; write sizes with commas, -1 for any: -1,10";
            faults.push(FieldFault::invalid(format!("{field}.shape"), text, shape));
        };
        shape.map_err(fault).ok()
    });
    Expectation {
        cell: index(&format!("{field}.cell"), written.cell, faults),
        cell_id: written.cell_id.clone(),
        tag: written.tag.clone(),
        name: written.name.clone(),
        type_name: written.type_name.clone(),
        shape,
        min_value,
        max_value,
        range,
        not_empty: only_true(written.not_empty),
        no_nan: only_true(written.no_nan),
        columns: written.columns.clone(),
        dtypes: written.dtypes.clone(),
        equals: written.equals.as_ref().map(literal),
        contains: written.contains.as_ref().map(literal),
        matches: written.matches.clone(),
        length: written.length.and_then(|length| u64::try_from(length).ok()),
        monotone: written.monotone,
        unique: only_true(written.unique),
        expression: written.expression.clone(),
        tolerance,
    }
}

fn decimal(field: &str, number: &Quoted, faults: &mut Vec<FieldFault>) -> Option<Decimal> {
    let value = number.value();
    if value.is_none() {
        let problem = "is no number that can be compared; write a whole number, or a decimal in quotes";
        faults.push(FieldFault::invalid(field, &number.to_string(), problem));
    }
    value.map(Decimal)
}

fn index(field: &str, cell: Option<i64>, faults: &mut Vec<FieldFault>) -> Option<u32> {
    let cell = cell?;
    let index = u32::try_from(cell).ok();
    if index.is_none() {
        let problem = "is the index of no cell; cells are counted from 0";
        faults.push(FieldFault::invalid(field, &cell.to_string(), problem));
    }
    index
}

/// Any JSON as a value to compare with.
fn literal(value: &Value) -> Literal {
    match value {
        Value::Null => Literal::Null,
        Value::Bool(is) => Literal::Bool(*is),
        Value::Number(number) => number.as_i64().map_or_else(
            || Literal::Number(number.as_f64().unwrap_or(f64::NAN)),
            Literal::Whole,
        ),
        Value::String(text) => Literal::Text(text.clone()),
        Value::Array(items) => Literal::List(items.iter().map(literal).collect()),
        Value::Object(members) => Literal::Map(
            members
                .iter()
                .map(|(name, value)| (name.clone(), literal(value)))
                .collect(),
        ),
    }
}

/// `comparisonConfig` as the engine takes it.
///
/// # Errors
/// A tolerance that is no number.
pub fn comparison_config(config: &validation::ComparisonConfig) -> Result<ComparisonConfig, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let tolerance = config.floating_point_tolerance.as_ref();
    let field = "spec.comparisonConfig.floatingPointTolerance";
    let floating_point_tolerance = tolerance.and_then(|number| decimal(field, number, &mut faults));
    if !faults.is_empty() {
        return Err(faults);
    }
    let some = |texts: &[String]| (!texts.is_empty()).then(|| texts.to_vec());
    Ok(ComparisonConfig {
        strategy: config.strategy,
        floating_point_tolerance,
        ignore_timestamps: config.ignore_timestamps,
        ignore_execution_count: config.ignore_execution_count,
        custom_timestamp_patterns: some(&config.custom_timestamp_patterns),
        ignore_output_types: some(&config.ignore_output_types),
    })
}

#[cfg(test)]
mod tests {
    use nbvet_report::{InstallPolicy, Order, Severity, Shape};
    use serde_json::json;

    use super::*;

    fn config(json: Value) -> validation::ValidationConfig {
        serde_json::from_value(json).unwrap()
    }

    fn read(json: Value) -> ValidationConfig {
        validation_config(&config(json)).unwrap()
    }

    #[test]
    fn s2_the_level_is_development_unless_something_is_said_and_strict_mode_wins() {
        assert_eq!(level(None), Level::Development);
        for (json, expected) in [
            (json!({}), Level::Development),
            (json!({"level": "learning"}), Level::Learning),
            (json!({"level": "staging", "strictMode": false}), Level::Staging),
            (json!({"strictMode": true}), Level::Production),
            (
                json!({"level": "learning", "strictMode": true}),
                Level::Production,
            ),
        ] {
            assert_eq!(level(Some(&config(json.clone()))), expected, "{json}");
        }
        // The report says that they differ.
        let both = read(json!({"level": "learning", "strictMode": true}));
        assert_eq!(
            (both.level, both.strict_mode),
            (Some(Level::Learning), Some(true))
        );
    }

    #[test]
    fn s3_the_defaults_that_older_controllers_stored_mean_unset() {
        let stored = read(json!({
            "strictMode": false, "failOnStderr": false, "failOnWarnings": false, "detectSilentFailures": true,
            "requireExplicitExitCodes": false, "checkOutputTypes": false, "verifyAssertions": false
        }));
        assert_eq!(stored, ValidationConfig::default());
    }

    #[test]
    fn s3_what_is_switched_on_is_on_and_silent_failures_can_be_switched_off() {
        for field in [
            "strictMode",
            "failOnStderr",
            "failOnWarnings",
            "requireExplicitExitCodes",
            "checkOutputTypes",
            "verifyAssertions",
            "educationalMode",
            "provideExamples",
            "suggestBestPractices",
        ] {
            assert_eq!(
                serde_json::to_value(read(json!({field: true}))).unwrap(),
                json!({field: true})
            );
        }
        for field in [
            "detectSilentFailures",
            "educationalMode",
            "provideExamples",
            "suggestBestPractices",
        ] {
            assert_eq!(
                serde_json::to_value(read(json!({field: false}))).unwrap(),
                json!({field: false})
            );
        }
    }

    #[test]
    fn s3_policies_and_rules_are_taken_as_they_are() {
        let read =
            read(json!({"installs": "refuse", "rules": {"NB202": "error", "no-assertion-notebook": "off"}}));
        assert_eq!(read.installs, Some(InstallPolicy::Refuse));
        assert_eq!(read.rules["NB202"], Severity::Error);
        assert_eq!(read.rules["no-assertion-notebook"], Severity::Off);
    }

    #[test]
    fn s4_expectations_mean_what_they_mean_elsewhere() {
        let read = read(json!({"expectedOutputs": [
            {"cell": 3, "type": "DataFrame", "shape": "-1,10", "minValue": "0.5", "maxValue": 7, "notEmpty": true},
            {"cellId": "x", "range": ["-1e-3", 1], "tolerance": "0.1", "length": 4, "monotone": "increasing"},
            {"name": "total", "equals": null, "contains": {"a": [1, 2.5]}, "noNaN": true, "unique": false}
        ]}));
        let [first, second, third] = &read.expected_outputs[..] else {
            panic!("three are read");
        };
        assert_eq!(
            (first.cell, first.min_value, first.max_value),
            (Some(3), Some(Decimal(0.5)), Some(Decimal(7.0)))
        );
        assert_eq!(first.shape, Some(Shape(vec![-1, 10])));
        assert_eq!(second.range, Some([Decimal(-0.001), Decimal(1.0)]));
        assert_eq!(
            (second.length, second.monotone),
            (Some(4), Some(Order::Increasing))
        );
        assert_eq!(
            (&third.equals, third.no_nan, third.unique),
            (&Some(Literal::Null), Some(true), None)
        );
        let list = Literal::List(vec![Literal::Whole(1), Literal::Number(2.5)]);
        assert_eq!(
            third.contains,
            Some(Literal::Map([("a".to_owned(), list)].into()))
        );
    }

    #[test]
    fn s4_values_that_mean_nothing_are_told_with_their_field() {
        let faults = validation_config(&config(json!({"expectedOutputs": [
            {"cell": 1, "shape": "wide"},
            {"cell": 5_000_000_000_i64, "maxValue": "1e999", "range": ["0", "?"]}
        ]})))
        .unwrap_err();
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let number = "is no number that can be compared; write a whole number, or a decimal in quotes";
        assert_eq!(
            faults,
            [
                "spec.validationConfig.expectedOutputs[0].shape: \"wide\" is no shape; write sizes with commas, -1 for any: \
                 -1,10"
                    .to_owned(),
                format!("spec.validationConfig.expectedOutputs[1].maxValue: \"1e999\" {number}"),
                format!("spec.validationConfig.expectedOutputs[1].range[1]: \"?\" {number}"),
                "spec.validationConfig.expectedOutputs[1].cell: \"5000000000\" is the index of no cell; cells are counted \
                 from 0"
                    .to_owned(),
            ]
        );
    }

    #[test]
    fn s4_a_comparison_means_what_it_means_elsewhere() {
        let config =
            json!({"strategy": "exact", "floatingPointTolerance": "1e-6", "ignoreTimestamps": false});
        let read = comparison_config(&serde_json::from_value(config).unwrap()).unwrap();
        assert_eq!(read.floating_point_tolerance, Some(Decimal(1e-6)));
        assert_eq!(
            (read.ignore_timestamps, read.custom_timestamp_patterns),
            (Some(false), None)
        );
        let config = json!({"floatingPointTolerance": "1e999"});
        let faults = comparison_config(&serde_json::from_value(config).unwrap()).unwrap_err();
        assert_eq!(faults[0].field, "spec.comparisonConfig.floatingPointTolerance");
    }
}
