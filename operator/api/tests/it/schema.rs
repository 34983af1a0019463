//! Walking the schema of the definition, and holding objects against it without a cluster.

use std::sync::LazyLock;

use jsonschema::Validator;
use nbvet_operator_api::crd;
use serde_json::{Map, Value, json};

/// The schema of the definition.
pub(crate) static SCHEMA: LazyLock<Value> = LazyLock::new(crd::schema);

/// The same as JSON Schema has it.
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let mut schema = SCHEMA.clone();
    plain(&mut schema);
    jsonschema::validator_for(&schema).expect("the schema is one")
});

/// A field of the schema, with its path: `spec.notebook.git.url`, `spec.podConfig.env[].name`.
pub(crate) struct Field {
    pub(crate) path: String,
    pub(crate) schema: Value,
    pub(crate) required: bool,
}

/// Every field below the root, in the order of the schema.
pub(crate) fn fields() -> Vec<Field> {
    let mut found = Vec::new();
    walk("", &SCHEMA, &mut found);
    found
}

fn walk(path: &str, schema: &Value, found: &mut Vec<Field>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, below) in properties {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            let required = schema["required"]
                .as_array()
                .is_some_and(|all| all.contains(&json!(name)));
            found.push(Field {
                path: path.clone(),
                schema: below.clone(),
                required,
            });
            walk(&path, below, found);
        }
    }
    for (below, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[below].is_object() {
            walk(&format!("{path}{mark}"), &schema[below], found);
        }
    }
}

/// What the schema (types, bounds, patterns, enums) has against an object.
pub(crate) fn faults(object: &Value) -> Vec<String> {
    VALIDATOR
        .iter_errors(object)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The schema as JSON Schema has it.
fn plain(schema: &mut Value) {
    if let Some(members) = schema.as_object_mut() {
        if members.remove("x-kubernetes-int-or-string").is_some() {
            members.insert("type".to_owned(), json!(["integer", "string"]));
        }
        members.values_mut().for_each(plain);
    } else if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(plain);
    }
}

/// Paths of what an API server would drop in silence: fields that the schema does not know.
pub(crate) fn unknown(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut object = object.clone();
    for outside in ["apiVersion", "kind", "metadata"] {
        object.as_object_mut().expect("it is an object").remove(outside);
    }
    look("", &SCHEMA, &object, &mut found);
    found
}

fn look(path: &str, schema: &Value, value: &Value, found: &mut Vec<String>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == json!(true) {
        return;
    }
    let none = Map::new();
    match value {
        Value::Object(members) => {
            let properties = schema["properties"].as_object().unwrap_or(&none);
            for (name, value) in members {
                let path = format!("{path}.{name}");
                match properties.get(name) {
                    Some(below) => look(&path, below, value, found),
                    None if schema["additionalProperties"].is_object() => {
                        look(&path, &schema["additionalProperties"], value, found);
                    }
                    None => found.push(path),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                look(&format!("{path}[]"), &schema["items"], item, found);
            }
        }
        _ => {}
    }
}
