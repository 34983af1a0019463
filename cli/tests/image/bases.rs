//! What is installed on each kind of base, run under a uid that the image does not know, without network.

use std::fs;

use nbvet_testkit::{Base, Error, Pulled, Result, Run, Runtime, or_skip};
use serde_json::Value;

use crate::ground::{Ground, SMALL, pulled, requirements};

/// Everything below a folder that is a package's, by path and digest; what an installer writes on its own is left out.
const LISTED: &str = r#"
import hashlib, importlib.metadata, json, pathlib
def listed(site, others):
    site, files = pathlib.Path(site), {}
    for top in [site, *map(pathlib.Path, others)]:
        base = site if top == site else top.parent
        for path in top.rglob("*"):
            name = path.relative_to(base)
            own = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}
            if path.is_file() and "__pycache__" not in name.parts and name.name not in own:
                data = path.read_bytes()
                # The first line of a program names another interpreter.
                lines = [] if name.parts[0] == "bin" else [hashlib.sha256(data).hexdigest()]
                files[str(name)] = lines
    found = importlib.metadata.distributions(path=[str(site)])
    installed = sorted([d.metadata["Name"], d.version] for d in found)
    return json.dumps({"files": files, "installed": installed}, sort_keys=True)
"#;

/// What a base image has, where its Python looks.
const OF_BASE: &str = r#"
import importlib.metadata, json, re
found = {}
for d in importlib.metadata.distributions():
    found.setdefault(re.sub("[-_.]+", "-", d.metadata["Name"]).lower(), d.version)
print(json.dumps(found))
"#;

/// What a notebook sees.
const SEEN: &str = r#"
import importlib.metadata, os, subprocess, sys
import jupyter_core, numpy, pandas, six
for module in [jupyter_core, numpy, pandas, six]:
    name = module.__name__
    compiled = module.__spec__.cached
    print(name, module.__version__, importlib.metadata.version(name), module.__file__, os.path.exists(compiled))
print("sum", pandas.DataFrame({"a": [1, 2]}).a.sum())
for program in [["jsonpointer", "--version"], ["f2py", "-v"], ["jupyter", "--runtime-dir"]]:
    done = subprocess.run(program, capture_output=True, text=True)
    where = subprocess.run(["sh", "-c", "command -v " + program[0]], capture_output=True, text=True)
    print(where.stdout.strip(), done.returncode, done.stdout.strip() or done.stderr.strip())
print(os.path.exists(os.environ["JUPYTER_PATH"].split(":")[0] + "/kernels/python3/kernel.json"))
print(os.getuid(), sys.prefix)
"#;

/// A kernel, as Jupyter starts it by the base's own kernelspec, whose interpreter is an absolute path.
const KERNEL: &str = r#"
import json, os
del os.environ["JUPYTER_PATH"]
from jupyter_client.manager import start_new_kernel
from jupyter_client.kernelspec import KernelSpecManager
print(KernelSpecManager().get_kernel_spec("python3").argv[0])
manager, client = start_new_kernel(kernel_name="python3", startup_timeout=120)
client.execute_interactive("import pandas; print(pandas.__version__, pandas.__file__)", timeout=120)
manager.shutdown_kernel(now=True)
"#;

const SITE: &str = "/opt/nbvet/env/site";

fn anybody<'r>() -> Run<'r> {
    Run {
        read_only: true,
        env: &["HOME=/tmp", "JUPYTER_RUNTIME_DIR=/tmp/run"],
        ..Run::default()
    }
}

fn has_python() -> bool {
    let python = std::process::Command::new("python3.11").arg("--version").output();
    python.is_ok_and(|output| output.status.success())
}

/// The wheel of pip that every Python has for making environments.
fn pip() -> Result<String> {
    let program = "import ensurepip, pathlib; print(next(pathlib.Path(ensurepip.__file__).parent.glob('_bundled/pip-*.whl')))";
    match std::process::Command::new("python3")
        .args(["-c", program])
        .output()
    {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
        }
        _ => Err(Error::Missing {
            what: "a wheel of pip".to_owned(),
            why: "python3 has no ensurepip".to_owned(),
        }),
    }
}

fn ours(image: &Pulled) -> Value {
    let program = format!(
        "{LISTED}\nprint(listed('{SITE}', ['/opt/nbvet/env/bin', '/opt/nbvet/env/share', '/opt/nbvet/env/etc']))"
    );
    serde_json::from_str(&image.python(&anybody(), "python3", &program).unwrap()).unwrap()
}

/// The same by pip, in the base image.
fn pips(ground: &Ground, runtime: &Runtime, base: Base, pip: &str) -> Value {
    let requirements = ground.path("work/requirements.txt");
    let volumes = [
        format!("{}:/wheels:ro", ground.wheels.display()),
        format!("{}:/requirements.txt:ro", requirements.display()),
        format!("{pip}:/pip.whl:ro"),
    ];
    let run = Run {
        volumes: &volumes,
        ..anybody()
    };
    let install = "import subprocess, sys
subprocess.run([sys.executable, '/pip.whl/pip', 'install', '--quiet', '--require-hashes', '--no-deps', '--no-index',
    '--no-compile', '--find-links', '/wheels', '--target', '/tmp/t', '-r', '/requirements.txt'], check=True)
import os
print(listed('/tmp/t', []))";
    let image = runtime.load(base).unwrap();
    let output = runtime
        .run(&image, &run, &["python3", "-c", &format!("{LISTED}\n{install}")])
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let out = text(&output.stdout);
    let last = out.lines().last().unwrap_or_default();
    assert!(output.status.success(), "{out}{}", text(&output.stderr));
    serde_json::from_str(last).unwrap()
}

/// Packages that both have, in different versions.
fn expected_shadowed(runtime: &Runtime, base: Base, ours: &Value) -> Vec<[String; 3]> {
    let image = runtime.load(base).unwrap();
    let output = runtime
        .run(&image, &anybody(), &["python3", "-c", OF_BASE])
        .unwrap();
    let of_base: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = Vec::new();
    for pair in ours["installed"].as_array().unwrap() {
        let name = pair[0].as_str().unwrap().to_lowercase().replace(['_', '.'], "-");
        let version = pair[1].as_str().unwrap().to_owned();
        if let Some(before) = of_base[&name].as_str().filter(|before| *before != version) {
            found.push([name, before.to_owned(), version]);
        }
    }
    found.sort();
    found
}

fn check(base: Base, expected: &expect_test::Expect) {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    if !has_python() {
        println!("skipped: no python3.11 here, which compiles for the base images");
        return;
    }
    let Some(pip) = or_skip(pip()) else { return };
    let Some(ground) = Ground::new(base) else { return };
    let ground = ground.file("requirements.txt", &requirements(SMALL));
    let built = ground.built(&[]);
    let image = pulled(&runtime, base, &ground.registry, built["image"].as_str().unwrap());
    let seen = image.python(&anybody(), "python3", SEEN).unwrap();
    expected.assert_eq(&seen);
    let (ours, pips) = (ours(&image), pips(&ground, &runtime, base, &pip));
    assert_eq!(ours["installed"], pips["installed"]);
    assert_eq!(ours["installed"].as_array().unwrap().len(), SMALL.len());
    assert_eq!(ours["files"], pips["files"]);
    let mut shadowed: Vec<_> = built["shadowed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| ["name", "base", "image"].map(|key| one[key].as_str().unwrap().to_owned()))
        .collect();
    shadowed.sort();
    assert_eq!(shadowed, expected_shadowed(&runtime, base, &ours));
    assert!(shadowed.iter().any(|one| one[0] == "pandas"), "{shadowed:?}");
    if base == Base::Conda {
        let told = image.python(&anybody(), "python3", KERNEL).unwrap();
        assert_eq!(
            told,
            format!("/opt/conda/bin/python\n2.2.3 {SITE}/pandas/__init__.py\n")
        );
    }
    let work = fs::read_dir(ground.path("work")).unwrap().count();
    assert_eq!(work, 2, "building leaves nothing beside the notebook");
}

#[test]
fn what_pip_would_install_is_installed_on_a_plain_base() {
    check(
        Base::Plain,
        &expect_test::expect![[r#"
        jupyter_core 5.9.1 5.9.1 /opt/nbvet/env/site/jupyter_core/__init__.py True
        numpy 2.1.3 2.1.3 /opt/nbvet/env/site/numpy/__init__.py True
        pandas 2.2.3 2.2.3 /opt/nbvet/env/site/pandas/__init__.py True
        six 1.17.0 1.17.0 /opt/nbvet/env/site/six.py True
        sum 3
        /opt/nbvet/env/bin/jsonpointer 0 jsonpointer 3.0.0
        /opt/nbvet/env/bin/f2py 0 2.1.3
        /opt/nbvet/env/bin/jupyter 0 /tmp/run
        True
        12345 /usr
    "#]],
    );
}

#[test]
fn what_pip_would_install_is_installed_on_a_venv() {
    check(
        Base::Venv,
        &expect_test::expect![[r#"
        jupyter_core 5.9.1 5.9.1 /opt/nbvet/env/site/jupyter_core/__init__.py True
        numpy 2.1.3 2.1.3 /opt/nbvet/env/site/numpy/__init__.py True
        pandas 2.2.3 2.2.3 /opt/nbvet/env/site/pandas/__init__.py True
        six 1.17.0 1.17.0 /opt/nbvet/env/site/six.py True
        sum 3
        /opt/nbvet/env/bin/jsonpointer 0 jsonpointer 3.0.0
        /opt/nbvet/env/bin/f2py 0 2.1.3
        /opt/nbvet/env/bin/jupyter 0 /tmp/run
        True
        12345 /opt/app-root
    "#]],
    );
}

#[test]
fn what_pip_would_install_is_installed_on_a_conda_prefix_and_its_kernel_imports_it() {
    check(
        Base::Conda,
        &expect_test::expect![[r#"
        jupyter_core 5.9.1 5.9.1 /opt/nbvet/env/site/jupyter_core/__init__.py True
        numpy 2.1.3 2.1.3 /opt/nbvet/env/site/numpy/__init__.py True
        pandas 2.2.3 2.2.3 /opt/nbvet/env/site/pandas/__init__.py True
        six 1.17.0 1.17.0 /opt/nbvet/env/site/six.py True
        sum 3
        /opt/nbvet/env/bin/jsonpointer 0 jsonpointer 3.0.0
        /opt/nbvet/env/bin/f2py 0 2.1.3
        /opt/nbvet/env/bin/jupyter 0 /tmp/run
        True
        12345 /opt/conda
    "#]],
    );
}
