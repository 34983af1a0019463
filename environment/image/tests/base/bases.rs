//! The probe of each real base image says what the image's own Python says of itself.

use std::fs::File;

use nbvet_image::{
    base::{self, Origin, Probe, Prober},
    http::{Http, HttpOptions},
    registry::{Credentials, Platform, Registries, Repository},
};
use nbvet_testkit::{Base, Registry, RegistryOptions, Run, Runtime, layout, or_skip};
use serde_json::{Value, json};

/// The facts of a probe, asked of the interpreter. Of two distributions with one name it takes the first, as imports
/// do.
const ASK: &str = r#"
import importlib.metadata as metadata, json, os, re, sys, platform
found, modules = {}, {}
for d in metadata.distributions():
    name = re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower()
    found.setdefault(name, [d.version, os.path.realpath(str(d.locate_file("")))])
for module, names in metadata.packages_distributions().items():
    for name in set(names):
        if module.isidentifier():
            modules.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(module)
folders = [os.path.realpath(p) for p in sys.path if p.endswith("-packages")]
print(json.dumps({
    "version": platform.python_version(), "flags": sys.abiflags, "prefix": sys.prefix, "libc": "".join(platform.libc_ver()),
    "machine": platform.machine(), "folders": folders, "distributions": found,
    "modules": {name: sorted(set(all)) for name, all in modules.items()},
}))
"#;

fn blob(digest: &Value) -> File {
    let name = digest["digest"]
        .as_str()
        .unwrap()
        .strip_prefix("sha256:")
        .unwrap();
    File::open(layout().unwrap().join("blobs/sha256").join(name)).unwrap()
}

fn probe(base: Base) -> Probe {
    let manifest: Value = serde_json::from_reader(blob(&json!({"digest": base.digest().unwrap()}))).unwrap();
    let configuration = std::io::read_to_string(blob(&manifest["config"])).unwrap();
    let mut prober = Prober::new(configuration.as_bytes()).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        prober.layer(blob(layer)).unwrap();
    }
    prober.finish(&base.digest().unwrap()).unwrap()
}

/// The same facts of a probe.
fn told(probe: &Probe) -> Value {
    let python = probe.python().unwrap();
    let installed: Vec<_> = probe.installed().collect();
    let distributions = installed
        .iter()
        .map(|d| (d.name.clone(), json!([d.version, d.location])));
    let with_modules = installed.iter().filter(|d| !d.modules.is_empty());
    let target = probe.target().unwrap();
    json!({
        "version": python.version, "flags": python.abi_flags, "prefix": python.prefix, "libc": python.libc,
        "machine": target.platform().arch.as_str(),
        "distributions": distributions.collect::<serde_json::Map<_, _>>(),
        "modules": with_modules.map(|d| (d.name.clone(), json!(d.modules))).collect::<serde_json::Map<_, _>>(),
    })
}

/// Compares the two; folders of `sys.path` that are not there are not asked about.
fn check(base: Base, origin: Origin, because: &str) {
    let Some(runtime) = or_skip(Runtime::find()) else {
        return;
    };
    let image = runtime.load(base).unwrap();
    let probe = probe(base);
    let python = probe.python().unwrap();
    assert_eq!(probe.running.as_ref().unwrap().because, because);
    assert_eq!(python.origin, origin);
    let as_the_image_says = Run {
        user: None,
        ..Run::default()
    };
    let output = runtime
        .run(&image, &as_the_image_says, &[&python.path, "-c", ASK])
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let mut asked: Value = serde_json::from_slice(&output.stdout).unwrap();
    let folders = asked.as_object_mut().unwrap().remove("folders").unwrap();
    for folder in folders.as_array().unwrap() {
        assert!(
            python.site.iter().any(|site| site == folder),
            "{folder} is not in {:?}",
            python.site
        );
    }
    let told = told(&probe);
    for (key, value) in asked.as_object().unwrap() {
        assert_eq!(&told[key], value, "{key}");
    }
    assert_eq!(probe.distribution("pandas").unwrap().version, "2.0.3");
    assert_eq!(probe.distribution("six").unwrap().version, "1.16.0");
    assert!(probe.distribution("leftover").is_none());
    assert_eq!(Probe::from_json(&probe.to_json()).unwrap(), probe);
}

#[test]
fn a_plain_debian_is_known_as_it_knows_itself() {
    check(Base::Plain, Origin::System, "the first on PATH");
}

#[test]
fn a_venv_is_known_as_it_knows_itself() {
    check(Base::Venv, Origin::Venv, "the first on PATH");
}

#[test]
fn a_conda_prefix_is_known_as_it_knows_itself() {
    let kernel = "the kernelspec /opt/conda/share/jupyter/kernels/python3/kernel.json";
    check(Base::Conda, Origin::Conda, kernel);
}

#[test]
fn every_python_of_an_image_is_told() {
    if or_skip(layout()).is_none() {
        return;
    }
    let probe = probe(Base::Conda);
    let told: Vec<_> = probe
        .interpreters
        .iter()
        .map(|p| (p.path.as_str(), p.origin))
        .collect();
    assert_eq!(
        told,
        [
            ("/opt/conda/bin/python", Origin::Conda),
            ("/usr/bin/python3", Origin::System)
        ]
    );
    assert!(probe.has_kernel() && probe.has_ipython());
    assert_eq!(probe.system.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
    assert_eq!(probe.user, "1000");
    let kernels: Vec<_> = probe
        .kernelspecs
        .iter()
        .map(|k| (k.name.as_str(), k.argv[0].as_str()))
        .collect();
    assert_eq!(kernels, [("python3", "/opt/conda/bin/python")]);
}

/// The repository into which a base image was pushed, and its digest.
fn pushed(base: Base, registry: &Registry) -> Option<(Repository, String)> {
    let reference = or_skip(base.push(registry))?;
    let registries = Registries::new(Http::new(HttpOptions::default()).unwrap(), Credentials::none());
    Some((
        registries.repository(&reference.parse().unwrap()),
        base.digest().unwrap(),
    ))
}

#[test]
fn an_image_of_an_index_is_read_through_the_registry() {
    let Some(registry) = or_skip(Registry::start(RegistryOptions::default())) else {
        return;
    };
    let Some((repository, digest)) = pushed(Base::Index, &registry) else {
        return;
    };
    let architecture = probe(Base::Plain).architecture;
    let image = repository
        .resolve(&digest, &Platform::linux(&architecture))
        .unwrap();
    assert_eq!(base::probe(&repository, &image).unwrap(), probe(Base::Plain));
    let other = if architecture == "amd64" { "arm64" } else { "amd64" };
    let stub = repository.resolve(&digest, &Platform::linux(other)).unwrap();
    let stub = base::probe(&repository, &stub).unwrap();
    assert_eq!(
        stub.target().unwrap_err().to_string(),
        "no Python is on the PATH of the base image; name an image that has Python 3"
    );
}

#[test]
fn a_layer_that_the_registry_changed_is_told_as_that() {
    let Some(registry) = or_skip(Registry::start(RegistryOptions::default())) else {
        return;
    };
    let Some((repository, digest)) = pushed(Base::Plain, &registry) else {
        return;
    };
    let image = repository
        .resolve(&digest, &Platform::linux(&probe(Base::Plain).architecture))
        .unwrap();
    let layer = &image.manifest.layers[1].digest;
    let stored = registry.storage().join(format!(
        "docker/registry/v2/blobs/sha256/{}/{}/data",
        &layer.hex()[..2],
        layer.hex()
    ));
    let mut bytes = std::fs::read(&stored).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&stored, bytes).unwrap();
    let error = base::probe(&repository, &image).unwrap_err().to_string();
    assert!(error.contains("changes content"), "{error}");
}
