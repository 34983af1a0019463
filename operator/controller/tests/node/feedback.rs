//! The production feedback: a notebook that ends without an exception and is broken is told so cell by cell; mended, it is
//! validated and published, and what is published runs.

use std::fs;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use nbvet_operator_testkit::{create, logs, wait_for};
use nbvet_testkit::{GIT_PASSWORD, INDEX_PASSWORD};
use serde_json::{Value, json};

use crate::{
    team::{Team, condition, feedback},
    town::{LIMIT, SYSTEM, run, town},
};

#[tokio::test]
async fn a_a_broken_notebook_is_told_by_cell_and_mended_it_is_published_and_runs() {
    let Some(town) = town().await else { return };
    let team = Team::new(town, "sensors").await;
    team.write_feedback();
    let broken = team.push("A report of the sensors");
    team.create(&team.feedback_job("sensor-report")).await;
    let status = team.ended("sensor-report", 1).await;
    is_told(&status, &broken, &team).await;
    // Before the next run takes the pods of this one away.
    no_secret_is_told(&team);

    let mended = fs::read(feedback().join("sensor_report_fixed.ipynb")).unwrap();
    team.write("sensor_report.ipynb", mended);
    let mended = team.push("Readings that are missing are an error");
    team.rerun("sensor-report", "after the mending").await;
    let status = team.ended("sensor-report", 2).await;
    let image = is_published(&status, &mended, &team).await;
    runs(&team, &image).await;
    no_secret_is_told(&team);
}

/// The first run: built from requirements.txt alone, failed, cells 3 and 4 named.
async fn is_told(status: &Value, commit: &str, team: &Team) {
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(
        (&status["phase"], &status["source"]["commit"]),
        (&json!("Failed"), &json!(commit)),
        "{seen}"
    );
    assert_eq!(status["verdict"]["outcome"], "Failed", "{seen}");
    assert_eq!(
        status["verdict"]["cells"]["failed"], 0,
        "it ends without an exception: {seen}"
    );
    let build = &status["buildStatus"];
    assert_eq!(build["requirements"]["source"], "requirements.txt", "{seen}");
    assert_eq!(
        (&build["strategy"], &build["cacheHit"]),
        (&json!("job"), &json!(false)),
        "{seen}"
    );
    for (kind, expected) in [
        ("SourceReady", "True Done"),
        ("PolicyPassed", "True Done"),
        ("ImageBuilt", "True Done"),
        ("Validated", "False ChecksFailed"),
        ("Ready", "False ChecksFailed"),
        ("Finished", "True ChecksFailed"),
    ] {
        assert_eq!(condition(status, kind), expected, "{kind}: {seen}");
    }
    let told = |rule: &str| {
        let all = status["educationalFeedback"].as_array().unwrap();
        let found = all.iter().find(|one| one["rule"] == rule);
        found
            .unwrap_or_else(|| panic!("{rule} is not told: {seen}"))
            .clone()
    };
    let (none, nan) = (told("NB211"), told("NB312"));
    assert_eq!((&none["cell"], &nan["cell"]), (&json!(3), &json!(4)), "{seen}");
    assert_eq!(
        none["issue"],
        "both items of `days` are None: `load_readings` returned nothing for them"
    );
    assert_eq!(nan["issue"], "`mean_value` is NaN, not a number");
    assert!(none["suggestion"].as_str().unwrap().contains("raise"), "{seen}");
    assert!(
        status["message"].as_str().unwrap().starts_with("cell 3: "),
        "{seen}"
    );
    let pod = status["validationPodName"].as_str().unwrap();
    let printed = logs(&team.client, team.name, pod, "notebook").await.unwrap();
    for line in [
        "[cell 3] could not find data/2026-01-01.json",
        "[cell 4] mean of the readings: nan",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{printed}");
    }
    assert!(build["imageSizeBytes"].as_i64().unwrap() > 50_000_000, "{seen}");
    assert!(status.get("published").is_none(), "{seen}");
    assert_eq!(team.children("publish").await.len(), 0);
}

/// The second run: nothing is built again, and the image that was validated is the one that is published.
async fn is_published(status: &Value, commit: &str, team: &Team) -> String {
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(
        (&status["phase"], &status["source"]["commit"]),
        (&json!("Succeeded"), &json!(commit)),
        "{seen}"
    );
    assert_eq!(status["verdict"]["outcome"], "Passed", "{seen}");
    assert_eq!(status["buildStatus"]["cacheHit"], true, "{seen}");
    for (kind, expected) in [
        ("ImageBuilt", "True ImageReused"),
        ("Validated", "True Done"),
        ("Published", "True Done"),
        ("Ready", "True Done"),
    ] {
        assert_eq!(condition(status, kind), expected, "{kind}: {seen}");
    }
    let validated = status["buildStatus"]["imageReference"].as_str().unwrap();
    let published = status["published"]["imageReference"].as_str().unwrap();
    let digest = |image: &str| image.split_once('@').map(|(_, digest)| digest.to_owned());
    assert_eq!(digest(published), digest(validated), "{seen}");
    assert!(
        published.contains("/sensors/sensor-report@sha256:"),
        "{published}"
    );
    assert_eq!(status["published"]["tag"], "v1", "{seen}");
    published.to_owned()
}

/// A workbench: the published digest under a user that nobody knows, as OpenShift gives one to each namespace.
async fn runs(team: &Team, image: &str) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "workbench"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 1_000_650_000, "fsGroup": 1_000_650_000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "workbench",
                "image": image,
                "command": ["python3", "-c", "import numpy, os; print(numpy.__version__, os.getuid())"],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    });
    create(&team.client, team.name, &pod.to_string()).await.unwrap();
    let pods = Api::<Pod>::namespaced(team.client.clone(), team.name);
    let has_ended = |pod: &Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    };
    wait_for(&pods, "workbench", LIMIT, has_ended).await.unwrap();
    let printed = logs(&team.client, team.name, "workbench", "workbench")
        .await
        .unwrap();
    assert_eq!(printed, "2.2.6 1000650000\n");
}

/// Everything that the API server tells of the namespace but Secrets, and all logs.
fn no_secret_is_told(team: &Team) {
    let kubectl = |words: &[&str]| {
        let mut kubectl = team.town.cluster.kubectl().unwrap();
        run(kubectl.args(words)).unwrap()
    };
    let kinds =
        "notebookvalidationjobs,jobs.batch,pods,configmaps,events,events.events.k8s.io,serviceaccounts";
    let mut told = kubectl(&["get", kinds, "--namespace", team.name, "--output=yaml"]);
    let pods = kubectl(&["get", "pods", "--namespace", team.name, "--output=name"]);
    assert!(pods.lines().count() >= 3, "prepare, build, validate: {pods}");
    for pod in pods.lines() {
        told += &kubectl(&["logs", "--namespace", team.name, "--all-containers", pod]);
    }
    told += &kubectl(&["logs", "--namespace", SYSTEM, "deployment/nbvet-operator"]);
    for secret in [GIT_PASSWORD, INDEX_PASSWORD] {
        for written in spellings(secret) {
            assert!(!told.contains(&written), "{written} is told");
        }
    }
}

/// A password as it is, as in a URL, and as HTTP and Secrets carry it.
fn spellings(secret: &str) -> Vec<String> {
    let coded = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    let mut spelt = vec![secret.to_owned(), secret.bytes().map(coded).collect()];
    // The first bytes say enough: what stands before moves the letters of base64.
    for before in ["", "a", "ab"] {
        let whole = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            format!("{before}{secret}"),
        );
        let from = before.len() + usize::from(!before.is_empty());
        let letters = whole.trim_end_matches('=');
        spelt.push(letters[from..letters.len() - 2].to_owned());
    }
    spelt
}
