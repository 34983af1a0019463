//! The Dockerfile as buildah runs it, on base images of each kind, and what is in the image afterwards.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{fs, path::Path, process::Command};

use nbvet_deps::{
    Lock, PinnedImage,
    dockerfile::{PIP_SECRET, PIP_WHEEL, Pip, Recipe, TARGET},
    layout::Interpreter,
    target::Arch,
};
use nbvet_testkit::{
    Base, Error, Lock as TestLock, Pulled, Registry, RegistryOptions, Run, Runtime, or_skip,
};

/// A package that the bases hold in an older version, one with a program, one with a kernel.
const INSTALLED: [&str; 3] = ["six", "jsonpointer", "ipykernel"];

fn lock() -> Lock {
    let text = fs::read_to_string(TestLock::Test.path()).unwrap();
    let whole: Lock = text.parse().unwrap();
    let wanted = INSTALLED
        .iter()
        .map(|name| whole.get(&name.parse().unwrap()).unwrap().clone());
    Lock::new(wanted)
}

const fn arch() -> Arch {
    if cfg!(target_arch = "aarch64") {
        Arch::Aarch64
    } else {
        Arch::X86_64
    }
}

/// The Python of a base, as its probe has it.
fn python(base: Base) -> Interpreter {
    let path = match base {
        Base::Venv => "/opt/app-root/bin/python3",
        Base::Conda => "/opt/conda/bin/python",
        Base::Plain | Base::Index => "/usr/bin/python3",
    };
    Interpreter::new(path).unwrap()
}

struct Ground {
    registry: Registry,
    runtime: Runtime,
    wheels: String,
    pip: String,
}

fn ground() -> Option<Ground> {
    Some(Ground {
        registry: or_skip(Registry::start(RegistryOptions::default()))?,
        runtime: or_skip(Runtime::find())?,
        wheels: or_skip(TestLock::Test.wheels())?.display().to_string(),
        pip: or_skip(pip_wheel())?,
    })
}

/// The wheel of pip that every Python has for making environments.
fn pip_wheel() -> Result<String, Error> {
    let program = "import ensurepip, pathlib; print(next(pathlib.Path(ensurepip.__file__).parent.glob('_bundled/pip-*.whl')))";
    let output = Command::new("python3").args(["-c", program]).output();
    match output {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
        }
        _ => Err(Error::Missing {
            what: "a wheel of pip".to_owned(),
            why: "python3 has no ensurepip".to_owned(),
        }),
    }
}

impl Ground {
    /// Builds a lock on a base; wheels come from a folder that only pip's configuration, a secret, tells of.
    fn build(&self, base: Base, lock: &Lock, name: &str) -> Result<Pulled, Error> {
        let (of, base_has_pip) = (base, base == Base::Plain);
        let base = base.push(&self.registry)?;
        // Kept until the build has ended.
        let _base = self.runtime.pull(&self.registry, &base)?;
        let pinned: PinnedImage = base.parse().unwrap();
        let recipe = Recipe {
            pip: if base_has_pip { Pip::OfBase } else { Pip::Beside },
            pip_config: true,
            ..Recipe::new(pinned, arch(), python(of), lock, None)
        };
        let folder = tempfile::tempdir().unwrap();
        let context = folder.path().join("context");
        fs::create_dir(&context).unwrap();
        recipe.context(lock).write(&context).unwrap();
        if !base_has_pip {
            fs::copy(&self.pip, context.join(PIP_WHEEL)).unwrap();
        }
        let config = folder.path().join("pip.conf");
        fs::write(&config, "[global]\nno-index = true\nfind-links = /wheels\n").unwrap();
        let image = format!("{}/built/{name}:latest", self.registry.host());
        self.run(&context, &config, &image)?;
        self.runtime.pull(&self.registry, &image)
    }

    fn run(&self, context: &Path, config: &Path, image: &str) -> Result<(), Error> {
        let secret = format!("id={PIP_SECRET},src={}", config.display());
        let wheels = format!("{}:/wheels:ro", self.wheels);
        let options = ["--target", TARGET, "--secret", &secret, "--volume", &wheels];
        self.runtime.build(context, image, &options)
    }
}

/// What a notebook would see: versions, the program, the kernel, and that nothing of the build stayed.
const SEEN: &str = "
import importlib.metadata, os, subprocess, six
for name in ['six', 'jsonpointer', 'ipykernel']:
    found = [d.version for d in importlib.metadata.distributions() if d.metadata['Name'].lower() == name]
    print(name, importlib.metadata.version(name), 'first of', len(found))
print('imported', six.__version__)
print(subprocess.run(['jsonpointer', '--version'], capture_output=True, text=True).stdout.strip())
kernels = [os.path.join(p, 'kernels/python3/kernel.json') for p in os.environ['JUPYTER_PATH'].split(':')]
print('kernel', [os.path.exists(p) for p in kernels])
print('left', [p for p in ['/etc/pip.conf', '/tmp/requirements.lock', '/tmp/arrange.py', '/wheels', '/opt/nbvet/env/site/bin'] if os.path.exists(p)])
print('empty parts', [n for n in ['PATH', 'PYTHONPATH', 'JUPYTER_PATH', 'JUPYTER_CONFIG_PATH'] if '' in os.environ[n].split(':')])
";

fn expected(base: Base) -> String {
    let kernels = if base == Base::Plain { 1 } else { 2 };
    format!(
        "six 1.17.0 first of 2
jsonpointer 3.0.0 first of 1
ipykernel 6.29.5 first of {kernels}
imported 1.17.0
jsonpointer 3.0.0
kernel [True]
left []
empty parts []
"
    )
}

#[test]
fn what_is_locked_is_installed_on_bases_of_each_kind_before_their_own() {
    let Some(ground) = ground() else { return };
    for (base, user) in [(Base::Plain, "0"), (Base::Venv, "1001"), (Base::Conda, "1000")] {
        let image = ground.build(base, &lock(), base.name()).unwrap();
        let seen = image.python(&Run::default(), "python3", SEEN).unwrap();
        assert_eq!(seen, expected(base), "{}", base.name());
        let of_the_image = Run {
            user: None,
            ..Run::default()
        };
        let id = image
            .python(&of_the_image, "python3", "import os; print(os.getuid())")
            .unwrap();
        assert_eq!(id.trim(), user, "the image keeps the user of its base");
    }
}

#[test]
fn a_file_with_another_digest_ends_the_build() {
    let Some(ground) = ground() else { return };
    let wrong =
        "six==1.17.0 --hash=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
    let refused = ground
        .build(Base::Plain, &wrong.parse().unwrap(), "wrong")
        .unwrap_err()
        .to_string();
    assert!(refused.contains("DO NOT MATCH THE HASHES"), "{refused}");
}

#[test]
fn without_packages_the_base_is_left_as_it_is() {
    let Some(ground) = ground() else { return };
    let image = ground.build(Base::Plain, &Lock::default(), "nothing").unwrap();
    let seen = image
        .python(&Run::default(), "python3", "import six; print(six.__version__)")
        .unwrap();
    assert_ne!(seen.trim(), "1.17.0");
}
