//! buildah, as a build's container has it: storage, configuration and credentials of this build alone, in its own folder.
//! What it prints is a repository's, and goes nowhere but, in part, into the message of a build that failed.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
};

use nbvet_deps::ImageReference;
use nbvet_image::{programs::program, reason::Cause};
use nbvet_report::{Reason, step::RegistryInput};
use serde_json::{Map, Value, json};

/// Bytes of the end of what it prints that are told: the rest is hardly about the failure.
const TOLD: usize = 700;
/// Bytes of a file with credentials.
const LARGEST: u64 = 1 << 20;

/// buildah with a folder for all that it keeps.
pub(super) struct Buildah<'b> {
    program: PathBuf,
    folder: &'b Path,
}

/// What is built.
pub(super) struct Bud<'b> {
    pub(super) context: &'b Path,
    pub(super) dockerfile: &'b Path,
    pub(super) target: Option<&'b str>,
    pub(super) platform: &'b str,
    pub(super) labels: BTreeMap<&'static str, String>,
    /// Files by the names under which the Dockerfile mounts them.
    pub(super) secrets: Vec<(&'static str, PathBuf)>,
}

/// Why it did not do what it was asked for.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) cause: Cause,
    pub(super) message: String,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self {
            cause: (Reason::InternalError, true),
            message: format!("buildah cannot be run: {error}"),
        }
    }
}

impl<'b> Buildah<'b> {
    /// With the registries of a step. `folder` is empty, and goes when the build is over.
    pub(super) fn new(folder: &'b Path, registry: &RegistryInput) -> Result<Self, Failed> {
        let program = program("buildah").ok_or_else(|| Failed {
            cause: (Reason::InternalError, false),
            message: "there is no buildah in this container: the trusted image has to hold it".to_owned(),
        })?;
        for name in ["home", "tmp", "certificates"] {
            fs::create_dir(folder.join(name))?;
        }
        fs::write(
            folder.join("policy.json"),
            r#"{"default": [{"type": "insecureAcceptAnything"}]}"#,
        )?;
        fs::write(folder.join("registries.conf"), registries(registry))?;
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\nrunroot = '{at}/run'\ngraphroot = '{at}/root'\n",
            at = folder.display()
        );
        fs::write(folder.join("storage.conf"), storage)?;
        for (number, file) in registry.ca_files.iter().enumerate() {
            // A file that is not there tells that nobody is to be trusted besides the system's.
            if Path::new(file).exists() {
                fs::copy(file, folder.join(format!("certificates/{number}.crt")))?;
            }
        }
        secret(
            &folder.join("auth.json"),
            &logins(&registry.auth_files)?.to_string(),
        )?;
        Ok(Self { program, folder })
    }

    fn command(&self) -> Command {
        let at = |name: &str| self.folder.join(name);
        let mut command = Command::new(&self.program);
        // Proxies are the machine's to name; nothing else of this process is the build's.
        let kept = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy().to_ascii_lowercase();
            name == "path" || name.ends_with("_proxy")
        });
        command
            .env_clear()
            .envs(kept)
            .env("HOME", at("home"))
            .env("TMPDIR", at("tmp"))
            .env("XDG_RUNTIME_DIR", at("tmp"))
            .env("CONTAINERS_REGISTRIES_CONF", at("registries.conf"))
            .env("CONTAINERS_STORAGE_CONF", at("storage.conf"))
            .args(["--storage-driver", "vfs", "--root"])
            .arg(at("root"))
            .arg("--runroot")
            .arg(at("run"))
            .stdin(Stdio::null());
        command
    }

    fn to_registries(&self, command: &mut Command) {
        command.arg("--authfile").arg(self.folder.join("auth.json"));
        command.arg("--cert-dir").arg(self.folder.join("certificates"));
        command
            .arg("--signature-policy")
            .arg(self.folder.join("policy.json"));
    }

    /// Takes an image by its digest, to be known by its name from then on: the name may be another image in a moment.
    pub(super) fn take(&self, image: &ImageReference, digest: &nbvet_deps::Digest) -> Result<(), Failed> {
        let pinned = image.clone().pinned(digest.clone()).to_string();
        let mut pull = self.command();
        pull.args(["pull", "--quiet"]);
        self.to_registries(&mut pull);
        pull.arg(format!("docker://{}", by_digest_alone(&pinned)));
        run(pull, "take a base image")?;
        if image.digest().is_some() {
            return Ok(());
        }
        let mut tag = self.command();
        tag.args(["tag", &by_digest_alone(&pinned), &image.to_string()]);
        run(tag, "name a base image")
    }

    /// Builds, into a layout of OCI at a folder.
    pub(super) fn bud(&self, bud: &Bud<'_>, layout: &Path) -> Result<(), Failed> {
        const NAME: &str = "localhost/nbvet:built";
        let mut build = self.command();
        build.args([
            "bud",
            "--isolation",
            "chroot",
            "--format",
            "oci",
            "--layers=false",
        ]);
        build.args(["--pull=false", "--timestamp", "0", "--identity-label=false"]);
        self.to_registries(&mut build);
        build.args(["--platform", bud.platform, "--tag", NAME]);
        if let Some(target) = bud.target {
            build.args(["--target", target]);
        }
        for (name, value) in &bud.labels {
            build.args(["--label", &format!("{name}={value}")]);
        }
        for (id, file) in &bud.secrets {
            build.args(["--secret", &format!("id={id},src={}", file.display())]);
        }
        build.arg("--file").arg(bud.dockerfile).arg(bud.context);
        run(build, "build the image")?;
        let mut push = self.command();
        push.args(["push", "--quiet", "--format", "oci", "--signature-policy"]);
        push.arg(self.folder.join("policy.json"));
        push.args([NAME, &format!("oci:{}:built", layout.display())]);
        run(push, "write the image down")
    }
}

/// A name with tag and digest is none for buildah.
fn by_digest_alone(pinned: &str) -> String {
    let Some((name, digest)) = pinned.split_once('@') else {
        return pinned.to_owned();
    };
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let name = match name[start..].find(':') {
        Some(colon) => &name[..start + colon],
        None => name,
    };
    format!("{name}@{digest}")
}

/// Plain http is spoken to loopback and to whom it is allowed for.
fn registries(registry: &RegistryInput) -> String {
    let mut text =
        "unqualified-search-registries = [\"docker.io\"]\nshort-name-mode = \"disabled\"\n".to_owned();
    let loopback = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
    let certified = registry.ca_files.iter().any(|file| Path::new(file).exists());
    // Where somebody is to be trusted, TLS is spoken, on loopback too.
    let loopback = loopback.iter().filter(|_| !certified);
    for host in registry.insecure_hosts.iter().chain(loopback) {
        let host = Value::String(host.clone());
        let _ = writeln!(text, "[[registry]]\nlocation = {host}\ninsecure = true");
    }
    text
}

/// The entries of all files, the first that names a registry first.
fn logins(files: &[String]) -> Result<Value, Failed> {
    let mut all = Map::new();
    for file in files {
        let path = Path::new(file);
        let within = ["config.json", ".dockerconfigjson"].map(|name| path.join(name));
        let path = within
            .iter()
            .find(|file| file.is_file())
            .map_or(path, PathBuf::as_path);
        let mut text = String::new();
        fs::File::open(path)?.take(LARGEST).read_to_string(&mut text)?;
        let config: Value = serde_json::from_str(&text).map_err(|_| Failed {
            cause: (Reason::AuthenticationFailed, false),
            message: format!("{}: it is no JSON of docker's form", path.display()),
        })?;
        for (registry, login) in config["auths"].as_object().into_iter().flatten() {
            all.entry(registry.clone()).or_insert_with(|| in_base64(login));
        }
    }
    Ok(json!({ "auths": all }))
}

/// Of name and password buildah reads the joined form alone.
fn in_base64(login: &Value) -> Value {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    match (login["username"].as_str(), login["password"].as_str()) {
        (Some(user), Some(password)) => json!({"auth": STANDARD.encode(format!("{user}:{password}"))}),
        _ => login.clone(),
    }
}

/// A file that only this user reads.
pub(super) fn secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// Runs it to its end, and keeps the end of what it prints.
fn run(mut command: Command, what: &str) -> Result<(), Failed> {
    let (mut reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // It holds the other ends of the pipe.
    drop(command);
    let told = thread::spawn(move || last(&mut reader));
    let status = child.wait()?;
    let told = told.join().unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    Err(failed(what, status, &told))
}

fn last(reader: &mut impl io::Read) -> String {
    let mut kept: VecDeque<u8> = VecDeque::new();
    let mut buffer = [0; 8192];
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        kept.extend(&buffer[..read]);
        let more = kept.len().saturating_sub(16 << 10);
        kept.drain(..more);
    }
    String::from_utf8_lossy(kept.make_contiguous()).into_owned()
}

fn failed(what: &str, status: ExitStatus, told: &str) -> Failed {
    let told = nbvet_deps::masked(told).into_owned();
    let lines: Vec<&str> = told.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.last().copied().unwrap_or_default().to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| last.contains(words));
    let cause = if says(&["unauthorized", "authentication required", "denied: "]) {
        (Reason::AuthenticationFailed, false)
    } else if says(&["manifest unknown", "name unknown", "no image found"]) {
        (Reason::BaseImageNotFound, false)
    } else if says(&[
        "connection refused",
        "i/o timeout",
        "tls handshake timeout",
        "connection reset",
        "no such host",
    ]) {
        (Reason::Unreachable, true)
    } else {
        (Reason::BuildFailed, false)
    };
    let mut end = lines.join(" | ");
    if end.len() > TOLD {
        let from = (end.len() - TOLD..end.len()).find(|place| end.is_char_boundary(*place));
        end = format!("…{}", &end[from.unwrap_or(end.len())..]);
    }
    Failed {
        cause,
        message: format!("buildah did not {what} ({status}): {end}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn s8_what_buildah_says_last_tells_whether_it_is_tried_again() {
        let cause = |told: &str| failed("build the image", ExitStatus::from_raw(1 << 8), told).cause;
        assert_eq!(
            cause("STEP 1/2\nerror: exit status 3\n"),
            (Reason::BuildFailed, false)
        );
        assert_eq!(
            cause("Error: pinging: dial tcp 10.0.0.1:443: connect: connection refused\n\n"),
            (Reason::Unreachable, true)
        );
        assert_eq!(
            cause("Error: reading manifest 1: unauthorized: no\n"),
            (Reason::AuthenticationFailed, false)
        );
        // What a command printed before is not buildah's word.
        assert_eq!(
            cause("connection refused\nError: exit status 1\n"),
            (Reason::BuildFailed, false)
        );
    }

    #[test]
    fn the_end_of_what_it_prints_is_told_and_no_password_of_an_address() {
        let told = format!(
            "{}\nfetching https://alice:hunter2@index.example/simple\nError: no\n",
            "é".repeat(5000)
        );
        let message = failed("build the image", ExitStatus::from_raw(1 << 8), &told).message;
        assert!(
            message.len() < 900 && message.ends_with(" | Error: no"),
            "{message}"
        );
        assert!(!message.contains("hunter2"), "{message}");
        assert!(last(&mut told.as_bytes()).len() <= 16 << 10);
    }

    #[test]
    fn a_name_with_tag_and_digest_becomes_one_with_the_digest_alone() {
        for (pinned, expected) in [
            ("registry:5000/a/b:1@sha256:00", "registry:5000/a/b@sha256:00"),
            ("registry:5000/a/b@sha256:00", "registry:5000/a/b@sha256:00"),
            (
                "docker.io/library/python:3.12@sha256:00",
                "docker.io/library/python@sha256:00",
            ),
        ] {
            assert_eq!(by_digest_alone(pinned), expected);
        }
    }

    #[test]
    fn the_first_file_that_names_a_registry_wins_and_logins_take_buildahs_form() {
        let folder = tempfile::tempdir().unwrap();
        let written = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let files = [
            written("a", r#"{"auths": {"one": {"username": "u", "password": "p"}}}"#),
            written(
                "b",
                r#"{"auths": {"one": {"auth": "eDp5"}, "two": {"auth": "eDp5"}}}"#,
            ),
        ];
        assert_eq!(
            logins(&files).unwrap_or_else(|failed| unreachable!("{failed:?}")),
            json!({"auths": {"one": {"auth": "dTpw"}, "two": {"auth": "eDp5"}}})
        );
    }
}
