//! Base images go through a registry and run under a uid that they do not know.

use nbvet_testkit::{Base, Lock, Registry, RegistryOptions, Run, Runtime, or_skip};

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
