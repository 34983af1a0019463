//! A registry with base images, a folder with a notebook and its requirements, and the binary called in it.

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use nbvet_image::{
    assemble::Shelf,
    http::{Http, HttpOptions, Proxies},
    registry::{Credentials, Registries},
};
use nbvet_testkit::{Base, Lock, Pulled, Registry, RegistryOptions, Runtime, or_skip};
use serde_json::Value;
use tempfile::TempDir;

/// What most tests install: what the bases hold in older versions, programs of both kinds, a kernel as data files.
pub(crate) const SMALL: &[&str] = &[
    "attrs",
    "ipykernel",
    "jsonpointer",
    "jupyter-core",
    "numpy",
    "pandas",
    "platformdirs",
    "python-dateutil",
    "pytz",
    "six",
    "traitlets",
    "tzdata",
];

/// Packages that are made in a moment.
pub(crate) const TINY: &[&str] = &["attrs", "jsonpointer", "platformdirs", "six"];

/// Where tests build into.
pub(crate) const TEAM: &str = "team/nbvet";

pub(crate) struct Ground {
    pub(crate) registry: Registry,
    folder: TempDir,
    pub(crate) wheels: PathBuf,
    pub(crate) base: String,
    /// A kernel is added where there is none, as without an option.
    pub(crate) kernel: bool,
}

/// The lines of the testkit's lock for these packages.
pub(crate) fn requirements(names: &[&str]) -> String {
    let text = fs::read_to_string(Lock::Test.path()).unwrap();
    let mut out = String::new();
    let mut wanted = false;
    for line in text.lines() {
        if let Some((name, _)) = line.split_once("==") {
            wanted = names.contains(&name);
        }
        if wanted {
            out += line;
            out.push('\n');
        }
    }
    for name in names {
        assert!(out.contains(&format!("{name}==")), "{name} is not in the lock");
    }
    out
}

/// A notebook of one code cell.
pub(crate) fn notebook(source: &str) -> String {
    let lines: Vec<_> = source.split_inclusive('\n').collect();
    serde_json::json!({
        "cells": [{
            "cell_type": "code", "id": "cell-0", "metadata": {}, "execution_count": null, "outputs": [],
            "source": lines,
        }],
        "metadata": { "language_info": { "name": "python" } }, "nbformat": 4, "nbformat_minor": 5,
    })
    .to_string()
}

impl Ground {
    /// With a base image; `None`: this machine cannot, and that was said.
    pub(crate) fn new(base: Base) -> Option<Self> {
        Self::with(base, RegistryOptions::default())
    }

    pub(crate) fn with(base: Base, options: RegistryOptions) -> Option<Self> {
        let registry = or_skip(Registry::start(options))?;
        let wheels = or_skip(Lock::Test.wheels())?;
        let base = or_skip(base.push(&registry))?;
        let folder = tempfile::tempdir().unwrap();
        let ground = Self {
            registry,
            folder,
            wheels,
            base,
            kernel: false,
        };
        Some(ground.file("nb.ipynb", &notebook("import six\nassert six.PY3")))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the notebook.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path("work").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// `HOST/team/nbvet`, or another repository.
    pub(crate) fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }

    /// The binary, beside the notebook, with a cache of this test's own and nothing of the caller's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.path("work"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["PIP_", "UV_", "NBVET_", "DOCKER_", "REGISTRY_"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
            {
                command.env_remove(&name);
            }
        }
        for name in ["VIRTUAL_ENV", "CONDA_PREFIX", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("PIP_CONFIG_FILE", "/dev/null")
            // Packages are only where the test put them.
            .env("PIP_NO_INDEX", "true")
            .env("NO_PROXY", "*")
            .env("no_proxy", "*");
        command
    }

    /// What `plan` and `build` share: the base, and the wheels of the testkit.
    pub(crate) fn sources(&self) -> Vec<String> {
        let mut words = vec![
            "nb.ipynb",
            "--base-image",
            &self.base,
            "--find-links",
            self.wheels.to_str().unwrap(),
        ];
        if !self.kernel {
            words.extend(["--kernel", "none"]);
        }
        words.into_iter().map(str::to_owned).collect()
    }

    /// The kernel's wheels are among the packages too, and one is added where there is none.
    pub(crate) fn with_kernel(mut self) -> Option<Self> {
        let added = or_skip(Lock::Added.wheels())?;
        let folder = self.path("all-wheels");
        fs::create_dir(&folder).unwrap();
        for of in [&self.wheels, &added] {
            for entry in fs::read_dir(of).unwrap() {
                let entry = entry.unwrap();
                let to = folder.join(entry.file_name());
                if !to.exists() && fs::hard_link(entry.path(), &to).is_err() {
                    fs::copy(entry.path(), &to).unwrap();
                }
            }
        }
        self.wheels = folder;
        self.kernel = true;
        Some(self)
    }

    /// `nbvet image build` into a repository, with further words.
    pub(crate) fn build(&self, repository: &str, further: &[&str]) -> Command {
        let sources = self.sources();
        let mut words = vec!["image", "build"];
        words.extend(sources.iter().map(String::as_str));
        let into = self.repository(repository);
        words.extend(["--repository", &into]);
        words.extend(further);
        self.command(&words)
    }

    /// Builds, and gives the result as JSON.
    pub(crate) fn built(&self, further: &[&str]) -> Value {
        json(&mut self.build(TEAM, &[further, &["--format", "json"]].concat()))
    }

    /// Exit code, stdout and stderr, with what differs from run to run taken out.
    pub(crate) fn shown(&self, output: &Output) -> String {
        let mut text = format!("exit {}\n", output.status.code().unwrap());
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                let _ = write!(text, "--- {name}\n{}", String::from_utf8_lossy(bytes));
            }
        }
        let text = text
            .replace(&self.registry.host(), "[registry]")
            .replace(self.wheels.to_str().unwrap(), "[wheels]")
            .replace(self.folder.path().to_str().unwrap(), "[folder]");
        masked(&text)
    }
}

/// The uv of `make setup`, or that of this machine.
pub(crate) fn uv() -> Option<String> {
    let ours = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/uv");
    let found = if ours.exists() { ours } else { PathBuf::from("uv") };
    if Command::new(&found).arg("--version").output().is_err() {
        println!("skipped: no uv (make setup)");
        return None;
    }
    Some(found.to_str().unwrap().to_owned())
}

/// A repository of a registry that speaks plain http, asked as nbvet asks it.
pub(crate) fn shelf(repository: &str) -> Shelf {
    let http = Http::new(HttpOptions {
        proxies: Proxies::none(),
        ..HttpOptions::default()
    });
    let registries = Registries::new(http.unwrap(), Credentials::none());
    Shelf::of(&registries, &repository.parse().unwrap())
}

fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_nbvet"))
}

/// The output of a command that must succeed.
pub(crate) fn succeeded(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?} {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// What a command that must succeed printed as JSON.
pub(crate) fn json(command: &mut Command) -> Value {
    serde_json::from_slice(&succeeded(command).stdout).unwrap()
}

/// The image in podman's storage, of which the base's layers were there.
pub(crate) fn pulled(runtime: &Runtime, base: Base, registry: &Registry, image: &str) -> Pulled {
    runtime.load(base).unwrap();
    runtime.pull(registry, image).unwrap()
}

/// Digests and times are taken out.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive([' ', '\n']) {
        let end = word.len() - word.trim_end().len();
        let (word, space) = word.split_at(word.len() - end);
        out += &without_digests(word);
        out += space;
    }
    // Which Python compiles is the machine's affair.
    let line = |line: &str| match line.rsplit_once(" · ") {
        _ if line.starts_with("byte-code") => "byte-code [way]".to_owned(),
        Some((before, last)) if last.ends_with(" s") => format!("{before} · [s]"),
        _ => line.to_owned(),
    };
    out.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// Runs of 40 and more hexadecimal digits become `[digest]`.
fn without_digests(word: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for letter in word.chars().chain(['\0']) {
        if letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase() {
            run.push(letter);
            continue;
        }
        out += if run.len() >= 40 { "[digest]" } else { &run };
        run.clear();
        if letter != '\0' {
            out.push(letter);
        }
    }
    out
}
