//! Whatever stands in a status or a log may have been written by anybody: nothing of it acts on a terminal.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use nbvet_blob::{encode, write_end};
use nbvet_report::{
    Outcome, Reason,
    step::{STEP_VERSION, Step, StepBlob, StepBody, StepEnd},
};
use serde_json::{Value, json};

use crate::{
    ground::{ELSEWHERE, Ground},
    town,
};

/// Escapes, a title, a bell, turned writing, C1, and a line that would look like ours.
const BAD: &str =
    "a\u{1b}[2J\u{1b}]0;owned\u{7}b\u{202e}txet\u{2066}c\u{9b}31md\r\nexit code 0\u{85}\u{200b}e";
/// The pod of the job here.
const POD: &str = "hostile-validate-0";

/// What stands in its log.
pub(crate) fn log() -> String {
    format!("{BAD}\n{}\n", "x".repeat(100_000))
}

/// A report, and what the status says of it. What is found may be told there in several lines, and with joiners, which some
/// scripts need.
fn report() -> (ConfigMap, Value) {
    let bad = BAD.replace("\r\n", " ").replace('\u{200b}', "");
    let mut validated = town::validated();
    let location = json!({
        "cell": 3, "line": 1, "column": 1, "endLine": 1, "endColumn": 5, "fileLine": 45, "fileEndLine": 45,
    });
    let found = json!({
        "rule": {"id": "NB211", "name": bad}, "severity": "error", "message": bad, "help": bad, "location": location,
    });
    let notebook = &mut validated.report.notebooks[0];
    notebook.diagnostics = vec![serde_json::from_value(found).unwrap()];
    notebook.path.clone_from(&bad);
    let encoded = encode(&StepBlob {
        version: STEP_VERSION,
        body: StepBody::Validated(Box::new(validated)),
    });
    let encoded = encoded.unwrap();
    let mut end = StepEnd::new(Step::Validate, Outcome::Failed, Reason::ChecksFailed, BAD);
    end.blob = Some(encoded.blob.clone());
    let place = json!({
        "configMap": "hostile-end", "digest": format!("sha256:{}", encoded.blob.sha256), "size": encoded.blob.bytes,
    });
    let map = json!({
        "metadata": {"name": "hostile-end"},
        "data": {"end.json": write_end(&end), "result": encoded.text},
    });
    (serde_json::from_value(map).unwrap(), place)
}

/// A status that no controller of ours writes: ours makes all that others say fit before it stands there.
fn status(report: &Value) -> Value {
    let many: Vec<_> = (0..60)
        .map(|cell| {
            json!({"cellIndex": cell, "status": "Failure", "errorMessage": BAD.repeat(20), "output": BAD, "executionTime": BAD})
        })
        .collect();
    json!({
        "phase": "ValidationRunning",
        "message": BAD.repeat(200),
        "startTime": "2026-03-01T08:00:00Z",
        "run": {"id": "0123456789abcdef", "number": 1, "wish": BAD},
        "step": {"name": "validate", "attempt": 1, "waitingFor": BAD, "limit": BAD},
        "conditions": [{
            "type": "Validated", "status": "False", "reason": "ChecksFailed", "message": BAD,
            "lastTransitionTime": "2026-03-01T08:00:00Z",
        }],
        "source": {"commit": BAD, "path": BAD},
        "buildStatus": {"imageReference": BAD, "buildName": BAD, "strategy": BAD, "duration": BAD},
        "published": {"imageReference": BAD, "tag": BAD, "previousDigest": BAD},
        "validationChecks": [{"type": "Lint", "status": "Failed", "message": BAD}],
        "results": many,
        "educationalFeedback": [{"rule": BAD, "severity": "error", "cell": 1, "issue": BAD, "suggestion": BAD}],
        "report": report,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_status_a_report_or_a_log_acts_on_a_terminal() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    let (map, place) = report();
    let maps = Api::<ConfigMap>::namespaced(ground.town.admin.clone(), ELSEWHERE);
    maps.create(&PostParams::default(), &map).await.unwrap();
    let job = ground.put("hostile", &status(&place)).await;
    ground.put_pod(POD, &job).await;
    for arguments in [
        "status hostile",
        "status",
        "status hostile -o json",
        "status hostile -o yaml",
        "logs hostile",
        "report hostile",
        "cancel hostile",
        "retry hostile",
    ] {
        let output = ground.call(ELSEWHERE, arguments);
        assert!(
            [Some(0), Some(1)].contains(&output.status.code()),
            "{arguments}: {output:?}"
        );
        for stream in [output.stdout, output.stderr] {
            let text = String::from_utf8(stream).unwrap();
            let turns = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
            let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || turns(c);
            let head: String = text.chars().take(300).collect();
            assert!(!text.contains(acts), "{arguments}: {head:?}");
            let is_whole = arguments.contains("-o ");
            assert!(
                is_whole || text.len() < 60_000,
                "{arguments}: {} bytes",
                text.len()
            );
            let has_ours = text.lines().any(|line| line == "exit code 0");
            assert!(is_whole || !has_ours, "{arguments}: {head:?}");
        }
    }
}
