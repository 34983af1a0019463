//! Byte-code by the base image's own Python, in a container.

use std::{fmt::Write as _, path::Path};

use nbvet_testkit::{Base, Run, Runtime, or_skip};

use crate::ground::{Ground, TEAM, TINY, json, pulled, requirements};

/// Every file of byte-code below a folder: it is for this Python, is not compared with its source, and is what Python runs.
const LOADED: &str = r#"
import importlib.util, marshal, pathlib, sys
import attr, platformdirs, six
print(sys.version.split()[0], six.__spec__.cached)
count = 0
for file in sorted(pathlib.Path("/opt/nbvet/env/site").rglob("*.pyc")):
    data = file.read_bytes()
    assert data[:8] == importlib.util.MAGIC_NUMBER + b"\1\0\0\0", file
    source = importlib.util.source_from_cache(str(file))
    assert marshal.loads(data[16:]).co_filename == source, file
    assert data[8:16] == importlib.util.source_hash(pathlib.Path(source).read_bytes()), file
    count += 1
print("whole", count > 10)
"#;

/// podman as the testkit calls it, in words for `--container-run`, and with its variables.
pub(crate) fn container_run(runtime: &Runtime) -> (String, Vec<(String, String)>) {
    let podman = runtime.podman();
    let mut words = podman.get_program().to_str().unwrap().to_owned();
    for word in podman.get_args() {
        let _ = write!(words, " {}", word.to_str().unwrap());
    }
    // Without the right to raise limits, neither podman's defaults nor the host's can be set.
    words += " run --tls-verify=false --ulimit nofile=4096:4096 --ulimit nproc=4096:4096";
    let variables = podman.get_envs().filter_map(|(name, value)| {
        let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
        Some((text(name), text(value?)))
    });
    (words, variables.collect())
}

#[test]
fn the_python_of_each_base_compiles_for_it() {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let (run, variables) = container_run(&runtime);
    for base in [Base::Plain, Base::Conda] {
        let Some(ground) = Ground::new(base) else { return };
        let ground = ground.file("requirements.txt", &requirements(TINY));
        // Kept until the build has ended: only its runtime's storage is asked.
        let _base = pulled(&runtime, base, &ground.registry, &ground.base);
        let words = ["--bytecode", "base", "--container-run", &run];
        let mut command = ground.build(TEAM, &words);
        let output = command.envs(variables.clone()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        assert!(
            told.contains("byte-code: by the base image's own cpython-3.11.2\n"),
            "{told}"
        );
        // It is there now, and no container is started to know that: there is nothing that could start one.
        let none = ["--bytecode", "base", "--container-run", "/no/such/program"];
        let built = ground.built(&none);
        assert_eq!(built["reused"], true);
        let image = pulled(&runtime, base, &ground.registry, built["image"].as_str().unwrap());
        let anybody = Run {
            read_only: true,
            ..Run::default()
        };
        assert_eq!(
            image.python(&anybody, "python3", LOADED).unwrap(),
            "3.11.2 /opt/nbvet/env/site/__pycache__/six.cpython-311.pyc\nwhole True\n"
        );
        // A Python of the same version compiles to the same image, wherever it runs.
        if Path::new("/usr/bin/python3.11").exists() && host_version() == "cpython-3.11.2" {
            let words = ["--format", "json", "--bytecode", "/usr/bin/python3.11"];
            let ours = json(&mut ground.build("team/other", &words));
            assert_eq!(
                (&ours["reused"], &ours["digest"]),
                (&false.into(), &built["digest"])
            );
        }
    }
}

fn host_version() -> String {
    let program = "import platform; print('cpython-' + platform.python_version())";
    let output = std::process::Command::new("/usr/bin/python3.11")
        .args(["-c", program])
        .output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

#[test]
fn what_cannot_start_a_container_is_told_when_something_is_to_be_compiled() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let ground = ground.file("requirements.txt", &requirements(&["six"]));
    let words = [
        "--bytecode",
        "base",
        "--container-run",
        "/no/such/program --quiet",
    ];
    let output = ground.build(TEAM, &words).output().unwrap();
    expect_test::expect![[r#"
        exit 2
        --- stderr
        byte-code [way]
        error: /no/such/program: cannot be started: No such file or directory (os error 2)
    "#]]
    .assert_eq(&ground.shown(&output));
}
