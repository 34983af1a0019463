//! The Python that compiles packages: one of the base's version on this machine, or the base's own in a container. It is
//! started when there is something to compile; which one it is, is known before.

use std::{process::Command, time::Duration};

use nbvet_deps::{PinnedImage, target::Target};
use nbvet_image::{
    base::Probe,
    bytecode::{ARGUMENTS, Compilers, Python, QUESTION},
    programs::program,
};
use nbvet_render::harmless;

use super::failure;
use crate::{args::BytecodeArgs, usage::UsageError};

/// One wheel may take as long.
const LIMIT: Duration = Duration::from_mins(5);

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
            let probed = Python::of_release(&target.python().to_string());
            let python = match probed.filter(|_| target.abi_flags().is_empty()) {
                Some(python) => python,
                None => asked(&words)?,
            };
            let told = format!("by the base image's own {}", python.version);
            Ok((Some(of(python, words)), told))
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

/// A Python of this machine with the same byte-code.
fn auto(target: &Target) -> (Option<Compilers>, String) {
    let minor = target.minor();
    let tag = format!("cpython-3{minor}");
    for name in [
        format!("python3.{minor}"),
        "python3".to_owned(),
        "python".to_owned(),
    ] {
        let Some(path) = program(&name).and_then(|path| path.into_os_string().into_string().ok()) else {
            continue;
        };
        let words = vec![path];
        // What is not there, or is no Python, is no fault: the next may be.
        let Ok(python) = Python::ask(command(&words, &QUESTION), LIMIT) else {
            continue;
        };
        if python.tag == tag {
            let told = format!("by `{name}` of this machine, {}", python.version);
            return (Some(of(python, words)), told);
        }
    }
    let told = format!(
        "none: there is no Python 3.{minor} here, so notebooks start slower; `--bytecode base` takes the base image's own"
    );
    (None, told)
}

/// The program of a word of the user, as it is to be started.
fn started(word: &str) -> Result<String, UsageError> {
    let found = program(word).and_then(|path| path.into_os_string().into_string().ok());
    found.ok_or_else(|| UsageError::Image {
        message: format!(
            "`{}` cannot be started: no folder of PATH that begins with `/` holds it",
            harmless(word)
        ),
        hint: Some("install it, or write its whole path".to_owned()),
    })
}

/// The words that start the base image's Python, without network and as nobody in particular.
fn in_container(run: &str, probe: &Probe, base: &PinnedImage) -> Result<Vec<String>, UsageError> {
    let mut words: Vec<String> = run.split_whitespace().map(str::to_owned).collect();
    let Some(first) = words.first_mut() else {
        return Err(UsageError::Image {
            message: "`--container-run` is empty".to_owned(),
            hint: Some("write what starts a container, such as `podman run`".to_owned()),
        });
    };
    *first = started(first)?;
    let python = probe.python().map_or("python3", |python| python.path.as_str());
    words.extend(["--rm", "--interactive", "--network=none", "--entrypoint", python].map(str::to_owned));
    words.push(base.to_string());
    Ok(words)
}
