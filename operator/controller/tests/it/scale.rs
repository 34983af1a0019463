//! The load of `benches/jobs.rs` in small: what has to hold on any machine.

use std::{collections::BTreeSet, fs, time::Duration};

use nbvet_operator_api::Phase;
use nbvet_operator_testkit::{Fault, Proxy};
use serde_json::json;

use crate::{
    ground::{Ground, USER},
    load::{check, measure, table},
    program::Program,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_jobs_at_once_all_end_with_few_writes_one_build_and_silence_after() {
    let Some(measured) = measure(60, None, Duration::from_secs(15)).await else {
        return;
    };
    println!("{}", table(&measured));
    check(&measured);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_is_told_late_of_its_own_statuses_waits_and_meets_no_conflict() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    let client = ground.cluster.client(USER, None).await.unwrap();
    let proxy = Proxy::start(client).await.unwrap();
    proxy.script(|seen| {
        let is_late = seen.is_watch() && seen.path.ends_with("/notebookvalidationjobs");
        is_late.then_some(Fault::Late(Duration::from_millis(1500)))
    });
    let kubeconfig = ground.folder.path().join("late.kubeconfig");
    fs::write(&kubeconfig, proxy.kubeconfig()).unwrap();
    let program = Program::start_through(&kubeconfig, ground.folder.path(), "one", &[]);
    program.is(200, "leader");
    ground
        .create("team", "late", &json!({"containerImage": "python:3.12-slim"}))
        .await;
    let job = ground.ended("team", "late").await;
    assert_eq!(job.status.unwrap().phase, Some(Phase::Succeeded));
    let calls = ground.cluster.audit();
    let statuses = calls
        .iter()
        .filter(|call| call.user == USER && call.resource == "notebookvalidationjobs/status");
    let codes: Vec<u16> = statuses.map(|call| call.status).collect();
    assert!(
        codes.len() >= 2 && codes.iter().all(|code| *code == 200),
        "{codes:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_wait_for_a_controller_that_has_too_much_to_do_are_looked_at_in_turn() {
    let Some(ground) = Ground::start().await else {
        return;
    };
    ground.define().await;
    ground.namespace("team").await;
    let client = ground.cluster.client(USER, None).await.unwrap();
    let proxy = Proxy::start(client).await.unwrap();
    proxy.script(|seen| (!seen.is_watch()).then_some(Fault::Late(Duration::from_millis(100))));
    let kubeconfig = ground.folder.path().join("slow.kubeconfig");
    fs::write(&kubeconfig, proxy.kubeconfig()).unwrap();
    let options = ["--max-concurrent-reconciles", "1"];
    let program = Program::start_through(&kubeconfig, ground.folder.path(), "one", &options);
    program.is(200, "leader");
    let names: Vec<String> = (0..30).map(|number| format!("plain-{number:05}")).collect();
    for name in &names {
        let pod = json!({"containerImage": "python:3.12-slim"});
        ground.create("team", name, &pod).await;
    }
    ground.ended("team", &names[29]).await;
    let calls = ground.cluster.audit();
    let mut begun: Vec<&str> = calls
        .iter()
        .filter(|call| call.user == USER && call.verb == "create" && call.resource == "jobs")
        .filter_map(|call| call.name.get(..11))
        .collect();
    let mut seen = BTreeSet::new();
    begun.retain(|name| seen.insert(*name));
    assert_eq!(begun.len(), names.len(), "{begun:?}");
    for (place, name) in begun.iter().enumerate() {
        let due = names.iter().position(|of| of == name).unwrap();
        // What comes within a moment may change places.
        assert!(place.abs_diff(due) < 6, "{name} in place {place} of {begun:?}");
    }
}
