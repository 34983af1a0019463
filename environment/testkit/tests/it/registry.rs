//! A registry answers as its options say, is told of by its log, and ends with its test.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nbvet_testkit::{PASSWORD, Registry, RegistryOptions, USER, or_skip};

/// A GET by curl: the status.
fn get(registry: &Registry, path: &str, options: &[&str]) -> String {
    let url = format!("{}{path}", registry.url());
    let output = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"])
        .args(options)
        .arg(url)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn start(options: RegistryOptions) -> Option<Registry> {
    or_skip(Registry::start(options))
}

#[test]
fn a_registry_answers_and_its_log_tells() {
    let Some(registry) = start(RegistryOptions::default()) else {
        return;
    };
    assert_eq!(get(&registry, "/v2/", &[]), "200");
    assert_eq!(get(&registry, "/v2/x/manifests/none", &[]), "404");
    assert_eq!(get(&registry, "/v2/x/blobs/uploads/", &["-X", "POST"]), "202");
    let seen: Vec<_> = registry.requests();
    let seen: Vec<_> = seen
        .iter()
        .map(|r| (&*r.method, &*r.path, r.status, r.is_upload()))
        .collect();
    assert_eq!(
        seen,
        [
            ("GET", "/v2/", 200, false),
            ("GET", "/v2/x/manifests/none", 404, false),
            ("POST", "/v2/x/blobs/uploads/", 202, true),
        ]
    );
    assert_eq!(registry.unfinished_uploads(), 1);
    assert_eq!(registry.bytes_on_disk(), 0);
}

#[test]
fn a_password_is_asked_for() {
    let Some(registry) = start(RegistryOptions {
        password: true,
        ..Default::default()
    }) else {
        return;
    };
    assert_eq!(get(&registry, "/v2/", &[]), "401");
    assert_eq!(
        get(&registry, "/v2/", &["-u", &format!("{USER}:{PASSWORD}")]),
        "200"
    );
    assert_eq!(get(&registry, "/v2/", &["-u", &format!("{USER}:wrong")]), "401");
}

#[test]
fn tls_is_trusted_through_its_authority_alone() {
    let Some(registry) = start(RegistryOptions {
        tls: true,
        ..Default::default()
    }) else {
        return;
    };
    let authority = registry.authority().unwrap().to_str().unwrap();
    assert_eq!(get(&registry, "/v2/", &["--cacert", authority]), "200");
    assert_eq!(get(&registry, "/v2/", &[]), "000");
}

#[test]
fn a_read_only_registry_takes_nothing() {
    let Some(registry) = start(RegistryOptions {
        read_only: true,
        ..Default::default()
    }) else {
        return;
    };
    assert_eq!(get(&registry, "/v2/x/blobs/uploads/", &["-X", "POST"]), "405");
}

#[test]
fn a_registry_ends_when_it_is_dropped() {
    let Some(registry) = start(RegistryOptions::default()) else {
        return;
    };
    let address = registry.host();
    assert!(TcpStream::connect(&address).is_ok());
    drop(registry);
    assert!(TcpStream::connect(&address).is_err());
}

/// Run by the next test in a process of its own; does nothing otherwise.
#[test]
fn child_that_is_killed() {
    if std::env::var_os("NBVET_TEST_IS_KILLED").is_none() {
        return;
    }
    let registry = Registry::start(RegistryOptions::default()).unwrap();
    println!(
        "\nlistens at {} in {}",
        registry.host(),
        registry.storage().display()
    );
    sleep(Duration::from_mins(10));
}

#[test]
fn a_registry_ends_and_its_folder_goes_when_its_test_is_killed() {
    let Some(_) = start(RegistryOptions::default()) else {
        return;
    };
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["registry::child_that_is_killed", "--exact", "--nocapture"])
        .env("NBVET_TEST_IS_KILLED", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines
        .map(Result::unwrap)
        .find_map(|line| line.strip_prefix("listens at ").map(str::to_owned))
        .unwrap();
    let (address, storage) = told.split_once(" in ").unwrap();
    let folder = Path::new(storage).parent().unwrap();
    assert!(TcpStream::connect(address).is_ok() && folder.is_dir());
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = Instant::now();
    while TcpStream::connect(address).is_ok() || folder.exists() {
        assert!(killed.elapsed() < Duration::from_secs(30), "it lives on");
        sleep(Duration::from_millis(20));
    }
}
