//! The Dockerfile for a lock: for builders that run one, and for whoever wants to read what an image is made of. It
//! says the same as what is assembled without it. No text of a user stands in it: what varies is a [`PinnedImage`] or
//! a choice between fixed lines, and the files beside it have fixed names.

use std::{
    fmt::{self, Write as _},
    fs, io,
    path::Path,
};

use crate::{Digest, Lock, PinnedImage, target::Arch};

/// The name of the lock in the build's context.
pub const LOCK: &str = "requirements.lock";
/// The name of pip's own wheel in the context, where the base has no pip.
pub const PIP_WHEEL: &str = "pip.whl";
/// The stage that is the image.
pub const TARGET: &str = "notebook";
/// The stage that installs; nothing of it but the packages is in the image.
pub const INSTALLED: &str = "installed";
/// The secret that holds certificates of authorities, in PEM.
pub const CA_SECRET: &str = "nbvet-ca";
/// The secret that is pip's configuration: indexes with their credentials.
pub const PIP_SECRET: &str = "nbvet-pip";
/// Where packages lie: before the base's own on every path, whatever the place of its Python.
pub const SITE: &str = "/opt/nbvet/env/site";

/// What decides the text of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The base image.
    pub base: PinnedImage,
    /// The platform.
    pub arch: Arch,
    /// What is installed.
    pub installs: Installs,
    /// The pip that installs.
    pub pip: Pip,
    /// Authorities beside those of the base are needed, given as [`CA_SECRET`].
    pub ca: bool,
    /// pip needs a configuration, given as [`PIP_SECRET`].
    pub pip_config: bool,
}

/// What a build installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installs {
    /// Nothing: the base image alone.
    Nothing,
    /// Wheels, which are only unpacked.
    Wheels,
    /// Some distribution as source too: its own code runs in the build.
    Sources,
}

/// Which pip installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pip {
    /// That of the base's Python.
    OfBase,
    /// A wheel of pip in the context as [`PIP_WHEEL`], which runs without being installed: for bases whose Python has
    /// none, as environments made by uv. Who writes the context has checked its digest.
    Beside,
}

/// A Dockerfile and what stands beside it: the whole context of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The Dockerfile.
    pub dockerfile: String,
    /// The file [`LOCK`].
    pub lock: String,
}

impl Recipe {
    /// For a lock on a base image, with the base's pip, without extra authorities and configuration.
    pub fn new(base: PinnedImage, arch: Arch, lock: &Lock) -> Self {
        Self {
            base,
            arch,
            installs: if lock.packages().is_empty() {
                Installs::Nothing
            } else if lock.need_build().next().is_some() {
                Installs::Sources
            } else {
                Installs::Wheels
            },
            pip: Pip::OfBase,
            ca: false,
            pip_config: false,
        }
    }

    /// The Dockerfile with the lock.
    pub fn context(&self, lock: &Lock) -> Context {
        Context {
            dockerfile: self.to_string(),
            lock: lock.to_string(),
        }
    }

    /// What pip is run with.
    ///
    /// `--target` is why it works with any pip on any base: pip does not ask there whether somebody else manages the
    /// environment (PEP 668), so that `--break-system-packages`, which pip before 23.0.1 refuses, is not needed; it
    /// takes nothing of the base away; and a venv or a prefix of conda make no difference. `--isolated` and `-I`:
    /// neither PIP_* variables of the base nor its folders change what is installed.
    fn pip(&self) -> Vec<&'static str> {
        let mut words = vec!["python3", "-I"];
        match self.pip {
            Pip::OfBase => words.extend(["-m", "pip"]),
            Pip::Beside => words.push("/tmp/pip.whl/pip"),
        }
        words.extend([
            "--isolated",
            "--no-input",
            "--disable-pip-version-check",
            "install",
            "--require-hashes",
            "--no-deps",
            "--no-cache-dir",
        ]);
        if self.installs == Installs::Wheels {
            words.extend(["--only-binary", ":all:"]);
        }
        if self.ca {
            words.extend(["--cert", "/run/secrets/nbvet-ca"]);
        }
        words.extend(["--target", SITE, "--requirement", "/tmp/requirements.lock"]);
        words
    }

    /// The stage that runs pip, as root: secrets and the folder below `/` are root's. The image keeps its base's user.
    fn installed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, arch) = (&self.base, self.arch.oci());
        writeln!(f, "FROM --platform=linux/{arch} {base} AS {INSTALLED}")?;
        writeln!(f, "USER 0")?;
        writeln!(f, "COPY {}", json(&[LOCK, "/tmp/requirements.lock"]))?;
        if self.pip == Pip::Beside {
            writeln!(f, "COPY {}", json(&[PIP_WHEEL, "/tmp/pip.whl"]))?;
        }
        if self.installs == Installs::Sources {
            writeln!(
                f,
                "# Some distributions come as source: their code runs here, and what it builds with has no digest."
            )?;
        }
        writeln!(f, "RUN {}{}\n", self.mounts(), json(&self.pip()))
    }

    fn mounts(&self) -> String {
        let mut mounts = String::new();
        for (is_needed, id, at) in [
            (self.ca, CA_SECRET, "/run/secrets/nbvet-ca"),
            (self.pip_config, PIP_SECRET, "/etc/pip.conf"),
        ] {
            if is_needed {
                let _ = write!(mounts, "--mount=type=secret,id={id},target={at},required=true ");
            }
        }
        mounts
    }
}

/// The text of the Dockerfile.
impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, arch) = (&self.base, self.arch.oci());
        writeln!(
            f,
            "# Written by nbvet from requirements.lock; changes here are lost."
        )?;
        if self.installs != Installs::Nothing {
            self.installed(f)?;
        }
        writeln!(f, "FROM --platform=linux/{arch} {base} AS {TARGET}")?;
        if self.installs != Installs::Nothing {
            writeln!(f, "COPY --from={INSTALLED} {}", json(&[SITE, SITE]))?;
            writeln!(f, "{ENV}")?;
        }
        writeln!(
            f,
            "LABEL org.opencontainers.image.base.digest=\"{}\"",
            base.digest()
        )
    }
}

/// Packages, programs, kernels and settings of Jupyter; an empty part of PYTHONPATH would be the working folder.
const ENV: &str = r#"ENV PYTHONPATH="/opt/nbvet/env/site${PYTHONPATH:+:$PYTHONPATH}" \
    PATH="/opt/nbvet/env/site/bin:${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}" \
    JUPYTER_PATH="/opt/nbvet/env/site/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}" \
    JUPYTER_CONFIG_PATH="/opt/nbvet/env/site/etc/jupyter${JUPYTER_CONFIG_PATH:+:$JUPYTER_CONFIG_PATH}""#;

/// Words as the JSON form has them: no shell reads them. They are words of this file, which need no escapes.
fn json(words: &[&str]) -> String {
    format!("[\"{}\"]", words.join("\", \""))
}

impl Context {
    /// The digest of the Dockerfile, which is part of the image's identity.
    pub fn digest(&self) -> Digest {
        Digest::sha256(self.dockerfile.as_bytes())
    }

    /// Writes it into an empty folder.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("Dockerfile"), &self.dockerfile)?;
        fs::write(folder.join(LOCK), &self.lock)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use parse_dockerfile::{Command, Instruction, parse};

    use super::*;
    use crate::ImageReference;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn recipe(base: &str) -> Recipe {
        Recipe {
            base: format!("{base}@{DIGEST}").parse().unwrap(),
            arch: Arch::X86_64,
            installs: Installs::Wheels,
            pip: Pip::OfBase,
            ca: false,
            pip_config: false,
        }
    }

    fn check(recipe: &Recipe, expected: &Expect) {
        expected.assert_eq(&recipe.to_string());
    }

    /// Its instructions as another reader of Dockerfiles sees them, each in one line.
    fn instructions(text: &str) -> Vec<String> {
        let dockerfile = parse(text).unwrap();
        assert!(dockerfile.parser_directives.syntax.is_none());
        dockerfile
            .instructions
            .iter()
            .map(|instruction| shown(instruction))
            .collect()
    }

    fn shown(instruction: &Instruction<'_>) -> String {
        let flags = |options: &[parse_dockerfile::Flag<'_>]| {
            let one = |flag: &parse_dockerfile::Flag<'_>| {
                let value = flag.value.as_ref().map_or("", |value| &value.value);
                format!(" --{}={value}", flag.name.value)
            };
            options.iter().map(one).collect::<String>()
        };
        match instruction {
            Instruction::From(from) => {
                let stage = from.as_.as_ref().map_or("", |(_, name)| &name.value);
                format!("FROM{} {} AS {stage}", flags(&from.options), from.image.value)
            }
            Instruction::User(user) => format!("USER {}", user.arguments.value),
            Instruction::Copy(copy) => {
                let sources = copy.src.iter().map(|source| match source {
                    parse_dockerfile::Source::Path(path) => path.value.to_string(),
                    other => format!("{other:?}"),
                });
                let sources: Vec<String> = sources.collect();
                format!(
                    "COPY{} {} to {}",
                    flags(&copy.options),
                    sources.join(","),
                    copy.dest.value
                )
            }
            Instruction::Run(run) => match &run.arguments {
                Command::Exec(words) => {
                    let words: Vec<&str> = words.value.iter().map(|word| &*word.value).collect();
                    format!("RUN{} {words:?}", flags(&run.options))
                }
                other => format!("RUN by a shell: {other:?}"),
            },
            Instruction::Env(env) => format!("ENV {}", env.arguments.value),
            Instruction::Label(label) => format!("LABEL {}", label.arguments.value),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn wheels_are_installed_in_one_stage_and_copied_in_the_next() {
        check(
            &recipe("python:3.12-slim"),
            &expect![[r##"
            # Written by nbvet from requirements.lock; changes here are lost.
            FROM --platform=linux/amd64 docker.io/library/python:3.12-slim@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef AS installed
            USER 0
            COPY ["requirements.lock", "/tmp/requirements.lock"]
            RUN ["python3", "-I", "-m", "pip", "--isolated", "--no-input", "--disable-pip-version-check", "install", "--require-hashes", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--target", "/opt/nbvet/env/site", "--requirement", "/tmp/requirements.lock"]

            FROM --platform=linux/amd64 docker.io/library/python:3.12-slim@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef AS notebook
            COPY --from=installed ["/opt/nbvet/env/site", "/opt/nbvet/env/site"]
            ENV PYTHONPATH="/opt/nbvet/env/site${PYTHONPATH:+:$PYTHONPATH}" \
                PATH="/opt/nbvet/env/site/bin:${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}" \
                JUPYTER_PATH="/opt/nbvet/env/site/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}" \
                JUPYTER_CONFIG_PATH="/opt/nbvet/env/site/etc/jupyter${JUPYTER_CONFIG_PATH:+:$JUPYTER_CONFIG_PATH}"
            LABEL org.opencontainers.image.base.digest="sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "##]],
        );
    }

    #[test]
    fn another_reader_sees_the_same_instructions() {
        let all = Recipe {
            installs: Installs::Sources,
            pip: Pip::Beside,
            ca: true,
            pip_config: true,
            arch: Arch::Aarch64,
            ..recipe("localhost:5000/team/base")
        };
        expect![[r#"
            FROM --platform=linux/arm64 localhost:5000/team/base@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef AS installed
            USER 0
            COPY requirements.lock to /tmp/requirements.lock
            COPY pip.whl to /tmp/pip.whl
            RUN --mount=type=secret,id=nbvet-ca,target=/run/secrets/nbvet-ca,required=true --mount=type=secret,id=nbvet-pip,target=/etc/pip.conf,required=true ["python3", "-I", "/tmp/pip.whl/pip", "--isolated", "--no-input", "--disable-pip-version-check", "install", "--require-hashes", "--no-deps", "--no-cache-dir", "--cert", "/run/secrets/nbvet-ca", "--target", "/opt/nbvet/env/site", "--requirement", "/tmp/requirements.lock"]
            FROM --platform=linux/arm64 localhost:5000/team/base@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef AS notebook
            COPY --from=installed /opt/nbvet/env/site to /opt/nbvet/env/site
            ENV PYTHONPATH="/opt/nbvet/env/site${PYTHONPATH:+:$PYTHONPATH}"     PATH="/opt/nbvet/env/site/bin:${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"     JUPYTER_PATH="/opt/nbvet/env/site/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}"     JUPYTER_CONFIG_PATH="/opt/nbvet/env/site/etc/jupyter${JUPYTER_CONFIG_PATH:+:$JUPYTER_CONFIG_PATH}"
            LABEL org.opencontainers.image.base.digest="sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef""#]].assert_eq(&instructions(&all.to_string()).join("\n"));
    }

    #[test]
    fn only_what_was_chosen_differs() {
        let plain = instructions(&recipe("python").to_string());
        let (wheels, sources) = (Installs::Wheels, Installs::Sources);
        for (installs, ca, pip_config) in [
            (wheels, false, true),
            (wheels, true, false),
            (sources, false, false),
        ] {
            let recipe = Recipe {
                installs,
                ca,
                pip_config,
                ..recipe("python")
            };
            let changed = instructions(&recipe.to_string());
            assert_eq!(changed.len(), plain.len());
            for (one, other) in changed.iter().zip(&plain) {
                assert_eq!(one == other, !one.starts_with("RUN"), "{one}\n{other}");
            }
            let run = &changed[3];
            assert_eq!(
                run.contains("\"--only-binary\", \":all:\""),
                installs == wheels,
                "{run}"
            );
            assert_eq!(run.contains("\"--cert\""), ca, "{run}");
            assert_eq!(run.contains("target=/etc/pip.conf"), pip_config, "{run}");
        }
    }

    #[test]
    fn no_name_of_a_base_changes_what_is_done() {
        let plain = instructions(&recipe("python").to_string());
        for name in [
            "a.b-c_d__e",
            "localhost/x",
            "[::1]:5000/x/y",
            "quay.io/org/image:V1.0-x_y",
            "as/as:as",
        ] {
            let found = instructions(&recipe(name).to_string());
            assert_eq!(found.len(), plain.len());
            for (one, other) in found.iter().zip(&plain) {
                assert!(
                    one == other || one.starts_with("FROM --platform=linux/amd64 "),
                    "{one}"
                );
            }
        }
    }

    #[test]
    fn hostile_names_of_a_base_are_no_base() {
        for name in [
            "python\nRUN curl evil",
            "python\r\nUSER 0",
            "python AS notebook",
            "python\tAS x",
            "--platform=x python",
            "$BASE",
            "${BASE}",
            "python\\\nx",
            "python`x`",
            "python#",
            "python\"",
            "python\u{2028}x",
            "python\u{85}x",
            "scratch\0",
        ] {
            let text = format!("{name}@{DIGEST}");
            let refused = text.parse::<PinnedImage>().unwrap_err().to_string();
            assert!(!refused.contains(['\n', '\r', '\0']), "{refused:?}");
            let quoted = serde_json::to_string(&text).unwrap();
            assert!(serde_json::from_str::<PinnedImage>(&quoted).is_err());
        }
        for digest in ["sha256:0\nRUN x", "sha256:", "latest"] {
            assert!(format!("python@{digest}").parse::<PinnedImage>().is_err());
        }
        let by_tag: ImageReference = "python:3.12".parse().unwrap();
        assert!(PinnedImage::try_from(by_tag).is_err());
    }

    #[test]
    fn the_context_is_the_dockerfile_and_the_lock() {
        let text = format!("six==1.17.0 --hash={DIGEST}\n");
        let lock: Lock = text.parse().unwrap();
        let recipe = Recipe::new(recipe("python").base, Arch::X86_64, &lock);
        let folder = tempfile::tempdir().unwrap();
        let context = recipe.context(&lock);
        context.write(folder.path()).unwrap();
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["Dockerfile", LOCK]);
        let written = fs::read(folder.path().join("Dockerfile")).unwrap();
        assert_eq!(Digest::sha256(&written), context.digest());
        assert_eq!(
            fs::read_to_string(folder.path().join(LOCK)).unwrap(),
            lock.to_string()
        );
    }

    #[test]
    fn a_lock_without_packages_leaves_the_base_as_it_is() {
        let recipe = Recipe::new(recipe("python").base, Arch::X86_64, &Lock::default());
        check(
            &recipe,
            &expect![[r##"
            # Written by nbvet from requirements.lock; changes here are lost.
            FROM --platform=linux/amd64 docker.io/library/python@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef AS notebook
            LABEL org.opencontainers.image.base.digest="sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "##]],
        );
    }

    #[test]
    fn a_lock_with_a_source_distribution_allows_it_and_says_so() {
        let text = format!("six @ https://host/six-1.17.0.tar.gz --hash={DIGEST}\n");
        let lock: Lock = text.parse().unwrap();
        let recipe = Recipe::new(recipe("python").base, Arch::X86_64, &lock);
        assert_eq!(recipe.installs, Installs::Sources);
        assert!(
            recipe
                .to_string()
                .contains("\n# Some distributions come as source")
        );
    }
}
