//! Files of expectations and of whole validations to their types. JSON and YAML are read alike; any text gives a value
//! or a fault with the field in it.

use nbvet_report::{ComparisonConfig, Expectation, ValidationConfig};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    fault::Fault,
    written::{Checked, check},
};

/// A validation as a file orders it: `validationConfig` itself, or an object with it and with `comparisonConfig`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// How to judge; its expectations are in `expectations`.
    pub validation: ValidationConfig,
    /// Its `expectedOutputs`, checked, with their fields' paths.
    pub expectations: Vec<(String, Checked)>,
    /// It is an object with `validationConfig` in it.
    pub is_wrapped: bool,
    /// `comparisonConfig`.
    pub comparison: Option<ComparisonConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Outer {
    validation_config: Option<ValidationConfig>,
    comparison_config: Option<ComparisonConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Sidecar {
    expected_outputs: Vec<Expectation>,
}

/// The form of either file, from its text: JSON, or YAML by `is_yaml`.
pub fn document(text: &str, is_yaml: bool) -> Result<Value, Fault> {
    if is_yaml {
        return yaml(text);
    }
    serde_json::from_str(text).map_err(|error| Fault::new("", format!("this is no JSON: {error}")))
}

/// YAML as JSON. An empty text is an empty object.
pub fn yaml(text: &str) -> Result<Value, Fault> {
    let value: Option<Value> = serde_saphyr::from_str(text).map_err(|error| {
        // The reader draws the place below its first line.
        let told = error.to_string();
        let told = told
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        // The limits of the reader, in the words of its code.
        match told.split_once(": budget breached") {
            Some((place, _)) => Fault::new(
                "",
                format!("{place}: the file holds too much, or is nested too deeply"),
            ),
            None => Fault::new("", format!("this is no YAML: {told}")),
        }
    })?;
    Ok(value.unwrap_or_else(|| Value::Object(serde_json::Map::new())))
}

/// What `--validation-config` names.
pub fn validation_file(value: Value, is_expression: &dyn Fn(&str) -> bool) -> Result<Document, Fault> {
    let has_outer = value.as_object().is_some_and(|object| {
        object.contains_key("validationConfig") || object.contains_key("comparisonConfig")
    });
    let (mut validation, comparison, prefix) = if has_outer {
        let outer: Outer = typed(value)?;
        (
            outer.validation_config.unwrap_or_default(),
            outer.comparison_config,
            "validationConfig.",
        )
    } else {
        (typed::<ValidationConfig>(value)?, None, "")
    };
    let path = format!("{prefix}expectedOutputs");
    let expectations = all(
        std::mem::take(&mut validation.expected_outputs),
        &path,
        is_expression,
    )?;
    Ok(Document {
        validation,
        expectations,
        is_wrapped: has_outer,
        comparison,
    })
}

/// A notebook's own file of expectations.
pub fn sidecar(value: Value, is_expression: &dyn Fn(&str) -> bool) -> Result<Vec<(String, Checked)>, Fault> {
    let read: Sidecar = typed(value)?;
    all(read.expected_outputs, "expectedOutputs", is_expression)
}

fn all(
    written: Vec<Expectation>,
    path: &str,
    is_expression: &dyn Fn(&str) -> bool,
) -> Result<Vec<(String, Checked)>, Fault> {
    let one = |(index, expectation)| {
        let path = format!("{path}[{index}]");
        let checked = check(expectation, is_expression).map_err(|fault| fault.within(&path))?;
        checked.addressed().map_err(|fault| fault.within(&path))?;
        Ok((path, checked))
    };
    written.into_iter().enumerate().map(one).collect()
}

/// One expectation.
pub fn expectation(value: Value) -> Result<Expectation, Fault> {
    typed(value)
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Fault> {
    // A list would be taken for the fields in their order.
    if !value.is_object() {
        return Err(Fault::new("", "write an object with fields here"));
    }
    serde_path_to_error::deserialize(value)
        .map_err(|error| Fault::of_serde(&error.path().to_string(), &error.inner().to_string()))
}
