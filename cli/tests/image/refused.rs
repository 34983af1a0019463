//! What is refused, and in which words.

use std::{fs, process::Command};

use expect_test::{Expect, expect};
use nbvet_testkit::{Base, Registry, RegistryOptions, USER, or_skip};

use crate::ground::{Ground, TEAM, TINY, requirements};

/// A build from these files, with further words; nothing of an image may be in the repository afterwards.
fn check(files: &[(&str, &str)], further: &[&str], expected: &Expect) {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    for (name, text) in files {
        ground.write(name, text);
    }
    check_in(&ground, further, expected);
}

fn check_in(ground: &Ground, further: &[&str], expected: &Expect) {
    let output = ground.build(TEAM, further).output().unwrap();
    expected.assert_eq(&ground.shown(&output));
    let stored = ground.registry.requests();
    let published = stored
        .iter()
        .any(|request| request.method == "PUT" && request.path.contains("/manifests/nbvet-"));
    assert!(!published, "an image was published");
}

#[test]
fn a_refusal_leaves_stdout_empty_for_what_reads_json() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    ground.write("requirements.txt", "six\n");
    let further = ["--level", "production", "--format", "json"];
    let output = ground.build(TEAM, &further).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("error[NB901]"));
}

#[test]
fn what_is_not_pinned_is_refused_for_production() {
    check(
        &[("requirements.txt", "six\nattrs>=20\n")],
        &["--level", "production"],
        &expect![[r#"
            exit 1
            --- stdout
            ✗ Failed nb.ipynb  at production · not run

            error[NB901]: 2 lines do not say which version is installed: `six`, `attrs>=20`
               ╭─[ requirements.txt:1:1 ]
               │
             1 │ six
               │ ─┬─
               │  ╰─── unpinned-requirement
             2 │ attrs>=20
               │ ────┬────
               │     ╰────── `attrs>=20`
            ───╯
              why: What is newest on the day of the build is installed, which may not be what you validated.
              help: pin the versions that you validated (`pip freeze` tells them), or keep what you ask for in
                    `requirements.in` and lock it:
                    `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_36 -o requirements.txt`

            --- stderr
            image: refused before anything was built
        "#]],
    );
}

#[test]
fn a_file_with_another_digest_is_refused_with_both_digests() {
    let text = requirements(&["six"]);
    // The digests of another package.
    let other = requirements(&["attrs"]).replace("attrs==26.1.0", "six==1.17.0");
    assert_ne!(text, other);
    check(
        &[("requirements.txt", &other)],
        &[],
        &expect![[r#"
            exit 2
            --- stderr
            byte-code [way]
            error: no file of six 1.17.0 on [wheels] has a digest of the lock: expected sha256:[digest] or one of 1 more, got sha256:[digest]; if the lock was made from another index, make it anew, else do not use what is there
        "#]],
    );
}

/// A wheel in the folder whose content is not that of its digest in the lock.
#[test]
fn a_wheel_that_was_changed_on_its_way_is_refused() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    let ground_wheels = ground.path("wheels");
    fs::create_dir(&ground_wheels).unwrap();
    fs::write(
        ground_wheels.join("six-1.17.0-py2.py3-none-any.whl"),
        b"not that wheel",
    )
    .unwrap();
    ground.wheels = ground_wheels;
    ground.write("requirements.txt", &requirements(&["six"]));
    check_in(
        &ground,
        &[],
        &expect![[r#"
            exit 2
            --- stderr
            byte-code [way]
            error: no file of six 1.17.0 on [wheels] has a digest of the lock: expected sha256:[digest] or one of 1 more, got sha256:[digest]; if the lock was made from another index, make it anew, else do not use what is there
        "#]],
    );
}

/// Makes a file by a Python program in a folder of packages, and a requirements.txt with its digest.
pub(crate) fn packages(ground: &mut Ground, program: &str, pin: &str) {
    let folder = ground.path("wheels");
    fs::create_dir(&folder).unwrap();
    let print = "import hashlib, pathlib\n[path] = pathlib.Path('.').iterdir()\nprint(hashlib.sha256(path.read_bytes()).hexdigest())";
    let output = Command::new("python3")
        .args(["-c", &format!("{program}\n{print}")])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let digest = String::from_utf8(output.stdout).unwrap();
    ground.wheels = folder;
    ground.write(
        "requirements.txt",
        &format!("{pin} --hash=sha256:{}\n", digest.trim()),
    );
}

#[test]
fn a_package_that_is_only_source_is_refused_with_the_other_way() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    let program = "
import io, tarfile
with tarfile.open('simple-1.0.tar.gz', 'w:gz') as tar:
    data = b'Metadata-Version: 2.1\\nName: simple\\nVersion: 1.0\\n'
    info = tarfile.TarInfo('simple-1.0/PKG-INFO'); info.size = len(data)
    tar.addfile(info, io.BytesIO(data))";
    packages(&mut ground, program, "simple==1.0");
    check_in(
        &ground,
        &[],
        &expect![[r#"
            exit 2
            --- stderr
            warning: requirements.txt:1: `simple==1.0` has no wheel for Python 3.11.2 on linux-x86_64-glibc2.36 [NB916]; pin a version that has a wheel, or make one where its code may run: `pip wheel --no-deps --wheel-dir wheels simple==1.0`, and name its folder: `--find-links wheels`
            byte-code [way]
            error: `simple==1.0` has only source: assembling installs wheels and runs no code of packages

            hint: pin a version that has a wheel for cpython-3.11.2-linux-x86_64-glibc2.36, or make one where its code may run: `pip wheel --no-deps --wheel-dir wheels simple==1.0`, and name its folder: `--find-links wheels`
        "#]],
    );
}

#[test]
fn a_wheel_that_writes_elsewhere_is_refused() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    let program = "
import zipfile
with zipfile.ZipFile('hostile-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('hostile-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('hostile-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: hostile\\nVersion: 1.0\\n')
    wheel.writestr('../../../usr/bin/python3', 'x')
    wheel.writestr('hostile-1.0.dist-info/RECORD', '')";
    packages(&mut ground, program, "hostile==1.0");
    check_in(
        &ground,
        &[],
        &expect![[r#"
        exit 2
        --- stderr
        byte-code [way]
        error: hostile-1.0-py3-none-any.whl: `../../../usr/bin/python3`: a file cannot have this name: it has `.` or `..` as a part
    "#]],
    );
}

#[test]
fn a_dockerfile_alone_goes_to_those_who_build_it() {
    check(
        &[("Dockerfile", "FROM scratch\nRUN apt-get install -y gcc\n")],
        &[],
        &expect![[r#"
        exit 2
        --- stderr
        error: Dockerfile cannot be assembled: a Dockerfile is a list of commands to run

        hint: build it yourself with `podman build` or `buildah bud`, or write what the notebook needs as requirements of pip
    "#]],
    );
}

#[test]
fn an_environment_of_conda_goes_to_those_who_build_it() {
    let text = "channels: [conda-forge]\ndependencies: [python=3.11, gdal=3.8]\n";
    check(
        &[("environment.yml", text)],
        &[],
        &expect![[r#"
        exit 2
        --- stderr
        error: environment.yml cannot be assembled: packages of conda are no wheels

        hint: build it yourself with `podman build` or `buildah bud`, or write what the notebook needs as requirements of pip
    "#]],
    );
}

/// A build on another base image, named as in the ground's registry.
fn check_base(name: &str, expected: &Expect) {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    ground.base = ground.repository(name);
    ground.write("requirements.txt", &requirements(TINY));
    check_in(&ground, &[], expected);
}

#[test]
fn a_base_image_that_is_not_there_is_told() {
    check_base(
        "bases/none:1",
        &expect![[r#"
        exit 2
        --- stderr
        error: the base image [registry]/bases/none:1 is not there
    "#]],
    );
    let digest = "a".repeat(64);
    check_base(
        &format!("bases/plain@sha256:{digest}"),
        &expect![[r#"
        exit 2
        --- stderr
        error: [registry]/bases/plain: `sha256:[digest]` is not in the registry
    "#]],
    );
}

#[test]
fn an_index_is_resolved_and_a_platform_that_it_lacks_is_told() {
    let Some(ground) = Ground::new(Base::Index) else {
        return;
    };
    ground.write("requirements.txt", &requirements(TINY));
    let built = ground.built(&[]);
    assert_eq!(built["reused"], false);
    let digest = Base::Plain.digest().unwrap();
    let inspect = nbvet_testkit::skopeo()
        .args(["inspect", "--raw", "--tls-verify=false"])
        .arg(format!("docker://{}", built["image"].as_str().unwrap()))
        .output()
        .unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&inspect.stdout).unwrap();
    assert_eq!(
        manifest["annotations"]["org.opencontainers.image.base.digest"],
        digest
    );
    // The other one of the index is a stub without Python.
    let further = ["--platform", "linux/arm64"];
    let output = ground.build(TEAM, &further).output().unwrap();
    expect![[r#"
        exit 2
        --- stderr
        error: no Python is on the PATH of the base image; name an image that has Python 3
    "#]]
    .assert_eq(&ground.shown(&output));
}

#[test]
fn a_base_image_without_the_platform_is_told() {
    check(
        &[("requirements.txt", &requirements(TINY))],
        &["--platform", "linux/arm64"],
        &expect![[r#"
            exit 2
            --- stderr
            error: the base image [registry]/bases/plain@sha256:[digest] is for linux/amd64, not for linux/arm64

            hint: name one for linux/arm64, or say `--platform linux/amd64`
        "#]],
    );
}

#[test]
fn a_registry_that_is_away_is_told() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    ground.base = "127.0.0.1:9/bases/plain:1".to_owned();
    ground.write("requirements.txt", &requirements(TINY));
    check_in(
        &ground,
        &[],
        &expect![[r#"
        exit 2
        --- stderr
        error: 127.0.0.1:9/bases/plain: HEAD http://127.0.0.1:9/v2/bases/plain/manifests/1: Connection refused (os error 111)
    "#]],
    );
}

#[test]
fn packages_that_are_nowhere_are_told() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    let folder = ground.path("wheels");
    fs::create_dir(&folder).unwrap();
    ground.wheels = folder;
    ground.write("requirements.txt", &requirements(&["six"]));
    let index = ["--index-url", "http://127.0.0.1:9/simple"];
    check_in(
        &ground,
        &index,
        &expect![[r#"
            exit 2
            --- stderr
            warning: GET http://127.0.0.1:9/simple/six/: Connection refused (os error 111); what the index tells of versions was not looked at
            byte-code [way]
            error: GET http://127.0.0.1:9/simple/six/: Connection refused (os error 111)
        "#]],
    );
    check_in(
        &ground,
        &[],
        &expect![[r#"
            exit 2
            --- stderr
            byte-code [way]
            error: six is on none of [wheels]

            hint: check its spelling, or name the index that has it in NBVET_INDEX_URL
        "#]],
    );
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    let options = RegistryOptions {
        password: true,
        ..RegistryOptions::default()
    };
    let Some(ground) = Ground::with(Base::Plain, options) else {
        return;
    };
    let Some(_) = or_skip(Registry::start(RegistryOptions::default())) else {
        return;
    };
    ground.write("requirements.txt", &requirements(TINY));
    // `tester:not-the-password`.
    let auth = format!(
        r#"{{"auths": {{"{}": {{"auth": "dGVzdGVyOm5vdC10aGUtcGFzc3dvcmQ="}}}}}}"#,
        ground.registry.host()
    );
    ground.write("auth.json", &auth);
    let output = ground
        .build(TEAM, &["--auth-file", "auth.json"])
        .output()
        .unwrap();
    let told = ground.shown(&output);
    assert!(
        !told.contains("not-the-password") && !told.contains("dGVzdGVy"),
        "{told}"
    );
    expect![[r#"
        exit 2
        --- stderr
        error: [registry]/bases/plain: no access: authentication required (UNAUTHORIZED); the credentials of auth.json do not do for it
    "#]].assert_eq(&told);
    // The right one, from the same kind of file.
    let auth = format!(
        r#"{{"auths": {{"{}": {{"auth": "dGVzdGVyOm5vdC1hLXNlY3JldA=="}}}}}}"#,
        ground.registry.host()
    );
    ground.write("auth.json", &auth);
    let built = ground.built(&["--auth-file", "auth.json"]);
    assert_eq!(built["reused"], false, "{USER} may build");
}
