//! Locks that the real tools wrote become nbvet's lock, on several targets.

use std::{fmt::Write as _, fs, path::PathBuf};

use expect_test::{Expect, expect};
use nbvet_deps::{Format, Lock, formats, requirements::Source, target::Target};

const GLIBC: &str = "cpython-3.11.2-linux-x86_64-glibc2.36";
const MUSL: &str = "cpython-3.13.1-linux-aarch64-musl1.2";

struct Folder(PathBuf);

impl Source for Folder {
    fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
        fs::read(self.0.join(file)).map_err(|error| error.to_string())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

fn lock(folder: &str, file: &str, target: &str) -> Result<Lock, String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder);
    let format = Format::of(file).expect("the name tells the format");
    let declared = formats::read(format, file, &mut Folder(root)).expect("it can be read");
    let target: Target = target.parse().expect("a target");
    let lock = Lock::from_declared(&declared, &target).map_err(|incomplete| incomplete.to_string())?;
    assert_eq!(
        lock.to_string().parse::<Lock>().map(|lock| lock.digest()),
        Ok(lock.digest())
    );
    Ok(lock)
}

fn check(folder: &str, file: &str, target: &str, expected: &Expect) {
    let mut told = String::new();
    match lock(folder, file, target) {
        Err(why) => told = format!("{why}\n"),
        Ok(lock) => {
            for package in lock.packages() {
                let _ = write!(told, "{} {}", package.name, package.version);
                let _ = match &package.file {
                    Some(file) => writeln!(told, " {}", file.filename),
                    None => writeln!(told, " {} digests", package.allowed.len()),
                };
            }
        }
    }
    expected.assert_eq(&told);
}

#[test]
fn a_lock_of_uv_and_its_export_are_one_lock() {
    check(
        "uv-wheels",
        "uv.lock",
        GLIBC,
        &expect![[r#"
            markupsafe 3.0.2 MarkupSafe-3.0.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl
            six 1.17.0 six-1.17.0-py2.py3-none-any.whl
        "#]],
    );
    check(
        "uv-wheels",
        "uv.lock",
        MUSL,
        &expect![[r#"
            markupsafe 3.0.2 MarkupSafe-3.0.2-cp313-cp313-musllinux_1_2_aarch64.whl
            six 1.17.0 six-1.17.0-py2.py3-none-any.whl
        "#]],
    );
    let one = lock("uv-wheels", "uv.lock", GLIBC).expect("a lock");
    let other = lock("uv-wheels", "pylock.toml", GLIBC).expect("a lock");
    assert_eq!(one.to_string(), other.to_string());
    assert_eq!(one.digest(), other.digest());
    let elsewhere = lock("uv-wheels", "uv.lock", MUSL).expect("a lock");
    assert_ne!(one.digest(), elsewhere.digest());
}

#[test]
fn what_a_lock_takes_from_a_repository_or_a_folder_is_said() {
    check(
        "uv",
        "uv.lock",
        GLIBC,
        &expect![[r#"
            uv.lock:24: `helper` installs a file or folder of the repository; images are made of wheels from an index or a URL
            uv.lock:56: `sounding` installs a repository, which has no digest; make a wheel of it and name its URL and digest
        "#]],
    );
}

#[test]
fn locks_of_poetry_are_read_whatever_its_version() {
    check(
        "poetry-2.5",
        "poetry.lock",
        GLIBC,
        &expect![[r#"
            poetry.lock:54: `sounding` installs a repository, which has no digest; make a wheel of it and name its URL and digest
        "#]],
    );
    check(
        "poetry-1.3",
        "poetry.lock",
        GLIBC,
        &expect![[r#"
            pysocks 1.7.1 PySocks-1.7.1-py3-none-any.whl
            six 1.17.0 six-1.17.0-py2.py3-none-any.whl
            urllib3 2.8.0 urllib3-2.8.0-py3-none-any.whl
        "#]],
    );
}

#[test]
fn locks_of_pipenv_name_digests_alone() {
    check(
        "pipenv",
        "Pipfile.lock",
        GLIBC,
        &expect![[r#"
            attrs 26.1.0 2 digests
            pysocks 1.7.1 3 digests
            six 1.17.0 2 digests
            urllib3 2.8.0 2 digests
        "#]],
    );
}
