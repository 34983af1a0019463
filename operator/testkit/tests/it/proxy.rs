//! A lossy way to the API server: each fault is seen by the client, and by what the API server did or did not do.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, PostParams, WatchEvent, WatchParams},
};
use nbvet_operator_testkit::{Cluster, Fault, Proxy, Tier, or_skip};
use serde_json::json;

use crate::LIMIT;

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "default")
}

async fn start() -> Option<(Cluster, Proxy)> {
    let cluster = or_skip(Cluster::start(Tier::Api).await)?;
    let proxy = Proxy::start(cluster.admin().await.unwrap()).await.unwrap();
    Some((cluster, proxy))
}

fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

#[tokio::test]
async fn a_lost_request_was_not_done_and_one_with_a_lost_reply_was() {
    let Some((cluster, proxy)) = start().await else {
        return;
    };
    let (direct, lossy) = (cluster.admin().await.unwrap(), proxy.client().await.unwrap());
    proxy.script(|seen| match (seen.is_write(), seen.writes_before) {
        (true, 1) => Some(Fault::Lost),
        (true, 2) => Some(Fault::ReplyLost),
        (true, 3) => Some(Fault::Answered(409)),
        (true, 4) => Some(Fault::Answered(429)),
        _ => None,
    });
    let how = PostParams::default();
    let mut ends = Vec::new();
    for name in ["none", "lost", "reply", "conflict", "much", "after"] {
        let made = maps(&lossy).create(&how, &map(name)).await;
        ends.push((name, made.as_ref().err().map(code)));
    }
    let expected = [
        ("none", None),
        ("lost", Some(None)),
        ("reply", Some(None)),
        ("conflict", Some(Some(409))),
        ("much", Some(Some(429))),
        ("after", None),
    ];
    assert_eq!(ends, expected);
    assert_eq!(proxy.writes(), 6);
    let list = maps(&direct).list(&ListParams::default()).await.unwrap();
    let names: Vec<_> = list.iter().map(kube::ResourceExt::name_any).collect();
    assert_eq!(names, ["after", "none", "reply"]);
}

#[tokio::test]
async fn an_answer_can_be_late() {
    let Some((_cluster, proxy)) = start().await else {
        return;
    };
    let lossy = proxy.client().await.unwrap();
    proxy.script(|_| Some(Fault::Delayed(Duration::from_millis(700))));
    let begin = Instant::now();
    maps(&lossy).list(&ListParams::default()).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(700));
}

#[tokio::test]
async fn a_frozen_watch_tells_nothing_until_it_is_thawed_and_a_broken_one_ends() {
    let Some((cluster, proxy)) = start().await else {
        return;
    };
    let (direct, lossy) = (cluster.admin().await.unwrap(), proxy.client().await.unwrap());
    let version = maps(&direct)
        .list(&ListParams::default())
        .await
        .unwrap()
        .metadata
        .resource_version
        .unwrap();
    let watch = maps(&lossy)
        .watch(&WatchParams::default(), &version)
        .await
        .unwrap();
    let mut watch = watch.boxed();
    let how = PostParams::default();
    let next = |event: Option<WatchEvent<ConfigMap>>| match event {
        Some(WatchEvent::Added(map)) => map.name_any(),
        other => panic!("{other:?}"),
    };
    maps(&direct).create(&how, &map("first")).await.unwrap();
    assert_eq!(
        next(
            tokio::time::timeout(LIMIT, watch.try_next())
                .await
                .unwrap()
                .unwrap()
        ),
        "first"
    );

    proxy.freeze_watches();
    maps(&direct).create(&how, &map("second")).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_secs(1), watch.try_next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    proxy.thaw_watches();
    assert_eq!(
        next(
            tokio::time::timeout(LIMIT, watch.try_next())
                .await
                .unwrap()
                .unwrap()
        ),
        "second"
    );

    proxy.break_watches();
    let end = tokio::time::timeout(LIMIT, watch.next()).await.unwrap();
    assert!(end.is_none_or(|event| event.is_err()));
}
