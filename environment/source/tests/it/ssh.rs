//! A real sshd, where this machine has one.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nbvet_report::{Reason, step::GitSource};
use nbvet_source::{Allowed, fetch};

use crate::ground::{Ground, refused};

/// Where Debian puts it, which is on nobody's PATH but root's.
const SSHD: &str = "/usr/sbin/sshd";

struct Sshd {
    process: Child,
    port: u16,
    ground: Ground,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Sshd {
    /// `None`: this machine cannot, and that was said.
    fn start() -> Option<Self> {
        let program = std::env::var("NBVET_SSHD").unwrap_or_else(|_| SSHD.to_owned());
        if !Path::new(&program).is_file() {
            println!("skipped: there is no sshd (Debian's package openssh-server)");
            return None;
        }
        let ground = Ground::new();
        for key in ["host", "user", "other"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(ground.path(key))
                .status();
            assert!(made.unwrap().success());
        }
        fs::copy(ground.path("user.pub"), ground.path("authorized")).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let at = |name: &str| ground.path(name).display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPidFile none\nPermitRootLogin yes\n",
            at("host"),
            at("authorized")
        );
        fs::write(ground.path("sshd_config"), config).unwrap();
        // It drops its rights into this folder.
        let _ = fs::create_dir_all("/run/sshd");
        let process = Command::new(&program)
            .args(["-D", "-e", "-f"])
            .arg(ground.path("sshd_config"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(ground.path("sshd.log")).unwrap())
            .spawn()
            .unwrap();
        let started = Self {
            process,
            port,
            ground,
        };
        let since = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if since.elapsed() > Duration::from_secs(20) {
                let log = fs::read_to_string(started.ground.path("sshd.log")).unwrap_or_default();
                println!("skipped: sshd does not start here: {}", log.trim());
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(started)
    }

    /// With a key, and what is known of the host.
    fn source(&self, key: &str, host: &str) -> GitSource {
        let folder = self.ground.path(&format!("secret-{key}-{host}"));
        fs::create_dir_all(&folder).unwrap();
        // As the kubelet mounts it: others may read it, which ssh refuses of a key of its own user.
        fs::copy(self.ground.path(key), folder.join("ssh-privatekey")).unwrap();
        fs::set_permissions(folder.join("ssh-privatekey"), fs::Permissions::from_mode(0o644)).unwrap();
        let known = fs::read_to_string(self.ground.path(&format!("{host}.pub"))).unwrap();
        let known = format!("[127.0.0.1]:{} {known}", self.port);
        fs::write(folder.join("known_hosts"), known).unwrap();
        GitSource {
            url: format!(
                "ssh://{}@127.0.0.1:{}{}",
                whoami(),
                self.port,
                self.ground.repository().display()
            ),
            credentials: Some(folder.display().to_string()),
            ..GitSource::default()
        }
    }
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_repository_is_fetched_over_ssh_from_the_host_that_is_known_and_no_other() {
    let Some(sshd) = Sshd::start() else { return };
    let fetched = |key: &str, host: &str, into: &str| {
        fetch(
            &sshd.ground.input(sshd.source(key, host), into),
            Allowed::default(),
        )
    };
    let log = || fs::read_to_string(sshd.ground.path("sshd.log")).unwrap_or_default();
    let first = fetched("user", "host", "a").unwrap_or_else(|error| unreachable!("{error}\n{}", log()));
    assert_eq!(first.commit, Some(sshd.ground.git(&["rev-parse", "HEAD"])));
    refused(
        fetched("user", "other", "b"),
        Reason::AuthenticationFailed,
        "the host's key is not the one in `known_hosts`",
    );
    refused(
        fetched("other", "host", "c"),
        Reason::AuthenticationFailed,
        "refuses the credentials",
    );
}

#[test]
fn ssh_without_a_secret_is_told_what_it_needs() {
    let ground = Ground::new();
    let source = GitSource {
        url: "git@127.0.0.1:team/nbs.git".to_owned(),
        ..GitSource::default()
    };
    refused(
        fetch(&ground.input(source, "tree"), Allowed::default()),
        Reason::AuthenticationFailed,
        "needs a Secret with `ssh-privatekey` and `known_hosts`",
    );
}
