//! Manifests and stored objects in files: those that must be accepted are, nothing of them gets lost, and those that are
//! refused are told why. Without a cluster: types, bounds and patterns by JSON Schema, rules by an evaluator of CEL.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use kube::core::cel::Validator;
use nbvet_operator_api::NotebookValidationJob;
use serde_json::{Value, json};

use crate::{
    root,
    schema::{SCHEMA, faults, fields, unknown},
};

/// A file, its first line and its object.
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) object: Value,
}

/// The objects of a folder of `operator/api/fixtures`, in the order of their names.
pub(crate) fn manifests(folder: &str) -> Vec<Manifest> {
    let folder = root().join("operator/api/fixtures").join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |file: &std::path::PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let about = text.lines().next().unwrap().trim_start_matches("# ").to_owned();
        let object =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Manifest {
            name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
            about,
            object,
        }
    };
    let found: Vec<_> = files.iter().map(read).collect();
    assert!(!found.is_empty(), "{} holds manifests", folder.display());
    found
}

/// What the rules in CEL have against an object.
fn broken_rules(object: &Value) -> Vec<String> {
    match Validator::new().validate(&SCHEMA, object, None) {
        Ok(()) => Vec::new(),
        Err(errors) => vec![errors.to_string()],
    }
}

/// Paths of the fields that an object sets: `spec.podConfig.env[].name`. Members of maps are not told apart.
fn set_fields(object: &Value) -> BTreeSet<String> {
    let known: BTreeSet<String> = fields().into_iter().map(|field| field.path).collect();
    let mut found = BTreeSet::new();
    collect("", object, &known, &mut found);
    found
}

fn collect(path: &str, value: &Value, known: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let below = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                if known.contains(&below) {
                    found.insert(below.clone());
                    collect(&below, value, known, found);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(&format!("{path}[]"), item, known, found);
            }
        }
        _ => {}
    }
}

fn accepted() -> impl Iterator<Item = (&'static str, Manifest)> {
    ["public", "own", "stored"].into_iter().flat_map(|folder| {
        manifests(folder)
            .into_iter()
            .map(move |manifest| (folder, manifest))
    })
}

#[test]
fn manifests_that_clusters_hold_are_accepted() {
    for (folder, Manifest { name, object, .. }) in accepted() {
        assert_eq!(faults(&object), [""; 0], "{folder}/{name}");
        assert_eq!(broken_rules(&object), [""; 0], "{folder}/{name}");
    }
}

#[test]
fn nothing_of_a_manifest_gets_lost() {
    for (folder, Manifest { name, object, .. }) in accepted() {
        assert_eq!(unknown(&object), [""; 0], "{folder}/{name}");
        let job: NotebookValidationJob =
            serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{folder}/{name}: {error}"));
        let back = serde_json::to_value(&job).unwrap();
        for part in ["spec", "status"] {
            assert_eq!(back.get(part), object.get(part), "{folder}/{name}: {part}");
        }
    }
}

#[test]
fn what_is_refused_is_told_why() {
    for Manifest { name, about, object } in manifests("refused") {
        let expected = about.strip_prefix("refused: ").expect("the first line says why");
        let told = format!("{:?} {:?}", faults(&object), broken_rules(&object));
        let at = expected.replace('.', "/").replace("[0]", "/0");
        let last = expected.rsplit('.').next().unwrap();
        let by_path = expected.starts_with("spec.")
            && (told.contains(&at)
                || told.contains(&format!("\"{last}\""))
                || told.contains(&format!("\\\"{last}\\\"")));
        assert!(
            told.contains(expected) || by_path,
            "{name}: {expected} is not in {told}"
        );
    }
}

#[test]
fn manifests_of_the_public_operator_differ_in_what_they_set() {
    let mut seen: BTreeMap<BTreeSet<String>, String> = BTreeMap::new();
    let all = manifests("public");
    assert!(all.len() >= 25, "{} manifests", all.len());
    for Manifest { name, object, .. } in all {
        let other = seen.insert(set_fields(&object), name.clone());
        assert_eq!(other, None, "{name} sets the same fields");
    }
}

/// A line of `public-fields.tsv`.
struct PublicField {
    path: String,
    kind: String,
    required: bool,
    values: Vec<String>,
    pattern: String,
}

fn public_fields() -> Vec<PublicField> {
    let text = fs::read_to_string(root().join("operator/api/fixtures/public-fields.tsv")).unwrap();
    let field = |line: &str| {
        let mut columns = line.split('\t').map(str::to_owned);
        let mut next = || columns.next().unwrap_or_default();
        PublicField {
            path: next(),
            kind: next(),
            required: next() == "required",
            values: next()
                .split(' ')
                .filter(|value| !value.is_empty())
                .map(|value| value.replace("\"\"", ""))
                .collect(),
            pattern: next(),
        }
    };
    text.lines().skip(1).map(field).collect()
}

/// Kept whole, whatever is in it.
fn is_kept(path: &str) -> bool {
    [
        "status.modelValidationResult",
        "status.buildStatus.availableImages[]",
    ]
    .iter()
    .any(|kept| path.starts_with(kept))
}

#[test]
fn every_field_of_the_public_operator_is_set_by_some_manifest() {
    let mut set = BTreeSet::new();
    for (_, Manifest { object, .. }) in accepted() {
        set.extend(set_fields(&object));
    }
    let public = public_fields();
    let missing: Vec<_> = public
        .iter()
        .map(|field| &field.path)
        .filter(|path| !is_kept(path) && !set.contains(*path))
        .collect();
    assert!(missing.is_empty(), "no manifest sets {missing:?}");
}

#[test]
fn every_field_of_the_public_operator_takes_here_what_it_takes_there() {
    let ours: BTreeMap<String, _> = fields()
        .into_iter()
        .map(|field| (field.path.clone(), field))
        .collect();
    for public in public_fields().iter().filter(|field| !is_kept(&field.path)) {
        let path = &public.path;
        let field = ours.get(path).unwrap_or_else(|| panic!("{path} is not there"));
        let schema = &field.schema;
        let free = schema["x-kubernetes-int-or-string"] == json!(true)
            || schema["x-kubernetes-preserve-unknown-fields"] == json!(true);
        assert!(
            free || schema["type"] == json!(public.kind),
            "{path} is {}",
            schema["type"]
        );
        // There an object without a spec can be stored; it asks for nothing, and no type could read it.
        assert!(
            public.required || !field.required || path == "spec",
            "{path} is needed here and not there"
        );
        if let Some(values) = schema["enum"].as_array() {
            assert!(!public.values.is_empty(), "{path} takes any text there");
            for value in &public.values {
                assert!(values.contains(&json!(value)), "{path} does not take {value:?}");
            }
        }
        if let Some(pattern) = schema["pattern"].as_str() {
            assert_eq!(pattern, public.pattern, "{path}");
        }
    }
}
