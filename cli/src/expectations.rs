//! Expectations that stand in files: of settings, beside a notebook, or in a file that orders a whole validation.

use std::path::Path;

use nbvet_engine::is_expression;
use nbvet_expect::{Fault, Place, Written, check, document, expectation, sidecar};
use serde::Deserialize as _;
use serde_json::{Map, Value};
use toml::{Spanned, de::DeValue};

use crate::{
    ordinary,
    usage::{UsageError, nearest, shown},
};

/// What the file beside a notebook says: `NAME.expect.yaml`. Nothing where there is none.
pub(crate) fn beside(notebook: &Path) -> Result<Vec<Written>, UsageError> {
    let path = sidecar_of(notebook);
    let text = match ordinary::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if !path.exists() => return Ok(Vec::new()),
        Err(source) => {
            return Err(UsageError::UnreadableConfig {
                path: shown(&path),
                source,
            });
        }
    };
    let read = document(&text, true).and_then(|value| sidecar(value, &is_expression));
    let found = read.map_err(|fault| UsageError::Expectations {
        path: shown(&path),
        fault,
    })?;
    let name = shown(&path);
    Ok(placed(|field| format!("{name}, {field}"), found))
}

/// Where a notebook's own expectations stand.
pub(crate) fn sidecar_of(notebook: &Path) -> std::path::PathBuf {
    notebook.with_extension("expect.yaml")
}

/// Expectations of a file or a job, with their places. `place` tells where a field stands.
pub(crate) fn placed(
    place: impl Fn(&str) -> String,
    found: Vec<(String, nbvet_expect::Checked)>,
) -> Vec<Written> {
    let written = found.into_iter().map(|(field, checked)| Written {
        checked,
        place: Place::File(place(&field)),
    });
    written.collect()
}

/// One `[[expected-outputs]]` of nbvet.toml. Its own fields are written with hyphens there, what is in them is not.
pub(crate) fn in_settings(entry: Spanned<DeValue<'_>>, label: String) -> Result<Written, Fault> {
    let unreadable = |error: toml::de::Error| Fault {
        message: error.message().to_owned(),
        ..Fault::default()
    };
    let value = Value::deserialize(toml::de::ValueDeserializer::from(entry)).map_err(unreadable)?;
    let fields = match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let fields = fields
        .into_iter()
        .map(|(key, value)| (camel_case(&key), value))
        .collect();
    let checked = expectation(Value::Object(fields))
        .and_then(|found| check(found, &is_expression))
        .and_then(|checked| checked.addressed().map(|()| checked))
        .map_err(|fault| in_hyphens(&fault))?;
    Ok(Written {
        checked,
        place: Place::File(label),
    })
}

/// The names that were probably meant by one that nobody knows.
pub(crate) fn nearest_of(fault: &Fault) -> Vec<String> {
    let known = fault.known.iter().map(String::as_str);
    fault
        .unknown
        .as_deref()
        .map_or_else(Vec::new, |word| nearest(word, known))
}

/// `no-nan` and `min-value` as the fields are called elsewhere.
fn camel_case(key: &str) -> String {
    if key == "no-nan" {
        return "noNaN".to_owned();
    }
    let mut parts = key.split('-');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut characters = part.chars();
        camel.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(characters.as_str());
    }
    camel
}

/// The names of fields as this file writes them.
fn in_hyphens(fault: &Fault) -> Fault {
    let hyphens = |name: &str| {
        if name == "noNaN" {
            return "no-nan".to_owned();
        }
        let mut hyphens = String::new();
        for character in name.chars() {
            if character.is_ascii_uppercase() {
                hyphens.push('-');
            }
            hyphens.push(character.to_ascii_lowercase());
        }
        hyphens
    };
    let known: Vec<String> = fault.known.iter().map(|name| hyphens(name)).collect();
    let unknown = fault.unknown.as_deref().map(hyphens);
    let message = match (&fault.unknown, &unknown) {
        (Some(old), Some(new)) => fault.message.replace(&format!("`{old}`"), &format!("`{new}`")),
        _ => fault.message.clone(),
    };
    Fault {
        path: hyphens(&fault.path),
        message,
        unknown,
        known,
    }
}
