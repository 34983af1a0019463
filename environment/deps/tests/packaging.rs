//! Tags, names of wheels and markers against Python's own `packaging`, over full ordered lists.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use nbvet_deps::target::{Target, WheelName};
use serde_json::{Value, json};

/// A target, and the ABIs that a Python of its kind tells `packaging`.
const TARGETS: &[(&str, &str)] = &[
    (
        "cpython-3.11.2-linux-x86_64-glibc2.36",
        r#"["x86_64","glibc",2,36,[3,11],["cp311"]]"#,
    ),
    (
        "cpython-3.9.1-linux-x86_64-glibc2.17",
        r#"["x86_64","glibc",2,17,[3,9],["cp39"]]"#,
    ),
    (
        "cpython-3.12.0-linux-aarch64-glibc2.34",
        r#"["aarch64","glibc",2,34,[3,12],["cp312"]]"#,
    ),
    (
        "cpython-3.13.1t-linux-x86_64-glibc2.41",
        r#"["x86_64","glibc",2,41,[3,13],["cp313t"]]"#,
    ),
    (
        "cpython-3.12.4d-linux-x86_64-glibc2.28",
        r#"["x86_64","glibc",2,28,[3,12],["cp312d","cp312"]]"#,
    ),
    (
        "cpython-3.7.9-linux-x86_64-glibc2.12",
        r#"["x86_64","glibc",2,12,[3,7],["cp37m"]]"#,
    ),
    (
        "cpython-3.14.0-linux-aarch64-musl1.2",
        r#"["aarch64","musl",1,2,[3,14],["cp314"]]"#,
    ),
];

const WHEELS: &[&str] = &[
    "six-1.17.0-py2.py3-none-any.whl",
    "Foo.Bar_baz-1.0RC1+cu.118-12ab-cp311-abi3-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
    "a-1!2-py3-none-any.whl",
    "a-1.0.post1-1-CP39.cp310-CP39-Linux_x86_64.whl",
    "a-1-py3-none.whl",
    "a-one-py3-none-any.whl",
    "a-1-x-py3-none-any.whl",
    "a__b-1-py3-none-any.whl",
    "a-1-py3.-none-any.whl",
    "a/b-1-py3-none-any.whl",
    "a-1-py3-none-any.zip",
];

#[expect(clippy::print_stdout, reason = "tests say what they skip")]
fn oracle() -> Option<Value> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    if !python.exists() {
        println!("skipped: no .venv (make setup)");
        return None;
    }
    let parsed = |(_, target): &(_, &str)| serde_json::from_str::<Value>(target).unwrap();
    let targets: Vec<Value> = TARGETS.iter().map(parsed).collect();
    let mut child = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tags_oracle.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({"targets": targets, "wheels": WHEELS}).to_string();
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    Some(serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap())
}

#[test]
fn tags_stand_in_the_order_of_packaging() {
    let Some(told) = oracle() else { return };
    for ((name, _), expected) in TARGETS.iter().zip(told["tags"].as_array().unwrap()) {
        let target: Target = name.parse().unwrap();
        let tags = target.tags();
        let ours: Vec<String> = tags.as_slice().iter().map(ToString::to_string).collect();
        assert!(ours.len() > 50, "{name}");
        assert_eq!(json!(ours), *expected, "{name}");
    }
}

#[test]
fn names_of_wheels_mean_what_they_mean_to_packaging() {
    let Some(told) = oracle() else { return };
    for (name, expected) in WHEELS.iter().zip(told["wheels"].as_array().unwrap()) {
        let ours = name.parse::<WheelName>().map_or(Value::Null, |wheel| {
            let mut tags: Vec<String> = wheel.tags().map(|tag| tag.to_string()).collect();
            tags.sort();
            let build = wheel
                .build()
                .map_or(json!([]), |(number, rest)| json!([number, rest]));
            json!([wheel.name().to_string(), wheel.version().to_string(), build, tags])
        });
        assert_eq!(ours, *expected, "{name}");
    }
}

#[test]
fn markers_are_those_of_the_interpreter() {
    let Some(told) = oracle() else { return };
    let expected = &told["markers"];
    let (full, machine) = (&expected["python_full_version"], &expected["platform_machine"]);
    let name = format!(
        "cpython-{}-linux-{}-glibc2.36",
        full.as_str().unwrap(),
        machine.as_str().unwrap()
    );
    let target: Target = name.parse().unwrap();
    let ours = serde_json::to_value(target.markers()).unwrap();
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(ours[key], *value, "{key}");
    }
}
