//! What is kept in a repository from one build to the next: how long, and what of it is believed.

use std::{
    collections::BTreeMap,
    fs,
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use expect_test::{Expect, expect};
use nbvet_image::registry::{Document, Manifest, OCI_MANIFEST};
use nbvet_testkit::Base;
use serde_json::Value;

use crate::ground::{Ground, TEAM, TINY, json, requirements, shelf, uv};

const LOCK: &str = "application/vnd.nbvet.lock.v1+json";
const DAY: u64 = 24 * 60 * 60;

/// Tags of the repository that begin so.
fn tags(ground: &Ground, beginning: &str) -> Vec<String> {
    let all = shelf(&ground.repository(TEAM)).repository().tags().unwrap();
    all.into_iter().filter(|tag| tag.starts_with(beginning)).collect()
}

fn only(ground: &Ground, beginning: &str) -> String {
    let [tag] = &tags(ground, beginning)[..] else {
        panic!(
            "one tag of {beginning} is expected: {:?}",
            tags(ground, beginning)
        );
    };
    tag.clone()
}

/// Another machine's cache: where versions come from there.
fn came(ground: &Ground, machine: &str, further: &[&str]) -> String {
    let repository = ground.repository(TEAM);
    let sources = ground.sources();
    let mut words = vec!["image", "plan", "--format", "json", "--repository", &repository];
    words.extend(sources.iter().map(String::as_str));
    words.extend(further);
    let told = json(ground.command(&words).env("XDG_CACHE_HOME", ground.path(machine)));
    told["locked"].as_str().unwrap().to_owned()
}

/// Makes a kept lock older.
fn age(ground: &Ground, days: u64) {
    let (shelf, tag) = (shelf(&ground.repository(TEAM)), only(ground, "lock-"));
    let bytes = shelf.bytes(&tag, LOCK).unwrap().unwrap();
    let mut kept: Value = serde_json::from_slice(&bytes).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    kept["found"] = (now - days * DAY).into();
    shelf.keep_bytes(&tag, LOCK, kept.to_string().as_bytes()).unwrap();
}

#[test]
fn versions_that_were_found_are_taken_for_a_week_or_as_long_as_is_said() {
    let (Some(ground), Some(uv)) = (Ground::new(Base::Plain), uv()) else {
        return;
    };
    ground.write("requirements.txt", "six\nattrs>=20\n");
    let came = |machine: &str, further: &[&str]| came(&ground, machine, &[&["--uv", &uv], further].concat());
    assert_eq!(came("a", &[]), "resolved");
    assert_eq!(
        tags(&ground, "lock-"),
        [""; 0],
        "a plan keeps nothing in the repository"
    );
    ground.built(&["--uv", &uv]);
    assert_eq!(came("b", &[]), "kept");
    assert_eq!(came("c", &["--cache-ttl", "0"]), "resolved");

    age(&ground, 6);
    assert_eq!(came("d", &[]), "kept");
    age(&ground, 8);
    assert_eq!(came("e", &[]), "resolved");
    assert_eq!(came("f", &["--cache-ttl", "9d"]), "kept");
    ground.write("nbvet.toml", "[dependencies]\ncache-ttl = \"9d\"\n");
    assert_eq!(came("g", &[]), "kept");
    assert_eq!(came("h", &["--cache-ttl", "1h"]), "resolved", "the option wins");

    // By the clock: the same machine, whose cache the second plan finds.
    assert_eq!(came("i", &["--cache-ttl", "1h"]), "resolved");
    assert_eq!(came("i", &["--cache-ttl", "1h"]), "kept");
    sleep(Duration::from_millis(2100));
    assert_eq!(came("i", &["--cache-ttl", "1s"]), "resolved");

    ground.write("nbvet.toml", "[dependencies]\ncache-ttl = \"7\"\n");
    let output = ground.build(TEAM, &[]).output().unwrap();
    expect![[r#"
        exit 2
        --- stderr
        error: [folder]/work/nbvet.toml:2: `7` has no unit; write 7s for seconds or 7m for minutes
    "#]]
    .assert_eq(&ground.shown(&output));
}

/// What a build says and does after a tag was moved.
fn check(ground: &Ground, further: &[&str], expected: &Expect) -> Value {
    let output = ground
        .build(TEAM, &[further, &["--format", "json"]].concat())
        .env("XDG_CACHE_HOME", ground.path("another-machine"))
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    expected.assert_eq(&ground.shown(&std::process::Output {
        stdout: Vec::new(),
        ..output
    }));
    let _ = fs::remove_dir_all(ground.path("another-machine"));
    told
}

/// Layers by what they hold, and whether they were known.
fn known(told: &Value) -> BTreeMap<String, bool> {
    let layers = told["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| {
            let what = layer["what"].as_str().unwrap().to_owned();
            (what, layer["known"].as_bool().unwrap())
        })
        .collect()
}

/// Puts what is under one tag under another, too.
fn retag(ground: &Ground, from: &str, to: &str) {
    let shelf = shelf(&ground.repository(TEAM));
    let found = shelf.repository().manifest(from).unwrap().unwrap();
    let media_type = &found.descriptor.media_type;
    shelf
        .repository()
        .push_manifest(to, media_type, &found.bytes)
        .unwrap();
}

#[test]
fn an_image_under_the_name_of_another_is_told_and_built_anew() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    ground.write("requirements.txt", &requirements(&["six"]));
    ground.built(&[]);
    let other = only(&ground, "nbvet-");
    ground.write("requirements.txt", &requirements(TINY));
    let first = ground.built(&[]);
    let own = format!("nbvet-{}", first["identity"].as_str().unwrap());
    retag(&ground, &other, &own);
    let told = check(
        &ground,
        &[],
        &expect![[r#"
        exit 0
        --- stderr
        warning: [registry]/team/nbvet:nbvet-[digest] is not used: its `dev.nbvet.identity` is [digest], not [digest]
        byte-code [way]
    "#]],
    );
    assert_eq!(told["reused"], false);
    assert_eq!(told["digest"], first["digest"]);
    // It stands where it belongs again.
    let told = check(
        &ground,
        &[],
        &expect![[r#"
        exit 0
    "#]],
    );
    assert_eq!(
        (&told["reused"], &told["digest"]),
        (&Value::Bool(true), &first["digest"])
    );
    // What is no image of nbvet: a probe.
    retag(&ground, &only(&ground, "probe-"), &own);
    let told = check(
        &ground,
        &[],
        &expect![[r#"
        exit 0
        --- stderr
        warning: [registry]/team/nbvet:nbvet-[digest] is not used: it has no `dev.nbvet.identity`
        byte-code [way]
    "#]],
    );
    assert_eq!(
        (&told["reused"], &told["digest"]),
        (&Value::Bool(false), &first["digest"])
    );
}

#[test]
fn layers_that_are_not_what_their_names_say_are_told_and_made_anew() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    ground.write("requirements.txt", &requirements(TINY));
    let first = ground.built(&["--bytecode", "off"]);
    let wheels = tags(&ground, "wheel-");
    assert_eq!(wheels.len(), TINY.len());
    let shelf = shelf(&ground.repository(TEAM));
    // One is another's.
    retag(&ground, &wheels[0], &wheels[1]);
    // One was written by a version that said less of it.
    let found = shelf.repository().manifest(&wheels[2]).unwrap().unwrap();
    let Document::Manifest(manifest) = found.document else {
        panic!("a layer is no index")
    };
    let older = Manifest {
        annotations: BTreeMap::new(),
        ..*manifest
    };
    let older = serde_json::to_vec(&older).unwrap();
    shelf
        .repository()
        .push_manifest(&wheels[2], OCI_MANIFEST, &older)
        .unwrap();
    // The blob of one was taken away.
    let found = shelf.repository().manifest(&wheels[3]).unwrap().unwrap();
    let Document::Manifest(manifest) = found.document else {
        panic!("a layer is no index")
    };
    let storage = ground.registry.storage().join("docker/registry/v2");
    let hex = manifest.layers[0].digest.hex();
    fs::remove_dir_all(storage.join(format!("repositories/{TEAM}/_layers/sha256/{hex}"))).unwrap();
    fs::remove_dir_all(storage.join(format!("blobs/sha256/{}/{hex}", &hex[..2]))).unwrap();

    let further = ["--bytecode", "off", "--no-reuse"];
    let told = check(
        &ground,
        &further,
        &expect![[r#"
        exit 0
        --- stderr
        byte-code [way]
        warning: [registry]/team/nbvet:wheel-[digest] is not used: its `dev.nbvet.tag` is wheel-[digest], not wheel-[digest]
        warning: [registry]/team/nbvet:wheel-[digest] is not used: it has no `dev.nbvet.tag`
        warning: [registry]/team/nbvet:wheel-[digest] is not used: sha256:[digest] is not in the registry any more
    "#]],
    );
    assert_eq!(told["digest"], first["digest"]);
    assert_eq!(known(&told).values().filter(|known| **known).count(), 1, "{told}");
    let told = check(
        &ground,
        &further,
        &expect![[r#"
        exit 0
        --- stderr
        byte-code [way]
    "#]],
    );
    assert_eq!(known(&told).values().filter(|known| **known).count(), TINY.len());
}

#[test]
fn locks_and_probes_that_are_not_what_their_names_say_are_told_and_found_anew() {
    let (Some(ground), Some(uv)) = (Ground::new(Base::Plain), uv()) else {
        return;
    };
    let further = ["--uv", &uv, "--no-reuse", "--bytecode", "off"];
    ground.write("requirements.txt", "six\n");
    ground.built(&further);
    let lock_of_six = only(&ground, "lock-");
    ground.write("requirements.txt", "attrs\n");
    let first = ground.built(&further);
    let mut locks = tags(&ground, "lock-");
    locks.retain(|tag| *tag != lock_of_six);
    retag(&ground, &lock_of_six, &locks[0]);
    let probe = only(&ground, "probe-");
    retag(&ground, &lock_of_six, &probe);
    let told = check(
        &ground,
        &further,
        &expect![[r#"
            exit 0
            --- stderr
            warning: requirements.txt:1: `attrs` may install a different attrs tomorrow than the one you validated [NB901]; pin the version that you validated (`pip freeze` tells it), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_36 -o requirements.txt`
            warning: [registry]/team/nbvet:lock-[digest] is not used: its `dev.nbvet.tag` is lock-[digest], not lock-[digest]
            warning: [registry]/team/nbvet:probe-[digest] is not used: it is no application/vnd.nbvet.probe.v1+json
            byte-code [way]
        "#]],
    );
    assert_eq!(told["digest"], first["digest"]);
    // The right names with other content.
    let shelf = shelf(&ground.repository(TEAM));
    let lock = shelf.bytes(&lock_of_six, LOCK).unwrap().unwrap();
    shelf.keep_bytes(&locks[0], LOCK, &lock).unwrap();
    let kind = "application/vnd.nbvet.probe.v1+json";
    shelf.keep_bytes(&probe, kind, b"{\"version\": 1}").unwrap();
    let told = check(
        &ground,
        &further,
        &expect![[r#"
            exit 0
            --- stderr
            warning: requirements.txt:1: `attrs` may install a different attrs tomorrow than the one you validated [NB901]; pin the version that you validated (`pip freeze` tells it), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_36 -o requirements.txt`
            warning: [registry]/team/nbvet:lock-[digest] is not used: it was found for another dependency file, Python or index
            warning: [registry]/team/nbvet:probe-[digest] is not used: it is not what this version of nbvet tells of an image
            byte-code [way]
        "#]],
    );
    assert_eq!(told["digest"], first["digest"]);
    check(
        &ground,
        &further,
        &expect![[r#"
            exit 0
            --- stderr
            warning: requirements.txt:1: `attrs` may install a different attrs tomorrow than the one you validated [NB901]; pin the version that you validated (`pip freeze` tells it), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_36 -o requirements.txt`
            byte-code [way]
        "#]],
    );
}
