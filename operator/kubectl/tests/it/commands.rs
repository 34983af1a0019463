//! Each command against each job.

use std::time::Duration;

use expect_test::{expect, expect_file};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use nbvet_operator_testkit::wait_for;
use serde_json::{Value, json};

use crate::{
    ground::{Ground, TEAM, told},
    jobs,
};

/// More than anything here needs on a loaded machine.
const LIMIT: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_tells_of_every_phase_and_end() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    let jobs = jobs::all();
    for job in &jobs {
        ground.create(job).await;
    }
    expect_file!["../golden/all.txt"].assert_eq(&without_ages(&ground.transcript("status")));
    for job in &jobs {
        let mut text = String::new();
        for command in ["status", "logs", "report", "cancel", "retry"] {
            text += &ground.transcript(&format!("{command} {}", job.name));
        }
        expect_file![format!("../golden/{}.txt", job.name)].assert_eq(&text);
    }
    formats(&ground);
    options(&ground);
    completion(&ground);
    a_report_that_somebody_changed_is_not_shown(&ground).await;
    waiting(&ground).await;
    let annotations = ground
        .jobs()
        .get("validating")
        .await
        .unwrap()
        .metadata
        .annotations
        .unwrap();
    assert_eq!(annotations["nbvet.mlops.dev/cancel"], "0123456789abcdef");
    assert!(annotations.contains_key("nbvet.mlops.dev/rerun"));
}

/// The column AGE says how long the test has run.
fn without_ages(text: &str) -> String {
    let age = regex::Regex::new(r"(?m)  \d+[smh] ( *)").unwrap();
    age.replace_all(text, "  AGE$1").into_owned()
}

fn formats(ground: &Ground) {
    let json = ground.call("report checks-failed --format json");
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["notebooks"][0]["diagnostics"][0]["rule"]["id"], "NB211");
    assert_eq!(json.status.code(), Some(1));
    for (format, begins) in [
        ("html", "<!DOCTYPE html>"),
        ("sarif", "{"),
        ("junit", "<?xml"),
        ("markdown", "## nbvet"),
        ("github", "::error"),
    ] {
        let made = ground.call(&format!("report checks-failed --format {format}"));
        let text = String::from_utf8(made.stdout).unwrap();
        assert!(
            text.to_lowercase().starts_with(&begins.to_lowercase()),
            "{format}: {text:.100}"
        );
        assert!(text.contains("NB211"), "{format}");
    }
    // The page links each finding to what the rule says.
    let page = ground.call("report checks-failed --format html").stdout;
    assert!(String::from_utf8(page).unwrap().contains("none-result"));
    let whole: Value = serde_json::from_slice(&ground.call("status succeeded -o json").stdout).unwrap();
    assert_eq!(whole["status"]["phase"], "Succeeded");
    assert!(whole["metadata"]["managedFields"].is_null());
    let yaml = ground.call("status succeeded -o yaml").stdout;
    let same: Value = serde_saphyr::from_str(std::str::from_utf8(&yaml).unwrap()).unwrap();
    assert_eq!(same, whole);
    let list: Value = serde_json::from_slice(&ground.call("status -o json").stdout).unwrap();
    assert_eq!(
        (&list["kind"], list["items"].as_array().unwrap().len()),
        (&json!("List"), jobs::all().len())
    );
}

fn options(ground: &Ground) {
    let kubectl = |arguments: &str| {
        let output = ground.kubectl().args(arguments.split(' ')).output().unwrap();
        told(&format!("kubectl {arguments}"), &output)
    };
    let mut text = String::new();
    for arguments in [
        "nbvet status absent -n team",
        "nbvet status -n nowhere",
        "nbvet status nvj/succeeded -n team -o name",
        "nbvet status ../x -n team",
        "nbvet logs checks-failed -n team --step build",
        "nbvet logs validating -n team -c notebook --tail 1",
        "nbvet logs validating -n team -c other",
        "nbvet status --context absent",
        "nbvet retry",
    ] {
        text += &kubectl(arguments);
    }
    expect_file!["../golden/options.txt"].assert_eq(&text);
    let everywhere = kubectl("nbvet status -A");
    assert!(
        everywhere.contains("NAMESPACE") && everywhere.contains("checks-failed"),
        "{everywhere}"
    );
    let by_kind = kubectl("nbvet status nvj/succeeded -n team");
    assert!(by_kind.contains("Succeeded"), "{by_kind}");
    // Colours are for terminals alone.
    let plain = ground.call("status checks-failed").stdout;
    assert!(!plain.contains(&0x1b));
    let forced = ground
        .kubectl()
        .args(["nbvet", "status", "checks-failed", "-n", TEAM])
        .env_remove("NO_COLOR")
        .env("CLICOLOR_FORCE", "1")
        .output();
    assert!(forced.unwrap().stdout.contains(&0x1b));
}

fn completion(ground: &Ground) {
    let complete = |words: &[&str]| {
        let output = ground
            .kubectl()
            .args(["__complete", "nbvet"])
            .args(words)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    expect![[r#"
        report
        retry
        :4
    "#]]
    .assert_eq(&complete(&["re"]));
    expect![[r#"
        checks-failed
        :4
    "#]]
    .assert_eq(&complete(&["report", "-n", TEAM, "chec"]));
}

async fn a_report_that_somebody_changed_is_not_shown(ground: &Ground) {
    let maps = Api::<ConfigMap>::namespaced(ground.admin.clone(), TEAM);
    let other = maps.get("learning-validate-0123-end").await.unwrap();
    let patch = Patch::Merge(json!({"data": other.data}));
    let how = PatchParams::default();
    maps.patch("checks-failed-validate-0123-end", &how, &patch)
        .await
        .unwrap();
    let told = ground.transcript("report checks-failed");
    expect![[r#"
        $ kubectl nbvet report checks-failed
        stderr: error: the report in ConfigMap `checks-failed-validate-0123-end` cannot be used: it is not the one whose digest the job's status has
        stderr: 
        stderr: hint: somebody changed it: `kubectl nbvet retry` makes another
        exit code 2

    "#]]
    .assert_eq(&told);
}

/// In the place of a controller: ends the next run.
async fn end_next_run(ground: &Ground, name: &str, phase: &str, outcome: &str) {
    let jobs = ground.jobs();
    let run = |number: u32| json!({"id": format!("run-{number}"), "number": number, "wish": "x"});
    let how = PatchParams::default();
    let asked = |job: &nbvet_operator_api::NotebookValidationJob| {
        let annotations = job.metadata.annotations.as_ref();
        annotations.is_some_and(|all| all.contains_key("nbvet.mlops.dev/rerun"))
    };
    wait_for(&jobs, name, LIMIT, asked).await.unwrap();
    let begun = json!({"status": {"phase": "Initializing", "message": "prepare runs", "run": run(2), "completionTime": null, "conditions": []}});
    jobs.patch_status(name, &how, &Patch::Merge(&begun))
        .await
        .unwrap();
    let verdict = json!({"outcome": outcome, "level": "staging", "errors": 0, "warnings": 0, "notes": 0});
    let ended = json!({"status": {
        "phase": phase, "message": "it is over", "completionTime": "2026-03-01T09:00:00Z", "verdict": verdict,
    }});
    jobs.patch_status(name, &how, &Patch::Merge(&ended))
        .await
        .unwrap();
}

/// `retry --wait` ends with the run that it began, and with its exit code.
async fn waiting(ground: &Ground) {
    for (name, phase, outcome, code) in [
        ("policy-refused", "Succeeded", "Passed", 0),
        ("cancelled", "Failed", "Failed", 1),
        ("foreign", "Failed", "Error", 2),
    ] {
        let clear = json!({"metadata": {"annotations": {"nbvet.mlops.dev/rerun": null}}});
        let how = PatchParams::default();
        ground
            .jobs()
            .patch(name, &how, &Patch::Merge(&clear))
            .await
            .unwrap();
        let mut command = ground.kubectl();
        command.args(["nbvet", "retry", name, "--wait", "--timeout", "4m", "-n", TEAM]);
        let called = tokio::task::spawn_blocking(move || command.output().unwrap());
        end_next_run(ground, name, phase, outcome).await;
        let output = called.await.unwrap();
        let text = told("", &output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains("it is over") && text.contains(outcome), "{text}");
    }
    let none = ground.transcript("retry validating --wait --timeout 1s");
    assert!(
        none.contains("has not ended within 1s") && none.contains("exit code 2"),
        "{none}"
    );
}
