//! Builders beside each other, builders that are killed, and what is made anew when one pin changes.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nbvet_testkit::{Base, Crane, Lock, Registry, or_skip};
use serde_json::Value;

use crate::ground::{Ground, TEAM, TINY, json, requirements, succeeded};

/// Names in a repository.
fn tags(crane: &Crane, ground: &Ground, repository: &str) -> BTreeSet<String> {
    let mut command = crane.command();
    let output = command
        .args(["ls", "--insecure", &ground.repository(repository)])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The images among them: the others are layers, probes and locks.
fn images(crane: &Crane, ground: &Ground, repository: &str) -> Vec<String> {
    let all = tags(crane, ground, repository);
    all.into_iter().filter(|tag| tag.starts_with("nbvet-")).collect()
}

fn uploads(registry: &Registry) -> usize {
    let all = registry.requests();
    all.iter().filter(|request| request.is_upload()).count()
}

#[test]
fn two_builders_at_once_end_well_with_one_digest() {
    let Some(crane) = or_skip(Crane::find()) else {
        return;
    };
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let ground = ground.file("requirements.txt", &requirements(TINY));
    let start = |cache: &str| {
        let mut command = ground.build(TEAM, &["--format", "json"]);
        command.env("XDG_CACHE_HOME", ground.path(cache));
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let both = [start("cache-1"), start("cache-2"), start("cache-3")];
    let digests: BTreeSet<String> = both
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{told}");
            let built: Value = serde_json::from_slice(&output.stdout).unwrap();
            built["image"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(digests.len(), 1, "{digests:?}");
    assert_eq!(images(&crane, &ground, TEAM).len(), 1);
    crane.validate(digests.first().unwrap()).unwrap();
}

#[test]
fn a_build_that_is_killed_publishes_nothing_and_the_next_one_mends_it() {
    let Some(crane) = or_skip(Crane::find()) else {
        return;
    };
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let names = [TINY, &["numpy"]].concat();
    let ground = ground.file("requirements.txt", &requirements(&names));
    // Each is killed a few uploads after the one before, having less to do than that one.
    let mut killed = 0;
    for after in [1, 2, 3, 4, 5, 6] {
        let before = uploads(&ground.registry);
        let mut command = ground.build(TEAM, &[]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while uploads(&ground.registry) < before + after && child.try_wait().unwrap().is_none() {
            assert!(
                begun.elapsed() < Duration::from_mins(3),
                "{}",
                ground.registry.log()
            );
            sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        killed += usize::from(ended.code().is_none());
        if !ended.success() {
            assert_eq!(images(&crane, &ground, TEAM), [""; 0], "after {after} uploads");
        }
    }
    assert!(killed >= 3, "only {killed} were killed in time");
    let mended = ground.built(&[]);
    let image = mended["image"].as_str().unwrap();
    crane.validate(image).unwrap();
    let clean = json(&mut ground.build("team/other", &["--format", "json"]));
    assert_eq!(mended["digest"], clean["digest"]);
}

/// All wheels of the testkit, and the older `six` of the bases.
fn with_older_six(ground: &mut Ground) -> Option<()> {
    let old = or_skip(Lock::Old.wheels())?;
    let folder = ground.path("wheels");
    fs::create_dir(&folder).unwrap();
    let new = fs::read_dir(&ground.wheels)
        .unwrap()
        .chain(fs::read_dir(old).unwrap());
    for entry in new {
        let entry = entry.unwrap();
        let to = folder.join(entry.file_name());
        if !to.exists() {
            std::os::unix::fs::symlink(entry.path(), to).unwrap();
        }
    }
    ground.wheels = folder;
    Some(())
}

#[test]
fn one_pin_that_changes_makes_its_own_layers_anew_and_no_others() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    let Some(()) = with_older_six(&mut ground) else {
        return;
    };
    let rest = requirements(&["attrs", "numpy", "pytz", "tzdata", "python-dateutil"]);
    ground.write("requirements.txt", &format!("{rest}{}", requirements(&["six"])));
    ground.built(&[]);
    let old = fs::read_to_string(Lock::Old.path()).unwrap();
    let at = old.find("six==1.15.0").unwrap();
    let six: String = old[at..].split_inclusive('\n').take(3).collect();
    ground.write("requirements.txt", &format!("{rest}{six}"));
    let before = ground.registry.bytes_on_disk();
    let told = ground.built(&[]);
    let sent = ground.registry.bytes_on_disk() - before;
    let new: Vec<&str> = told["layers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|layer| layer["known"] == false)
        .map(|layer| layer["what"].as_str().unwrap())
        .collect();
    assert!(
        new.iter()
            .all(|what| what.contains("six 1.15.0") || what.contains("starts")),
        "{new:?}"
    );
    assert!(sent < 1_000_000, "{sent} bytes for {new:?}");
}

#[test]
fn an_image_that_is_there_costs_one_question() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let ground = ground.file("requirements.txt", &requirements(TINY));
    let first = ground.built(&[]);
    assert_eq!(first["reused"], false);
    let before = ground.registry.requests().len();
    let second = ground.built(&[]);
    assert_eq!(second["reused"], true);
    assert_eq!(second["image"], first["image"]);
    let asked: Vec<String> = ground.registry.requests()[before..]
        .iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    let identity = first["identity"].as_str().unwrap();
    assert_eq!(asked, [format!("GET /v2/{TEAM}/manifests/nbvet-{identity}")]);
    // Built again on demand, it is the same, and what it is made of is taken.
    let again = ground.built(&["--no-reuse"]);
    assert_eq!(
        (&again["reused"], &again["digest"]),
        (&Value::Bool(false), &first["digest"])
    );
}

#[test]
fn a_disk_that_is_full_is_told_and_with_room_the_build_goes_on() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let ground = ground.file("requirements.txt", &requirements(&["attrs", "numpy"]));
    let small = ground.path("small");
    fs::create_dir(&small).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&small);
    let Some(_mounted) = mount
        .output()
        .is_ok_and(|output| output.status.success())
        .then(|| Mounted(small.clone()))
    else {
        println!("skipped: a small file system cannot be mounted here");
        return;
    };
    let mut command = ground.build(TEAM, &[]);
    let output = command.env("TMPDIR", &small).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("No space left on device"), "{told}");
    assert!(told.contains("small"), "{told}");
    succeeded(&mut ground.build(TEAM, &[]));
}

/// A file system that goes with the test.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
