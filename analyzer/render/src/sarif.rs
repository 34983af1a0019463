//! SARIF 2.1.0: for GitHub code scanning and every tool that reads it. Regions are lines of the `.ipynb` file;
//! the cell is a logical location.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use nbvet_report::{
    Diagnostic, FailureKind, Location, NotebookReport, Report, RunFailure, Severity, SuppressionKind,
    hidden::escaped,
};
use serde_json::{Value, json};

use crate::{
    NotebookSource, RuleInfo, harmless, harmless_block,
    place::{cell_name, source_line},
};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report as a SARIF log. `sources` stand in the order of the report's notebooks; `rules` describe at least
/// those that are named in the report (one that is not described appears by id and name).
///
/// # Panics
/// Never: the log is plain data with string keys.
pub fn sarif(report: &Report, sources: &[NotebookSource], rules: &[RuleInfo<'_>]) -> String {
    let index = RuleIndex::new(report, rules);
    let results: Vec<Value> = report
        .notebooks
        .iter()
        .enumerate()
        .flat_map(|(position, notebook)| notebook_results(notebook, sources.get(position), &index))
        .collect();
    let artifacts: Vec<Value> = report
        .notebooks
        .iter()
        .map(|notebook| json!({ "location": { "uri": uri(&notebook.path) } }))
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "semanticVersion": report.tool.version,
                "rules": index.descriptors,
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation(report)],
            "artifacts": artifacts,
            "properties": { "level": report.level },
            "results": results,
        }],
    });
    #[expect(clippy::expect_used, reason = "the log is plain data with string keys")]
    let text = serde_json::to_string_pretty(&log).expect("SARIF logs serialize");
    escaped(&text).into_owned() + "\n"
}

/// The rules that the report names, each at its place in `tool.driver.rules`.
struct RuleIndex {
    positions: HashMap<String, usize>,
    descriptors: Vec<Value>,
}

impl RuleIndex {
    fn new(report: &Report, rules: &[RuleInfo<'_>]) -> Self {
        let named: BTreeMap<&str, &str> = report
            .notebooks
            .iter()
            .flat_map(|notebook| &notebook.diagnostics)
            .map(|found| (found.rule.id.as_ref(), found.rule.name.as_ref()))
            .collect();
        let mut index = Self {
            positions: HashMap::new(),
            descriptors: Vec::new(),
        };
        for (id, name) in named {
            index.positions.insert(id.to_owned(), index.descriptors.len());
            index
                .descriptors
                .push(descriptor(id, name, rules.iter().find(|rule| rule.id == id)));
        }
        index
    }
}

fn descriptor(id: &str, name: &str, rule: Option<&RuleInfo<'_>>) -> Value {
    let mut descriptor = json!({ "id": id, "name": name });
    if let Some(rule) = rule {
        descriptor["shortDescription"] = json!({ "text": rule.summary });
        descriptor["help"] = json!({ "text": rule.page, "markdown": rule.page });
    }
    descriptor
}

/// How the whole command went. A notebook without a verdict makes it unsuccessful, with the reason.
fn invocation(report: &Report) -> Value {
    let notifications: Vec<Value> = report
        .notebooks
        .iter()
        .filter_map(|notebook| Some((notebook, notebook.failure.as_ref()?)))
        .map(|(notebook, failure)| notification(notebook, failure))
        .collect();
    json!({
        "executionSuccessful": notifications.is_empty(),
        "exitCode": report.exit_code.code(),
        "toolExecutionNotifications": notifications,
    })
}

fn notification(notebook: &NotebookReport, failure: &RunFailure) -> Value {
    let text = match &failure.hint {
        Some(hint) => format!("{}\nhint: {hint}", failure.message),
        None => failure.message.clone(),
    };
    let id = match failure.kind {
        FailureKind::Internal => "internal",
        _ => "no-verdict",
    };
    json!({
        "level": "error",
        "message": { "text": harmless_block(&text) },
        "descriptor": { "id": id },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&notebook.path) } } }],
    })
}

fn notebook_results(
    notebook: &NotebookReport,
    source: Option<&NotebookSource>,
    index: &RuleIndex,
) -> Vec<Value> {
    notebook
        .diagnostics
        .iter()
        .filter(|found| found.severity != Severity::Off)
        .map(|found| result(notebook, source, index, found))
        .collect()
}

fn result(
    notebook: &NotebookReport,
    source: Option<&NotebookSource>,
    index: &RuleIndex,
    found: &Diagnostic,
) -> Value {
    let mut result = json!({
        "ruleId": found.rule.id,
        "level": match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
            Severity::Off => "none",
        },
        "message": { "text": message(found) },
        "locations": [location(notebook, source, &found.location)],
        // `primaryLocationLineHash` is the one that GitHub reads.
        "partialFingerprints": { "primaryLocationLineHash": found.fingerprint, "nbvet/v1": found.fingerprint },
    });
    if let Some(position) = index.positions.get(found.rule.id.as_ref()) {
        result["ruleIndex"] = json!(position);
    }
    if !found.labels.is_empty() {
        let related = found.labels.iter().enumerate().map(|(id, label)| {
            let mut place = location(notebook, source, &label.location);
            place["id"] = json!(id);
            place["message"] = json!({ "text": harmless_block(&label.message) });
            place
        });
        result["relatedLocations"] = related.collect();
    }
    if let Some(suppression) = &found.suppression {
        let reason = harmless(suppression.reason.as_deref().unwrap_or("no reason given"));
        let (kind, why) = match suppression.kind {
            SuppressionKind::Comment => ("inSource", format!("comment: {reason}")),
            SuppressionKind::Tag => ("inSource", format!("cell tag: {reason}")),
            SuppressionKind::Baseline => ("external", "in the baseline".to_owned()),
        };
        result["suppressions"] = json!([{ "kind": kind, "justification": why }]);
    }
    result
}

fn message(found: &Diagnostic) -> String {
    let parts = [
        Some(&found.message),
        found.explanation.as_ref(),
        found.help.as_ref(),
    ];
    harmless_block(
        &parts
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

fn location(notebook: &NotebookReport, source: Option<&NotebookSource>, at: &Location) -> Value {
    let mut region = json!({ "startLine": at.file_line.max(1) });
    if at.file_end_line > at.file_line {
        region["endLine"] = json!(at.file_end_line);
    }
    if let Some(line) = source_line(source, at) {
        region["snippet"] = json!({ "text": harmless(line) });
    }
    let mut location = json!({
        "physicalLocation": { "artifactLocation": { "uri": uri(at.file.as_ref().unwrap_or(&notebook.path)) }, "region": region },
    });
    if let Some(cell) = at.cell {
        location["logicalLocations"] = json!([{
            "name": cell_name(notebook, source, cell),
            "fullyQualifiedName": format!("cell {cell}, line {}, column {}", at.line, at.column),
            "kind": "member",
        }]);
    }
    location
}

/// A path as a URI reference: relative paths stay relative, everything unusual is percent-encoded.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_valid_uri_reference() {
        assert_eq!(uri("./a b/ü#1.ipynb"), "a%20b/%C3%BC%231.ipynb");
        assert_eq!(uri("/w/c:d.ipynb"), "file:///w/c%3Ad.ipynb");
    }
}
