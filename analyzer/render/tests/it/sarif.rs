//! SARIF logs against the official schema, and fingerprints against edits.

use nbvet_render::{CellSource, NotebookSource, RuleInfo, sarif};
use nbvet_report::*;

use crate::fixture::{at, diagnostics, found, notebook, report, source};

const SCHEMA: &str = include_str!("../../../../fixtures/sarif/sarif-schema-2.1.0.json");
fn rules() -> [RuleInfo<'static>; 1] {
    [RuleInfo {
        id: "NB402",
        name: "none-method-assigned",
        summary: "A name is bound to None.",
        page: "# Page".to_owned(),
    }]
}

fn log(notebooks: Vec<NotebookReport>, sources: &[NotebookSource]) -> serde_json::Value {
    let log = serde_json::from_str(&sarif(&report(notebooks), sources, &rules())).unwrap();
    // The pattern of `language` in the official schema has an unbalanced bracket, which this validator refuses.
    let schema = SCHEMA.replace("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}$");
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let errors: Vec<String> = schema
        .iter_errors(&log)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    log
}

#[test]
fn a_log_is_valid_and_keeps_what_was_found() {
    let failure = RunFailure {
        kind: FailureKind::NoInterpreter,
        message: "none".to_owned(),
        hint: Some("h".to_owned()),
    };
    let one = notebook("work/ä.ipynb", diagnostics(), Vec::new(), None, None);
    let lost = notebook("/b c.ipynb", Vec::new(), Vec::new(), None, Some(failure));
    let log = log(vec![one, lost], &[source()]);
    let run = &log["runs"][0];
    let result = &run["results"][0];
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&"NB402".into(), &"error".into())
    );
    let rule =
        &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
    assert_eq!(
        (&rule["id"], &rule["help"]["markdown"]),
        (&"NB402".into(), &"# Page".into())
    );
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "work/%C3%A4.ipynb");
    assert_eq!(
        (&place["region"]["startLine"], &place["region"]["snippet"]["text"]),
        (&41.into(), &"scores = scores.sort()".into())
    );
    assert_eq!(
        run["results"][3]["suppressions"][0]["justification"],
        "comment: known"
    );
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert_eq!(
        run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"],
        "none\nhint: h"
    );
}

#[test]
fn an_empty_report_is_a_valid_log() {
    assert_eq!(log(Vec::new(), &[])["runs"][0]["results"], serde_json::json!([]));
}

/// The fingerprints of one notebook's results.
fn fingerprints(found: Vec<Diagnostic>, source: NotebookSource) -> Vec<String> {
    let log = log(
        vec![notebook("a.ipynb", found, Vec::new(), None, None)],
        &[source],
    );
    let results = log["runs"][0]["results"].as_array().unwrap().clone();
    results
        .iter()
        .map(|result| {
            result["partialFingerprints"]["nbvet/v1"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn a_fingerprint_holds_while_other_cells_and_lines_change() {
    let before = fingerprints(diagnostics(), source());
    let mut edited = source();
    edited.cells[1].source.push_str("\nmore = 1");
    edited.cells[2].source.insert_str(0, "# a line above\n");
    edited.cells.insert(0, CellSource::default());
    let mut moved = diagnostics();
    for found in &mut moved {
        found.location.cell = found.location.cell.map(|cell| cell + 1);
        found.location.file_line += 30;
    }
    moved[0].location.line += 1;
    assert_eq!(fingerprints(moved, edited), before);
}

#[test]
fn two_diagnostics_never_share_a_fingerprint() {
    let twice = || {
        found(
            "NB402",
            "none-method-assigned",
            Severity::Error,
            "m",
            at(2, "scores.sort()"),
        )
    };
    let mut elsewhere = twice();
    elsewhere.location.cell_id = Some("other".to_owned());
    let all = fingerprints(vec![twice(), twice(), elsewhere], source());
    assert_eq!(
        all.iter().collect::<std::collections::BTreeSet<_>>().len(),
        3,
        "{all:?}"
    );
}
