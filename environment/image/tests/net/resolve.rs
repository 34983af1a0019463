//! Resolutions by the real uv, against an index of wheels that are made here; and one against the real index.

use std::{
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use expect_test::{Expect, expect};
use nbvet_deps::{Declared, Digest, Format, Lock, formats, requirements::Source, target::Target};
use nbvet_image::{
    http::{Http, HttpOptions, Secret},
    index::{IndexConfig, PackageIndex, Process, Surroundings, WheelCache},
    resolve::{ResolveError, Resolver, TIME_LIMIT, Uv},
};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    faults::{Act, Answer, Faults, answer},
    http::options,
    served::Served,
};

/// The variables of this process, but a home and caches of its own.
struct Alone(TempDir);

impl Surroundings for Alone {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "HOME" => Some(self.0.path().to_str().unwrap().to_owned()),
            "XDG_CACHE_HOME" | "UV_CACHE_DIR" | "XDG_DATA_HOME" | "VIRTUAL_ENV" => None,
            _ => Process.variable(name),
        }
    }

    fn file(&self, _: &Path) -> Option<String> {
        None
    }
}

#[expect(clippy::print_stdout, reason = "tests say what they skip")]
fn uv() -> Option<Uv> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/uv");
    if let Ok(uv) = Uv::at(&ours) {
        return Some(uv);
    }
    let found = Uv::find(&Process, "requirements.in").ok();
    if found.is_none() {
        println!("skipped: no uv (make setup)");
    }
    found
}

struct Text<'t>(&'t str);

impl Source for Text<'_> {
    fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
        match file {
            "requirements.txt" => Ok(self.0.as_bytes().to_vec()),
            "c.txt" => Ok(b"base<2\nunused==9\n".to_vec()),
            _ => Err("there is no such file".to_owned()),
        }
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

fn declared(text: &str) -> Declared {
    formats::read(Format::Requirements, "requirements.txt", &mut Text(text)).unwrap()
}

fn target() -> Target {
    "cpython-3.11.2-linux-x86_64-glibc2.36".parse().unwrap()
}

/// A small real wheel.
fn wheel(name: &str, version: &str, requires: &[&str]) -> Vec<u8> {
    let requires: Vec<String> = requires
        .iter()
        .map(|requirement| format!("Requires-Dist: {requirement}\n"))
        .collect();
    let info = format!("{name}-{version}.dist-info");
    let files = [
        (format!("{name}.py"), "x = 1\n".to_owned()),
        (
            format!("{info}/METADATA"),
            format!(
                "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{}",
                requires.concat()
            ),
        ),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
        ),
        (format!("{info}/RECORD"), String::new()),
    ];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An index with `base` 1 and 2, `top` 1 that needs `base`, `old` that needs `base<2`, and `source` without wheels.
fn index() -> Option<Served> {
    let served = Served::start(&[])?;
    for (name, version, requires) in [
        ("base", "1", &[][..]),
        ("base", "2", &[]),
        ("base", "3rc1", &[]),
        ("top", "1", &["base", "windows-only; sys_platform == 'win32'"]),
        ("old", "1", &["base<2"]),
    ] {
        let path = format!("simple/{name}/{name}-{version}-py3-none-any.whl");
        served.add(&path, &wheel(name, version, requires));
    }
    served.add("simple/source/source-1.tar.gz", b"no archive");
    Some(served)
}

struct Bench {
    uv: Uv,
    config: IndexConfig,
    alone: Alone,
    limit: Duration,
}

impl Bench {
    fn new(indexes: &[String]) -> Option<Self> {
        Some(Self {
            uv: uv()?,
            config: IndexConfig {
                indexes: indexes.iter().map(Secret::new).collect(),
                ..IndexConfig::default()
            },
            alone: Alone(TempDir::new().unwrap()),
            limit: TIME_LIMIT,
        })
    }

    fn resolve(&self, text: &str) -> Result<Lock, ResolveError> {
        let http = Http::new(options()).unwrap();
        let resolver = Resolver {
            uv: &self.uv,
            config: &self.config,
            http: &http,
            surroundings: &self.alone,
            limit: self.limit,
        };
        resolver.resolve(&declared(text), &target())
    }

    fn check(&self, text: &str, expected: &Expect) {
        let mut told = match self.resolve(text) {
            Ok(lock) => lock
                .packages()
                .iter()
                .map(|package| {
                    format!(
                        "{}=={} {}\n",
                        package.name,
                        package.version,
                        package.allowed.len()
                    )
                })
                .collect::<Vec<_>>()
                .concat(),
            Err(error) => format!("conflict: {}\n{error}\n", error.is_conflict()),
        };
        for index in &self.config.indexes {
            told = told.replace(index.reveal(), "INDEX");
        }
        expected.assert_eq(&told);
    }
}

#[test]
fn versions_are_found_and_pins_constraints_and_markers_hold() {
    let Some(served) = index() else { return };
    let Some(bench) = Bench::new(&[served.url("/simple")]) else {
        return;
    };
    bench.check(
        "top\nno-such; python_version < '3'\n",
        &expect![[r#"
            base==2 1
            top==1 1
        "#]],
    );
    bench.check(
        "top[extra]>=1,<2\n-c c.txt\n",
        &expect![[r#"
            base==1 1
            top==1 1
        "#]],
    );
    bench.check(
        "--pre\nbase\n",
        &expect![[r#"
            base==3rc1 1
        "#]],
    );
    let once = bench.resolve("top\nold\n").unwrap();
    let again = bench.resolve("old\n\n# other order\ntop\n").unwrap();
    assert_eq!(once.to_string(), again.to_string());
    assert_eq!(
        once.packages()[0].allowed.first(),
        Some(&Digest::sha256(&wheel("base", "1", &[])))
    );
}

#[test]
fn what_cannot_be_had_is_said_in_a_few_words() {
    let Some(served) = index() else { return };
    let Some(bench) = Bench::new(&[served.url("/simple")]) else {
        return;
    };
    bench.check("base==9\n", &expect![[r#"
        conflict: true
        requirements.txt: no versions fit together:
        Because there is no version of base==9 and you require base==9, we can conclude that your requirements are unsatisfiable.
    "#]]);
    bench.check("no-such-thing\n", &expect![[r#"
        conflict: true
        requirements.txt: no versions fit together:
        Because no-such-thing was not found in the package registry and you require no-such-thing, we can conclude that your requirements are unsatisfiable.
    "#]]);
    bench.check("old\nbase>=2\n", &expect![[r#"
        conflict: true
        requirements.txt: no versions fit together:
        Because all versions of old depend on base<2 and you require old, we can conclude that you require base<2.
        And because you require base>=2, we can conclude that your requirements are unsatisfiable.
    "#]]);
    bench.check(
        "source\n",
        &expect![[r#"
        conflict: true
        requirements.txt: source 1 has no wheel for cpython-3.11.2-linux-x86_64-glibc2.36, only source
    "#]],
    );
    bench.check("base\n./here\ngit+https://h/x\n", &expect![[r#"
        conflict: true
        requirements.txt:2: `./here` installs a file or folder of the repository; images are made of wheels from an index or a URL
        requirements.txt:3: `git+https://h/x` installs a repository, which has no digest; make a wheel of it and name its URL and digest
    "#]]);
}

/// What is proposed for a package that is source alone.
#[test]
fn a_wheel_in_a_folder_is_found_for_what_the_index_has_as_source_alone() {
    let Some(served) = index() else { return };
    let Some(mut bench) = Bench::new(&[served.url("/simple")]) else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("source-1-py3-none-any.whl");
    std::fs::write(file, wheel("source", "1", &[])).unwrap();
    bench.config.folders.push(folder.path().to_owned());
    bench.check(
        "source==1\n",
        &expect![[r#"
        source==1 1
    "#]],
    );
}

#[test]
fn a_file_that_is_not_there_is_told_with_its_url_and_status() {
    let Some(served) = index() else { return };
    let Some(bench) = Bench::new(&[served.url("/simple")]) else {
        return;
    };
    let url = served.url("/none/base-1-py3-none-any.whl");
    let error = bench.resolve(&format!("base @ {url}\n")).unwrap_err();
    let expected = format!("no versions could be looked up: {url} answers 404 ");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[test]
fn digests_of_the_file_bind_though_uv_leaves_them_out() {
    let Some(served) = index() else { return };
    let Some(bench) = Bench::new(&[served.url("/simple")]) else {
        return;
    };
    let right = Digest::sha256(&wheel("base", "1", &[]));
    bench.check(
        &format!("top\nbase==1 --hash={right} --hash=sha256:{}\n", "0".repeat(64)),
        &expect![[r#"
            base==1 1
            top==1 1
        "#]],
    );
    bench.check(
        &format!("top\nbase==1 --hash=sha256:{}\n", "0".repeat(64)),
        &expect![[r#"
            conflict: true
            requirements.txt:2: `base==1`: the index has 1 with other digests than those in the file; do not use what is there unless you know why
        "#]],
    );
}

#[test]
fn options_of_the_file_do_not_reach_uv() {
    let Some(served) = index() else { return };
    let Some(bench) = Bench::new(&[served.url("/simple")]) else {
        return;
    };
    let stranger = Faults::start(|_, _| answer(404, &[], "no"));
    let file = format!(
        "-i {0}\n--extra-index-url {0}\n-f {0}\n--no-binary :all:\ntop\n",
        stranger.url("/simple")
    );
    bench.check(
        &file,
        &expect![[r#"
            base==2 1
            top==1 1
        "#]],
    );
    assert_eq!(stranger.lines(), [""; 0]);
}

#[test]
fn credentials_of_an_index_reach_it_and_show_nowhere() {
    let server = Faults::start(|request, _| {
        let page = r#"<a href="base-1-py3-none-any.whl">x</a>"#;
        match (request.header("authorization"), &*request.target) {
            (Some("Basic bWU6czNjcmV0"), "/simple/base/") => {
                answer(200, &[("content-type", "text/html")], page)
            }
            (Some("Basic bWU6czNjcmV0"), _) => Act::Answer(Answer {
                status: 200,
                body: wheel("base", "1", &[]),
                ..Answer::default()
            }),
            _ => answer(401, &[("www-authenticate", "Basic")], "who?"),
        }
    });
    let with = |who: &str| format!("http://{who}@{}/simple", server.address());
    let Some(bench) = Bench::new(&[with("me:s3cret")]) else {
        return;
    };
    bench.check(
        "base\n",
        &expect![[r#"
            base==1 1
        "#]],
    );
    let Some(bench) = Bench::new(&[with("me:wr0ng")]) else {
        return;
    };
    let error = bench.resolve("base\n").unwrap_err();
    assert!(matches!(error, ResolveError::Credentials { .. }), "{error:?}");
    assert!(!error.to_string().contains("wr0ng"), "{error}");
}

#[test]
fn an_index_that_is_not_there_or_hangs_is_no_conflict() {
    let Some(mut bench) = Bench::new(&["http://127.0.0.1:9/simple".to_owned()]) else {
        return;
    };
    let error = bench.resolve("base\n").unwrap_err();
    assert!(matches!(error, ResolveError::Network { .. }), "{error:?}");
    let hangs = Faults::start(|_, _| {
        Act::Answer(Answer {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/html".to_owned())],
            body: b"<html>".to_vec(),
            drip: Some(Duration::from_mins(1)),
            ..Answer::default()
        })
    });
    bench.config.indexes = vec![Secret::new(hangs.url("/simple"))];
    bench.limit = Duration::from_secs(2);
    let error = bench.resolve("base\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "uv has found no versions after 2 s and was stopped; name versions for more packages, so that there is less to try"
    );
    bench.config.indexes = vec![Secret::new("http://user:pw@example.org/simple")];
    bench.check(
        "base\n",
        &expect![[r#"
            conflict: false
            http://example.org/simple: plain http is refused
        "#]],
    );
}

#[test]
fn a_folder_of_wheels_is_enough() {
    let Some(mut bench) = Bench::new(&[]) else { return };
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("base-1-py3-none-any.whl"),
        wheel("base", "1", &[]),
    )
    .unwrap();
    bench.config.folders.push(folder.path().to_owned());
    bench.check(
        "base\n",
        &expect![[r#"
            base==1 1
        "#]],
    );
}

#[test]
fn what_is_no_uv_is_refused() {
    for (program, expected) in [
        (
            "/no/such/uv",
            "/no/such/uv cannot be run as uv: No such file or directory (os error 2)",
        ),
        (
            "/bin/echo",
            "/bin/echo cannot be run as uv: its `--version` does not begin with `uv`",
        ),
    ] {
        let error = Uv::at(&PathBuf::from(program)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn six_and_attrs_come_from_the_index_of_this_machine() {
    let Some(uv) = uv() else { return };
    let config = IndexConfig::from_surroundings(&Process);
    let http = Http::new(config.http_options(HttpOptions::default())).unwrap();
    let resolver = Resolver {
        uv: &uv,
        config: &config,
        http: &http,
        surroundings: &Process,
        limit: TIME_LIMIT,
    };
    let lock = match resolver.resolve(&declared("six==1.17.0\nattrs>=24\n"), &target()) {
        Err(error) if !error.is_conflict() => return skip(&error.to_string()),
        lock => lock.unwrap(),
    };
    let names: Vec<String> = lock
        .packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    assert_eq!(names, ["attrs", "six"]);
    let cache = TempDir::new().unwrap();
    let index = PackageIndex::new(&config, http, WheelCache::open(cache.path()).unwrap()).unwrap();
    let chosen = index.choose(&lock, &target(), &|_| ()).unwrap();
    assert_eq!(chosen[1].filename, "six-1.17.0-py2.py3-none-any.whl");
    let paths = index.fetch(&chosen, &|_| ()).unwrap();
    for (chosen, path) in chosen.iter().zip(paths) {
        assert_eq!(Digest::sha256(&std::fs::read(path).unwrap()), chosen.sha256);
    }
}

#[expect(clippy::print_stdout, reason = "tests say what they skip")]
fn skip(why: &str) {
    println!("skipped: no package index: {why}");
}
