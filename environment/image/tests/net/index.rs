//! The client of package indexes, against Python's own web server and servers that fail on purpose.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use expect_test::{Expect, expect};
use nbvet_deps::{Digest, Lock, target::Target};
use nbvet_image::{
    http::{Http, Secret},
    index::{Chosen, IndexConfig, IndexError, MAX_FILE, PackageIndex, Progress, WheelCache},
};
use tempfile::TempDir;

use crate::{
    faults::{Act, Answer, Faults, Received, answer},
    http::options,
    served::Served,
};

const TARGET: &str = "cpython-3.11.2-linux-x86_64-glibc2.36";
const JSON: &str = "application/vnd.pypi.simple.v1+json";

fn target() -> Target {
    TARGET.parse().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

/// A lock of `name==version` with the digests of these contents.
fn lock(packages: &[(&str, &[&str])]) -> Lock {
    let lines: Vec<String> = packages
        .iter()
        .map(|(package, contents)| {
            let hashes: Vec<String> = contents
                .iter()
                .map(|text| format!(" --hash={}", sha256(text.as_bytes())))
                .collect();
            format!("{package}{}\n", hashes.concat())
        })
        .collect();
    lines.concat().parse().unwrap()
}

/// A page in JSON: file name, contents that its digest tells (none: no digest), URL.
fn page(files: &[(&str, Option<&str>, &str)]) -> Act {
    let files: Vec<serde_json::Value> = files
        .iter()
        .map(|(filename, contents, url)| {
            let hashes: BTreeMap<&str, String> = contents
                .iter()
                .map(|text| ("sha256", Digest::sha256(text.as_bytes()).hex().to_owned()))
                .collect();
            serde_json::json!({"filename": filename, "url": url, "hashes": hashes})
        })
        .collect();
    let body = serde_json::json!({"meta": {"api-version": "1.0"}, "name": "x", "files": files});
    answer(200, &[("content-type", JSON)], &body.to_string())
}

struct Machine {
    cache: TempDir,
    config: IndexConfig,
}

impl Machine {
    fn new(indexes: &[&str]) -> Self {
        Self {
            cache: TempDir::new().unwrap(),
            config: IndexConfig {
                indexes: indexes.iter().map(|url| Secret::new(*url)).collect(),
                ..IndexConfig::default()
            },
        }
    }

    fn index(&self) -> PackageIndex {
        let http = Http::new(self.config.http_options(options())).unwrap();
        let cache = WheelCache::open(self.cache.path()).unwrap();
        PackageIndex::new(&self.config, http, cache).unwrap()
    }

    fn choose(&self, lock: &Lock) -> Result<Vec<Chosen>, IndexError> {
        self.index().choose(lock, &target(), &|_| ())
    }

    fn get(&self, lock: &Lock) -> Result<Vec<(Chosen, PathBuf)>, IndexError> {
        let index = self.index();
        let chosen = index.choose(lock, &target(), &|_| ())?;
        let paths = index.fetch(&chosen, &|_| ())?;
        Ok(chosen.into_iter().zip(paths).collect())
    }

    /// Names and contents of what was got, or the error with the server's address as `SERVER`.
    fn check(&self, lock: &Lock, servers: &[&Faults], expected: &Expect) {
        let mut told = match self.get(lock) {
            Ok(files) => files
                .iter()
                .map(|(chosen, path)| {
                    let contents = fs::read_to_string(path).unwrap();
                    assert_eq!(sha256(contents.as_bytes()), chosen.sha256.to_string());
                    format!("{} {contents}\n", chosen.filename)
                })
                .collect::<Vec<_>>()
                .concat(),
            Err(error) => format!("{error}\n"),
        };
        for (server, name) in servers.iter().zip(["SERVER", "OTHER"]) {
            told = told.replace(&server.address().to_string(), name);
        }
        let mut shown = String::new();
        // Digests as their first two digits.
        for (position, part) in told.split("sha256:").enumerate() {
            shown.push_str(if position == 0 { "" } else { "sha256:" });
            shown.push_str(&part[..part.len().min(2)]);
            shown.push_str(if position == 0 {
                &part[part.len().min(2)..]
            } else {
                &part[64..]
            });
        }
        expected.assert_eq(&shown);
        assert_eq!(parts(self.cache.path()), 0, "nothing half done stays");
    }
}

/// Files that have no name of their own.
fn parts(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with(".part")
        })
        .count()
}

#[test]
fn files_are_chosen_by_digest_and_tag_and_fetched_once() {
    let Some(served) = Served::start(&[
        (
            "simple/demo/index.html",
            &format!(
                "<a href='../../files/demo-1.0-py3-none-any.whl#{0}'>a</a>\
                 <a href='../../files/demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl#{1}'>b</a>\
                 <a href='../../files/demo-1.0-cp311-cp311-manylinux_2_99_x86_64.whl#{1}'>c</a>",
                sha256(b"pure").replace(':', "="),
                sha256(b"linux").replace(':', "=")
            ),
        ),
        ("files/demo-1.0-py3-none-any.whl", "pure"),
        ("files/demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", "linux"),
        // A bare listing: no digests.
        ("simple/bare/bare-2-py3-none-any.whl", "bare"),
        ("simple/bare/bare-2-cp311-cp311-linux_x86_64.whl", "better"),
    ]) else {
        return;
    };
    let machine = Machine::new(&[&served.url("/simple")]);
    let lock = lock(&[
        ("demo==1.0", &["pure", "linux"]),
        ("bare==2", &["bare", "better", "other"]),
    ]);
    let expected = expect![[r#"
        bare-2-cp311-cp311-linux_x86_64.whl better
        demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl linux
    "#]];
    machine.check(&lock, &[], &expected);
    drop(served);
    machine.check(&lock, &[], &expected);
}

#[test]
fn who_waits_is_told_what_arrives() {
    let server = Faults::start(|request, _| match &*request.target {
        "/simple/demo/" => page(&[(
            "demo-1-py3-none-any.whl",
            Some("abc"),
            "/f/demo-1-py3-none-any.whl",
        )]),
        _ => answer(200, &[], "abc"),
    });
    let machine = Machine::new(&[&server.url("/simple/")]);
    let told = Mutex::new(Vec::new());
    let progress = |progress: Progress<'_>| told.lock().unwrap().push(format!("{progress:?}"));
    let index = machine.index();
    let chosen = index
        .choose(&lock(&[("demo==1", &["abc"])]), &target(), &progress)
        .unwrap();
    index.fetch(&chosen, &progress).unwrap();
    expect![[r#"
        Chosen("demo-1-py3-none-any.whl")
        Started("demo-1-py3-none-any.whl", None)
        Received("demo-1-py3-none-any.whl", 3)
        Finished("demo-1-py3-none-any.whl")"#]]
    .assert_eq(&told.into_inner().unwrap().join("\n"));
    assert_eq!(
        server.lines(),
        ["GET /simple/demo/", "GET /f/demo-1-py3-none-any.whl"]
    );
}

#[test]
fn a_name_is_taken_from_the_first_index_that_has_it() {
    let file = |contents: &'static str| {
        move |request: &Received, _: usize| match &*request.target {
            "/simple/demo/" => page(&[(
                "demo-1-py3-none-any.whl",
                Some(contents),
                "f.whl/../demo-1-py3-none-any.whl",
            )]),
            "/simple/demo/demo-1-py3-none-any.whl" => answer(200, &[], contents),
            _ => answer(404, &[], "no"),
        }
    };
    let (empty, ours, stranger) = (
        Faults::start(|_, _| answer(404, &[], "no")),
        Faults::start(file("ours")),
        Faults::start(file("theirs")),
    );
    let urls = [empty.url("/simple"), ours.url("/simple"), stranger.url("/simple")];
    let urls: Vec<&str> = urls.iter().map(|url| &**url).collect();
    Machine::new(&urls).check(
        &lock(&[("demo==1", &["ours"])]),
        &[],
        &expect![[r#"
            demo-1-py3-none-any.whl ours
        "#]],
    );
    // Not even where the later one has what the lock wants.
    Machine::new(&urls).check(
        &lock(&[("demo==1", &["theirs"])]),
        &[&ours],
        &expect![[r#"
            no file of demo 1 on http://SERVER/simple/ has a digest of the lock: expected sha256:4c, got sha256:ae; if the lock was made from another index, make it anew, else do not use what is there
        "#]],
    );
    assert_eq!(stranger.lines(), [""; 0]);
}

#[test]
fn credentials_go_to_the_index_and_to_no_other_host() {
    let other = Faults::start(|_, _| answer(200, &[], "elsewhere"));
    let (linked, moved) = (
        other.url("/two-1-py3-none-any.whl"),
        other.url("/three-1-py3-none-any.whl"),
    );
    let server = Faults::start(move |request, _| {
        let expected = Some("Basic bWU6czNjcmV0L3g=");
        if request.header("authorization") != expected {
            return answer(401, &[], "who?");
        }
        match &*request.target {
            "/simple/one/" => page(&[("one-1-py3-none-any.whl", Some("here"), "one-1-py3-none-any.whl")]),
            "/simple/two/" => page(&[("two-1-py3-none-any.whl", Some("elsewhere"), &linked)]),
            "/simple/three/" => page(&[(
                "three-1-py3-none-any.whl",
                Some("elsewhere"),
                "three-1-py3-none-any.whl",
            )]),
            "/simple/three/three-1-py3-none-any.whl" => answer(302, &[("location", &moved)], ""),
            _ => answer(200, &[], "here"),
        }
    });
    let with = format!("http://me:s3cret%2Fx@{}/simple", server.address());
    let wanted = lock(&[
        ("one==1", &["here"]),
        ("two==1", &["elsewhere"]),
        ("three==1", &["elsewhere"]),
    ]);
    Machine::new(&[&with]).check(
        &wanted,
        &[],
        &expect![[r#"
            one-1-py3-none-any.whl here
            three-1-py3-none-any.whl elsewhere
            two-1-py3-none-any.whl elsewhere
        "#]],
    );
    let received = other.received();
    assert_eq!(received.len(), 2);
    assert!(
        received
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    let one = lock(&[("one==1", &["here"])]);
    Machine::new(&[&server.url("/simple")]).check(
        &one,
        &[&server],
        &expect![[r#"
            http://SERVER/simple/one/ wants credentials (status 401)
        "#]],
    );
    let wrong = format!("http://me:wrong@{}/simple", server.address());
    Machine::new(&[&wrong]).check(
        &one,
        &[&server],
        &expect![[r#"
            http://SERVER/simple/one/ wants other credentials (status 401)
        "#]],
    );
}

/// An index with `demo` 1, whose file is answered by `file` (given how many answers for it came before).
fn demo(file: impl Fn(usize) -> Act + Send + Sync + 'static) -> Faults {
    let asked = Mutex::new(0);
    Faults::start(move |request, _| {
        if request.target == "/simple/demo/" {
            return page(&[("demo-1-py3-none-any.whl", Some("abc"), "demo-1-py3-none-any.whl")]);
        }
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        file(*asked - 1)
    })
}

fn check_demo(server: &Faults, expected: &Expect) {
    let machine = Machine::new(&[&server.url("/simple")]);
    machine.check(&lock(&[("demo==1", &["abc"])]), &[server], expected);
}

#[test]
fn another_file_under_the_name_is_not_used() {
    check_demo(
        &demo(|_| answer(200, &[], "evil")),
        &expect![[r#"
            demo-1-py3-none-any.whl from http://SERVER/simple/demo/demo-1-py3-none-any.whl has another digest than the lock allows: expected sha256:ba, got sha256:b5; it is not used
        "#]],
    );
}

fn cut() -> Act {
    Act::Answer(Answer {
        status: 200,
        body: b"ab".to_vec(),
        told_length: Some(3),
        ..Answer::default()
    })
}

#[test]
fn what_breaks_off_is_fetched_again() {
    check_demo(
        &demo(|before| {
            if before < 2 {
                cut()
            } else {
                answer(200, &[], "abc")
            }
        }),
        &expect![[r#"
            demo-1-py3-none-any.whl abc
        "#]],
    );
    check_demo(
        &demo(|_| cut()),
        &expect![[r#"
            demo-1-py3-none-any.whl from http://SERVER/simple/demo/demo-1-py3-none-any.whl broke off: Peer disconnected
        "#]],
    );
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    check_demo(
        &demo(|before| {
            if before < 2 {
                answer(500, &[], "oops")
            } else {
                answer(200, &[], "abc")
            }
        }),
        &expect![[r#"
            demo-1-py3-none-any.whl abc
        "#]],
    );
    check_demo(
        &demo(|_| answer(503, &[], "closed")),
        &expect![[r#"
            GET http://SERVER/simple/demo/demo-1-py3-none-any.whl: 503: closed
        "#]],
    );
}

#[test]
fn a_server_that_hangs_is_given_up() {
    let begin = Instant::now();
    let server = demo(|_| {
        Act::Answer(Answer {
            status: 200,
            body: b"abc".to_vec(),
            drip: Some(Duration::from_secs(9)),
            ..Answer::default()
        })
    });
    let machine = Machine::new(&[&server.url("/simple")]);
    let error = machine.get(&lock(&[("demo==1", &["abc"])])).unwrap_err();
    assert!(matches!(error, IndexError::BrokenOff { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(9));
    assert_eq!(parts(machine.cache.path()), 0);
}

#[test]
fn what_an_index_lacks_is_said() {
    let server = Faults::start(|request, _| match &*request.target {
        "/simple/demo/" => page(&[
            ("demo-1-py3-none-any.whl", Some("a"), "x"),
            ("demo-1.10.tar.gz", Some("b"), "x"),
            ("demo-1.9-cp39-cp39-win_amd64.whl", Some("c"), "x"),
            ("../../demo-3-py3-none-any.whl", Some("d"), "x"),
            ("other-4-py3-none-any.whl", Some("d"), "x"),
        ]),
        "/simple/text/" => answer(200, &[("content-type", "text/plain")], "hello"),
        _ => answer(404, &[], "no"),
    });
    let machine = Machine::new(&[&server.url("/simple")]);
    let check = |package: &str, contents: &str, expected: &Expect| {
        machine.check(&lock(&[(package, &[contents])]), &[&server], expected);
    };
    check(
        "nothing==1",
        "a",
        &expect![[r#"
            nothing is on none of http://SERVER/simple/
        "#]],
    );
    check(
        "demo==3",
        "d",
        &expect![[r#"
            demo 3 is not on http://SERVER/simple/, which has 1.10, 1.9, 1; lock a version that is there
        "#]],
    );
    check(
        "demo==1.9",
        "c",
        &expect![[r#"
            demo 1.9: none of the locked files fits cpython-3.11.2-linux-x86_64-glibc2.36; lock it for that platform (`uv pip compile --python-version … --python-platform …`)
        "#]],
    );
    check(
        "text==1",
        "c",
        &expect![[r#"
            http://SERVER/simple/text/: the answer is `text/plain`, not the page of a package index; is the URL that of its simple API, often ending in /simple?
        "#]],
    );
    let source = machine.choose(&lock(&[("demo==1.10", &["b"])])).unwrap();
    assert_eq!(source[0].filename, "demo-1.10.tar.gz");
    assert_eq!(source[0].version.to_string(), "1.10");
    assert!(!source[0].is_wheel());
}

#[test]
fn a_folder_of_wheels_needs_no_index() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("demo-1-py3-none-any.whl"), "abc").unwrap();
    fs::write(folder.path().join("demo-2-py3-none-any.whl"), "evil").unwrap();
    let mut machine = Machine::new(&[]);
    machine.config.folders.push(folder.path().to_owned());
    machine.check(
        &lock(&[("demo==1", &["abc"])]),
        &[],
        &expect![[r#"
            demo-1-py3-none-any.whl abc
        "#]],
    );
    let error = machine.choose(&lock(&[("demo==2", &["abc"])])).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no file of demo 2 on {} has a digest of the lock: expected {}, got {}; if the lock was made from another index, make it anew, else do not use what is there",
            folder.path().display(),
            sha256(b"abc"),
            sha256(b"evil"),
        )
    );
}

#[test]
fn what_is_no_ordinary_file_of_a_folder_is_not_read() {
    let folder = TempDir::new().unwrap();
    let path = |version: u8| folder.path().join(format!("demo-{version}-py3-none-any.whl"));
    let (pipe, kind) = (path(1), rustix::fs::FileType::Fifo);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, 0o600.into(), 0).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path(2)).unwrap();
    let endless = fs::File::create(path(3)).unwrap();
    endless.set_len(MAX_FILE + 1).unwrap();
    let mut machine = Machine::new(&[]);
    machine.config.folders.push(folder.path().to_owned());
    let said: Vec<String> = ["demo==1", "demo==2", "demo==3"]
        .iter()
        .map(|package| {
            machine
                .choose(&lock(&[(package, &["abc"])]))
                .unwrap_err()
                .to_string()
        })
        .collect();
    expect![[r#"
        the folder of wheels FOLDER/demo-1-py3-none-any.whl cannot be read: it is no ordinary file
        the folder of wheels FOLDER/demo-2-py3-none-any.whl cannot be read: it is no ordinary file
        the folder of wheels FOLDER/demo-3-py3-none-any.whl cannot be read: it has more than 8589934592 bytes"#]].assert_eq(
        &said
            .join("\n")
            .replace(&folder.path().display().to_string(), "FOLDER"),
    );
}

#[test]
fn a_url_in_the_lock_is_where_its_file_is() {
    let server = Faults::start(|_, _| answer(200, &[], "abc"));
    let url = server.url("/a/demo-1%2Bcpu-py3-none-any.whl");
    let text = format!("demo @ {url} --hash={} --hash={}", sha256(b"abc"), sha256(b"x"));
    Machine::new(&[]).check(
        &text.parse().unwrap(),
        &[],
        &expect![[r#"
            demo-1+cpu-py3-none-any.whl abc
        "#]],
    );
}

#[test]
fn a_damaged_file_of_the_cache_is_fetched_again() {
    let server = demo(|_| answer(200, &[], "abc"));
    let machine = Machine::new(&[&server.url("/simple")]);
    let lock = lock(&[("demo==1", &["abc"])]);
    // Of another length, and of the same.
    for (damaged, asked) in [("ab", 4), ("abd", 6)] {
        let (_, path) = machine.get(&lock).unwrap().remove(0);
        fs::write(&path, damaged).unwrap();
        machine.check(
            &lock,
            &[],
            &expect![[r#"
                demo-1-py3-none-any.whl abc
            "#]],
        );
        assert_eq!(server.lines().len(), asked, "{damaged}");
    }
}

#[test]
fn what_an_interrupted_program_left_is_removed_when_it_is_old() {
    let machine = Machine::new(&[]);
    for (name, age) in [(".part-old", 30), (".part-new", 1)] {
        let file = fs::File::create(machine.cache.path().join(name)).unwrap();
        let then = std::time::SystemTime::now() - Duration::from_hours(age);
        file.set_modified(then).unwrap();
    }
    machine.index();
    assert_eq!(parts(machine.cache.path()), 1);
}

#[test]
fn what_is_no_index_is_refused_without_its_credentials() {
    let config = IndexConfig {
        indexes: vec![Secret::new("ftp://u:secret@h/simple")],
        ..IndexConfig::default()
    };
    let http = Http::new(options()).unwrap();
    let cache = TempDir::new().unwrap();
    let error = PackageIndex::new(&config, http, WheelCache::open(cache.path()).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`ftp://****@h/simple` is not the URL of a package index; `https://HOST/simple` is expected"
    );
}
