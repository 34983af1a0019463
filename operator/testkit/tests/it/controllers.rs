//! Controllers and a node that runs nothing: Jobs go through their states by a test's word.

use std::time::Duration;

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, PostParams},
};
use nbvet_operator_testkit::{
    Cluster, End, Exit, FakeKubelet, Fate, PodSecurity, Tier, events, or_skip, wait_for, wait_until_gone,
};
use serde_json::json;

use crate::LIMIT;

fn job(name: &str) -> Job {
    let containers = json!([{"name": "user", "image": "none"}, {"name": "host", "image": "none"}]);
    let pod = json!({"restartPolicy": "Never", "containers": containers});
    let template = json!({"metadata": {"labels": {"job": name}}, "spec": pod});
    let spec = json!({"backoffLimit": 0, "template": template});
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap()
}

/// By the name of the pod's job.
fn fate(pod: &Pod) -> Fate {
    let name = pod.metadata.labels.as_ref().unwrap().get("job").unwrap();
    match &**name {
        "fails" => Fate::exits("host", 3, "not good").after(Duration::from_millis(200)),
        "memory" => Fate::succeeds().with(
            "user",
            Exit {
                code: 7,
                out_of_memory: true,
                ..Exit::default()
            },
        ),
        "evicted" => Fate::ends(End::Evicted("The node was low on resource".to_owned())),
        "image" => Fate::ends(End::ImagePullBackOff),
        "lost" => Fate::ends(End::NodeLost),
        "waits" => Fate::ends(End::Unschedulable),
        "stays" => Fate::ends(End::Never),
        _ => Fate::exits("host", 0, "good"),
    }
}

fn jobs(client: &Client) -> Api<Job> {
    Api::namespaced(client.clone(), "default")
}

/// `phase reason; container=code reason` of a job's pod, once it is as it should be.
async fn pod_of(client: &Client, name: &str, is_so: impl Fn(&str) -> bool) -> String {
    let pods = Api::<Pod>::namespaced(client.clone(), "default");
    let begin = std::time::Instant::now();
    loop {
        let list = pods
            .list(&ListParams::default().labels(&format!("job={name}")))
            .await
            .unwrap();
        let text = list.items.first().map(told).unwrap_or_default();
        if is_so(&text) {
            return text;
        }
        assert!(begin.elapsed() < LIMIT, "{name}: {text}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn told(pod: &Pod) -> String {
    let status = pod.status.clone().unwrap_or_default();
    let mut words = vec![status.phase.unwrap_or_default()];
    words.extend(status.reason);
    for container in status.container_statuses.unwrap_or_default() {
        let state = container.state.unwrap_or_default();
        if let Some(end) = state.terminated {
            let (reason, message) = (end.reason.unwrap_or_default(), end.message.unwrap_or_default());
            words.push(format!("{}={} {reason} {message}", container.name, end.exit_code));
        }
        words.extend(state.waiting.and_then(|waiting| waiting.reason));
    }
    words.join(" | ")
}

fn has(job: &Job, condition: &str) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|one| one.type_ == condition && one.status == "True")
}

#[tokio::test]
async fn jobs_end_as_a_test_says() {
    let Some(cluster) = or_skip(Cluster::start(Tier::Controllers).await) else {
        return;
    };
    let admin = cluster.admin().await.unwrap();
    let _kubelet = FakeKubelet::start(admin.clone(), fate).await.unwrap();
    let names = [
        "good", "fails", "memory", "evicted", "image", "lost", "waits", "stays",
    ];
    for name in names {
        jobs(&admin)
            .create(&PostParams::default(), &job(name))
            .await
            .unwrap();
    }
    wait_for(&jobs(&admin), "good", LIMIT, |job| has(job, "Complete"))
        .await
        .unwrap();
    for name in ["fails", "memory", "evicted", "lost"] {
        wait_for(&jobs(&admin), name, LIMIT, |job| has(job, "Failed"))
            .await
            .unwrap();
    }
    for (name, expected) in [
        ("good", "Succeeded | user=0 Completed  | host=0 Completed good"),
        ("fails", "Failed | user=0 Completed  | host=3 Error not good"),
        ("memory", "Failed | user=7 OOMKilled  | host=0 Completed "),
        ("evicted", "Failed | Evicted"),
        ("image", "Pending | ImagePullBackOff | ImagePullBackOff"),
        ("lost", ""),
        ("waits", "Pending"),
        ("stays", "Running"),
    ] {
        pod_of(&admin, name, |text| text == expected).await;
    }
    jobs(&admin)
        .delete("stays", &DeleteParams::foreground())
        .await
        .unwrap();
    wait_until_gone(&jobs(&admin), "stays", LIMIT).await.unwrap();
    pod_of(&admin, "stays", str::is_empty).await;
}

#[tokio::test]
async fn a_pod_that_pod_security_refuses_is_told_by_an_event_alone() {
    let Some(cluster) = or_skip(Cluster::start(Tier::Controllers).await) else {
        return;
    };
    let admin = cluster.admin().await.unwrap();
    cluster
        .namespace("strict", PodSecurity::Restricted)
        .await
        .unwrap();
    let strict = Api::<Job>::namespaced(admin.clone(), "strict");
    strict
        .create(&PostParams::default(), &job("refused"))
        .await
        .unwrap();
    let begin = std::time::Instant::now();
    loop {
        let seen = events(&admin, "strict").await.unwrap();
        let is_told = |event: &String| {
            event.starts_with("Job/refused: FailedCreate: ") && event.contains("PodSecurity")
        };
        if seen.iter().any(is_told) {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "{seen:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn hundreds_of_jobs_run_without_a_container() {
    const COUNT: usize = 300;
    let Some(cluster) = or_skip(Cluster::start(Tier::Controllers).await) else {
        return;
    };
    let admin = cluster.admin().await.unwrap();
    let _kubelet = FakeKubelet::start(admin.clone(), |_| Fate::succeeds())
        .await
        .unwrap();
    for number in 0..COUNT {
        jobs(&admin)
            .create(&PostParams::default(), &job(&format!("j{number}")))
            .await
            .unwrap();
    }
    let begin = std::time::Instant::now();
    loop {
        let list = jobs(&admin).list(&ListParams::default()).await.unwrap();
        let done = list.items.iter().filter(|job| has(job, "Complete")).count();
        if done == COUNT {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "{done} of {COUNT}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
