//! SARIF logs against the official schema.

use nbvet_render::{NotebookSource, RuleInfo, sarif};
use nbvet_report::*;

use crate::fixture::{diagnostics, notebook, report, source};

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
    let mut all = diagnostics();
    all[2].suppression = Some(Suppression {
        kind: SuppressionKind::Baseline,
        reason: None,
    });
    let one = notebook("work/ä.ipynb", all, Vec::new(), None, None);
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
    assert_eq!(result["partialFingerprints"]["nbvet/v1"], "NB402:1");
    assert_eq!(
        run["results"][3]["suppressions"][0]["justification"],
        "comment: known"
    );
    assert_eq!(run["results"][2]["suppressions"][0]["kind"], "external");
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
