//! A registry and an index of a team's own: behind certificates that nobody else believes, and with passwords, which
//! nothing that is printed, written or sent repeats.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use expect_test::{Expect, expect};
use nbvet_testkit::{Base, INDEX_PASSWORD, PASSWORD, PrivateIndex, Registry, RegistryOptions, USER, or_skip};
use serde_json::Value;

use crate::ground::{Ground, TEAM, TINY, json, requirements, succeeded, uv};

/// Base64 of `tester:` and the registry's password, as Docker's file has it.
pub(crate) const REGISTRY_LOGIN: &str = "dGVzdGVyOm5vdC1hLXNlY3JldA==";
/// The same for the index.
pub(crate) const INDEX_LOGIN: &str = "dGVzdGVyOnMzY3JldC9vZiB0aGVAaW5kZXg=";
/// The index's password as it stands in a URL.
pub(crate) const IN_URL: &str = "s3cret%2Fof%20the%40index";

/// Looks for texts in every file below some folders, and in what gzip has packed there.
const SEARCH: &str = r#"
import json, pathlib, sys, zlib
asked = json.load(sys.stdin)
needles = [needle.encode() for needle in asked["needles"]]
looked = 0
for folder in asked["folders"]:
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data += zlib.decompressobj(31).decompress(data)
        looked += 1
        for needle in needles:
            if needle in data or needle in str(path).encode():
                print(f"{needle.decode()} is in {path}")
print(looked, "files")
"#;

pub(crate) struct Private {
    pub(crate) ground: Ground,
    pub(crate) index: PrivateIndex,
    pub(crate) authority: String,
}

impl Private {
    pub(crate) fn new() -> Option<Self> {
        let options = RegistryOptions {
            password: true,
            tls: true,
            ..RegistryOptions::default()
        };
        let ground = Ground::with(Base::Plain, options)?;
        let index = or_skip(PrivateIndex::start(&ground.wheels, &ground.registry))?;
        let authority = ground.registry.authority().unwrap().to_str().unwrap().to_owned();
        let private = Self {
            ground,
            index,
            authority,
        };
        private.log_in(REGISTRY_LOGIN);
        fs::create_dir_all(private.ground.path("tmp")).unwrap();
        Some(private)
    }

    /// Docker's own file, where docker and podman leave it.
    fn log_in(&self, login: &str) {
        let folder = self.ground.path("home/.docker");
        fs::create_dir_all(&folder).unwrap();
        let host = self.ground.registry.host();
        let text = format!(r#"{{"auths": {{"{host}": {{"auth": "{login}"}}}}}}"#);
        fs::write(folder.join("config.json"), text).unwrap();
    }

    /// `nbvet image …` with this index and nothing of wheels here.
    fn command(&self, words: &[&str], password: &str) -> Command {
        let mut command = self.ground.command(words);
        let before = match password {
            "" => String::new(),
            password => format!("{USER}:{password}@"),
        };
        command
            .env("NBVET_INDEX_URL", self.index.url(&before))
            .env("TMPDIR", self.ground.path("tmp"));
        command
    }

    fn build(&self, further: &[&str], password: &str) -> Command {
        let into = self.ground.repository(TEAM);
        let words = [
            "image",
            "build",
            "nb.ipynb",
            "--base-image",
            &self.ground.base,
            "--repository",
            &into,
            "--kernel",
            "none",
        ];
        self.command(&[&words[..], further].concat(), password)
    }

    fn check(&self, mut command: Command, expected: &Expect) {
        let output = command.output().unwrap();
        let told = self.ground.shown(&output).replace(&self.index.host(), "[index]");
        for secret in ["s3cret", "hunter2", INDEX_LOGIN, REGISTRY_LOGIN, PASSWORD] {
            assert!(!told.contains(secret), "{told}");
        }
        expected.assert_eq(&told);
    }

    /// Fails where a password is anywhere but in the file that it was put into.
    pub(crate) fn search(&self) {
        let _ = fs::remove_dir_all(self.ground.path("home/.docker"));
        let folder = |path: &Path| path.to_str().unwrap().to_owned();
        let asked = serde_json::json!({
            "needles": [PASSWORD, INDEX_PASSWORD, IN_URL, REGISTRY_LOGIN, INDEX_LOGIN],
            "folders": [folder(&self.ground.path("")), folder(&self.ground.registry.storage())],
        });
        let mut python = Command::new("python3")
            .args(["-c", SEARCH])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = python.stdin.take().unwrap();
        input.write_all(asked.to_string().as_bytes()).unwrap();
        drop(input);
        let output = python.wait_with_output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let [found] = &told.lines().collect::<Vec<_>>()[..] else {
            panic!("{told}");
        };
        let looked: usize = found.split(' ').next().unwrap().parse().unwrap();
        assert!(looked > 50, "{told}");
        for log in [self.ground.registry.log(), self.index.log()] {
            assert!(log.contains("200"), "{log}");
            for secret in [PASSWORD, "s3cret", REGISTRY_LOGIN, INDEX_LOGIN] {
                assert!(!log.contains(secret), "{log}");
            }
        }
    }
}

#[test]
fn passwords_reach_whom_they_are_for_and_nothing_repeats_them() {
    let (Some(private), Some(uv)) = (Private::new(), uv()) else {
        return;
    };
    let ground = &private.ground;
    // Not pinned: uv asks the index too.
    ground.write("requirements.txt", "attrs\njsonpointer\nplatformdirs\nsix\n");
    let trust = ["--ca-file", &private.authority];
    let further = [&trust[..], &["--uv", &uv]].concat();
    let mut everything = String::new();
    let mut keep = |mut command: Command| -> String {
        let output = succeeded(&mut command);
        let both = [output.stdout.clone(), output.stderr].concat();
        everything += &String::from_utf8(both).unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    keep(private.build(&further, IN_URL));
    let built: Value = serde_json::from_str(&keep(
        private.build(&[&further[..], &["--format", "json"]].concat(), IN_URL),
    ))
    .unwrap();
    assert_eq!(built["reused"], true);
    let image = built["image"].as_str().unwrap();
    let name = ground.repository("team/analysis:1");
    keep(private.command(
        &[
            "image",
            "publish",
            image,
            "--to",
            &name,
            "--ca-file",
            &private.authority,
        ],
        IN_URL,
    ));
    let repository = ground.repository(TEAM);
    for format in [
        &["--format", "json"][..],
        &["--write-context", "context", "--print-dockerfile"],
    ] {
        let words = [
            "image",
            "plan",
            "nb.ipynb",
            "--base-image",
            &ground.base,
            "--repository",
            &repository,
            "--kernel",
            "none",
        ];
        keep(private.command(&[&words[..], format, &further].concat(), IN_URL));
    }
    let inspect = nbvet_testkit::skopeo()
        .args([
            "inspect",
            "--tls-verify=false",
            "--creds",
            &format!("{USER}:{PASSWORD}"),
        ])
        .arg(format!("docker://{name}"))
        .output()
        .unwrap();
    let seen: Value = serde_json::from_slice(&inspect.stdout).unwrap();
    assert_eq!(seen["Digest"], built["digest"]);
    fs::write(ground.path("work/everything.txt"), everything).unwrap();
    private.search();
}

#[test]
fn an_index_and_its_authority_in_the_configuration_of_pip_do_as_well() {
    let Some(private) = Private::new() else { return };
    let ground = &private.ground;
    ground.write("requirements.txt", &requirements(TINY));
    let url = private.index.url(&format!("{USER}:{IN_URL}@"));
    let config = ground.path("pip.conf");
    let text = format!("[global]\nindex-url = {url}\ncert = {}\n", private.authority);
    fs::write(&config, text).unwrap();
    let mut command = private.build(&["--format", "json"], "");
    command
        .env("PIP_CONFIG_FILE", &config)
        .env_remove("PIP_NO_INDEX")
        .env_remove("NBVET_INDEX_URL");
    assert_eq!(json(&mut command)["reused"], false);
    fs::remove_file(&config).unwrap();
    private.search();
}

#[test]
fn a_server_that_is_not_believed_is_told_with_what_to_do() {
    let Some(private) = Private::new() else { return };
    let Some(other) = or_skip(Registry::start(RegistryOptions {
        tls: true,
        ..RegistryOptions::default()
    })) else {
        return;
    };
    private.ground.write("requirements.txt", &requirements(TINY));
    private.check(private.build(&[], IN_URL), &expect![[r#"
        exit 2
        --- stderr
        error: [registry]/bases/plain: GET https://[registry]/v2/: the server's certificate is not believed (invalid peer certificate: UnknownIssuer)

        hint: give the file of its certificate authority (`--ca-file`), or set SSL_CERT_FILE
    "#]]);
    let wrong = other.authority().unwrap().to_str().unwrap();
    private.check(private.build(&["--ca-file", wrong], IN_URL), &expect![[r#"
        exit 2
        --- stderr
        error: [registry]/bases/plain: GET https://[registry]/v2/: the server's certificate is not believed (invalid peer certificate: BadSignature)

        hint: give the file of its certificate authority (`--ca-file`), or set SSL_CERT_FILE
    "#]]);
    private.check(
        private.build(&["--ca-file", "no.pem"], IN_URL),
        &expect![[r#"
        exit 2
        --- stderr
        error: no.pem: certificates cannot be read: No such file or directory (os error 2)
    "#]],
    );
    private.check(
        private.build(&["--ca-file", "nb.ipynb"], IN_URL),
        &expect![[r#"
            exit 2
            --- stderr
            error: nb.ipynb: certificates cannot be read: there is no PEM certificate in it (`-----BEGIN CERTIFICATE-----`)
        "#]],
    );
    // Loopback or not: where TLS is spoken, it is not left for plain http.
    let plain = private.ground.registry.requests();
    assert!(plain.iter().all(|request| request.status != 400), "{plain:?}");
}

#[test]
fn a_wrong_password_of_a_registry_or_an_index_is_told_and_not_shown() {
    let (Some(private), Some(uv)) = (Private::new(), uv()) else {
        return;
    };
    let further = ["--ca-file", private.authority.as_str(), "--uv", uv.as_str()];
    private.ground.write("requirements.txt", &requirements(TINY));
    private.check(private.build(&further, "hunter2"), &expect![[r#"
        exit 2
        --- stderr
        warning: https://[index]/simple/attrs/ wants other credentials (status 401); put them into its URL in NBVET_INDEX_URL: https://USER:PASSWORD@HOST/…; what the index tells of versions was not looked at
        byte-code [way]
        error: https://[index]/simple/attrs/ wants other credentials (status 401)

        hint: put them into its URL in NBVET_INDEX_URL: https://USER:PASSWORD@HOST/…
    "#]]);
    private.check(private.build(&further, ""), &expect![[r#"
        exit 2
        --- stderr
        warning: https://[index]/simple/attrs/ wants credentials (status 401); put them into its URL in NBVET_INDEX_URL: https://USER:PASSWORD@HOST/…; what the index tells of versions was not looked at
        byte-code [way]
        error: https://[index]/simple/attrs/ wants credentials (status 401)

        hint: put them into its URL in NBVET_INDEX_URL: https://USER:PASSWORD@HOST/…
    "#]]);
    private.ground.write("requirements.txt", "six\n");
    private.check(private.build(&further, "hunter2"), &expect![[r#"
        exit 2
        --- stderr
        warning: requirements.txt:1: `six` may install a different six tomorrow than the one you validated [NB901]; pin it: `six==1.16.0` (as in the base image), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_36 -o requirements.txt`
        error: no versions could be looked up, an index wants credentials: Because six was not found in the package registry and you require six, we can conclude that your requirements are unsatisfiable.

        hint: put them into its URL in NBVET_INDEX_URL: https://USER:PASSWORD@HOST/…
    "#]]);
    // `tester:hunter2`; the base is known by now, what is built into is not.
    private.log_in("dGVzdGVyOmh1bnRlcjI=");
    private.check(private.build(&further, IN_URL), &expect![[r#"
        exit 2
        --- stderr
        warning: requirements.txt:1: `six` may install a different six tomorrow than the one you validated [NB901]; pin it: `six==1.16.0` (as in the base image), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_36 -o requirements.txt`
        error: [registry]/team/nbvet: no access: authentication required (UNAUTHORIZED); the credentials of [folder]/home/.docker/config.json do not do for it
    "#]]);
    fs::remove_dir_all(private.ground.path("home/.docker")).unwrap();
    private.check(private.build(&further, IN_URL), &expect![[r#"
        exit 2
        --- stderr
        warning: requirements.txt:1: `six` may install a different six tomorrow than the one you validated [NB901]; pin it: `six==1.16.0` (as in the base image), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_36 -o requirements.txt`
        error: [registry]/team/nbvet: no access: there are no credentials for [registry] in [folder]/home/.docker/config.json, [folder]/run/containers/auth.json, [folder]/home/.config/containers/auth.json

        hint: `docker login [registry]` or `podman login [registry]` writes them
    "#]]);
}
