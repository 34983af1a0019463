//! The steps of the operator's pods, each a process or a container of its own, as the kubelet would start them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use nbvet_blob::{decode, read_end};
use nbvet_report::step::{
    FolderSource, SourceFrom, SourceInput, SourceLimits, StepBlob, StepBody, StepEnd, StepInput,
    ValidateInput, Validated,
};
use nbvet_testkit::{Base, Runtime};
use tempfile::TempDir;

/// The folders and files that containers of a pod share.
pub(crate) struct Pod {
    folder: TempDir,
}

/// What a step left behind.
pub(crate) struct Left {
    pub(crate) end: StepEnd,
    pub(crate) log: Vec<u8>,
    pub(crate) code: Option<i32>,
}

impl Left {
    pub(crate) fn body(&self) -> StepBody {
        let blob = self
            .end
            .blob
            .as_ref()
            .unwrap_or_else(|| unreachable!("{:?}", self.end));
        let blob: StepBlob = decode(&self.log, blob).unwrap();
        assert_eq!(blob.version, nbvet_report::step::STEP_VERSION);
        blob.body
    }

    pub(crate) fn validated(&self) -> Validated {
        match self.body() {
            StepBody::Validated(validated) => *validated,
            other => unreachable!("{other:?}"),
        }
    }
}

impl Pod {
    /// With a source that holds these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pod = Self { folder };
        for name in ["source", "tree", "work", "agent", "end", "input", "nbvet"] {
            fs::create_dir(pod.path(name)).unwrap();
            // As the kubelet makes them.
            fs::set_permissions(pod.path(name), fs::Permissions::from_mode(0o777)).unwrap();
        }
        fs::set_permissions(pod.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for (name, text) in files {
            let path = pod.path("source").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        pod
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn write_input(&self, input: &StepInput) {
        let text = serde_json::to_string(input).unwrap();
        fs::write(self.path("input/input.json"), text).unwrap();
    }

    /// The source of the pod's files, for these folders.
    pub(crate) fn source(&self, path: &str, into: &[&str]) -> SourceInput {
        SourceInput {
            from: SourceFrom::Folder(FolderSource {
                folder: self.text("source"),
            }),
            path: path.to_owned(),
            into: into.iter().map(|name| self.text(name)).collect(),
            limits: SourceLimits::default(),
        }
    }

    /// A step as a process of this machine.
    pub(crate) fn command(&self, step: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nbvet"));
        command
            .args(["step", step, "--termination-log"])
            .arg(self.path("end/log"))
            .env("HOME", self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("PIP_NO_INDEX", "true")
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("NO_PROXY", "*")
            .env("no_proxy", "*")
            .env_remove("RUST_BACKTRACE");
        if step == "install" {
            command.arg("--into").arg(self.path("nbvet"));
        } else {
            command.arg("--input").arg(self.path("input/input.json"));
        }
        command
    }

    pub(crate) fn step(&self, step: &str) -> Left {
        let output = self.command(step).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "",
            "nothing but the result is said"
        );
        self.left(&output)
    }

    pub(crate) fn left(&self, output: &Output) -> Left {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let text =
            fs::read_to_string(self.path("end/log")).unwrap_or_else(|error| unreachable!("{error}: {said}"));
        fs::remove_file(self.path("end/log")).unwrap();
        Left {
            end: read_end(&text).unwrap(),
            log: output.stdout.clone(),
            code: output.status.code(),
        }
    }

    /// What `validate` is told where all is on this machine.
    pub(crate) fn wish(&self, path: &str) -> ValidateInput {
        ValidateInput {
            socket: self.text("agent/socket"),
            patience: Some(60),
            tree: self.text("tree"),
            path: path.to_owned(),
            agent_tree: self.text("work"),
            ..ValidateInput::default()
        }
    }

    /// As the init containers leave it.
    pub(crate) fn fetched(&self, wish: ValidateInput) {
        self.write_input(&StepInput {
            version: 1,
            source: Some(self.source(&wish.path, &["tree", "work"])),
            validate: Some(wish),
            ..StepInput::default()
        });
        let fetched = self.step("fetch");
        assert_eq!(fetched.code, Some(0), "{:?}", fetched.end);
    }

    /// Fetches, starts an agent on this machine and validates.
    pub(crate) fn validated(&self, wish: ValidateInput, python: &str) -> Left {
        self.validated_until(wish, python, |_| {})
    }

    /// The same, with something that happens meanwhile.
    pub(crate) fn validated_until(
        &self,
        wish: ValidateInput,
        python: &str,
        meanwhile: impl FnOnce(&Child),
    ) -> Left {
        self.fetched(wish);
        let mut agent = self.agent(python);
        let mut step = self.command("validate");
        let step = step
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        meanwhile(&step);
        let left = self.left(&step.wait_with_output().unwrap());
        // Where nobody came to it, it would wait for ever.
        let _ = agent.kill();
        let _ = agent.wait();
        left
    }

    /// Waits until a file is there.
    pub(crate) fn wait_for(&self, name: &str) {
        let since = Instant::now();
        while !self.path(name).exists() {
            assert!(since.elapsed() < Duration::from_mins(3), "{name} does not come");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// An agent of this machine, as the user's container has it, with a Python by its name.
    pub(crate) fn agent(&self, python: &str) -> Child {
        let folder = self.path("bin");
        fs::create_dir_all(&folder).unwrap();
        let _ = std::os::unix::fs::symlink(python, folder.join("python3"));
        Command::new(env!("CARGO_BIN_EXE_nbvet"))
            .args(["agent", "--listen"])
            .arg(self.path("agent/socket"))
            .current_dir(self.path("work"))
            .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
            .env_remove("VIRTUAL_ENV")
            .env_remove("CONDA_PREFIX")
            .stdin(Stdio::null())
            .stdout(fs::File::create(self.path("notebook.log")).unwrap())
            .spawn()
            .unwrap()
    }

    /// The log of the container that [`Self::agent`] stands for.
    pub(crate) fn log_of_notebook(&self) -> String {
        fs::read_to_string(self.path("notebook.log")).unwrap()
    }
}

/// Two containers that share nothing but folders: no network, no rights, nothing to write to but the folders, under a user
/// that the image does not know; the trusted one is another user of the same group.
pub(crate) struct Containers {
    pub(crate) pod: Pod,
    runtime: Runtime,
    image: String,
    name: String,
}

impl Containers {
    /// Fetched and installed, as the init containers leave it.
    pub(crate) fn new(runtime: &Runtime, files: &[(&str, &str)], path: &str) -> Self {
        let pod = Pod::new(files);
        let wish = ValidateInput {
            socket: "/agent/socket".to_owned(),
            patience: Some(120),
            tree: "/tree".to_owned(),
            path: path.to_owned(),
            agent_tree: "/work".to_owned(),
            image: Some(format!("registry.example/team/image@sha256:{}", "0".repeat(64))),
            ..ValidateInput::default()
        };
        pod.write_input(&StepInput {
            version: 1,
            source: Some(pod.source(path, &["tree", "work"])),
            validate: Some(wish),
            ..StepInput::default()
        });
        for step in ["fetch", "install"] {
            let left = pod.step(step);
            assert_eq!(left.code, Some(0), "{:?}", left.end);
        }
        open_up(&pod.path("work"));
        Self {
            image: runtime.load(Base::Plain).unwrap(),
            runtime: runtime.clone(),
            name: format!(
                "nbvet-test-{}",
                pod.folder
                    .path()
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .replace('.', "")
            ),
            pod,
        }
    }

    fn container(&self, user: &str, volumes: &[&str]) -> Command {
        let mut podman = self.runtime.podman();
        podman.args([
            "run",
            "--rm",
            "--network",
            "none",
            "--pull",
            "never",
            "--read-only",
        ]);
        podman.args(["--user", user, "--cap-drop", "all"]);
        podman.args(["--security-opt", "no-new-privileges"]);
        podman.args(["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]);
        podman.args(["--env", "HOME=/tmp", "--entrypoint", "/nbvet/nbvet"]);
        podman.args(["--volume", &format!("{}:/nbvet:ro", self.pod.text("nbvet"))]);
        podman.args(["--volume", &format!("{}:/agent", self.pod.text("agent"))]);
        for volume in volumes {
            let (name, options) = volume.split_once(':').unwrap_or((volume, "rw"));
            podman.args(["--volume", &format!("{}:/{name}:{options}", self.pod.text(name))]);
        }
        podman
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        podman
    }

    /// The user's container: their image, with the agent as its first process.
    pub(crate) fn start_user(&self) -> Child {
        let mut podman = self.container("12345:12345", &["work"]);
        podman.args(["--name", &self.name, "--env", "NBVET_ASSETS=/nbvet/assets"]);
        podman.args([&self.image, "agent", "--listen", "/agent/socket"]);
        podman.spawn().unwrap()
    }

    /// Ends the user's container from outside, as a node does that runs out of something.
    pub(crate) fn kill_user(&self) {
        let killed = self
            .runtime
            .podman()
            .args(["kill", "--signal", "KILL", &self.name])
            .output();
        assert!(killed.unwrap().status.success());
    }

    /// The trusted container, started beside it.
    pub(crate) fn start_host(&self) -> Child {
        let mut podman = self.container("23456:12345", &["tree:ro", "input:ro", "end"]);
        podman.args([&self.image, "step", "validate", "--input", "/input/input.json"]);
        podman.args(["--termination-log", "/end/log"]);
        podman.spawn().unwrap()
    }

    /// Both to their end: what the trusted one left, and what the user's one printed.
    pub(crate) fn validated(&self) -> (Left, Output) {
        let user = self.start_user();
        let host = self.start_host().wait_with_output().unwrap();
        let user = user.wait_with_output().unwrap();
        (self.pod.left(&host), user)
    }
}

/// The tree was fetched by another user than the one that the containers run under; in a pod it is one.
fn open_up(folder: &std::path::Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            open_up(&entry.path());
        }
    }
}
