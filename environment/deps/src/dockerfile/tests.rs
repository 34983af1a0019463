//! The text of the Dockerfile, and that nothing in it is anybody's but ours.

use expect_test::{Expect, expect};
use parse_dockerfile::{Command, Instruction, parse};

use super::*;
use crate::ImageReference;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn recipe(base: &str) -> Recipe {
    Recipe {
        base: format!("{base}@{DIGEST}").parse().unwrap(),
        arch: Arch::X86_64,
        python: python(),
        installs: Installs::Wheels,
        kernel: None,
        pip: Pip::OfBase,
        ca: false,
        pip_config: false,
    }
}

fn python() -> Interpreter {
    Interpreter::new("/usr/bin/python3").unwrap()
}

fn lock(text: &str) -> Lock {
    text.replace("DIGEST", DIGEST).parse().unwrap()
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
        COPY ["arrange.py", "/tmp/arrange.py"]
        RUN ["/usr/bin/python3", "-I", "-m", "pip", "--isolated", "--no-input", "--disable-pip-version-check", "install", "--require-hashes", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--target", "/opt/nbvet/env/site", "--requirement", "/tmp/requirements.lock"]
        RUN ["/usr/bin/python3", "-I", "/tmp/arrange.py"]

        FROM --platform=linux/amd64 docker.io/library/python:3.12-slim@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef AS notebook
        COPY --from=installed ["/opt/nbvet", "/opt/nbvet"]
        ENV PYTHONPATH="/opt/nbvet/env/site${PYTHONPATH:+:$PYTHONPATH}" \
            PATH="/opt/nbvet/env/bin:${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}" \
            JUPYTER_PATH="/opt/nbvet/env/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}" \
            JUPYTER_CONFIG_PATH="/opt/nbvet/env/etc/jupyter${JUPYTER_CONFIG_PATH:+:$JUPYTER_CONFIG_PATH}"
        LABEL org.opencontainers.image.base.digest="sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "##]],
    );
}

#[test]
fn another_reader_sees_the_same_instructions() {
    let all = Recipe {
        installs: Installs::Sources,
        kernel: Some(lock(
            "ipykernel==7.4.0 --hash=DIGEST\ntraitlets==5.16.1 --hash=DIGEST\n",
        )),
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
        COPY kernel.lock to /tmp/kernel.lock
        COPY arrange.py to /tmp/arrange.py
        COPY pip.whl to /tmp/pip.whl
        RUN --mount=type=secret,id=nbvet-ca,target=/run/secrets/nbvet-ca,required=true --mount=type=secret,id=nbvet-pip,target=/etc/pip.conf,required=true ["/usr/bin/python3", "-I", "/tmp/pip.whl/pip", "--isolated", "--no-input", "--disable-pip-version-check", "install", "--require-hashes", "--no-deps", "--no-cache-dir", "--cert", "/run/secrets/nbvet-ca", "--target", "/opt/nbvet/env/site", "--requirement", "/tmp/requirements.lock", "--requirement", "/tmp/kernel.lock"]
        RUN ["/usr/bin/python3", "-I", "/tmp/arrange.py"]
        FROM --platform=linux/arm64 localhost:5000/team/base@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef AS notebook
        COPY --from=installed /opt/nbvet to /opt/nbvet
        ENV PYTHONPATH="/opt/nbvet/env/site${PYTHONPATH:+:$PYTHONPATH}"     PATH="/opt/nbvet/env/bin:${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"     JUPYTER_PATH="/opt/nbvet/env/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}"     JUPYTER_CONFIG_PATH="/opt/nbvet/env/etc/jupyter${JUPYTER_CONFIG_PATH:+:$JUPYTER_CONFIG_PATH}"
        LABEL dev.nbvet.kernel="ipykernel==7.4.0 traitlets==5.16.1"
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
            assert_eq!(one == other, !one.contains("\"pip\""), "{one}\n{other}");
        }
        let run = &changed[4];
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
    let (lock, kernel) = (
        lock("six==1.17.0 --hash=DIGEST\n"),
        lock("ipykernel==7.4.0 --hash=DIGEST\n"),
    );
    let recipe = Recipe::new(
        recipe("python").base,
        Arch::X86_64,
        python(),
        &lock,
        Some(&kernel),
    );
    let folder = tempfile::tempdir().unwrap();
    let context = recipe.context(&lock);
    context.write(folder.path()).unwrap();
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["Dockerfile", ARRANGE, KERNEL_LOCK, LOCK]);
    let written = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(written("Dockerfile"), context.dockerfile);
    assert_eq!(written(LOCK), lock.to_string());
    assert_eq!(written(KERNEL_LOCK), kernel.to_string());
    let without = Recipe::new(recipe.base.clone(), Arch::X86_64, python(), &lock, None).context(&lock);
    assert_eq!(without.files.keys().copied().collect::<Vec<_>>(), [ARRANGE, LOCK]);
    assert_ne!(context.digest(), without.digest());
}

#[test]
fn what_is_written_follows_no_link() {
    use std::os::unix::fs::symlink;
    let lock = lock("six==1.17.0 --hash=DIGEST\n");
    let context = Recipe::new(recipe("python").base, Arch::X86_64, python(), &lock, None).context(&lock);
    let there = tempfile::tempdir().unwrap();
    let (folder, outside) = (there.path().join("ctx"), there.path().join("outside"));
    fs::create_dir(&folder).unwrap();
    fs::write(&outside, "mine").unwrap();
    symlink(&outside, folder.join(LOCK)).unwrap();
    symlink(there.path().join("nothing"), folder.join("Dockerfile")).unwrap();
    fs::write(folder.join(ARRANGE), "older").unwrap();
    context.write(&folder).unwrap();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "mine");
    assert!(!there.path().join("nothing").exists());
    assert_eq!(fs::read_to_string(folder.join(LOCK)).unwrap(), lock.to_string());
    assert!(!folder.join("Dockerfile").is_symlink());
    let link = there.path().join("link");
    for target in [there.path().join("nothing"), folder] {
        let _ = fs::remove_file(&link);
        symlink(&target, &link).unwrap();
        for name in ["link", "link/", "link/."] {
            let error = context.write(&there.path().join(name)).unwrap_err().to_string();
            assert!(
                error.contains("link is a link; name the folder"),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn a_relative_folder_is_not_written_through_a_link_above_it() {
    use std::os::unix::fs::symlink;
    let here = tempfile::tempdir_in(".").unwrap();
    let name = Path::new(here.path().file_name().unwrap());
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), name.join("a")).unwrap();
    let error = refuse_links(&name.join("a/ctx")).unwrap_err().to_string();
    assert!(error.contains("/a is a link"), "{error}");
    refuse_links(&name.join("b/ctx")).unwrap();
}

#[test]
fn a_lock_without_packages_leaves_the_base_as_it_is() {
    let recipe = Recipe::new(
        recipe("python").base,
        Arch::X86_64,
        python(),
        &Lock::default(),
        None,
    );
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
    let lock = lock("six @ https://host/six-1.17.0.tar.gz --hash=DIGEST\n");
    let recipe = Recipe::new(recipe("python").base, Arch::X86_64, python(), &lock, None);
    assert_eq!(recipe.installs, Installs::Sources);
    assert!(
        recipe
            .to_string()
            .contains("\n# Some distributions come as source")
    );
}

#[test]
fn a_kernel_alone_is_installed_too_and_its_packages_are_named() {
    let kernel = lock("ipykernel==7.4.0 --hash=DIGEST\ntraitlets==5.16.1 --hash=DIGEST\n");
    let nothing = Lock::default();
    let recipe = Recipe::new(
        recipe("python").base,
        Arch::X86_64,
        python(),
        &nothing,
        Some(&kernel),
    );
    let text = recipe.to_string();
    let seen = instructions(&text).join("\n");
    assert!(
        seen.contains(
            "\"--requirement\", \"/tmp/requirements.lock\", \"--requirement\", \"/tmp/kernel.lock\"]"
        ),
        "{seen}"
    );
    assert!(
        seen.contains("\nLABEL dev.nbvet.kernel=\"ipykernel==7.4.0 traitlets==5.16.1\"\n"),
        "{seen}"
    );
    // What the context holds reads as what went in.
    assert_eq!(recipe.context(&nothing).files[KERNEL_LOCK].parse(), Ok(kernel));
}

#[test]
fn a_python_whose_path_no_script_can_hold_is_none() {
    for path in [
        "",
        "python3",
        "/usr/bin/py thon",
        "/x\"]\nRUN curl",
        "/$HOME/python",
        "/a;b",
    ] {
        assert_eq!(Interpreter::new(path), None, "{path:?}");
    }
    let conda = Interpreter::new("/opt/conda/bin/python").unwrap();
    assert_eq!(conda.launcher(), "#!/bin/sh\nexec /opt/conda/bin/python \"$@\"\n");
}
