//! Each command against jobs that the operator has brought into every phase and to every end, word for word.

use expect_test::{expect, expect_file};
use k8s_openapi::api::{batch::v1::Job, core::v1::ConfigMap};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use nbvet_operator_api::{NotebookValidationJobStatus, Phase};
use regex::Regex;
use serde_json::{Value, json};

use crate::{
    ground::{ELSEWHERE, Ground, NARROW, TEAM},
    others,
    stories::{self, Story, is_suspended},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_tells_of_every_phase_and_end_as_the_operator_writes_them() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    for (name, status) in others::all() {
        ground.put(name, &status).await;
    }
    let one = ["--builds-per-namespace", "1", "--validations-per-namespace", "1"];
    let operators = [
        ground.operator(TEAM, &[]).await,
        ground.operator(NARROW, &one).await,
    ];
    let stories = stories::all();
    for story in &stories {
        begin(&ground, story).await;
    }
    suspended(&ground).await;
    queued(&ground).await;
    changed(&ground).await;
    let mut lists = String::new();
    for namespace in [TEAM, NARROW, ELSEWHERE] {
        lists += &ground.transcript(namespace, "status");
        lists += &ground.kubectl_says(&format!("get nvj -n {namespace}"));
    }
    expect_file!["../golden/all.txt"].assert_eq(&lists);
    formats(&ground, stories.len());
    options(&ground);
    completion(&ground);
    waiting(&ground).await;
    // The last first: some are where they are because of those before them.
    for story in stories.iter().rev() {
        check(story.name, &commands(&ground, story).await);
    }
    for (name, _) in others::all() {
        let told = ["status", "logs", "report", "cancel", "retry"]
            .map(|command| ground.transcript(ELSEWHERE, &format!("{command} {name}")));
        check(name, &told.concat());
    }
    let none = ground.transcript(TEAM, "retry suspended --wait --timeout 1s");
    assert!(
        none.contains("has not ended within 1s") && none.contains("exit code 2"),
        "{none}"
    );
    for operator in operators {
        operator.end().await;
    }
}

fn check(name: &str, text: &str) {
    expect_file![format!("../golden/{name}.txt")].assert_eq(text);
}

/// Creates a job and waits until it is where its story wants it.
async fn begin(ground: &Ground, story: &Story) {
    let (namespace, name) = (story.namespace, story.name);
    let town = &ground.town;
    town.create_with(namespace, name, &story.pod_config, &story.spec)
        .await;
    ground.until(namespace, name, story.is_there).await;
}

/// Its users suspend a job whose notebook runs.
async fn suspended(ground: &Ground) {
    let patch = json!({"spec": {"suspend": true}});
    ground.change(TEAM, "suspended", &patch).await;
    ground.until(TEAM, "suspended", is_suspended).await;
}

/// A queue takes its place from a job whose notebook runs.
async fn queued(ground: &Ground) {
    let jobs = Api::<Job>::namespaced(ground.town.admin.clone(), TEAM);
    let all = jobs.list(&ListParams::default()).await.unwrap();
    let child = all
        .iter()
        .find(|job| job.name_any().starts_with("queued-validate-"));
    let patch = Patch::Merge(json!({"spec": {"suspend": true}}));
    let how = PatchParams::default();
    jobs.patch(&child.unwrap().name_any(), &how, &patch)
        .await
        .unwrap();
    let is_held = |status: &NotebookValidationJobStatus| {
        let waits = status.step.as_ref().and_then(|step| step.waiting_for.as_deref());
        waits.is_some_and(|waits| waits.contains("queue"))
    };
    ground.until(TEAM, "queued", is_held).await;
}

/// What a user reads of a job, of its run that is cancelled where it has not ended, and of the next one.
async fn commands(ground: &Ground, story: &Story) -> String {
    let (namespace, name) = (story.namespace, story.name);
    let call = |command: &str| ground.transcript(namespace, &format!("{command} {name}"));
    let mut text = ["status", "logs", "report"].map(call).concat();
    let job = ground.until(namespace, name, |_| true).await;
    let has_ended = job.status.unwrap().phase.is_some_and(Phase::is_terminal);
    text += &call("cancel");
    if !has_ended {
        let is_over = |status: &NotebookValidationJobStatus| status.phase.is_some_and(Phase::is_terminal);
        ground.until(namespace, name, is_over).await;
        text += &call("status");
    }
    text + &call("retry")
}

fn formats(ground: &Ground, jobs: usize) {
    let call = |arguments: &str| ground.call(TEAM, arguments);
    let json = call("report checks-failed --format json");
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
        let made = call(&format!("report checks-failed --format {format}"));
        let text = String::from_utf8(made.stdout).unwrap();
        assert!(
            text.to_lowercase().starts_with(&begins.to_lowercase()),
            "{format}: {text:.100}"
        );
        assert!(text.contains("NB211"), "{format}");
    }
    // The page links each finding to what the rule says.
    let page = call("report checks-failed --format html").stdout;
    assert!(String::from_utf8(page).unwrap().contains("none-result"));
    let whole: Value = serde_json::from_slice(&call("status succeeded -o json").stdout).unwrap();
    assert_eq!(whole["status"]["phase"], "Succeeded");
    assert!(whole["metadata"]["managedFields"].is_null());
    let yaml = call("status succeeded -o yaml").stdout;
    let same: Value = serde_saphyr::from_str(std::str::from_utf8(&yaml).unwrap()).unwrap();
    assert_eq!(same, whole);
    let everywhere = ["nbvet", "status", "-A", "-o", "json"];
    let everywhere = ground.kubectl().args(everywhere).output().unwrap();
    let list: Value = serde_json::from_slice(&everywhere.stdout).unwrap();
    assert_eq!(
        (&list["kind"], list["items"].as_array().unwrap().len()),
        (&json!("List"), jobs + others::all().len())
    );
}

fn options(ground: &Ground) {
    let kubectl = |arguments: &str| ground.kubectl_says(arguments);
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
    check("options", &text);
    let everywhere = kubectl("nbvet status -A");
    assert!(
        everywhere.contains("NAMESPACE") && everywhere.contains("checks-failed"),
        "{everywhere}"
    );
    let by_kind = kubectl("nbvet status nvj/succeeded -n team");
    assert!(by_kind.contains("Succeeded"), "{by_kind}");
    // Colours are for terminals alone.
    let plain = ground.call(TEAM, "status checks-failed").stdout;
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

/// Somebody who may puts another report in the place of a job's.
async fn changed(ground: &Ground) {
    let maps = Api::<ConfigMap>::namespaced(ground.town.admin.clone(), TEAM);
    let report = async |name: &str| {
        let ended = ground.town.ended(TEAM, name).await.status.unwrap();
        maps.get(&ended.report.unwrap().config_map.unwrap())
            .await
            .unwrap()
    };
    let mut map = report("changed").await;
    let name = map.name_any();
    map.data = report("checks-failed").await.data;
    map.metadata.resource_version = None;
    maps.delete(&name, &DeleteParams::default()).await.unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
}

/// Another run ends the one that is under way; `--wait` ends with the run that was begun or ended, and with its exit code.
async fn waiting(ground: &Ground) {
    let mut text = ground.transcript(TEAM, "cancel cancelled --wait --timeout 4m");
    for (name, code) in [("learning", 0), ("checks-failed", 1), ("build-failed", 2)] {
        let arguments = format!("retry {name} --wait --timeout 4m");
        let told = ground.transcript(TEAM, &arguments);
        assert!(told.contains(&format!("exit code {code}\n")), "{told}");
        text += &told;
    }
    text += &ground.transcript(TEAM, "retry initializing");
    let is_second = |status: &NotebookValidationJobStatus| {
        let number = status.run.as_ref().map(|run| run.number);
        number == Some(2)
            && status
                .step
                .as_ref()
                .is_some_and(|step| step.waiting_for.is_some())
    };
    ground.until(TEAM, "initializing", is_second).await;
    // How much is seen of a way is a matter of speed; its end is not.
    let way =
        Regex::new(r"stderr: note: (Initializing|Building|BuildComplete|ValidationRunning): .*\n").unwrap();
    check("waiting", &way.replace_all(&text, ""));
}
