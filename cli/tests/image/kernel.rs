//! The kernel that is added where neither the dependency file nor the base image has one: seen in the plan, the build and the
//! image, and started there as Jupyter starts it, under a uid that the image does not know.

use std::{fs, process::Command};

use expect_test::expect;
use nbvet_testkit::{Base, Run, Runtime, or_skip, skopeo};
use serde_json::Value;

use crate::{
    ground::{Ground, TEAM, TINY, json, notebook, pulled, requirements, succeeded},
    refused::packages,
};

/// What runs a notebook as a workbench would, without a kernel of its own: beside the image, not in it.
const CLIENT: &[&str] = &[
    "attrs",
    "fastjsonschema",
    "jsonschema",
    "jsonschema_specifications",
    "nbclient",
    "nbformat",
    "referencing",
    "rpds_py",
    "typing_extensions",
];

const NOTEBOOK: &str = "import ipykernel, os, six
print(six.__version__, six.__file__, ipykernel.__file__, os.getuid(), get_ipython().kernel.__class__.__name__)
assert six.PY3
%timeit -n 1 -r 1 pass
";

const RUN: &str = r#"
import nbformat
from nbclient import NotebookClient
nb = nbformat.read("/notebooks/nb.ipynb", 4)
NotebookClient(nb, kernel_name="python3", timeout=120, startup_timeout=120).execute()
print(nb.cells[0].outputs[0].text.splitlines()[0])
print(nb.metadata.language_info.version)
"#;

fn ground() -> Option<Ground> {
    let ground = Ground::new(Base::Plain)?.with_kernel()?;
    Some(ground.file("requirements.txt", &requirements(TINY)))
}

/// Wheels of the client, unpacked in a folder.
fn client(ground: &Ground) -> String {
    let folder = ground.path("client");
    for entry in fs::read_dir(&ground.wheels).unwrap() {
        let (path, name) = {
            let entry = entry.unwrap();
            (entry.path(), entry.file_name().into_string().unwrap())
        };
        if CLIENT
            .iter()
            .any(|wanted| name.starts_with(&format!("{wanted}-")))
        {
            let mut unpack = Command::new("python3");
            succeeded(unpack.args(["-m", "zipfile", "-e"]).arg(path).arg(&folder));
        }
    }
    folder.display().to_string()
}

fn annotations(image: &str) -> Value {
    let inspected = json(skopeo().args([
        "inspect",
        "--raw",
        "--tls-verify=false",
        &format!("docker://{image}"),
    ]));
    inspected["annotations"].clone()
}

#[test]
fn a_kernel_is_added_and_a_notebook_runs_by_it_under_any_uid() {
    let (Some(runtime), Some(ground)) = (or_skip(Runtime::find()), ground()) else {
        return;
    };
    let ground = ground.file("nb.ipynb", &notebook(NOTEBOOK));
    let output = ground.build(TEAM, &[]).output().unwrap();
    let told = ground.shown(&output);
    let kernel = told.lines().find(|line| line.starts_with("kernel")).unwrap();
    assert!(
        kernel.starts_with("kernel     ipykernel 7.")
            && kernel.ends_with(" packages that it needs: there was none (`--kernel none` leaves it out)"),
        "{told}"
    );
    assert!(told.contains("  tornado 6."), "{told}");
    let layers: Vec<&str> = told.lines().filter(|line| line.contains("(kernel")).collect();
    assert!(
        layers.len() > 15 && layers.iter().all(|line| line.starts_with("  + ")),
        "{told}"
    );
    assert!(!layers.iter().any(|line| line.contains("six 1.17.0")), "{told}");

    let built = ground.built(&[]);
    assert_eq!(built["reused"], true);
    assert_eq!(built["kernel"]["state"], "added");
    let image = built["image"].as_str().unwrap();
    let pins: Vec<&str> = built["kernel"]["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pin| pin.as_str().unwrap())
        .collect();
    assert_eq!(annotations(image)["dev.nbvet.kernel"], pins.join(" "));

    let image = pulled(&runtime, Base::Plain, &ground.registry, image);
    let volumes = [
        format!("{}:/client:ro", client(&ground)),
        format!("{}:/notebooks:ro", ground.path("work").display()),
        format!("{}:/usr/local/bin/nbvet:ro", env!("CARGO_BIN_EXE_nbvet")),
    ];
    let anybody = Run {
        read_only: true,
        volumes: &volumes,
        env: &["HOME=/tmp", "PYTHONPATH=/opt/nbvet/env/site:/client"],
        ..Run::default()
    };
    let ran = image.python(&anybody, "python3", RUN).unwrap();
    let site = "/opt/nbvet/env/site";
    assert_eq!(
        ran,
        format!("1.17.0 {site}/six.py {site}/ipykernel/__init__.py 12345 IPythonKernel\n3.11.2\n")
    );
    let listed = image.run(&anybody, &["jupyter", "kernelspec", "list"]).unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        listed.contains("/opt/nbvet/env/share/jupyter/kernels/python3"),
        "{listed}"
    );
    let validated = image
        .run(&anybody, &["nbvet", "validate", "/notebooks/nb.ipynb"])
        .unwrap();
    let validated = ground.shown(&validated);
    assert!(
        validated.starts_with("exit 0\n--- stdout\n✓ Passed "),
        "{validated}"
    );
}

#[test]
fn a_kernel_that_is_left_out_makes_another_image_and_one_that_is_there_is_told() {
    let Some(mut ground) = ground() else { return };
    let sources = ground.sources();
    let plan = |ground: &Ground, further: &[&str]| {
        let mut words = vec!["image", "plan", "--format", "json"];
        words.extend(sources.iter().map(String::as_str));
        words.extend(further);
        json(&mut ground.command(&words))
    };
    let with = plan(&ground, &[]);
    let without = plan(&ground, &["--kernel", "none"]);
    assert_eq!(without["kernel"], serde_json::json!({ "state": "off" }));
    assert_ne!(with["identity"], without["identity"]);
    assert_eq!(with["lock"], without["lock"], "the lock is what was asked for");
    let count = |plan: &Value| plan["layers"].as_array().unwrap().len();
    assert!(
        count(&with) > count(&without) + 15,
        "{} {}",
        count(&with),
        count(&without)
    );

    ground.write("requirements.txt", &requirements(&["ipykernel", "six"]));
    let locked = plan(&ground, &[]);
    assert_eq!(
        locked["kernel"],
        serde_json::json!({ "state": "there", "version": "6.29.5", "by": "lock" })
    );
    assert_eq!(
        locked["identity"],
        plan(&ground, &["--kernel", "none"])["identity"]
    );
    ground.write("requirements.txt", &requirements(TINY));
    ground.base = Base::Conda.push(&ground.registry).unwrap();
    let conda = ground.sources();
    let mut words = vec!["image", "plan", "--format", "json"];
    words.extend(conda.iter().map(String::as_str));
    assert_eq!(
        json(&mut ground.command(&words))["kernel"],
        serde_json::json!({ "state": "there", "version": "6.26.0", "by": "base" })
    );
}

#[test]
fn a_lock_in_which_no_kernel_would_run_gets_none_and_the_build_says_why() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    let program = "
import hashlib, zipfile
about = 'traitlets-4.3.3.dist-info'
files = {
    'traitlets/__init__.py': b'',
    f'{about}/WHEEL': b'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
    f'{about}/METADATA': b'Metadata-Version: 2.1\\nName: traitlets\\nVersion: 4.3.3\\n',
}
import base64
def line(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
    return f'{name},sha256={digest},{len(data)}\\n'
record = ''.join(line(*file) for file in files.items()) + f'{about}/RECORD,,\\n'
with zipfile.ZipFile('traitlets-4.3.3-py3-none-any.whl', 'w') as wheel:
    for name, data in [*files.items(), (f'{about}/RECORD', record)]:
        wheel.writestr(name, data)";
    packages(&mut ground, program, "traitlets==4.3.3");
    ground.kernel = true;
    let built = ground.built(&[]);
    assert_eq!(built["kernel"]["state"], "lacking");
    assert_eq!(
        annotations(built["image"].as_str().unwrap())["dev.nbvet.kernel"],
        Value::Null
    );
    let why = built["kernel"]["why"].as_str().unwrap();
    assert!(why.contains(" needs traitlets>=5"), "{why}");
    let again = ground.build(TEAM, &[]).output().unwrap();
    let told = ground.shown(&again);
    assert!(
        told.contains(&format!(
            "kernel     none, so Jupyter runs nothing in this image: {why}. Lock `ipykernel` with the rest\n"
        )),
        "{told}"
    );
}

#[test]
fn packages_of_a_kernel_that_are_nowhere_are_told_with_the_way_without_it() {
    let Some(mut ground) = Ground::new(Base::Plain) else {
        return;
    };
    ground.kernel = true;
    ground.write("requirements.txt", &requirements(TINY));
    let output = ground.build(TEAM, &[]).output().unwrap();
    let told = ground.shown(&output);
    expect![[r#"
        exit 2
        --- stderr
        byte-code [way]
        error: no kernel can be added: ipykernel is on none of [wheels]

        hint: packages of it are looked for where the others are; leave it out with `--kernel none`, or lock an `ipykernel` that is there
    "#]]
    .assert_eq(&told);
}
