//! A lossy way to the API server: each fault is seen by the client, and by what the API server did or did not do.

use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _, TryStreamExt as _};
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

/// A watch, which an API server that has just begun refuses with 429 until it has read what it is asked for.
async fn begun(
    api: &Api<ConfigMap>,
    params: &WatchParams,
) -> impl Stream<Item = kube::Result<WatchEvent<ConfigMap>>> + use<> {
    let begin = Instant::now();
    loop {
        match api.watch(params, "0").await {
            Err(error) if code(&error) == Some(429) && begin.elapsed() < LIMIT => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            watch => return watch.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_watch_can_be_late_or_tell_of_an_error_and_an_answer_may_never_come() {
    let Some((cluster, proxy)) = start().await else {
        return;
    };
    let (direct, lossy) = (cluster.admin().await.unwrap(), proxy.client().await.unwrap());
    let late = Duration::from_millis(900);
    proxy.script(move |seen| match (seen.is_watch(), &*seen.query) {
        (true, query) if query.contains("one") => Some(Fault::Late(late)),
        (true, _) => Some(Fault::Broken(410)),
        _ => Some(Fault::Unanswered),
    });
    let asked = maps(&lossy);
    let asked = tokio::time::timeout(Duration::from_secs(1), asked.get("one"));
    assert!(asked.await.is_err(), "answered");

    // A slow machine may reach the next bookmark first.
    let one = WatchParams::default()
        .fields("metadata.name=one")
        .disable_bookmarks();
    let mut watch = begun(&maps(&lossy), &one).await.boxed();
    let begin = Instant::now();
    maps(&direct)
        .create(&PostParams::default(), &map("one"))
        .await
        .unwrap();
    let event = tokio::time::timeout(LIMIT, watch.try_next())
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(event, Some(WatchEvent::Added(_))), "{event:?}");
    assert!(begin.elapsed() >= late, "{:?}", begin.elapsed());

    let two = WatchParams::default().fields("metadata.name=two");
    let mut watch = maps(&lossy).watch(&two, "0").await.unwrap().boxed();
    let event = watch.try_next().await.unwrap();
    assert!(
        matches!(&event, Some(WatchEvent::Error(error)) if error.code == 410),
        "{event:?}"
    );
}

#[tokio::test]
async fn a_blind_replacement_overwrites_what_it_has_not_seen() {
    let Some((cluster, proxy)) = start().await else {
        return;
    };
    let (direct, lossy) = (cluster.admin().await.unwrap(), proxy.client().await.unwrap());
    let how = PostParams::default();
    let seen = maps(&direct).create(&how, &map("one")).await.unwrap();
    let with = |word: &str| {
        let mut map = seen.clone();
        map.data = Some([("word".to_owned(), word.to_owned())].into());
        map
    };
    maps(&direct).replace("one", &how, &with("theirs")).await.unwrap();
    let refused = maps(&lossy)
        .replace("one", &how, &with("ours"))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), Some(409));
    proxy.script(|seen| seen.is_write().then_some(Fault::Blind));
    maps(&lossy).replace("one", &how, &with("ours")).await.unwrap();
    let now = maps(&direct).get("one").await.unwrap();
    assert_eq!(now.data.unwrap()["word"], "ours");
}
