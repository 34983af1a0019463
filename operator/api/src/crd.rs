//! The definition that a cluster is given: what the types say, made into what an API server takes. Types say what a
//! field is; this says what holds of all fields: bounds, integers that can be read back, short descriptions.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    CustomResourceExt,
    core::schema::{OptionalEnum, OptionalIntOrString, StructuralSchemaRewriter},
};
use schemars::{
    Schema,
    generate::SchemaSettings,
    transform::{AddNullable, RecursiveTransform},
};
use serde_json::{Map, Value, json};

use crate::NotebookValidationJob;

/// Most characters of a text in the spec that has no bound of its own.
const MOST_TEXT: u64 = 65_536;
/// Most items of a list, or members of a map, in the spec that has no bound of its own.
const MOST_ITEMS: u64 = 1_000;
/// What every reader of JSON can hold exactly.
const MOST_INTEGER: i64 = (1 << 53) - 1;
/// Longer descriptions are cut to their first sentence: those of core/v1, which the cluster tells anyway.
const LONG_DESCRIPTION: usize = 240;

/// The definition of the kind.
pub fn definition() -> CustomResourceDefinition {
    let mut crd = NotebookValidationJob::crd();
    for version in &mut crd.spec.versions {
        if let Some(validation) = &mut version.schema {
            let mut schema = of_types();
            finish(&mut schema, Part::Whole);
            validation.open_api_v3_schema = serde_json::from_value(schema).ok();
        }
    }
    crd
}

/// The schema as kube derives it, but for what a field says of itself: kube puts what the enum says of itself in its place.
fn of_types() -> Value {
    let own_words = RecursiveTransform(|schema: &mut Schema| {
        let has_words = schema.get("description").is_some();
        let choices = schema.get_mut("anyOf").and_then(Value::as_array_mut);
        if let Some([one, _]) = choices.filter(|_| has_words).map(Vec::as_mut_slice) {
            one.as_object_mut()
                .and_then(|one| one.shift_remove("description"));
        }
    });
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let generator = settings
        .with_transform(AddNullable::default())
        .with_transform(own_words)
        .with_transform(StructuralSchemaRewriter)
        .with_transform(OptionalEnum)
        .with_transform(OptionalIntOrString)
        .into_generator();
    generator
        .into_root_schema_for::<NotebookValidationJob>()
        .to_value()
}

/// The schema alone, as JSON.
pub fn schema() -> Value {
    let crd = definition();
    let version = crd.spec.versions.first();
    let schema = version.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    serde_json::to_value(schema).unwrap_or_default()
}

/// Which part of an object a schema describes: only what users write is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Spec,
    Status,
}

fn finish(schema: &mut Value, part: Part) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    fields.remove("title");
    if fields.contains_key("type") || fields.contains_key("x-kubernetes-int-or-string") {
        // The API server then takes a null for nothing, as it does for the public operator's kind.
        fields.remove("nullable");
    }
    shorten(fields);
    hold_integer(fields);
    if part == Part::Spec {
        bound(fields);
    }
    for (name, below) in members(fields, "properties") {
        let part = match (part, name.as_str()) {
            (Part::Whole, "spec") => Part::Spec,
            (Part::Whole, "status") => Part::Status,
            (other, _) => other,
        };
        finish(below, part);
    }
    for below in ["items", "additionalProperties"] {
        if let Some(below) = fields.get_mut(below) {
            finish(below, part);
        }
    }
}

fn members<'a>(
    fields: &'a mut Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    fields
        .get_mut(key)
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|members| members.iter_mut())
}

/// An integer that is accepted can be read, too: one object that cannot be read would hide all others.
fn hold_integer(fields: &mut Map<String, Value>) {
    if fields.get("type") != Some(&json!("integer")) {
        return;
    }
    let small = fields.get("format") == Some(&json!("int32"));
    if !small {
        fields.insert("format".to_owned(), json!("int64"));
    }
    let most = if small { i64::from(i32::MAX) } else { MOST_INTEGER };
    fields.entry("minimum").or_insert_with(|| json!(-most));
    fields.entry("maximum").or_insert_with(|| json!(most));
}

/// Texts, lists and maps have an end: rules in CEL may be counted then, and no object can grow without one.
fn bound(fields: &mut Map<String, Value>) {
    let most = match fields.get("type").and_then(Value::as_str) {
        Some("string") if !fields.contains_key("enum") => ("maxLength", MOST_TEXT),
        Some("array") => ("maxItems", MOST_ITEMS),
        Some("object") if fields.contains_key("additionalProperties") => ("maxProperties", MOST_ITEMS),
        _ => return,
    };
    fields.entry(most.0).or_insert_with(|| json!(most.1));
}

fn shorten(fields: &mut Map<String, Value>) {
    let Some(Value::String(text)) = fields.get_mut("description") else {
        return;
    };
    if text.len() > LONG_DESCRIPTION {
        let end = text
            .find(". ")
            .map_or_else(|| text.floor_char_boundary(LONG_DESCRIPTION), |end| end + 1);
        text.truncate(end.min(text.floor_char_boundary(LONG_DESCRIPTION * 4)));
    }
    *text = text.replace('\n', " ");
}
