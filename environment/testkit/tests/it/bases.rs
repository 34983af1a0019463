//! Base images go through a registry and run under a uid that they do not know.

use nbvet_testkit::{Base, Crane, Lock, Registry, RegistryOptions, Run, Runtime, or_skip};

/// What each base is, as its own Python says it.
const ASK: &str = r#"
import importlib.metadata, os, sys
six = importlib.metadata.version("six")
names = {d.metadata["Name"] for d in importlib.metadata.distributions()}
import pandas
print(sys.executable, "%d.%d" % sys.version_info[:2], os.getuid(), pandas.__version__, six, "leftover" in names, "ipykernel" in names)
"#;

fn check(base: Base, interpreter: &str, options: RegistryOptions, expected: &str) {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let Some(registry) = or_skip(Registry::start(options)) else {
        return;
    };
    let reference = base.push(&registry).unwrap();
    assert!(reference.ends_with(&base.digest().unwrap()), "{reference}");
    runtime.load(base).unwrap();
    let image = runtime.pull(&registry, &reference).unwrap();
    let read_only = Run {
        read_only: true,
        ..Run::default()
    };
    assert_eq!(
        image.python(&read_only, interpreter, ASK).unwrap().trim(),
        expected
    );
}

#[test]
fn the_plain_base_runs() {
    let options = RegistryOptions::default();
    check(
        Base::Plain,
        "python3",
        options,
        "/usr/bin/python3 3.11 12345 2.0.3 1.16.0 False False",
    );
}

#[test]
fn the_venv_base_runs_and_comes_from_a_registry_with_a_password() {
    let options = RegistryOptions {
        password: true,
        ..Default::default()
    };
    check(
        Base::Venv,
        "python",
        options,
        "/opt/app-root/bin/python 3.11 12345 2.0.3 1.16.0 False True",
    );
}

#[test]
fn the_conda_base_runs_and_comes_from_a_registry_with_tls() {
    let options = RegistryOptions {
        tls: true,
        ..Default::default()
    };
    check(
        Base::Conda,
        "python",
        options,
        "/opt/conda/bin/python 3.11 12345 2.0.3 1.16.0 False True",
    );
}

#[test]
fn the_wheels_of_a_lock_are_those_of_its_lines() {
    let Some(folder) = or_skip(Lock::Test.wheels()) else {
        return;
    };
    let wheels = std::fs::read_dir(folder).unwrap().count();
    let lock = std::fs::read_to_string(Lock::Test.path()).unwrap();
    assert_eq!(wheels, lock.lines().filter(|line| line.contains("==")).count());
}

#[test]
fn an_index_of_two_architectures_is_pushed_whole() {
    let Some(crane) = or_skip(Crane::find()) else {
        return;
    };
    let Some(registry) = or_skip(Registry::start(RegistryOptions::default())) else {
        return;
    };
    let Some(reference) = or_skip(Base::Index.push(&registry)) else {
        return;
    };
    assert_eq!(
        crane.digest(&registry, "bases/index:latest").unwrap(),
        Base::Index.digest().unwrap()
    );
    crane.validate(&reference).unwrap();
    let uploads = registry
        .requests()
        .iter()
        .filter(|request| request.is_upload())
        .count();
    assert!(uploads > 0);
    let bytes = registry.bytes_on_disk();
    Base::Index.push(&registry).unwrap();
    assert_eq!(registry.bytes_on_disk(), bytes, "nothing is stored twice");
}

#[test]
fn an_image_is_built_and_pushed_by_buildah() {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let Some(registry) = or_skip(Registry::start(RegistryOptions::default())) else {
        return;
    };
    let base = runtime.load(Base::Plain).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = format!("FROM {base}\nRUN python3 -c \"print('built', file=open('/note', 'w'))\"\n");
    std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
    let goal = format!("{}/built:latest", registry.host());
    runtime.build(folder.path(), &goal, &[]).unwrap();
    let image = runtime.pull(&registry, &goal).unwrap();
    assert_eq!(
        image
            .python(&Run::default(), "python3", "print(open('/note').read())")
            .unwrap()
            .trim(),
        "built"
    );
}
