//! Builds over a slow line to the package index: one that does not end in time ends its job, and one that does takes nothing
//! from the validation's time.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::Api;
use nbvet_operator_testkit::SlowLine;
use serde_json::{Value, json};

use crate::{
    levels::locked,
    team::{Team, condition, notebook, seconds},
    town::{LIMIT, town},
};

/// A job whose packages, numpy among them with 17 MB, come over a slow line.
fn slow_job(team: &Team, line: &SlowLine) -> Value {
    let mut job = team.feedback_job("report");
    job["spec"]["podConfig"]["buildConfig"]["packageIndex"]["url"] = json!(line.index());
    job
}

#[tokio::test]
async fn c_a_build_that_takes_too_long_ends_the_job_and_its_notebook_never_runs() {
    let Some(town) = town().await else { return };
    let team = Team::new(town, "hasty").await;
    team.write("sensor_report.ipynb", notebook(&["import numpy"]));
    team.write("requirements.txt", locked("numpy"));
    team.push("A report of the sensors");
    // Three minutes for numpy alone.
    let line = town.site.slow_line(&town.cluster, 100_000).unwrap();
    let mut job = slow_job(&team, &line);
    job["spec"]["buildTimeout"] = json!("30s");
    team.create(&job).await;
    let status = team.ended("report", 1).await;
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(
        (&status["phase"], &status["verdict"]["outcome"]),
        (&json!("Failed"), &json!("Error")),
        "{seen}"
    );
    for (kind, expected) in [
        ("PolicyPassed", "True Done"),
        ("ImageBuilt", "False BuildTimedOut"),
        ("Validated", "Unknown BuildTimedOut"),
        ("Ready", "False BuildTimedOut"),
        ("Stalled", "True BuildTimedOut"),
    ] {
        assert_eq!(condition(&status, kind), expected, "{kind}: {seen}");
    }
    assert_eq!(
        status["message"],
        "the build did not end in time: `spec.buildTimeout` limits it to 30s; raise that if it needs longer",
        "{seen}"
    );
    let step = &status["step"];
    assert_eq!(
        (&step["name"], &step["limit"], &step["elapsed"]),
        (&json!("build"), &json!("30s"), &json!("30s")),
        "{seen}"
    );
    assert!(status.get("buildRetryCount").is_none(), "{seen}");
    for step in ["validate", "publish"] {
        assert!(team.children(step).await.is_empty(), "{step}: {seen}");
    }
    println!("{} bytes came in 30 s", line.carried());

    // Nobody waits for it any more: it is stopped, and what it had is nowhere.
    let begin = Instant::now();
    while !team.children("build").await.is_empty() {
        assert!(begin.elapsed() < LIMIT, "{}", team.events().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let requests = town.cluster.registry().unwrap().requests();
    let named =
        |path: &str| path.starts_with("/v2/hasty/nbvet/manifests/nbvet-") || path.contains("/sensor-report/");
    let pushed = requests
        .iter()
        .filter(|one| one.is_upload() && one.path.starts_with("/v2/hasty/"));
    let pushed: Vec<_> = pushed.filter(|one| named(&one.path)).collect();
    assert!(pushed.is_empty(), "{pushed:?}");
}

#[tokio::test]
async fn c_a_slow_build_leaves_the_validation_its_full_time_and_a_raised_limit_is_heeded() {
    let Some(town) = town().await else { return };
    let team = Team::new(town, "patient").await;
    team.write(
        "sensor_report.ipynb",
        notebook(&["import time", "time.sleep(15)"]),
    );
    team.write("requirements.txt", locked("numpy"));
    team.push("A report that takes its time");
    // Numpy alone takes longer than the validation may.
    let line = town.site.slow_line(&town.cluster, 1_500_000).unwrap();
    let mut job = slow_job(&team, &line);
    job["spec"]["validationTimeout"] = json!("10s");
    team.create(&job).await;
    let status = team.ended("report", 1).await;
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(condition(&status, "ImageBuilt"), "True Done", "{seen}");
    assert_eq!(status["buildStatus"]["cacheHit"], false, "{seen}");
    let built = seconds(&status["buildStatus"]);
    assert!(built > 10.0, "the line is not slow: {seen}");
    assert_eq!(
        condition(&status, "Validated"),
        "False ValidationTimedOut",
        "{seen}"
    );
    assert_eq!(status["verdict"]["outcome"], "TimedOut", "{seen}");
    let message = status["message"].as_str().unwrap();
    assert!(
        message.ends_with("`spec.validationTimeout` limits it to 10s; raise that if it needs longer"),
        "{seen}"
    );
    let ran = ran(&team, status["validationPodName"].as_str().unwrap()).await;
    // Times of containers are whole seconds.
    assert!(ran >= 9.0, "{ran} s of 10: {seen}");

    let raised = json!({
        "spec": {"validationTimeout": "10m"},
        "metadata": {"annotations": {"nbvet.mlops.dev/rerun": "with more time"}},
    });
    team.patch("report", &raised).await;
    let status = team.ended("report", 2).await;
    let seen = format!("{status:#}\n{}", team.events().await);
    assert_eq!(status["phase"], "Succeeded", "{seen}");
    assert_eq!(condition(&status, "ImageBuilt"), "True ImageReused", "{seen}");
    println!("built in {built:.0} s over a slow line; validated for {ran:.0} s of 10");
}

/// Seconds from the start of the user's container to the end of nbvet's.
async fn ran(team: &Team, pod: &str) -> f64 {
    let pod = Api::<Pod>::namespaced(team.client.clone(), team.name)
        .get(pod)
        .await
        .unwrap();
    let all = pod.status.unwrap().container_statuses.unwrap();
    let end = |name: &str| {
        let found = all
            .iter()
            .find(|container: &&ContainerStatus| container.name == name);
        found.unwrap().state.clone().unwrap().terminated.unwrap()
    };
    let (begun, ended) = (
        end("notebook").started_at.unwrap().0,
        end("nbvet").finished_at.unwrap().0,
    );
    ended.duration_since(begun).as_secs_f64()
}
