//! The pages of the reference that are written from the types: every field, and every reason.

use std::fmt::Write as _;

use nbvet_operator_api::{ConditionType, Reason};
use serde_json::Value;

use crate::{
    check_committed,
    schema::{Field, fields},
};

const GENERATED: &str = "<!-- Written by `cargo xtask gen` from operator/api; edits belong there. -->\n";

#[test]
fn the_committed_page_of_the_fields_is_the_one_of_the_types() {
    let mut page = format!(
        "{GENERATED}# NotebookValidationJob\n\n\
         `mlops.mlops.dev/v1alpha1`, short `nvj` or `nvjob`. Every field, with its type and what it means; `kubectl explain \
         nvj.spec` says the same. No field has a default in the cluster: what is unset stays unset, and what that means is \
         said here. Fields marked * are needed where the one above them is set. Parts of pods are those of core/v1 and \
         are not listed below their first field.\n\n\
         Durations are written as Go writes them: `90s`, `45m`, `1h30m`. Decimals stand in quotes: `\"0.01\"`.\n"
    );
    let fields = fields();
    for (part, title) in [("spec", "spec"), ("status", "status, written by the controller")] {
        let _ = write!(
            page,
            "\n## {title}\n\n| field | type | what it means |\n| --- | --- | --- |\n"
        );
        for field in &fields {
            if field.path.starts_with(&format!("{part}.")) && !is_core(&field.path) {
                page += &row(field, part);
            }
        }
    }
    page += "\n## Conditions\n\n| condition | what it says |\n| --- | --- |\n";
    for kind in ConditionType::ALL {
        let _ = writeln!(page, "| {kind} | {} |", kind.meaning());
    }
    page += "\nWhy a condition stands as it does is said by its reason: see [reasons](reasons.md).\n";
    check_committed("docs/reference/crd.md", &page);
}

/// Below the first field of what core/v1 describes.
pub(crate) fn is_core(path: &str) -> bool {
    let parts = [
        "imagePullSecrets",
        "env",
        "envFrom",
        "volumes",
        "volumeMounts",
        "tolerations",
        "affinity",
        "securityContext",
    ];
    parts.iter().any(|part| {
        let below = path
            .strip_prefix("spec.podConfig.")
            .and_then(|rest| rest.strip_prefix(part));
        below.is_some_and(|rest| rest.starts_with(['.', '[']))
    })
}

fn row(field: &Field, part: &str) -> String {
    let path = field.path.trim_start_matches(part).trim_start_matches('.');
    let star = if field.required { " *" } else { "" };
    let text = field.schema["description"]
        .as_str()
        .unwrap_or_default()
        .replace('|', "\\|");
    format!("| `{path}`{star} | {} | {text} |\n", kind(&field.schema))
}

fn kind(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        let words: Vec<_> = values.iter().filter_map(Value::as_str).collect();
        return words.join(", ");
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return "number, or decimal in quotes".to_owned();
    }
    let kind = match schema["type"].as_str() {
        None => return "any JSON".to_owned(),
        Some("array") => return format!("list of {}", kind(&schema["items"])),
        Some("object") if schema["additionalProperties"].is_object() => {
            return format!("names to {}", kind(&schema["additionalProperties"]));
        }
        Some("string") if schema["format"] == "date-time" => "time",
        Some(kind) => kind,
    };
    kind.to_owned()
}

#[test]
fn the_committed_page_of_the_reasons_is_the_one_of_the_enum() {
    let mut page = format!(
        "{GENERATED}# Reasons\n\n\
         Why a condition of a NotebookValidationJob stands as it does. Conditions, events and metrics use the same names; \
         none is ever renamed or used for something else.\n"
    );
    for reason in Reason::ALL {
        let _ = write!(
            page,
            "\n## {reason}\n\n{}\n\n**What to do.** {}\n",
            reason.meaning(),
            reason.remedy()
        );
    }
    check_committed("docs/reference/reasons.md", &page);
}

#[test]
fn every_field_that_a_reason_speaks_of_is_there() {
    let fields: Vec<String> = fields().into_iter().map(|field| field.path).collect();
    for reason in Reason::ALL {
        for text in [reason.meaning(), reason.remedy()] {
            for word in text.split('`').skip(1).step_by(2) {
                let path = word.split(':').next().unwrap_or_default();
                let is_path = path.starts_with("spec.") || path.starts_with("status.");
                let known = fields
                    .iter()
                    .any(|field| field.replace("[]", "").replace("{}", "") == path);
                let in_core = path.starts_with("spec.podConfig.resources.");
                assert!(!is_path || known || in_core, "{reason} speaks of {path}");
            }
        }
    }
}
