//! The same inputs give the same digest, whoever builds, where and when.

use std::{fs, path::Path, process::Command};

use nbvet_testkit::{Base, Registry, RegistryOptions, or_skip};
use serde_json::Value;

use crate::ground::{Ground, json, requirements, shelf, uv};

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

/// Pins without digests: the build finds them, and keeps them with the time at which it did.
fn pins() -> String {
    let lines = requirements(NAMES);
    let pins = lines.lines().filter_map(|line| line.split_once("=="));
    pins.map(|(name, rest)| {
        let version = rest.split([' ', '\\']).next().unwrap_or_default();
        format!("{name}=={version}\n")
    })
    .collect::<Vec<_>>()
    .concat()
}

/// When a build was, by its own clock: seconds since 1970, as they stand beside the versions that it found.
fn clock(ground: &Ground) -> u64 {
    let mut locks = fs::read_dir(ground.path("cache/nbvet/locks")).unwrap();
    let lock = fs::read(locks.next().unwrap().unwrap().path()).unwrap();
    let kept: Value = serde_json::from_slice(&lock).unwrap();
    kept["found"].as_u64().unwrap()
}

/// Builds into a registry of its own, with an empty cache, under conditions that are set before the command. Gives the
/// digest, and the time that it was by the clock of the build.
fn digest(
    backwards: bool,
    base: &str,
    conditions: &[&str],
    (bytecode, uv): (&str, &str),
) -> Option<(String, u64)> {
    let target = or_skip(Registry::start(RegistryOptions::default()))?;
    let mut ground = Ground::new(Base::Plain)?;
    ground = ground.file("requirements.txt", &pins());
    base.clone_into(&mut ground.base);
    ground.wheels = copied(&ground, backwards);
    open_to_all(&ground);
    let into = format!("{}/team/nbvet", target.host());
    let built = ground.build(
        "unused",
        &["--format", "json", "--bytecode", bytecode, "--uv", uv],
    );
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
    Some((told["digest"].as_str().unwrap().to_owned(), clock(&ground)))
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

/// The base in another registry, under another name.
fn mirrored(base: &str, registry: &Registry) -> String {
    let (from, digest) = base.split_once('@').unwrap();
    let to = format!("{}/mirror/of/python", registry.host());
    let copied = shelf(from)
        .repository()
        .copy_by_digest(digest, shelf(&to).repository(), "3.11");
    assert_eq!(copied.unwrap().digest.to_string(), digest);
    format!("{to}:3.11")
}

/// What sets the clock of a command that links the C library, and of all that it starts.
const ANOTHER_DATE: [&str; 4] = [
    "env",
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
    "faketime",
    "2031-05-06 07:08:09",
];
/// That date, within a day of all time zones.
const BY_ANOTHER_CLOCK: std::ops::Range<u64> = 1_935_730_000..1_935_990_000;

#[test]
fn one_digest_from_empty_caches_whatever_date_umask_uid_locale_order_of_files_and_name_of_the_base() {
    let (Some(ground), Some(uv)) = (Ground::new(Base::Plain), uv()) else {
        return;
    };
    let Some(mirror) = or_skip(Registry::start(RegistryOptions::default())) else {
        return;
    };
    if !Path::new(PYTHON).exists() {
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
    let has_clock = Command::new("faketime").arg("--version").output().is_ok();
    if !has_clock {
        println!("skipped: no faketime (make setup); the clock is the same in both builds");
    }
    let mut other = if has_clock {
        ANOTHER_DATE.to_vec()
    } else {
        Vec::new()
    };
    other.extend([
        "env",
        "LC_ALL=tr_TR.UTF-8",
        "TZ=Asia/Kathmandu",
        "SOURCE_DATE_EPOCH=1700000000",
        "PYTHONHASHSEED=7",
    ]);
    other.extend(as_nobody.iter().flatten());
    other.extend(["sh", "-c", another, "sh"]);
    let base = mirrored(&ground.base, &mirror);
    let (first, now) = digest(false, &ground.base, &one, (PYTHON, &uv)).unwrap();
    let (second, then) = digest(true, &base, &other, (PYTHON, &uv)).unwrap();
    assert_eq!(first, second);
    assert!(!BY_ANOTHER_CLOCK.contains(&now), "{now}");
    assert!(!has_clock || BY_ANOTHER_CLOCK.contains(&then), "{then}");
    let (without, _) = digest(true, &base, &other, ("off", &uv)).unwrap();
    assert_ne!(first, without, "byte-code makes another image");
}

fn rustix_is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}
