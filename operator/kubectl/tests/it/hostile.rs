//! Whatever stands in a status or a log may have been written by anybody: nothing of it acts on a terminal.

use serde_json::json;

use crate::{ground::Ground, jobs};

/// Escapes, a title, a bell, turned writing, C1, and a line that would look like ours.
const BAD: &str =
    "a\u{1b}[2J\u{1b}]0;owned\u{7}b\u{202e}txet\u{2066}c\u{9b}31md\r\nexit code 0\u{85}\u{200b}e";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_status_a_report_or_a_log_acts_on_a_terminal() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    let mut job = jobs::all()
        .into_iter()
        .find(|job| job.name == "checks-failed")
        .unwrap();
    let many: Vec<_> = (0..60)
        .map(|cell| {
            json!({"cellIndex": cell, "status": "Failure", "errorMessage": BAD.repeat(20), "output": BAD, "executionTime": BAD})
        })
        .collect();
    job.status["message"] = json!(BAD.repeat(200));
    job.status["results"] = json!(many);
    job.status["step"]["name"] = json!("validate");
    job.status["step"]["waitingFor"] = json!(BAD);
    job.status["phase"] = json!("ValidationRunning");
    job.status["conditions"][2]["message"] = json!(BAD);
    job.status["source"]["commit"] = json!(BAD);
    job.status["published"] = json!({"imageReference": BAD, "tag": BAD, "previousDigest": BAD});
    job.status["buildStatus"] =
        json!({"imageReference": BAD, "buildName": BAD, "strategy": BAD, "duration": BAD});
    job.status["educationalFeedback"] =
        json!([{"rule": BAD, "severity": "error", "cell": 1, "issue": BAD, "suggestion": BAD}]);
    job.status["run"]["id"] = json!("0123456789abcdef");
    let mut pod = jobs::all()
        .into_iter()
        .find_map(|job| job.pod.filter(|pod| pod["name"] == "validating-validate-0"))
        .unwrap();
    pod["log"] = json!(format!("{BAD}\n{}\n", "x".repeat(100_000)));
    job.pod = Some(pod);
    ground.create(&job).await;
    for arguments in [
        "status checks-failed",
        "status",
        "status checks-failed -o json",
        "status checks-failed -o yaml",
        "logs checks-failed",
        "report checks-failed",
        "cancel checks-failed",
        "retry checks-failed",
    ] {
        let output = ground.call(arguments);
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
