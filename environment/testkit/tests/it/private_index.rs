//! An index gives pages and wheels to those who say who they are, over TLS where its registry speaks that.

use std::{fs, process::Command};

use nbvet_testkit::{INDEX_PASSWORD, PrivateIndex, Registry, RegistryOptions, USER, or_skip};

/// A GET by curl: the status and what came.
fn get(index: &PrivateIndex, registry: &Registry, path: &str, login: &str) -> String {
    let authority = registry.authority().map(|file| file.to_str().unwrap());
    let output = Command::new("curl")
        .args(["-s", "-w", " %{http_code}", "--noproxy", "*", "--user", login])
        .args(authority.iter().flat_map(|file| ["--cacert", file]))
        .arg(index.url("").replace("/simple", path))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_private_index_asks_who_is_there_and_gives_wheels_with_their_digests() {
    for tls in [false, true] {
        let options = RegistryOptions {
            tls,
            ..Default::default()
        };
        let Some(registry) = or_skip(Registry::start(options)) else {
            return;
        };
        let wheels = tempfile::tempdir().unwrap();
        fs::write(wheels.path().join("One_two-1-py3-none-any.whl"), "a wheel").unwrap();
        let index = or_skip(PrivateIndex::start(wheels.path(), &registry)).unwrap();
        assert_eq!(index.url("").starts_with("https:"), tls);
        let login = format!("{USER}:{INDEX_PASSWORD}");
        let get = |path: &str, login: &str| get(&index, &registry, path, login);
        assert_eq!(get("/simple/one-two/", "tester:wrong"), "who is there? 401");
        let page = get("/simple/one-two/", &login);
        assert!(
            page.contains("/files/One_two-1-py3-none-any.whl#sha256=") && page.ends_with("200"),
            "{page}"
        );
        assert_eq!(get("/files/One_two-1-py3-none-any.whl", &login), "a wheel 200");
        assert_eq!(get("/simple/none/", &login), "not here 404");
        assert_eq!(get("/files/..%2F..%2Fetc", &login), "not here 404");
        assert_eq!(
            index
                .log()
                .lines()
                .filter(|line| line.contains("\" 200 "))
                .count(),
            2
        );
    }
}
