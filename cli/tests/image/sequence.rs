//! The way that the guide shows: what a notebook needs, its image, the notebook validated inside, the image published.

use std::{collections::BTreeMap, fs};

use expect_test::expect;
use nbvet_testkit::{Base, Crane, Registry, Run, Runtime, or_skip, skopeo};
use serde_json::Value;

use crate::ground::{Ground, SMALL, TEAM, TINY, json, notebook, pulled, requirements, succeeded, uv};

const FURTHER: &[&str] = &[
    "cloudpickle",
    "contourpy",
    "cycler",
    "fonttools",
    "joblib",
    "kiwisolver",
    "matplotlib",
    "packaging",
    "pillow",
    "pyparsing",
    "scikit-learn",
    "scipy",
    "threadpoolctl",
];

const NOTEBOOK: &str = r#"import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.linear_model import LinearRegression

table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 6.0]})
model = LinearRegression().fit(table[["x"]], table["y"])
assert abs(model.coef_[0] - 2) < 1e-9
plt.plot(table["x"], table["y"])
print(pd.__version__)
"#;

fn uploads(registry: &Registry) -> usize {
    let all = registry.requests();
    all.iter().filter(|request| request.is_upload()).count()
}

#[test]
fn a_folder_becomes_an_image_in_which_its_notebook_is_validated_and_nothing_is_sent_twice() {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let Some(crane) = or_skip(Crane::find()) else {
        return;
    };
    let Some(ground) = Ground::new(Base::Conda) else {
        return;
    };
    let names = [SMALL, FURTHER].concat();
    let ground = ground
        .file("requirements.txt", &requirements(&names))
        .file("nb.ipynb", &notebook(NOTEBOOK));
    let deps = ground
        .command(&["deps", "nb.ipynb", "--python-version", "3.11"])
        .output()
        .unwrap();
    expect![[r#"
        exit 0
        --- stdout
        ✓ Passed nb.ipynb  at development · not run

          environment from requirements.txt (requirements in pip's form)
          imports
            ✓ matplotlib  matplotlib    requirements.txt:303  cell 0
            ✓ pandas      pandas        requirements.txt:404  cell 0
            ✓ sklearn     scikit-learn  requirements.txt:543  cell 0
          asks for 25 requirements: 25 pinned, 25 with hashes

        1 notebook: 1 passed · [s]
    "#]]
    .assert_eq(&ground.shown(&deps));

    first_build(&ground);
    let image = ground.built(&[])["image"].as_str().unwrap().to_owned();

    validated(&ground, &runtime, &image);

    let name = ground.repository("team/analysis:1");
    let publish = || {
        ground
            .command(&["image", "publish", &image, "--to", &name])
            .output()
            .unwrap()
    };
    expect![[r#"
        exit 0
        --- stdout
        published  [registry]/team/analysis:1
                   sha256:[digest] · new
    "#]]
    .assert_eq(&ground.shown(&publish()));
    agreed(&crane, &image, &name);

    let before = uploads(&ground.registry);
    let second = ground.build(TEAM, &[]).output().unwrap();
    expect![[r#"
        exit 0
        --- stdout
        image      [registry]/team/nbvet@sha256:[digest]
                   was there · 0 bytes sent · [s]
    "#]]
    .assert_eq(&ground.shown(&second));
    expect![[r#"
        exit 0
        --- stdout
        published  [registry]/team/analysis:1
                   sha256:[digest] · was there
    "#]]
    .assert_eq(&ground.shown(&publish()));
    assert_eq!(
        uploads(&ground.registry),
        before,
        "something was sent a second time"
    );
}

fn first_build(ground: &Ground) {
    let first = ground.build(TEAM, &[]).output().unwrap();
    expect![[r#"
        exit 0
        --- stdout
        shadows    ipykernel 6.26.0 of the base; 6.29.5 is imported
        shadows    numpy 1.24.4 of the base; 2.1.3 is imported
        shadows    pandas 2.0.3 of the base; 2.2.3 is imported
        shadows    python-dateutil 2.8.2 of the base; 2.9.0.post0 is imported
        shadows    pytz 2023.3 of the base; 2024.2 is imported
        shadows    six 1.16.0 of the base; 1.17.0 is imported
        shadows    tzdata 2023.3 of the base; 2024.2 is imported
        note       numpy-2.1.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl: byte-code that it brings is left out (1 file): Python would run it instead of the source beside it
          + [size]  scipy 1.14.1
          + [size]  numpy 2.1.3
          + [size]  pillow 13.0.0
          + [size]  fonttools 4.68.0
          + [size]  matplotlib 3.9.4
          + [size]  kiwisolver 1.5.1
          + [size]  scikit-learn 1.5.2
          + [size]  pandas 2.2.3
          + [size]  attrs 26.1.0
          + [size]  cloudpickle 3.1.3
          + [size]  contourpy 1.3.3
          + [size]  cycler 0.12.1
          + [size]  ipykernel 6.29.5
          + [size]  joblib 1.6.0
          + [size]  jsonpointer 3.0.0
          + [size]  jupyter-core 5.9.1
          + [size]  packaging 26.4
          + [size]  platformdirs 4.14.8
          + [size]  pyparsing 3.3.3
          + [size]  python-dateutil 2.9.0.post0
          + [size]  pytz 2024.2
          + [size]  six 1.17.0
          + [size]  threadpoolctl 3.8.0
          + [size]  traitlets 5.16.1
          + [size]  tzdata 2024.2
          + [size]  what starts the base's Python
        image      [registry]/team/nbvet@sha256:[digest]
                   [n] layers, 0 of them known · [size] sent · [s]
        --- stderr
        byte-code [way]
    "#]]
    .assert_eq(&without_sizes(&ground.shown(&first)));
}

/// Sizes follow the version of the compressor; byte-code is there where this machine has a Python for it.
fn without_sizes(text: &str) -> String {
    let line = |line: &str| match line.get(..4) {
        Some("  + " | "  = ") => format!("{}[size]  {}", &line[..4], line.get(15..).unwrap_or_default()),
        _ => match line.split_once(" layers, ") {
            Some((_, after)) => {
                let known = after.split(" · ").next().unwrap_or_default();
                format!("           [n] layers, {known} · [size] sent · [s]")
            }
            None => line.to_owned(),
        },
    };
    let lines = text.lines().filter(|line| !line.ends_with(" (byte-code)"));
    lines.map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// `nbvet validate` in a container of the image, as the guide says.
fn validated(ground: &Ground, runtime: &Runtime, image: &str) {
    let image = pulled(runtime, Base::Conda, &ground.registry, image);
    let volumes = [
        format!("{}:/usr/local/bin/nbvet:ro", env!("CARGO_BIN_EXE_nbvet")),
        format!("{}:/notebooks:ro", ground.path("work").display()),
    ];
    let run = Run {
        volumes: &volumes,
        env: &["HOME=/tmp"],
        ..Run::default()
    };
    let output = image
        .run(&run, &["nbvet", "validate", "/notebooks/nb.ipynb"])
        .unwrap();
    let told = ground.shown(&output);
    assert!(
        told.starts_with("exit 0\n--- stdout\n✓ Passed /notebooks/nb.ipynb "),
        "{told}"
    );
    assert!(told.contains("1 cell ran"), "{told}");
}

fn raw(image: &str) -> Vec<u8> {
    succeeded(skopeo().args([
        "inspect",
        "--raw",
        "--tls-verify=false",
        &format!("docker://{image}"),
    ]))
    .stdout
}

/// Other readers of registries see the same image under both names.
fn agreed(crane: &Crane, image: &str, name: &str) {
    crane.validate(image).unwrap();
    crane.validate(name).unwrap();
    let (_, digest) = image.split_once('@').unwrap();
    let said = succeeded(crane.command().args(["digest", "--insecure", name]));
    assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), digest);
    let inspected = json(skopeo().args(["inspect", "--tls-verify=false", &format!("docker://{name}")]));
    assert_eq!(inspected["Digest"], digest);
    let by_skopeo = raw(name);
    let by_crane = succeeded(crane.command().args(["manifest", "--insecure", image])).stdout;
    assert_eq!(by_skopeo, by_crane);
    let manifest: Value = serde_json::from_slice(&by_skopeo).unwrap();
    let layers: Vec<_> = manifest["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| &layer["digest"])
        .collect();
    let seen: Vec<_> = inspected["Layers"].as_array().unwrap().iter().collect();
    assert_eq!(layers, seen);
    let config = json(crane.command().args(["config", "--insecure", name]));
    let annotations: BTreeMap<String, Value> =
        serde_json::from_value(manifest["annotations"].clone()).unwrap();
    assert_eq!(serde_json::json!(annotations), config["config"]["Labels"]);
    assert_eq!(
        annotations["org.opencontainers.image.base.digest"],
        Base::Conda.digest().unwrap()
    );
    assert_eq!(
        config["rootfs"]["diff_ids"].as_array().unwrap().len(),
        layers.len()
    );
}

#[test]
fn a_plan_writes_nothing_and_tells_what_a_build_does() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let ground = ground.file("requirements.txt", &requirements(TINY));
    let into = ground.repository(TEAM);
    let sources = ground.sources();
    let words = |further: &[&'static str]| {
        let mut words = vec!["image".to_owned(), "plan".to_owned()];
        words.extend(sources.clone());
        words.extend(further.iter().map(|word| (*word).to_owned()));
        words
    };
    let plan = |further: &[&'static str]| {
        let words = words(further);
        let mut all: Vec<&str> = words.iter().map(String::as_str).collect();
        all.extend(["--repository", &into]);
        ground.command(&all)
    };
    let before = uploads(&ground.registry);
    let output = plan(&[]).output().unwrap();
    expect![[r#"
        exit 0
        --- stdout
        notebook   nb.ipynb
        from       requirements.txt (a complete lock)
        packages   4
        kernel     none is added: switched off
        base       [registry]/bases/plain@sha256:[digest]
                   sha256:[digest]
        for        cpython-3.11.2-linux-x86_64-glibc2.36
        byte-code [way]
        identity   [digest]
        image      not there
        shadows    six 1.16.0 of the base; 1.17.0 is imported
          + [size]  attrs 26.1.0
          + [size]  jsonpointer 3.0.0
          + [size]  platformdirs 4.14.8
          + [size]  six 1.17.0
          (=: the repository has it; +: new, its size before it is packed)
    "#]]
    .assert_eq(&without_sizes(&ground.shown(&output)));
    assert_eq!(uploads(&ground.registry), before, "a plan writes nothing");
    let planned = json(&mut plan(&["--format", "json"]));
    let built = ground.built(&[]);
    assert_eq!(planned["identity"], built["identity"]);
    assert_eq!(planned["image"], Value::Null);
    let holds = |value: &Value| -> Vec<String> {
        let layers = value["layers"].as_array().unwrap().iter();
        layers
            .map(|layer| layer["what"].as_str().unwrap().to_owned())
            .collect()
    };
    let (planned_layers, built_layers) = (holds(&planned), holds(&built));
    assert_eq!(planned_layers[..], built_layers[..planned_layers.len()]);
    let again = json(&mut plan(&["--format", "json"]));
    assert_eq!(again["image"], built["image"]);
}

/// Every file of an image's packages but byte-code: its mode, owner and digest; and what finds them.
const LAID_OUT: &str = r#"
import hashlib, os, pathlib
for path in sorted(pathlib.Path("/opt/nbvet").rglob("*")):
    if "__pycache__" not in path.parts:
        about = path.stat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        print(path, oct(about.st_mode), about.st_uid, about.st_gid, digest)
for name in ["PATH", "PYTHONPATH", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH"]:
    print(name, os.environ[name])
"#;

#[test]
fn the_dockerfile_of_a_plan_gives_an_image_with_the_same_files_and_the_same_kernel() {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let Some(ground) = Ground::new(Base::Plain).and_then(Ground::with_kernel) else {
        return;
    };
    // A script, entry points, data files, compiled modules.
    let names = [TINY, &["fonttools", "numpy"]].concat();
    let ground = ground.file("requirements.txt", &requirements(&names));
    let built = ground.built(&["--bytecode", "off"]);
    let sources = ground.sources();
    let mut words = vec![
        "image",
        "plan",
        "--write-context",
        "../context",
        "--print-dockerfile",
    ];
    words.extend(sources.iter().map(String::as_str));
    let output = succeeded(&mut ground.command(&words));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("kernel: ipykernel 7."), "{said}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let context = ground.path("context");
    assert_eq!(fs::read_to_string(context.join("Dockerfile")).unwrap(), printed);
    let config = ground.path("pip.conf");
    fs::write(&config, "[global]\nno-index = true\nfind-links = /wheels\n").unwrap();
    // Kept until the build has ended.
    let _base = pulled(&runtime, Base::Plain, &ground.registry, &ground.base);
    let peer = ground.repository("peer/built:latest");
    let volumes = [
        format!("{}:/wheels:ro", ground.wheels.display()),
        format!("{}:/etc/pip.conf:ro", config.display()),
    ];
    let options = ["--volume", &volumes[0], "--volume", &volumes[1]];
    runtime.build(&context, &peer, &options).unwrap();
    let laid_out = |image: &str| {
        let image = pulled(&runtime, Base::Plain, &ground.registry, image);
        image.python(&Run::default(), "python3", LAID_OUT).unwrap()
    };
    let (ours, theirs) = (laid_out(built["image"].as_str().unwrap()), laid_out(&peer));
    let differing: Vec<_> = ours
        .lines()
        .filter(|line| !theirs.contains(*line))
        .chain(theirs.lines().filter(|line| !ours.contains(*line)))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    for program in ["f2py", "fonttools", "jsonpointer", "jupyter"] {
        let line = format!("/opt/nbvet/env/bin/{program} 0o100775 0 0 ");
        assert!(ours.contains(&line), "{program} is not there: {ours}");
    }
    let labels = |image: &str| {
        let inspected = json(skopeo().args(["inspect", "--tls-verify=false", &format!("docker://{image}")]));
        inspected["Labels"]["dev.nbvet.kernel"].clone()
    };
    let kernel = labels(&peer);
    assert!(kernel.as_str().unwrap().starts_with("asttokens=="), "{kernel}");
    assert_eq!(kernel, labels(built["image"].as_str().unwrap()));
}

#[test]
fn a_plan_that_may_ask_nobody_knows_what_was_looked_up_before() {
    let Some(ground) = Ground::new(Base::Plain) else {
        return;
    };
    let ground = ground.file("requirements.txt", &requirements(TINY));
    let sources = ground.sources();
    let mut words = vec!["image", "plan", "--offline"];
    words.extend(sources.iter().map(String::as_str));
    let before = ground.registry.requests().len();
    let output = ground.command(&words).output().unwrap();
    expect![[r#"
        exit 2
        --- stderr
        error: the base image [registry]/bases/plain@sha256:[digest] was not looked into on this machine yet, and with `--offline` nobody is asked; run the same `nbvet image plan` once without `--offline`
    "#]]
    .assert_eq(&ground.shown(&output));
    assert_eq!(ground.registry.requests().len(), before, "somebody was asked");
    ground.built(&[]);
    let before = ground.registry.requests().len();
    let output = ground.command(&words).output().unwrap();
    expect![[r#"
        exit 0
        --- stdout
        notebook   nb.ipynb
        from       requirements.txt (a complete lock)
        packages   4
        kernel     none is added: switched off
        base       [registry]/bases/plain@sha256:[digest]
                   sha256:[digest]
        for        cpython-3.11.2-linux-x86_64-glibc2.36
        byte-code [way]
        identity   [digest]
        image      not looked for: name its repository with `--repository`
        shadows    six 1.16.0 of the base; 1.17.0 is imported
          + [size]  attrs 26.1.0
          + [size]  jsonpointer 3.0.0
          + [size]  platformdirs 4.14.8
          + [size]  six 1.17.0
          (=: the repository has it; +: new, its size before it is packed)
    "#]]
    .assert_eq(&without_sizes(&ground.shown(&output)));
    assert_eq!(ground.registry.requests().len(), before, "somebody was asked");
    let tagged = ground.repository("bases/plain:latest");
    let output = ground
        .command(&["image", "plan", "nb.ipynb", "--offline", "--base-image", &tagged])
        .output()
        .unwrap();
    expect![[r#"
        exit 2
        --- stderr
        error: [registry]/bases/plain:latest is named by no digest, and with `--offline` nobody is asked which image it is now; name it by digest, which `nbvet image plan` prints without `--offline`
    "#]]
    .assert_eq(&ground.shown(&output));
}

#[test]
fn a_plan_says_what_was_passed_over_what_is_not_pinned_and_what_can_move() {
    let (Some(mut ground), Some(uv)) = (Ground::new(Base::Plain), uv()) else {
        return;
    };
    ground.base = ground.repository("bases/plain:latest");
    ground.write("requirements.txt", "attrs\n");
    ground.write("Dockerfile", "FROM scratch\n");
    ground.write("nb.ipynb", &notebook("import yaml"));
    let sources = ground.sources();
    let mut words = vec!["image", "plan", "--format", "json", "--uv", &uv];
    words.extend(sources.iter().map(String::as_str));
    let output = ground.command(&words).output().unwrap();
    let planned: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let warnings = planned["warnings"].as_array().cloned().unwrap_or_default();
    let warnings: Vec<&str> = warnings.iter().filter_map(Value::as_str).collect();
    let shown = ground.shown(&output);
    let stderr = shown.split_once("--- stderr\n").map_or("", |(_, stderr)| stderr);
    expect![[r#"
        warning: requirements.txt is used and Dockerfile is not; set `--prefer-dockerfile` (preferDockerfile) to build from Dockerfile
        warning: `yaml` (pyyaml) is neither in the base image nor asked for: the notebook imports it
        warning: the base image `[registry]/bases/plain:latest` is named by a tag, which can move [NB919]; name it by its digest of today: `[registry]/bases/plain@sha256:[digest]`
        warning: requirements.txt:1: `attrs` may install a different attrs tomorrow than the one you validated [NB901]; pin the version that you validated (`pip freeze` tells it), or keep what you ask for in `requirements.in` and lock it: `mv requirements.txt requirements.in && uv pip compile requirements.in --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_36 -o requirements.txt`
    "#]].assert_eq(stderr);
    let told: Vec<&str> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("warning: "))
        .collect();
    assert_eq!(told.len(), warnings.len(), "{shown}");
    let into = ground.repository(TEAM);
    words[1] = "build";
    words.extend(["--repository", &into]);
    assert_eq!(json(&mut ground.command(&words))["warnings"], planned["warnings"]);
}
