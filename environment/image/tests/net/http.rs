//! The client of `http` by itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use nbvet_image::http::{Http, HttpError, HttpOptions, Limits, Proxies, Retry, Secret, Traffic};

use crate::faults::{Act, Answer, Faults, answer};

/// A client that is quick to lose patience.
pub(crate) fn options() -> HttpOptions {
    HttpOptions {
        proxies: Proxies::none(),
        limits: Limits {
            connect: Duration::from_secs(5),
            idle: Duration::from_millis(600),
            overall: Duration::from_secs(3),
            bulk: Duration::from_secs(20),
        },
        retry: Retry {
            attempts: 4,
            first: Duration::from_millis(10),
            longest: Duration::from_millis(200),
        },
        ..HttpOptions::default()
    }
}

fn http() -> Http {
    Http::new(options()).unwrap()
}

/// The error's text, with the server's address as `SERVER`.
fn check(error: &HttpError, server: &Faults, expected: &Expect) {
    expected.assert_eq(&error.to_string().replace(&server.address().to_string(), "SERVER"));
}

#[test]
fn an_answer_is_read_up_to_its_limit() {
    let server = Faults::start(|_, _| answer(200, &[("x-a", "b")], "0123456789"));
    let get = || http().get(&server.url("/x")).send_ok().unwrap();
    assert_eq!(get().header("x-a"), Some("b"));
    assert_eq!(get().read_bounded(10).unwrap(), b"0123456789");
    check(
        &get().read_bounded(9).unwrap_err(),
        &server,
        &expect!["GET http://SERVER/x: the answer has more than 9 bytes"],
    );
}

#[test]
fn an_answer_without_a_length_is_bounded_all_the_same() {
    let server = Faults::start(|_, _| {
        Act::Answer(Answer {
            status: 200,
            headers: vec![("transfer-encoding".to_owned(), "chunked".to_owned())],
            body: "5\r\naaaaa\r\n".repeat(1000).into_bytes(),
            ..Answer::default()
        })
    });
    let response = http().get(&server.url("/x")).send_ok().unwrap();
    check(
        &response.read_bounded(100).unwrap_err(),
        &server,
        &expect!["GET http://SERVER/x: the answer has more than 100 bytes"],
    );
}

#[test]
fn what_a_server_says_is_shown_in_part_and_never_a_secret() {
    let server = Faults::start(|request, _| {
        let said = format!(
            "{}\n\x1b[1mno{}",
            request.header("authorization").unwrap(),
            "!".repeat(9000)
        );
        answer(403, &[], &said)
    });
    let authorization = Secret::basic("me", &Secret::new("hunter2"));
    let http = http();
    let request = http.get(&server.url("/x?token=t0ken"));
    let error = request.authorization(Some(authorization)).send_ok().unwrap_err();
    assert_eq!(error.status(), Some(403));
    let text = error.to_string();
    assert!(text.len() < 2300, "{}", text.len());
    let text = text.replace(&server.address().to_string(), "SERVER");
    expect!["GET http://SERVER/x?…: 403: **** [1mno!!!!!!!!!!!!!!!!!!!!"].assert_eq(&text[..60]);
}

#[test]
fn passing_troubles_are_tried_again_where_that_does_no_harm() {
    let server = Faults::start(|_, before| match before {
        0 => answer(503, &[("retry-after", "9999")], ""),
        1 => Act::CutRequest(0),
        _ => answer(200, &[], "well"),
    });
    let http = http();
    let response = http.get(&server.url("/x")).send_ok().unwrap();
    assert_eq!(response.read_bounded(9).unwrap(), b"well");
    assert_eq!(
        http.traffic(),
        Traffic {
            requests: 3,
            bytes_received: 4,
            ..Traffic::default()
        }
    );
}

#[test]
fn tries_end() {
    let server = Faults::start(|_, _| answer(502, &[], "bad gateway"));
    check(
        &http().get(&server.url("/x")).send_ok().unwrap_err(),
        &server,
        &expect!["GET http://SERVER/x: 502: bad gateway"],
    );
    assert_eq!(server.received().len(), 4);
}

#[test]
fn what_cannot_be_repeated_is_sent_once() {
    let server = Faults::start(|_, _| answer(503, &[], ""));
    let http = http();
    http.post(&server.url("/x"))
        .bytes(b"ab".to_vec())
        .send_ok()
        .unwrap_err();
    http.put(&server.url("/y"))
        .stream(&b"abc"[..], 3)
        .send_ok()
        .unwrap_err();
    assert_eq!(server.lines(), ["POST /x", "PUT /y"]);
    assert_eq!(server.received()[1].body, b"abc");
    assert_eq!(http.traffic().bytes_sent, 5);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = http().get(&format!("http://{free}/v2/")).send().unwrap_err();
    let text = error.to_string().replace(&free.to_string(), "SERVER");
    expect!["GET http://SERVER/v2/: Connection refused (os error 111)"].assert_eq(&text);
}

#[test]
fn a_body_that_breaks_off_is_an_error_and_not_a_short_body() {
    let server = Faults::start(|_, _| {
        Act::Answer(Answer {
            status: 200,
            body: b"half".to_vec(),
            told_length: Some(8),
            ..Answer::default()
        })
    });
    let response = http().get(&server.url("/x")).send_ok().unwrap();
    check(
        &response.read_bounded(100).unwrap_err(),
        &server,
        &expect!["GET http://SERVER/x: the connection broke off"],
    );
}

#[test]
fn a_body_that_is_read_at_once_is_asked_for_again_where_it_breaks_off() {
    let server = Faults::start(|_, before| {
        Act::Answer(Answer {
            status: 200,
            body: b"12345678"[..if before < 2 { 4 } else { 8 }].to_vec(),
            told_length: Some(8),
            ..Answer::default()
        })
    });
    let http = http();
    let response = http.get(&server.url("/x")).buffered(8).send_ok().unwrap();
    assert_eq!(response.read_bounded(8).unwrap(), b"12345678");
    assert_eq!(http.traffic().bytes_received, 4 + 4 + 8);
    let server = Faults::start(|_, _| answer(200, &[], "123456789"));
    check(
        &http
            .get(&server.url("/x"))
            .buffered(8)
            .send_ok()
            .unwrap()
            .read_bounded(8)
            .unwrap_err(),
        &server,
        &expect!["GET http://SERVER/x: the answer has more than 8 bytes"],
    );
}

#[test]
fn a_body_that_drips_ends_with_its_time() {
    let server = Faults::start(|_, _| {
        Act::Answer(Answer {
            status: 200,
            body: vec![b'x'; 10_000],
            drip: Some(Duration::from_millis(100)),
            ..Answer::default()
        })
    });
    let start = Instant::now();
    let mut body = Vec::new();
    let response = http().get(&server.url("/x")).send_ok().unwrap();
    let error = response.into_reader().read_to_end(&mut body).unwrap_err();
    expect!["the limit for one request is over"].assert_eq(&error.to_string());
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[test]
fn a_server_that_stands_still_is_given_up() {
    let server = Faults::start(|_, _| {
        Act::Answer(Answer {
            status: 200,
            body: b"x".to_vec(),
            drip: Some(Duration::from_secs(30)),
            ..Answer::default()
        })
    });
    let response = http().get(&server.url("/x")).send_ok().unwrap();
    check(
        &response.read_bounded(100).unwrap_err(),
        &server,
        &expect!["GET http://SERVER/x: out of time (per read)"],
    );
}

#[test]
fn a_source_that_ends_early_does_not_hang() {
    let server = Faults::start(|_, _| answer(200, &[], ""));
    let error = http()
        .put(&server.url("/x"))
        .stream(&b"abc"[..], 10)
        .send()
        .unwrap_err();
    check(
        &error,
        &server,
        &expect!["PUT http://SERVER/x: what is sent ends 7 bytes early"],
    );
}

#[test]
fn redirects_leave_credentials_behind() {
    let other = Faults::start(|_, _| answer(200, &[], "elsewhere"));
    let to = other.url("/stored?signature=s");
    let first = Faults::start(move |request, _| match request.target.as_str() {
        "/a" => answer(307, &[("location", "/b")], ""),
        _ => answer(302, &[("location", &to)], ""),
    });
    let secret = Secret::basic("me", &Secret::new("hunter2"));
    let response = http()
        .get(&first.url("/a"))
        .authorization(Some(secret))
        .send_ok()
        .unwrap();
    assert_eq!(response.read_bounded(99).unwrap(), b"elsewhere");
    let sent = |server: &Faults| -> Vec<bool> {
        let received = server.received();
        received
            .iter()
            .map(|request| request.header("authorization").is_some())
            .collect()
    };
    assert_eq!((sent(&first), sent(&other)), (vec![true, true], vec![false]));
}

#[test]
fn credentials_do_not_come_back_by_way_of_another_host() {
    let home = Arc::new(OnceLock::<String>::new());
    let back = Arc::clone(&home);
    let other = Faults::start(move |_, _| answer(302, &[("location", back.get().unwrap())], ""));
    let away = other.url("/");
    let first = Faults::start(move |_, before| match before {
        0 => answer(302, &[("location", &away)], ""),
        _ => answer(200, &[], ""),
    });
    home.set(first.url("/delete-all")).unwrap();
    let url = first.url("/").replace("http://", "http://me:hunter2@");
    http().get(&url).send_ok().unwrap();
    assert_eq!(first.lines(), ["GET /", "GET /delete-all"]);
    let sent = |place: usize| first.received()[place].header("authorization").is_some();
    assert_eq!((sent(0), sent(1)), (true, false));
}

#[test]
fn redirects_without_end_or_to_where_nothing_is_to_be_had_are_refused() {
    let server = Faults::start(|request, _| match request.target.as_str() {
        "/round" => answer(302, &[("location", "/round")], ""),
        "/file" => answer(302, &[("location", "file:///etc/passwd")], ""),
        "/plain" => answer(302, &[("location", "http://registry.example/x")], ""),
        _ => answer(302, &[], ""),
    });
    let get = |path: &str| http().get(&server.url(path)).send().unwrap_err();
    let post = http().post(&server.url("/round")).bytes(Vec::new()).send_ok();
    let errors = [
        get("/round"),
        get("/file"),
        get("/plain"),
        get("/none"),
        post.unwrap_err(),
    ];
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let text = texts.join("\n").replace(&server.address().to_string(), "SERVER");
    expect![[r#"
        http://SERVER/round: redirected to http://SERVER/round, which is not followed: it is the redirect number 6
        http://SERVER/file: redirected to file:///etc/passwd, which is not followed: it is neither https nor a host that plain http was allowed for
        http://SERVER/plain: redirected to http://registry.example/x, which is not followed: it is neither https nor a host that plain http was allowed for
        http://SERVER/none: redirected to nowhere, which is not followed: the answer names no place
        POST http://SERVER/round: 302: redirected to http://SERVER/round; only questions are taken to another place"#]].assert_eq(&text);
}

#[test]
fn plain_http_is_for_loopback_and_named_hosts() {
    let error = |http: &Http, url: &str| http.get(url).send().unwrap_err().to_string();
    let urls = [
        "http://me:hunter2@registry.invalid/v2/",
        "ftp://registry.invalid",
        "https://me:hunter2@",
    ];
    let texts = urls.map(|url| error(&http(), url));
    expect![[r#"
        http://registry.invalid/v2/: plain http is refused
        ftp://registry.invalid/: not a URL that can be asked: neither https nor http
        https://****@: not a URL that can be asked: empty host"#]]
    .assert_eq(&texts.join("\n"));
    let named = |host: &str| {
        Http::new(HttpOptions {
            insecure_hosts: vec![host.to_owned()],
            ..options()
        })
    };
    for (host, is_allowed) in [
        ("Registry.invalid", true),
        ("registry.invalid:80", true),
        ("registry.invalid:5000", false),
    ] {
        let text = error(&named(host).unwrap(), "http://registry.invalid/");
        assert_eq!(text.contains("name is not known"), is_allowed, "{host}: {text}");
    }
}

#[test]
fn files_of_certificates_are_read_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let error = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let options = HttpOptions {
            ca_files: vec![file.clone()],
            ..options()
        };
        let error = Http::new(options).unwrap_err().to_string();
        error.replace(folder.path().to_str().unwrap(), "")
    };
    let broken = "-----BEGIN CERTIFICATE-----\n***\n-----END CERTIFICATE-----\n";
    expect![[r#"
        /ca.pem: certificates cannot be read: there is no PEM certificate in it (`-----BEGIN CERTIFICATE-----`)
        /ca.pem: certificates cannot be read: its PEM text is broken"#]].assert_eq(&[error("hello"), error(broken)].join("\n"));
}

#[test]
fn requests_go_through_the_proxy_unless_the_host_is_excepted() {
    let proxy = Faults::start(|_, _| answer(407, &[], "who are you?"));
    let address = proxy.url("");
    let through = |excepted: &str| {
        let (address, excepted) = (address.clone(), excepted.to_owned());
        let proxies = Proxies::read(move |name| match name {
            "HTTPS_PROXY" => Some(address.clone()),
            "NO_PROXY" => Some(excepted.clone()),
            _ => None,
        });
        let http = Http::new(HttpOptions { proxies, ..options() }).unwrap();
        http.get("https://registry.invalid/v2/")
            .send()
            .unwrap_err()
            .to_string()
    };
    expect![[r#"
        GET https://registry.invalid/v2/: CONNECT proxy failed: proxy server responded 407/407
        GET https://registry.invalid/v2/: the host's name is not known; check its spelling and the network"#]]
    .assert_eq(&[through(""), through(".invalid")].join("\n"));
    assert_eq!(proxy.received()[0].line(), "CONNECT registry.invalid:443");
}

/// Takes one connection, expects `CONNECT`, and connects it with a server.
fn tunnel(to: SocketAddr) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            head.push(char::from(byte[0]));
        }
        client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
        let mut server = TcpStream::connect(to).unwrap();
        let (mut up_from, mut up_to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut up_from, &mut up_to));
        std::io::copy(&mut server, &mut client).unwrap();
        head
    });
    (address, thread)
}

#[test]
fn a_proxy_is_told_its_own_password_alone() {
    let server = Faults::start(|_, _| answer(200, &[], "behind"));
    let (proxy, thread) = tunnel(server.address());
    let proxies =
        Proxies::read(move |name| (name == "HTTP_PROXY").then(|| format!("http://door:p%40ss@{proxy}")));
    let http = Http::new(HttpOptions {
        proxies,
        insecure_hosts: vec!["registry.invalid".to_owned()],
        ..options()
    });
    let authorization = Some(Secret::basic("me", &Secret::new("hunter2")));
    let http = http.unwrap();
    let response = http
        .get("http://registry.invalid/x")
        .authorization(authorization)
        .send_ok()
        .unwrap();
    assert_eq!(response.read_bounded(10).unwrap(), b"behind");
    let head = thread.join().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("connect registry.invalid:80 "), "{head}");
    // `door:p@ss`.
    assert!(head.contains("proxy-authorization: basic zg9vcjpwqhnz"), "{head}");
    assert!(!head.contains("\r\nauthorization"), "{head}");
    assert_eq!(
        server.received()[0].header("authorization"),
        Some("Basic bWU6aHVudGVyMg==")
    );
    assert_eq!(server.received()[0].header("proxy-authorization"), None);
}
