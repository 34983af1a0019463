//! Registries that lie, break off or never end: a server of faults, mostly in front of a real registry.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use nbvet_image::registry::{Credentials, Descriptor, OCI_MANIFEST, Pushed, RegistryError, Repository};
use nbvet_testkit::{Registry, RegistryOptions, or_skip};

use crate::faults::{Act, Answer, Faults, Received, answer};
use crate::image::{Image, LAYER, client, noise, repository};

fn start() -> Option<Registry> {
    // Places without a host lead back through the server in front.
    let options = RegistryOptions {
        relative_urls: true,
        ..RegistryOptions::default()
    };
    or_skip(Registry::start(options))
}

fn before(registry: &Registry, decide: impl Fn(&Received, usize) -> Act + Send + Sync + 'static) -> Faults {
    let behind: SocketAddr = registry.host().parse().unwrap();
    Faults::before(Some(behind), decide)
}

fn at(server: &Faults) -> Repository {
    repository(&format!("{}/org/a", server.address()))
}

fn check(error: &RegistryError, server: &Faults, expected: &Expect) {
    let text = error.to_string().replace(&server.address().to_string(), "SERVER");
    let digest = text.split_once("sha256:").map(|(_, rest)| rest[..64].to_owned());
    expected.assert_eq(&digest.map_or(text.clone(), |digest| text.replace(&digest, "DIGEST")));
}

/// Does something to the first so many requests that are meant, and lets the others through.
fn first(times: usize, act: Act, meant: fn(&Received) -> bool) -> impl Fn(&Received, usize) -> Act {
    let seen = AtomicUsize::new(0);
    move |request, _| {
        if meant(request) && seen.fetch_add(1, SeqCst) < times {
            act.clone()
        } else {
            Act::Forward
        }
    }
}

fn is_blob(request: &Received) -> bool {
    request.method == "GET" && request.target.contains("/blobs/sha256:")
}

fn is_piece(request: &Received) -> bool {
    request.method == "PATCH"
}

fn is_end(request: &Received) -> bool {
    request.method == "PUT" && request.target.contains("/blobs/uploads/")
}

fn content() -> Vec<u8> {
    noise(1, 3_000_000)
}

fn pushed(registry: &Registry) -> Descriptor {
    let blob = Descriptor::of(LAYER, &content());
    let to = repository(&format!("{}/org/a", registry.host()));
    to.push_blob(&blob, None, &content()).unwrap();
    blob
}

#[test]
fn a_download_goes_on_where_it_broke() {
    let Some(registry) = start() else { return };
    let blob = pushed(&registry);
    let server = before(&registry, first(3, Act::CutAnswer(500_000), is_blob));
    let mut got = Vec::new();
    at(&server).blob(&blob).unwrap().read_to_end(&mut got).unwrap();
    assert!(got == content());
    let ranges: Vec<_> = server
        .received()
        .iter()
        .filter(|request| is_blob(request))
        .map(|request| request.header("range").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(ranges, ["", "bytes=500000-", "bytes=1000000-", "bytes=1500000-"]);
}

#[test]
fn a_manifest_that_breaks_off_is_asked_for_again() {
    let Some(registry) = start() else { return };
    let image = Image::new("amd64", vec![]);
    image
        .push(&repository(&format!("{}/org/a", registry.host())), "v1")
        .unwrap();
    let server = before(
        &registry,
        first(2, Act::CutAnswer(100), |request| request.method == "GET"),
    );
    assert_eq!(
        at(&server).manifest("v1").unwrap().unwrap().bytes,
        image.manifest()
    );
}

#[test]
fn builders_of_one_image_do_not_disturb_each_other() {
    let Some(registry) = start() else { return };
    let image = Image::new("amd64", (0..6).map(|seed| noise(seed, 400_000)).collect());
    let name = format!("{}/org/a", registry.host());
    let digests: Vec<_> = std::thread::scope(|scope| {
        let push = || image.push(&repository(&name), "v1").unwrap().digest;
        let builders: Vec<_> = (0..4).map(|_| scope.spawn(push)).collect();
        builders
            .into_iter()
            .map(|builder| builder.join().unwrap())
            .collect()
    });
    assert_eq!(digests, vec![image.descriptor().digest; 4]);
    let to = repository(&name);
    for layer in &image.layers {
        let blob = Descriptor::of(LAYER, layer);
        assert_eq!(&to.blob_bytes(&blob, blob.size).unwrap(), layer);
    }
}

#[test]
fn a_blob_that_always_breaks_is_given_up() {
    let Some(registry) = start() else { return };
    let blob = pushed(&registry);
    let server = before(&registry, first(usize::MAX, Act::CutAnswer(0), is_blob));
    let mut got = Vec::new();
    let error = at(&server)
        .blob(&blob)
        .unwrap()
        .read_to_end(&mut got)
        .unwrap_err();
    assert_eq!(got.len(), 0);
    assert!(error.to_string().contains("Peer disconnected"), "{error}");
}

#[test]
fn changed_bytes_are_found_out() {
    let Some(registry) = start() else { return };
    let blob = pushed(&registry);
    let image = Image::new("amd64", vec![]);
    image
        .push(&repository(&format!("{}/org/a", registry.host())), "v1")
        .unwrap();
    let server = before(&registry, |_, _| Act::FlipAnswer);
    let error = at(&server).blob_bytes(&blob, u64::MAX).unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
    let digest = image.descriptor().digest;
    let error = at(&server).manifest(digest.as_str()).unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
    // By a tag, the digest that the registry tells must fit.
    let error = at(&server).manifest("v1").unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
}

#[test]
fn a_blob_of_another_size_is_not_read() {
    let blob = Descriptor::of(LAYER, b"0123456789");
    for body in ["012345678", "0123456789x"] {
        let server = Faults::start(move |_, _| answer(200, &[], body));
        let error = at(&server).blob_bytes(&blob, 100).unwrap_err();
        assert!(matches!(error, RegistryError::Size { .. }), "{error}");
    }
    let endless = Faults::start(|_, _| {
        Act::Answer(Answer {
            status: 200,
            headers: vec![("transfer-encoding".to_owned(), "chunked".to_owned())],
            body: "a\r\n0123456789\r\n".repeat(1000).into_bytes(),
            ..Answer::default()
        })
    });
    let error = at(&endless).blob_bytes(&blob, 100).unwrap_err();
    assert!(matches!(error, RegistryError::Size { .. }), "{error}");
}

#[test]
fn a_giant_manifest_is_not_read() {
    let server = Faults::start(|_, _| {
        Act::Answer(Answer {
            status: 200,
            body: vec![b' '; 5 << 20],
            ..Answer::default()
        })
    });
    let error = at(&server).manifest("v1").unwrap_err();
    check(
        &error,
        &server,
        &expect![
            "SERVER/org/a: GET http://SERVER/v2/org/a/manifests/v1: the answer has more than 4194304 bytes"
        ],
    );
}

#[test]
fn tags_without_end_are_given_up() {
    let server = Faults::start(|request, count| {
        let next = format!("<{}{count}>; rel=\"next\"", request.target);
        answer(200, &[("link", &next)], r#"{"tags":["v1","../x"]}"#)
    });
    let error = at(&server).tags().unwrap_err();
    check(
        &error,
        &server,
        &expect!["SERVER/org/a: its list of tags has more than 200 pages"],
    );
    // A page elsewhere is none of ours.
    let server = Faults::start(|_, _| {
        answer(
            200,
            &[("link", "<http://127.0.0.1:1/x>; rel=\"next\"")],
            r#"{"tags":["v1","../x"]}"#,
        )
    });
    assert_eq!(at(&server).tags().unwrap(), ["v1"]);
}

#[test]
fn a_registry_that_always_asks_who_is_there_is_left() {
    let server = Faults::start(|_, _| answer(401, &[("www-authenticate", "Basic realm=\"x\"")], ""));
    let folder = tempfile::tempdir().unwrap();
    let at = known_at(&server, &folder);
    let error = at.manifest("v1").unwrap_err();
    let text = error.to_string().replace(&server.address().to_string(), "SERVER");
    expect!["SERVER/org/a: no access: the credentials of /config.json do not do for it"]
        .assert_eq(&text.replace(folder.path().to_str().unwrap(), ""));
    assert_eq!(server.lines(), ["GET /v2/org/a/manifests/v1"; 2]);

    let strange = Faults::start(|_, _| answer(401, &[("www-authenticate", "Negotiate")], ""));
    check(
        &repository(&format!("{}/org/a", strange.address()))
            .manifest("v1")
            .unwrap_err(),
        &strange,
        &expect![
            "SERVER/org/a: no access: the registry asks who is there and names no way to say so that is known here (Basic, Bearer)"
        ],
    );
}

#[test]
fn a_blob_that_is_stored_elsewhere_is_fetched_there_without_credentials() {
    let content = "stored elsewhere";
    let store = Faults::start(move |_, _| answer(200, &[], content));
    let place = store.url("/bucket/x?signature=s");
    let server = Faults::start(move |request, _| match request.header("authorization") {
        None => answer(401, &[("www-authenticate", "Basic realm=\"x\"")], ""),
        Some(_) => answer(307, &[("location", &place)], ""),
    });
    let folder = tempfile::tempdir().unwrap();
    let at = known_at(&server, &folder);
    let blob = Descriptor::of(LAYER, content.as_bytes());
    assert_eq!(at.blob_bytes(&blob, 100).unwrap(), content.as_bytes());
    assert_eq!(store.received()[0].header("authorization"), None);
}

/// A client that has a password for a server.
fn known_at(server: &Faults, folder: &tempfile::TempDir) -> Repository {
    let host = server.address().to_string();
    let config = serde_json::json!({"auths": {host: {"username": "me", "password": "hunter2"}}});
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let all = client(Credentials::from_file(folder.path()), None);
    all.repository(&format!("{}/org/a", server.address()).parse().unwrap())
}

#[test]
fn a_store_that_asks_who_is_there_is_told_nothing() {
    let evil = Faults::start(|_, _| answer(200, &[], r#"{"token":"t"}"#));
    let challenge = format!("Bearer realm=\"{}\"", evil.url("/token"));
    let store = Faults::start(move |_, _| answer(401, &[("www-authenticate", &challenge)], ""));
    let place = store.url("/");
    let server = Faults::start(move |_, _| answer(307, &[("location", &place)], ""));
    let folder = tempfile::tempdir().unwrap();
    let blob = Descriptor::of(LAYER, b"abc");
    known_at(&server, &folder).blob_bytes(&blob, 100).unwrap_err();
    assert_eq!(store.received()[0].header("authorization"), None);
    assert_eq!(evil.lines(), Vec::<String>::new());
}

#[test]
fn an_upload_elsewhere_takes_no_credentials_along() {
    let store = Faults::start(|_, _| answer(202, &[], ""));
    let place = store.url("/upload");
    let server = Faults::start(
        move |request, _| match (request.header("authorization"), &*request.method) {
            (None, _) => answer(401, &[("www-authenticate", "Basic realm=\"x\"")], ""),
            (_, "POST") => answer(202, &[("location", &place)], ""),
            _ => answer(404, &[], ""),
        },
    );
    let folder = tempfile::tempdir().unwrap();
    let blob = Descriptor::of(LAYER, &content());
    let error = known_at(&server, &folder)
        .push_blob(&blob, None, &content())
        .unwrap_err();
    assert!(matches!(error, RegistryError::Upload { .. }), "{error}");
    let sent = store.received();
    assert_eq!(sent[0].line(), "PATCH /upload");
    assert!(
        sent.iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn an_upload_ends_well_though_connections_break() {
    for (name, act, meant) in [
        (
            "a piece",
            Act::CutRequest(1_000_000),
            is_piece as fn(&Received) -> bool,
        ),
        ("the end", Act::CutRequest(0), is_end),
        ("a busy registry", answer(503, &[], "busy"), is_piece),
        ("a busy end", answer(502, &[], "busy"), is_end),
        ("an answer that is lost", Act::LoseAnswer, is_end),
        ("an answer to a piece that is lost", Act::LoseAnswer, is_piece),
    ] {
        let Some(registry) = start() else { return };
        let server = before(&registry, first(2, act, meant));
        let to = at(&server);
        let blob = Descriptor::of(LAYER, &content());
        let pushed = to
            .push_blob(&blob, None, &content())
            .map_err(|error| error.to_string());
        assert_eq!(pushed, Ok(Pushed::Sent), "{name}: {:#?}", server.lines());
        let direct = repository(&format!("{}/org/a", registry.host()));
        assert_eq!(direct.blob_bytes(&blob, u64::MAX).unwrap(), content(), "{name}");
    }
}

#[test]
fn an_upload_that_breaks_for_good_publishes_nothing_and_a_rerun_mends_it() {
    let Some(registry) = start() else { return };
    let image = Image::new("amd64", vec![noise(1, 100_000), content()]);
    let server = before(
        &registry,
        first(usize::MAX, Act::CutRequest(500_000), |request| {
            is_piece(request) && request.header("content-length") == Some("3000000")
        }),
    );
    let error = image.push(&at(&server), "v1").unwrap_err();
    assert!(matches!(error, RegistryError::Upload { .. }), "{error}");
    let to = repository(&format!("{}/org/a", registry.host()));
    assert_eq!(to.head_manifest("v1").unwrap(), None);
    assert_eq!(image.push(&to, "v1").unwrap(), image.descriptor());
}

#[test]
fn a_server_that_takes_no_large_bodies_gets_pieces() {
    let Some(registry) = start() else { return };
    let large = noise(7, 10 << 20);
    let server = before(&registry, |request, _| {
        let length: usize = request
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        if length > 5 << 20 {
            answer(413, &[], "too large")
        } else {
            Act::Forward
        }
    });
    let blob = Descriptor::of(LAYER, &large);
    assert_eq!(at(&server).push_blob(&blob, None, &large).unwrap(), Pushed::Sent);
    let ranges: Vec<_> = server
        .received()
        .iter()
        .filter_map(|request| request.header("content-range").map(str::to_owned))
        .collect();
    assert_eq!(ranges, ["0-4194303", "4194304-8388607", "8388608-10485759"]);
}

#[test]
fn an_upload_goes_on_from_where_the_registry_says() {
    let have = Arc::new(AtomicUsize::new(0));
    let (kept, ended) = (Arc::clone(&have), Arc::new(AtomicUsize::new(0)));
    let is_ended = Arc::clone(&ended);
    let server = Faults::start(move |request, _| {
        let range = format!("0-{}", kept.load(SeqCst).saturating_sub(1));
        let headers = [
            ("location", "/v2/org/a/blobs/uploads/1"),
            ("range", range.as_str()),
        ];
        match (request.method.as_str(), kept.load(SeqCst)) {
            ("HEAD", _) if is_ended.load(SeqCst) == 1 => answer(200, &[], &"x".repeat(3_000_000)),
            ("HEAD", _) => answer(404, &[], ""),
            ("POST", _) => answer(202, &headers, ""),
            ("PATCH", 0) => {
                kept.store(1_000_000, SeqCst);
                Act::CutRequest(1_000_000)
            }
            ("PATCH", _) => {
                kept.store(3_000_000, SeqCst);
                answer(202, &[("range", "0-2999999")], "")
            }
            ("GET", _) => answer(204, &headers, ""),
            _ => {
                is_ended.store(1, SeqCst);
                answer(201, &[], "")
            }
        }
    });
    let blob = Descriptor::of(LAYER, &content());
    assert_eq!(
        at(&server).push_blob(&blob, None, &content()).unwrap(),
        Pushed::Sent
    );
    let sent = server.received();
    let piece = sent.iter().rfind(|request| is_piece(request)).unwrap();
    assert_eq!(piece.header("content-range"), Some("1000000-2999999"));
    assert!(piece.body == content()[1_000_000..]);
    assert_eq!(
        server
            .lines()
            .iter()
            .filter(|line| line.starts_with("POST"))
            .count(),
        1
    );
}

/// A registry of which only the answers about an upload are true to the test.
fn liar(offset: &'static str, ends: u16) -> Faults {
    Faults::start(move |request, _| match request.method.as_str() {
        "HEAD" => answer(404, &[], ""),
        "POST" => answer(202, &[("location", "/v2/org/a/blobs/uploads/1")], ""),
        "GET" | "PATCH" => {
            let status = if request.method == "GET" { 204 } else { 202 };
            answer(
                status,
                &[("location", "/v2/org/a/blobs/uploads/1"), ("range", offset)],
                "",
            )
        }
        _ => answer(ends, &[], ""),
    })
}

#[test]
fn lies_about_an_upload_end_in_an_error() {
    let blob = Descriptor::of(LAYER, &content());
    for offset in ["0-99999999999", "0-18446744073709551615", "0-5", "x"] {
        let server = liar(offset, 201);
        let start = Instant::now();
        let error = at(&server).push_blob(&blob, None, &content()).unwrap_err();
        assert!(matches!(error, RegistryError::Upload { .. }), "{offset}: {error}");
        assert!(start.elapsed() < Duration::from_secs(20), "{offset}");
    }
    // It says that it has it all, and that it took it, and does not have it; or that it cannot.
    let texts = [201, 500].map(|ends| {
        let error = at(&liar("0-2999999", ends)).push_blob(&blob, None, &content());
        let text = error.unwrap_err().to_string();
        text.split_once("could not be uploaded").unwrap().1.to_owned()
    });
    expect![[r#"
        : the registry says that it has it, and does not find it; blobs that have arrived are kept, run it again
        : the registry does not take the blob (status 500); blobs that have arrived are kept, run it again"#]].assert_eq(&texts.join("\n"));
}

#[test]
fn what_never_gets_through_as_a_whole_is_sent_in_pieces() {
    let Some(registry) = start() else { return };
    let large = noise(7, 10 << 20);
    let server = before(
        &registry,
        first(usize::MAX, Act::CutRequest(1000), |request| {
            let length = request
                .header("content-length")
                .map_or(0, |length| length.parse().unwrap());
            is_piece(request) && length > (5 << 20)
        }),
    );
    let blob = Descriptor::of(LAYER, &large);
    let pushed = at(&server).push_blob(&blob, None, &large).unwrap();
    assert_eq!(pushed, Pushed::Sent);
}

#[test]
fn an_upload_is_not_sent_to_where_it_has_no_business() {
    let blob = Descriptor::of(LAYER, &content());
    for (location, expected) in [
        (
            "http://registry.invalid/x",
            expect![
                "SERVER/org/a: http://SERVER/v2/org/a/blobs/uploads/: redirected to http://registry.invalid/x, which is not followed: it is neither https nor a host that plain http was allowed for"
            ],
        ),
        (
            "file:///etc/passwd",
            expect![
                "SERVER/org/a: http://SERVER/v2/org/a/blobs/uploads/: redirected to file:///etc/passwd, which is not followed: it is neither https nor a host that plain http was allowed for"
            ],
        ),
    ] {
        let server = Faults::start(move |request, _| match request.method.as_str() {
            "POST" => answer(202, &[("location", location)], ""),
            _ => answer(404, &[], ""),
        });
        let error = at(&server).push_blob(&blob, None, &content()).unwrap_err();
        check(&error, &server, &expected);
    }
}

#[test]
fn a_source_that_fails_is_not_blamed_on_the_registry() {
    let Some(registry) = start() else { return };
    let to = repository(&format!("{}/org/a", registry.host()));
    let blob = Descriptor::of(LAYER, &content());
    let short = |_: u64| -> std::io::Result<Box<dyn Read>> { Ok(Box::new(&b"short"[..])) };
    let error = to.push_blob(&blob, None, &short).unwrap_err();
    assert!(matches!(error, RegistryError::Source { .. }), "{error}");
    for other in ["ab", "abcd"] {
        let small = Descriptor::of(LAYER, b"abc");
        let error = to.push_blob(&small, None, other.as_bytes()).unwrap_err();
        assert!(matches!(error, RegistryError::Source { .. }), "{error}");
    }
    // Other content than was promised is refused by the registry itself.
    let other = noise(8, content().len());
    let error = to.push_blob(&blob, None, &other).unwrap_err();
    assert!(error.to_string().contains("digest"), "{error}");
    assert_eq!(to.head_blob(&blob.digest).unwrap(), None);
}

#[test]
fn a_registry_that_forgets_a_blob_gets_no_manifest() {
    let Some(registry) = start() else { return };
    let image = Image::new("amd64", vec![noise(1, 1000)]);
    let server = before(&registry, |request, _| match request.method.as_str() {
        "HEAD" => answer(404, &[], ""),
        _ => Act::Forward,
    });
    let error = image.push(&at(&server), "v1").unwrap_err();
    assert!(matches!(error, RegistryError::Upload { .. }), "{error}");
    let error = at(&server)
        .push_manifest("v1", OCI_MANIFEST, &image.manifest())
        .unwrap_err();
    assert!(matches!(error, RegistryError::Missing { .. }), "{error}");
    assert!(
        server
            .lines()
            .iter()
            .all(|line| !line.starts_with("PUT /v2/org/a/manifests"))
    );
}
