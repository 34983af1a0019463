//! The Python that compiles packages: one of the base's version on this machine, or the base's own in a container. It is
//! started when there is something to compile; which one it is, is known before.

use std::{path::PathBuf, process::Command, time::Duration};

use nbvet_deps::{Digest, PinnedImage, target::Target};
use nbvet_image::{
    base::Probe,
    bytecode::{ARGUMENTS, Compilers, Python, QUESTION},
    programs::{program, programs},
};
use nbvet_render::harmless;

use super::failure;
use crate::{args::BytecodeArgs, usage::UsageError};

/// One wheel may take as long.
const LIMIT: Duration = Duration::from_mins(5);
/// The base image may have to be pulled before its Python runs beside this.
const PATIENCE: Duration = Duration::from_mins(15);

/// The compilers that were asked for; `None`: there is to be no byte-code, or nothing here makes it. The words say which.
pub(crate) fn compilers(
    args: &BytecodeArgs,
    target: &Target,
    probe: &Probe,
    base: &PinnedImage,
) -> Result<(Option<Compilers>, String), UsageError> {
    match args.bytecode.as_str() {
        "off" => Ok((None, "none: switched off".to_owned())),
        "auto" => Ok(auto(target)),
        "base" => {
            let words = in_container(&args.container_run, probe, base)?;
            // The probe has read which Python it is, and a container takes a while to start.
            let python = match probed(target) {
                Some(python) => python,
                None => asked(&words)?,
            };
            let told = format!("by the base image's own {}", python.version);
            Ok((Some(of(python.of_image(base.digest()), words)), told))
        }
        python => {
            let words = vec![started(python)?];
            let found = asked(&words)?;
            let told = format!("by {python}, {}", found.version);
            Ok((Some(of(found, words)), told))
        }
    }
}

/// Compilers that these words start.
fn of(python: Python, words: Vec<String>) -> Compilers {
    Compilers::new(python, move || command(&words, &ARGUMENTS), LIMIT)
}

fn asked(words: &[String]) -> Result<Python, UsageError> {
    Python::ask(command(words, &QUESTION), LIMIT).map_err(|error| failure(&error))
}

fn command(words: &[String], arguments: &[&str]) -> Command {
    let (program, options) = words
        .split_first()
        .map_or(("", &[][..]), |(program, options)| (program, options));
    let mut command = Command::new(program);
    command.args(options).args(arguments);
    command
}

/// The base's own Python, as far as its probe tells which byte-code it makes.
fn probed(target: &Target) -> Option<Python> {
    Python::of_release(&target.python().to_string()).filter(|_| target.abi_flags().is_empty())
}

/// The base's own Python in a container beside this one, as a controller starts it; `None`: its byte-code is not known here,
/// and there is to be none. It is the same Python wherever the same image is built.
pub(crate) fn of_base(target: &Target, digest: &Digest) -> Option<Python> {
    probed(target).map(|python| python.of_image(digest))
}

/// The command of its container.
pub(crate) fn beside_command(probe: &Probe, socket: &str) -> Vec<String> {
    nbvet_image::bytecode::beside(path(probe), socket)
}

/// Compilers that are reached by the socket of its container.
pub(crate) fn beside(python: Python, socket: PathBuf) -> Compilers {
    Compilers::beside(python, socket, PATIENCE, LIMIT)
}

fn path(probe: &Probe) -> &str {
    probe.python().map_or("python3", |python| python.path.as_str())
}

/// A Python of this machine with the same byte-code: of the base's very version, where there is one, so that the image is the
/// same as by the base's own; else of its minor version.
fn auto(target: &Target) -> (Option<Compilers>, String) {
    let minor = target.minor();
    let version = format!("cpython-{}", target.python());
    let mut alike = None;
    let names = [
        format!("python3.{minor}"),
        "python3".to_owned(),
        "python".to_owned(),
    ];
    for path in names.iter().flat_map(|name| programs(name)) {
        let Ok(path) = path.into_os_string().into_string() else {
            continue;
        };
        let words = vec![path];
        // What is not there, or is no Python, is no fault: the next may be.
        let Ok(python) = Python::ask(command(&words, &QUESTION), LIMIT) else {
            continue;
        };
        if python.version == version {
            return of_machine(python, words, "");
        }
        if python.tag == format!("cpython-3{minor}") && alike.is_none() {
            alike = Some((python, words));
        }
    }
    if let Some((python, words)) = alike {
        let other = format!(
            "; the base has {version}, so that others may come to another digest: `--bytecode base` takes the base's own"
        );
        return of_machine(python, words, &other);
    }
    let told = format!(
        "none: there is no Python 3.{minor} here, so notebooks start slower; `--bytecode base` takes the base image's own"
    );
    (None, told)
}

fn of_machine(python: Python, words: Vec<String>, further: &str) -> (Option<Compilers>, String) {
    let told = format!("by {} of this machine, {}{further}", words[0], python.version);
    (Some(of(python, words)), told)
}

/// The program of a word of the user, as it is to be started.
fn started(word: &str) -> Result<String, UsageError> {
    let found = program(word).and_then(|path| path.into_os_string().into_string().ok());
    found.ok_or_else(|| UsageError::Image {
        message: format!(
            "`{}` cannot be started: no folder of PATH that begins with `/` holds it",
            harmless(word)
        ),
        hint: Some("install it, or write its whole path".into()),
    })
}

/// The words that start the base image's Python, without network and as nobody in particular.
fn in_container(run: &str, probe: &Probe, base: &PinnedImage) -> Result<Vec<String>, UsageError> {
    let mut words: Vec<String> = run.split_whitespace().map(str::to_owned).collect();
    let Some(first) = words.first_mut() else {
        return Err(UsageError::Image {
            message: "`--container-run` is empty".to_owned(),
            hint: Some("write what starts a container, such as `podman run`".into()),
        });
    };
    *first = started(first)?;
    let entrypoint = [
        "--rm",
        "--interactive",
        "--network=none",
        "--entrypoint",
        path(probe),
    ];
    words.extend(entrypoint.map(str::to_owned));
    words.push(base.to_string());
    Ok(words)
}
