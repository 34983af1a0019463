//! The same inputs give the same digest, whoever builds, where and when.

use std::{fs, process::Command};

use nbvet_testkit::{Base, Registry, RegistryOptions, or_skip};

use crate::ground::{Ground, json, requirements};

const NAMES: &[&str] = &["attrs", "jsonpointer", "numpy", "platformdirs", "six"];

/// A Python that any user of the machine can start: the same for both builds.
const PYTHON: &str = "/usr/bin/python3";

/// Wheels in a folder of their own, written in an order, with times of their own.
fn copied(ground: &Ground, backwards: bool) -> std::path::PathBuf {
    let folder = ground.path("wheels");
    fs::create_dir_all(&folder).unwrap();
    let mut files: Vec<_> = fs::read_dir(&ground.wheels)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    if backwards {
        files.reverse();
    }
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        if NAMES
            .iter()
            .any(|wanted| name.starts_with(&format!("{}-", wanted.replace('-', "_"))))
        {
            let to = folder.join(name);
            fs::copy(&file, &to).unwrap();
            let days = if backwards { 20_000 } else { 9_000 };
            let when = std::time::UNIX_EPOCH + std::time::Duration::from_hours(24 * days);
            fs::File::options()
                .write(true)
                .open(&to)
                .unwrap()
                .set_modified(when)
                .unwrap();
        }
    }
    folder
}

/// Builds into a registry of its own, with an empty cache, under conditions that `shell` sets before the command.
fn digest(backwards: bool, base: &str, conditions: &[&str], bytecode: &str) -> Option<String> {
    let target = or_skip(Registry::start(RegistryOptions::default()))?;
    let mut ground = Ground::new(Base::Plain)?;
    ground = ground.file("requirements.txt", &requirements(NAMES));
    base.clone_into(&mut ground.base);
    ground.wheels = copied(&ground, backwards);
    open_to_all(&ground);
    let into = format!("{}/team/nbvet", target.host());
    let built = ground.build("unused", &["--format", "json", "--bytecode", bytecode]);
    let mut command = Command::new(conditions[0]);
    command.args(&conditions[1..]).arg(built.get_program());
    let words = built.get_args().map(|word| match word.to_str().unwrap() {
        word if word.ends_with("/unused") => into.clone(),
        word => word.to_owned(),
    });
    command.args(words).current_dir(ground.path("work"));
    for (name, value) in built.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let told = json(&mut command);
    assert_eq!(told["reused"], false);
    Some(told["digest"].as_str().unwrap().to_owned())
}

/// Another user reads and writes here too.
fn open_to_all(ground: &Ground) {
    let mut chmod = Command::new("chmod");
    for name in ["cache", "home", "run", "tmp"] {
        fs::create_dir_all(ground.path(name)).unwrap();
    }
    assert!(
        chmod
            .args(["-R", "a+rwX"])
            .arg(ground.path(""))
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn one_digest_from_empty_caches_whatever_date_umask_uid_locale_and_order_of_files() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    if !std::path::Path::new(PYTHON).exists() {
        println!("skipped: there is no {PYTHON}");
        return;
    }
    let one = [
        "env",
        "LC_ALL=C.UTF-8",
        "TZ=UTC",
        "SOURCE_DATE_EPOCH=0",
        "sh",
        "-c",
        "umask 022; exec \"$@\"",
        "sh",
    ];
    let another = "umask 077; exec \"$@\"";
    // Whoever may take another uid takes that of nobody.
    let as_nobody =
        rustix_is_root().then_some(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    let mut other = vec![
        "env",
        "LC_ALL=tr_TR.UTF-8",
        "TZ=Asia/Kathmandu",
        "SOURCE_DATE_EPOCH=1700000000",
        "PYTHONHASHSEED=7",
    ];
    other.extend(as_nobody.iter().flatten());
    other.extend(["sh", "-c", another, "sh"]);
    let first = digest(false, &ground.base, &one, PYTHON);
    let second = digest(true, &ground.base, &other, PYTHON);
    assert_eq!(first, second);
    let without = digest(true, &ground.base, &other, "off");
    assert_ne!(first, without, "byte-code makes another image");
}

fn rustix_is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}
