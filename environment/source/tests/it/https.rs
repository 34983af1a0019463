//! git's own server behind HTTPS, with a certificate of the test's own authority.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use nbvet_report::{Reason, step::GitSource};
use nbvet_source::{Allowed, fetch};
use nbvet_testkit::{GIT_PASSWORD, GIT_USER, GitServer};

use crate::ground::{Ground, refused};

struct Site {
    ground: Ground,
    server: GitServer,
    /// Where `/elsewhere/` sends to.
    other: GitServer,
}

fn is_missing(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_err() {
        println!("skipped: {program} is not here");
    }
    found.is_err()
}

impl Site {
    /// `None`: this machine cannot, and that was said.
    fn new() -> Option<Self> {
        if is_missing("python3") || is_missing("openssl") {
            return None;
        }
        let ground = Ground::new();
        ground.git(&["clone", "--quiet", "--bare", ".", "../nbs.git"]);
        certificate(&ground);
        let other = start(&ground, 0);
        let server = start(&ground, other.port());
        Some(Self {
            ground,
            server,
            other,
        })
    }

    fn source(&self, place: &str) -> GitSource {
        GitSource {
            url: format!("https://127.0.0.1:{}/{place}/nbs.git", self.server.port()),
            ca_file: Some(self.ground.path("ca.pem").display().to_string()),
            ..GitSource::default()
        }
    }

    fn with_login(&self, place: &str, password: &str) -> GitSource {
        let folder = self.ground.path(&format!("login-{}", password.len()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("username"), GIT_USER).unwrap();
        fs::write(folder.join("password"), password).unwrap();
        GitSource {
            credentials: Some(folder.display().to_string()),
            ..self.source(place)
        }
    }

    /// What the servers were asked, with whether credentials came along.
    fn requests(&self) -> String {
        fs::read_to_string(self.ground.path("requests")).unwrap_or_default()
    }
}

fn start(ground: &Ground, other: u16) -> GitServer {
    let (certificate, key) = (ground.path("server.pem"), ground.path("server-key.pem"));
    GitServer::start(ground.folder.path(), &certificate, &key, other).unwrap()
}

/// An authority, and a certificate for loopback that it signed.
fn certificate(ground: &Ground) {
    let path = |name: &str| ground.path(name).display().to_string();
    let openssl = |words: &[&str]| {
        let output = Command::new("openssl").args(words).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let authority = ["req", "-x509", "-subj", "/CN=test", "-days", "2", "-keyout"];
    openssl(
        &[
            &authority[..],
            &[&path("ca-key.pem"), "-out", &path("ca.pem")],
            &key,
        ]
        .concat(),
    );
    let request = ["req", "-subj", "/CN=127.0.0.1", "-keyout"];
    openssl(
        &[
            &request[..],
            &[&path("server-key.pem"), "-out", &path("server.csr")],
            &key,
        ]
        .concat(),
    );
    fs::write(path("ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(&[
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        &path("server.csr"),
        "-CA",
        &path("ca.pem"),
        "-CAkey",
        &path("ca-key.pem"),
        "-CAcreateserial",
        "-extfile",
        &path("ext"),
        "-out",
        &path("server.pem"),
    ]);
}

#[test]
fn a_repository_is_fetched_over_https_by_branch_and_by_commit() {
    let Some(site) = Site::new() else { return };
    let first = site.ground.git(&["rev-parse", "HEAD"]);
    let fetched = fetch(&site.ground.input(site.source("open"), "a"), Allowed::default()).unwrap();
    assert_eq!(fetched.commit.as_deref(), Some(&*first));
    let mut source = site.source("open");
    source.revision = Some(first.clone());
    let fetched = fetch(&site.ground.input(source, "b"), Allowed::default()).unwrap();
    assert_eq!(fetched.commit, Some(first));
}

#[test]
fn a_private_repository_wants_the_right_password_and_no_message_holds_one() {
    let Some(site) = Site::new() else { return };
    let fetched = |source, into: &str| fetch(&site.ground.input(source, into), Allowed::default());
    fetched(site.with_login("private", GIT_PASSWORD), "a").unwrap();
    let said = refused(
        fetched(site.with_login("private", "hunter2"), "b"),
        Reason::AuthenticationFailed,
        "refuses the credentials",
    );
    assert!(!said.contains("hunter2"), "{said}");
    refused(
        fetched(site.source("private"), "c"),
        Reason::AuthenticationFailed,
        "wants some and none are named",
    );
    // Nothing of it stays where the notebook could read it.
    for file in files(&site.ground.path("a")) {
        let bytes = fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains(GIT_PASSWORD) && !text.contains("p%40ss"),
            "{}",
            file.display()
        );
    }
}

fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

#[test]
fn a_redirect_is_not_followed_and_gets_no_credentials() {
    let Some(site) = Site::new() else { return };
    for place in ["elsewhere", "moved"] {
        let fetched = fetch(
            &site.ground.input(site.with_login(place, GIT_PASSWORD), place),
            Allowed::default(),
        );
        refused(
            fetched,
            Reason::Unreachable,
            "sends elsewhere, which is not followed",
        );
    }
    let asked = site.requests();
    assert!(
        !asked.contains(" with\n"),
        "credentials were sent unasked:\n{asked}"
    );
    assert!(
        asked
            .lines()
            .all(|line| line.starts_with("/elsewhere/") || line.starts_with("/moved/")),
        "{asked}"
    );
    assert_ne!(site.other.port(), site.server.port());
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused_and_one_that_is_down_may_come_back() {
    let Some(site) = Site::new() else { return };
    let mut source = site.with_login("private", GIT_PASSWORD);
    source.ca_file = None;
    let error = fetch(&site.ground.input(source, "a"), Allowed::default()).unwrap_err();
    assert_eq!(
        (error.reason(), error.is_transient()),
        (Reason::Unreachable, false),
        "{error}"
    );
    assert!(
        error.to_string().contains("certificate is not believed"),
        "{error}"
    );
    assert_eq!(site.requests(), "", "something was asked of it");
    let error = fetch(&site.ground.input(site.source("broken"), "b"), Allowed::default()).unwrap_err();
    assert_eq!(
        (error.reason(), error.is_transient()),
        (Reason::Unreachable, true),
        "{error}"
    );
    let error = fetch(
        &site.ground.input(
            GitSource {
                url: site.source("open").url.replace("nbs.git", "none.git"),
                ..site.source("open")
            },
            "c",
        ),
        Allowed::default(),
    )
    .unwrap_err();
    assert_eq!(error.reason(), Reason::AuthenticationFailed, "{error}");
}

#[test]
fn credentials_stand_in_no_argument_and_no_variable_of_any_process() {
    let Some(site) = Site::new() else { return };
    let mut input = site
        .ground
        .input(site.with_login("private", GIT_PASSWORD), "tree");
    input.limits.seconds = 60;
    let (done, is_done) = std::sync::mpsc::channel();
    let watcher = std::thread::spawn(move || {
        let mut looks = 0;
        while is_done.try_recv().is_err() {
            for process in fs::read_dir("/proc").unwrap().flatten() {
                for file in ["cmdline", "environ"] {
                    let bytes = fs::read(process.path().join(file)).unwrap_or_default();
                    let text = String::from_utf8_lossy(&bytes);
                    assert!(
                        !text.contains(GIT_PASSWORD) && !text.contains("p%40ss%20w%2Ford"),
                        "{}: {text}",
                        process.path().join(file).display()
                    );
                }
            }
            looks += 1;
        }
        looks
    });
    fetch(&input, Allowed::default()).unwrap();
    done.send(()).unwrap();
    assert!(watcher.join().unwrap() > 0, "nobody looked");
}
