//! Manifests of jobs, held against the definition as an API server holds them: its schema, its rules in CEL, and the
//! fields that it does not know.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
    sync::LazyLock,
};

use jsonschema::{Validator, error::ValidationErrorKind};
use nbvet_operator_api::{NotebookValidationJob, crd, text};
use serde_json::{Map, Value, json};

use crate::error::Error;

/// A larger file is no manifest: etcd would not take it.
const MOST_BYTES: u64 = 4 << 20;
/// Refusals that are told.
const MOST: usize = 20;
/// Bytes of one.
const MOST_TEXT: usize = 400;

const KIND: &str = "NotebookValidationJob";
const VERSION: &str = "mlops.mlops.dev/v1alpha1";

static SCHEMA: LazyLock<Value> = LazyLock::new(crd::schema);

/// The same as JSON Schema has it.
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let mut schema = SCHEMA.clone();
    plain(&mut schema);
    #[expect(clippy::expect_used, reason = "tests hold the definition against manifests")]
    jsonschema::validator_for(&schema).expect("the schema of the definition is one")
});

/// A job of a manifest.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// Its name, as people read it.
    pub(crate) name: String,
    /// The job, where an API server would accept it.
    pub(crate) job: Result<Box<NotebookValidationJob>, Vec<String>>,
    /// Fields that the definition has not.
    pub(crate) unknown: Vec<Unknown>,
}

/// A field that the definition has not.
#[derive(Debug)]
pub(crate) struct Unknown {
    /// Where it stands: `spec.podConfig.image`.
    pub(crate) path: String,
    /// The field that stands there and is most like it.
    pub(crate) near: Option<String>,
}

/// Which namespace jobs are in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// All of them, whatever their manifest says.
    pub(crate) asked: Option<&'a str>,
    /// Those whose manifest names none.
    pub(crate) otherwise: &'a str,
}

/// All jobs of a file; `-` is stdin.
pub(crate) fn read(path: &Path, place: Place<'_>) -> Result<Vec<Manifest>, Error> {
    let shown = text::one_line(&path.to_string_lossy(), 400);
    let wrong = |why: String| Error::NoManifest {
        path: shown.clone(),
        why,
    };
    let text = text_of(path).map_err(|source| Error::File {
        path: shown.clone(),
        source,
    })?;
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&text).map_err(|error| wrong(error.without_snippet().to_string()))?;
    let items = documents.into_iter().flat_map(|document| match document {
        Value::Object(mut list) if list.get("kind") == Some(&json!("List")) => match list.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        other => vec![other],
    });
    let jobs: Vec<Manifest> = items
        .filter(|item| item["kind"] == KIND)
        .map(|item| manifest(item, place))
        .collect();
    if jobs.is_empty() {
        return Err(wrong("no document in it has that kind".to_owned()));
    }
    Ok(jobs)
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin()
            .lock()
            .take(MOST_BYTES + 1)
            .read_to_string(&mut text)?
    } else {
        fs::File::open(path)?
            .take(MOST_BYTES + 1)
            .read_to_string(&mut text)?
    };
    if read as u64 > MOST_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is larger than any manifest",
        ));
    }
    Ok(text)
}

fn manifest(mut object: Value, place: Place<'_>) -> Manifest {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().or(metadata["generateName"].as_str());
    let name = name.map(|name| text::one_line(name, 253));
    let unknown = unknown(&object);
    let mut refusals = Vec::new();
    if object["apiVersion"] != VERSION {
        refusals.push(format!("apiVersion: has to be {VERSION}"));
    }
    if name.is_none() {
        refusals.push("metadata.name: is needed".to_owned());
    }
    refusals.extend(against_schema(&object));
    if refusals.is_empty() {
        refusals.extend(against_rules(&object));
    }
    let job = if refusals.is_empty() {
        let name = name.clone().unwrap_or_default();
        object["metadata"]["name"] = json!(name);
        if let Some(namespace) = place.asked {
            object["metadata"]["namespace"] = json!(namespace);
        } else if object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = json!(place.otherwise);
        }
        serde_path_to_error::deserialize(object)
            .map(Box::new)
            .map_err(|error| vec![text::one_line(&error.to_string(), MOST_TEXT)])
    } else {
        Err(refusals)
    };
    Manifest {
        name: name.unwrap_or_else(|| "a job without a name".to_owned()),
        job,
        unknown,
    }
}

fn against_schema(object: &Value) -> Vec<String> {
    let errors = VALIDATOR.iter_errors(object).take(MOST);
    errors
        .map(|error| {
            let path = error.instance_path().to_string();
            let path = path.trim_start_matches('/').replace('/', ".");
            let problem = match error.kind() {
                ValidationErrorKind::Enum { options } => one_of(error.instance(), options),
                _ => error.to_string(),
            };
            text::one_line(&format!("{path}: {problem}"), MOST_TEXT)
        })
        .collect()
}

/// What may stand where something else stands, all of it.
fn one_of(stands: &Value, options: &Value) -> String {
    let options: Vec<String> = options
        .as_array()
        .into_iter()
        .flatten()
        .map(Value::to_string)
        .collect();
    let stands = text::one_line(&stands.to_string(), 100);
    format!("{stands} is not one of {}", options.join(", "))
}

fn against_rules(object: &Value) -> Vec<String> {
    match kube::core::cel::Validator::new().validate(&SCHEMA, object, None) {
        Ok(()) => Vec::new(),
        Err(errors) => errors
            .to_string()
            .lines()
            // The first line counts them.
            .filter_map(|line| line.trim().strip_prefix("- "))
            .take(MOST)
            .map(|line| text::one_line(line, MOST_TEXT))
            .collect(),
    }
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

/// Fields that the schema does not know: `kubectl apply` has the API server refuse them, which drops them for others.
fn unknown(object: &Value) -> Vec<Unknown> {
    let mut found = Vec::new();
    let spec = &SCHEMA["properties"]["spec"];
    look("spec", spec, &object["spec"], &mut found);
    found.truncate(MOST);
    found
}

fn look(path: &str, schema: &Value, value: &Value, found: &mut Vec<Unknown>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == json!(true) {
        return;
    }
    let none = Map::new();
    match value {
        Value::Object(members) => {
            let properties = schema["properties"].as_object().unwrap_or(&none);
            for (name, value) in members {
                let path = format!("{path}.{}", text::one_line(name, 100));
                match properties.get(name) {
                    Some(below) => look(&path, below, value, found),
                    None if schema["additionalProperties"].is_object() => {
                        look(&path, &schema["additionalProperties"], value, found);
                    }
                    None => found.push(Unknown {
                        path,
                        near: near(name, properties),
                    }),
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

/// The field that was probably meant.
fn near(name: &str, properties: &Map<String, Value>) -> Option<String> {
    const ALIKE: f64 = 0.85;
    let lower = text::one_line(name, 100).to_lowercase();
    properties
        .keys()
        .map(|known| (strsim::jaro_winkler(&lower, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known.clone())
}
