//! The definition that clusters are given: committed, structural, bounded and explained.

use nbvet_operator_api::crd;
use serde_json::{Value, json};

use crate::{
    check_committed,
    schema::{Field, fields},
};

/// Where the definition is committed.
const COMMITTED: &str = "operator/deploy/crd/notebookvalidationjobs.yaml";

/// Most bytes that `kubectl apply` keeps of an object in its annotation.
const APPLIED: usize = 262_144;

#[test]
fn the_committed_definition_is_the_one_of_the_types() {
    let mut definition = serde_json::to_value(crd::definition()).unwrap();
    whole_numbers(&mut definition);
    let yaml = serde_saphyr::to_string(&definition).unwrap();
    let head = "# Written by `cargo xtask gen` from operator/api; edits belong there.\n";
    check_committed(COMMITTED, &format!("{head}{yaml}"));
}

/// Bounds are floating numbers in the types of the API; written, they are what they are.
fn whole_numbers(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(members) => members.values_mut().for_each(whole_numbers),
        Value::Number(number) if number.is_f64() => {
            let whole = number
                .as_f64()
                .filter(|number| number.fract() == 0.0 && number.abs() < 9e15);
            if let Some(whole) = whole {
                *json = json!(format!("{whole}").parse::<i64>().unwrap());
            }
        }
        _ => {}
    }
}

#[test]
fn the_definition_can_be_applied_with_kubectl() {
    let size = serde_json::to_vec(&crd::definition()).unwrap().len();
    assert!(size < APPLIED, "{size} bytes; kubectl apply takes {APPLIED}");
}

#[test]
fn every_field_is_explained() {
    let silent = |field: &Field| {
        field.schema["description"]
            .as_str()
            .is_none_or(|text| text.trim().len() < 4)
    };
    let silent: Vec<_> = fields()
        .into_iter()
        .filter(silent)
        .map(|field| field.path)
        .collect();
    assert!(silent.is_empty(), "no word on {silent:?}");
}

#[test]
fn a_field_says_what_it_means_where_it_stands_and_not_what_its_type_is() {
    let fields = fields();
    let said = |path: &str| {
        let field = fields.iter().find(|field| field.path == path).unwrap();
        field.schema["description"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        said("spec.validationConfig.level"),
        "How strict. Unset: development."
    );
    assert_eq!(
        said("spec.comparisonConfig.strategy"),
        "How strictly. Unset: normalized."
    );
    assert_eq!(said("status.phase"), "How far the job is.");
}

#[test]
fn no_field_has_a_default_so_that_unset_can_be_told() {
    let with: Vec<_> = fields()
        .into_iter()
        .filter(|field| field.schema.get("default").is_some())
        .map(|field| field.path)
        .collect();
    assert!(with.is_empty(), "{with:?}");
}

#[test]
fn the_schema_is_structural() {
    for Field { path, schema, .. } in fields() {
        let free = schema["x-kubernetes-int-or-string"] == json!(true)
            || schema["x-kubernetes-preserve-unknown-fields"] == json!(true);
        assert!(free || schema["type"].is_string(), "{path} has no type: {schema}");
        for unfit in ["anyOf", "oneOf", "allOf", "not", "$ref", "const", "uniqueItems"] {
            assert!(schema.get(unfit).is_none(), "{path} has {unfit}: {schema}");
        }
        let nullable = schema["nullable"] == json!(true);
        assert_eq!(
            nullable,
            path.ends_with("].equals") || path.ends_with("].contains"),
            "{path}"
        );
    }
}

#[test]
fn what_users_write_has_bounds() {
    let spec = fields()
        .into_iter()
        .filter(|field| field.path.starts_with("spec."));
    for Field { path, schema, .. } in spec {
        let bound = match schema["type"].as_str() {
            Some("string") if schema.get("enum").is_none() => "maxLength",
            Some("array") => "maxItems",
            Some("integer") => "maximum",
            Some("object") if schema.get("additionalProperties").is_some() => "maxProperties",
            _ => continue,
        };
        assert!(schema.get(bound).is_some(), "{path} has no {bound}");
    }
}

#[test]
fn names_columns_and_selectable_fields_are_what_users_type() {
    let definition = serde_json::to_value(crd::definition()).unwrap();
    let names = &definition["spec"]["names"];
    assert_eq!(names["shortNames"], json!(["nvj", "nvjob"]));
    assert_eq!(names["categories"], json!(["all"]));
    let version = &definition["spec"]["versions"][0];
    assert_eq!(version["subresources"]["status"], json!({}));
    let columns: Vec<_> = version["additionalPrinterColumns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            (
                column["name"].as_str().unwrap(),
                column["priority"].as_i64().unwrap_or(0),
            )
        })
        .collect();
    let expected = [
        ("Phase", 0),
        ("Reason", 0),
        ("Verdict", 0),
        ("Level", 0),
        ("Notebook", 0),
        ("Image", 1),
        ("Age", 0),
        ("Message", 1),
    ];
    assert_eq!(columns, expected);
}

#[test]
fn conditions_are_a_list_by_type() {
    let fields = fields();
    let conditions = fields
        .iter()
        .find(|field| field.path == "status.conditions")
        .unwrap();
    assert_eq!(conditions.schema["x-kubernetes-list-type"], "map");
    assert_eq!(conditions.schema["x-kubernetes-list-map-keys"], json!(["type"]));
}
