//! podman, buildah and skopeo with storage and configuration of the tests' own: the machine's are left as they are.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use crate::{Base, Error, PASSWORD, Registry, Result, USER, bases, child};

/// How a container is run. By default: under a uid that the image does not know, as OpenShift gives one; nothing to
/// read; no network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<'a> {
    /// `UID:GID`; `None`: as the image says.
    pub user: Option<&'a str>,
    /// The image's files cannot be written; `/tmp` can.
    pub read_only: bool,
    /// Folders of the host, to be seen in the container: `HOST:CONTAINER` or `HOST:CONTAINER:ro`.
    pub volumes: &'a [String],
    /// `NAME=VALUE`.
    pub env: &'a [&'a str],
    /// What the command reads.
    pub input: &'a [u8],
}

impl Default for Run<'_> {
    fn default() -> Self {
        Self {
            user: Some("12345:0"),
            read_only: false,
            volumes: &[],
            env: &[],
            input: b"",
        }
    }
}

/// A container runtime that was tried out on this machine.
#[derive(Debug, Clone)]
pub struct Runtime {
    folder: PathBuf,
}

impl Runtime {
    /// The runtime, tried once in each test process with the plain base image.
    pub fn find() -> Result<Self> {
        static TRIED: OnceLock<std::result::Result<Runtime, String>> = OnceLock::new();
        // So that what is missing for the image is told as that.
        bases::layout()?;
        let tried = TRIED.get_or_init(|| Self::try_out().map_err(|error| error.to_string()));
        tried.clone().map_err(|why| Error::Missing {
            what: "podman".to_owned(),
            why: format!("cannot run a container here: {why}"),
        })
    }

    fn try_out() -> Result<Self> {
        let runtime = Self::new()?;
        let image = runtime.load(Base::Plain)?;
        let output = runtime.run(
            &image,
            &Run::default(),
            &["/usr/bin/python3", "-c", "print(6 * 7)"],
        )?;
        match &output.stdout[..] {
            b"42\n" => Ok(runtime),
            _ => Err(Error::Other(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            )),
        }
    }

    fn new() -> Result<Self> {
        let folder = cache().join("containers");
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            // Many test processes write the same at once: each file is whole at every moment.
            let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(Error::file(&path))?;
            file.write_all(text.as_bytes()).map_err(Error::file(&path))?;
            file.persist(&path)
                .map_err(|error| Error::file(&path)(error.error))
                .map(drop)
        };
        write(
            "registries.conf",
            "unqualified-search-registries = []\n[[registry]]\nlocation = \"127.0.0.1\"\ninsecure = true\n",
        )?;
        write(
            "policy.json",
            r#"{"default": [{"type": "insecureAcceptAnything"}]}"#,
        )?;
        // podman refuses a configuration without its folders, though it is given them too.
        let at = folder.display();
        write(
            "storage.conf",
            &format!("[storage]\ndriver = \"overlay\"\nrunroot = '{at}/run'\ngraphroot = '{at}/root'\n"),
        )?;
        Ok(Self { folder })
    }

    /// podman with the tests' storage; give it a subcommand.
    pub fn podman(&self) -> Command {
        let mut podman = self.with_storage("podman");
        // crun refuses machines with hybrid cgroups.
        podman.args([
            "--runtime",
            "runc",
            "--cgroup-manager",
            "cgroupfs",
            "--events-backend",
            "none",
        ]);
        podman.arg("--tmpdir").arg(self.folder.join("tmp"));
        podman
    }

    /// buildah with the tests' storage; give it a subcommand. Builds need `--isolation chroot`.
    pub fn buildah(&self) -> Command {
        self.with_storage("buildah")
    }

    fn with_storage(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .arg("--root")
            .arg(self.folder.join("root"))
            .arg("--runroot")
            .arg(self.folder.join("run"))
            .args(["--storage-driver", "overlay"])
            .env("CONTAINERS_REGISTRIES_CONF", self.folder.join("registries.conf"))
            .env("CONTAINERS_STORAGE_CONF", self.folder.join("storage.conf"))
            .stdin(Stdio::null());
        without_proxy(&mut command);
        command
    }

    /// Puts a base image into the storage, so that images upon it are pulled without its layers; its name there.
    pub fn load(&self, base: Base) -> Result<String> {
        let digest = base.digest()?;
        let short = digest.trim_start_matches("sha256:").get(..16).unwrap_or_default();
        let name = format!("localhost/nbvet-base-{}:{short}", base.name());
        let mut exists = self.podman();
        if child::run(exists.args(["image", "exists", &name]), "podman").is_err() {
            let source = format!("oci:{}:{}", bases::layout()?.display(), base.name());
            child::run(
                skopeo().args(["copy", "--quiet", &source, &self.in_storage(&name)]),
                "skopeo",
            )?;
        }
        Ok(name)
    }

    /// The storage as skopeo names it.
    fn in_storage(&self, name: &str) -> String {
        let (root, run) = (self.folder.join("root"), self.folder.join("run"));
        format!(
            "containers-storage:[overlay@{}+{}]{name}",
            root.display(),
            run.display()
        )
    }

    /// Pulls an image by reference and digest. It leaves the storage with the value.
    pub fn pull(&self, registry: &Registry, reference: &str) -> Result<Pulled> {
        let mut podman = self.podman();
        podman.args([
            "pull",
            "--quiet",
            "--tls-verify=false",
            "--creds",
            &format!("{USER}:{PASSWORD}"),
        ]);
        if let Some(authority) = registry.authority().and_then(Path::parent) {
            podman.arg("--cert-dir").arg(authority);
        }
        child::run(podman.arg(reference), "podman")?;
        Ok(Pulled {
            runtime: self.clone(),
            reference: reference.to_owned(),
        })
    }

    /// Builds a folder's `Dockerfile` by buildah, as a cluster without privileges would, and pushes the image, which
    /// stays in the storage only until the push is done.
    pub fn build(&self, folder: &Path, reference: &str, options: &[&str]) -> Result<()> {
        let mut build = self.buildah();
        build
            .args(["bud", "--isolation", "chroot", "--pull-never", "--tag", reference])
            .args(options);
        child::run(build.arg(folder), "buildah")?;
        let mut push = self.buildah();
        let pushed = child::run(
            push.args(["push", "--quiet", "--tls-verify=false", reference]),
            "buildah",
        );
        let mut remove = self.buildah();
        child::run(remove.args(["rmi", reference]), "buildah")?;
        pushed.map(drop)
    }

    /// Runs a command in an image of the storage; its output, whatever its status.
    pub fn run(&self, image: &str, run: &Run<'_>, command: &[&str]) -> Result<Output> {
        let mut podman = self.podman();
        podman.args([
            "run",
            "--rm",
            "--interactive",
            "--network",
            "none",
            "--pull",
            "never",
        ]);
        // Without the right to raise limits, neither podman's defaults nor the host's can be set.
        podman.args(["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]);
        podman.args(run.user.iter().flat_map(|user| ["--user", user]));
        podman.args(run.read_only.then_some("--read-only"));
        podman.args(run.env.iter().flat_map(|pair| ["--env", pair]));
        podman.args(run.volumes.iter().flat_map(|volume| ["--volume", volume]));
        podman
            .arg("--entrypoint")
            .arg(command.first().copied().unwrap_or_default());
        podman.arg(image).args(command.get(1..).unwrap_or_default());
        let missing = child::missing("podman", "podman");
        let mut started = podman
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(missing)?;
        let (input, bytes) = (started.stdin.take(), run.input.to_owned());
        // Written beside: what the command prints meanwhile must be read.
        let writer = std::thread::spawn(move || input.map(|mut input| input.write_all(&bytes)));
        let output = started.wait_with_output().map_err(Error::file("podman"))?;
        let _ = writer.join();
        Ok(output)
    }
}

/// An image in the storage, taken out of it at the end; layers that it shares with a base image stay.
#[derive(Debug)]
pub struct Pulled {
    runtime: Runtime,
    reference: String,
}

impl Pulled {
    /// Runs a command in it.
    pub fn run(&self, run: &Run<'_>, command: &[&str]) -> Result<Output> {
        self.runtime.run(&self.reference, run, command)
    }

    /// What a Python program prints in it, run by `interpreter`.
    pub fn python(&self, run: &Run<'_>, interpreter: &str, program: &str) -> Result<String> {
        let output = self.run(run, &[interpreter, "-c", program])?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let shown = [&output.stdout[..], &output.stderr[..]].concat();
        Err(Error::Other(format!(
            "{interpreter} in {}: {}",
            self.reference,
            String::from_utf8_lossy(&shown)
        )))
    }
}

impl Drop for Pulled {
    fn drop(&mut self) {
        let mut podman = self.runtime.podman();
        let _ = podman.args(["image", "rm", "--force", &self.reference]).output();
    }
}

/// skopeo with the tests' configuration; give it a subcommand.
pub fn skopeo() -> Command {
    let mut command = Command::new("skopeo");
    command.arg("--insecure-policy").stdin(Stdio::null());
    without_proxy(&mut command);
    command
}

/// All is on loopback: a proxy of the machine has no say.
fn without_proxy(command: &mut Command) {
    command.env("NO_PROXY", "*").env("no_proxy", "*");
}

/// The folder for what is made once on a machine.
pub(crate) fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let set = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty());
    set.map_or_else(home, PathBuf::from).join("nbvet")
}
