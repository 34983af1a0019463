//! The Python that compiles packages: one of the base's version on this machine, or the base's own in a container.

use std::{path::PathBuf, process::Command, time::Duration};

use nbvet_deps::{PinnedImage, target::Target};
use nbvet_image::{
    base::Probe,
    bytecode::{ARGUMENTS, Compiler},
};

use super::failure;
use crate::{args::BytecodeArgs, usage::UsageError};

/// One wheel may take as long.
const LIMIT: Duration = Duration::from_mins(5);

/// The compiler that was asked for; `None`: there is to be no byte-code, or nothing here makes it. The words say which.
pub(crate) fn compiler(
    args: &BytecodeArgs,
    target: &Target,
    probe: &Probe,
    base: &PinnedImage,
) -> Result<(Option<Compiler>, String), UsageError> {
    match args.bytecode.as_str() {
        "off" => Ok((None, "none: switched off".to_owned())),
        "auto" => Ok(auto(target)),
        "base" => {
            let compiler = start(in_container(&args.container_run, probe, base)?)?;
            let told = format!("by the base image's own {}", compiler.python().version);
            Ok((Some(compiler), told))
        }
        python => {
            let mut command = Command::new(python);
            command.args(ARGUMENTS);
            let compiler = start(command)?;
            let told = format!("by {python}, {}", compiler.python().version);
            Ok((Some(compiler), told))
        }
    }
}

fn start(command: Command) -> Result<Compiler, UsageError> {
    Compiler::start(command, LIMIT).map_err(|error| failure(&error))
}

/// A Python of this machine with the same byte-code.
fn auto(target: &Target) -> (Option<Compiler>, String) {
    let minor = target.minor();
    let tag = format!("cpython-3{minor}");
    for name in [
        format!("python3.{minor}"),
        "python3".to_owned(),
        "python".to_owned(),
    ] {
        let Some(python) = on_path(&name) else {
            continue;
        };
        let mut command = Command::new(python);
        command.args(ARGUMENTS);
        // What is not there, or is no Python, is no fault: the next may be.
        let Ok(compiler) = Compiler::start(command, LIMIT) else {
            continue;
        };
        if compiler.python().tag == tag {
            let told = format!("by `{name}` of this machine, {}", compiler.python().version);
            return (Some(compiler), told);
        }
    }
    let told = format!(
        "none: there is no Python 3.{minor} here, so notebooks start slower; `--bytecode base` takes the base image's own"
    );
    (None, told)
}

/// A program by its name, in the absolute folders of PATH: what lies in the folder that the user stands in may be
/// anybody's.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

/// The base image's Python, without network and as nobody in particular.
fn in_container(run: &str, probe: &Probe, base: &PinnedImage) -> Result<Command, UsageError> {
    let words: Vec<&str> = run.split_whitespace().collect();
    let Some((program, options)) = words.split_first() else {
        return Err(UsageError::Image {
            message: "`--container-run` is empty".to_owned(),
            hint: Some("write what starts a container, such as `podman run`".to_owned()),
        });
    };
    let python = probe.python().map_or("python3", |python| python.path.as_str());
    let mut command = Command::new(program);
    command
        .args(options)
        .args(["--rm", "--interactive", "--network=none", "--entrypoint", python])
        .arg(base.to_string())
        .args(ARGUMENTS);
    Ok(command)
}
