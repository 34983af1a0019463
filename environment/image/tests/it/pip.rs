//! Real wheels: the same files lie in a layer as pip installs.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::{Duration, Instant},
};

use nbvet_image::{
    bytecode::{ARGUMENTS, Compiler},
    layer::{self, Part},
    wheel::{Limits, Wheel},
};
use tempfile::TempDir;

use crate::layers::{archive, build};

/// Pure, with data files and a kernelspec, with scripts, and with native modules.
const WHEELS: &[&str] = &[
    "six==1.17.0",
    "attrs==25.3.0",
    "ipykernel==6.29.5",
    "jupyter_core==5.8.1",
    "jupyterlab_widgets==3.0.15",
    "markupsafe==3.0.2",
    "greenlet==3.2.4",
];

pub(crate) fn python() -> PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    match env::var_os("NBVET_PYTHON") {
        Some(python) => python.into(),
        None if venv.exists() => venv,
        None => "python3".into(),
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The wheels, downloaded once.
pub(crate) static DOWNLOADED: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wheels");
    fs::create_dir_all(&folder).unwrap();
    let wheels = || -> Vec<PathBuf> {
        let found = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut wheels: Vec<PathBuf> = found.collect();
        wheels.sort();
        wheels
    };
    if wheels().len() < WHEELS.len() {
        let mut pip = Command::new(python());
        pip.args([
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary",
            ":all:",
            "-d",
        ]);
        run(pip.arg(&folder).args(WHEELS));
    }
    wheels()
});

pub(crate) fn open(path: &Path) -> Wheel {
    let name = path.file_name().unwrap().to_str().unwrap();
    Wheel::open(path, name, None, &|_| false, &Limits::default()).unwrap()
}

/// What a file is: whether it may be run, and its bytes.
type Files = BTreeMap<String, (bool, Vec<u8>)>;

fn ours(path: &Path) -> Files {
    let layer = build(&mut [open(path)]);
    let mut files = Files::new();
    for entry in archive(&layer).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if let Some(path) = path
            .strip_prefix("opt/nbvet/env/")
            .filter(|path| !path.is_empty() && !path.ends_with('/'))
        {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(
                path.to_owned(),
                (entry.header().mode().unwrap() & 0o100 != 0, bytes),
            );
        }
    }
    files
}

fn pips(wheel: &Path) -> Files {
    let prefix = TempDir::new().unwrap();
    let mut pip = Command::new(python());
    pip.args([
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-compile",
        "--no-index",
        "--ignore-installed",
    ]);
    run(pip.arg("--prefix").arg(prefix.path()).arg(wheel));
    let mut files = Files::new();
    collect(prefix.path(), prefix.path(), &mut files);
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Files) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
            continue;
        }
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        let parts: Vec<&str> = name.split('/').collect();
        let name = match parts[..] {
            ["lib" | "lib64", _, "site-packages", ..] => format!("site/{}", parts[3..].join("/")),
            ["include", "site", _, ..] => format!("include/{}", parts[3..].join("/")),
            _ => name.to_owned(),
        };
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        files.insert(name, (mode & 0o100 != 0, fs::read(&path).unwrap()));
    }
}

#[test]
fn the_same_files_as_pip_installs() {
    for wheel in &*DOWNLOADED {
        let (ours, pips) = (ours(wheel), pips(wheel));
        // Each installer writes its own of these; their text is looked at elsewhere.
        let is_own = |name: &str| {
            let of_info = [
                ".dist-info/RECORD",
                ".dist-info/INSTALLER",
                ".dist-info/REQUESTED",
                ".dist-info/direct_url.json",
            ];
            of_info.iter().any(|end| name.ends_with(end))
        };
        let names = |files: &Files| -> Vec<(String, bool)> {
            let of = files
                .iter()
                .map(|(name, (executable, _))| (name.clone(), *executable));
            of.filter(|(name, _)| !is_own(name)).collect()
        };
        assert_eq!(names(&ours), names(&pips), "{}", wheel.display());
        for (name, (_, bytes)) in &ours {
            // What starts a program names another Python, in our words.
            if !is_own(name) && !name.starts_with("bin/") {
                assert!(pips[name].1 == *bytes, "{}: {name}", wheel.display());
            }
        }
        assert!(ours.keys().filter(|name| name.ends_with("/INSTALLER")).count() == 1);
    }
    assert_eq!(DOWNLOADED.len(), WHEELS.len());
}

/// `importlib.metadata` finds each distribution, and each file of its RECORD with its size and digest.
#[test]
fn python_finds_what_is_installed() {
    let image = TempDir::new().unwrap();
    let mut wheels: Vec<Wheel> = DOWNLOADED.iter().map(|wheel| open(wheel)).collect();
    archive(&build(&mut wheels)).unpack(image.path()).unwrap();
    let check = r#"
import base64, hashlib, importlib.metadata as metadata, sys
for found in metadata.distributions(path=[sys.argv[1]]):
    count = 0
    for file in found.files:
        path = file.locate()
        if file.name != "RECORD":
            digest = hashlib.new(file.hash.mode, path.read_bytes()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value, file
            assert path.stat().st_size == file.size, file
        count += 1
    assert count > 3 and found.read_text("INSTALLER") == "nbvet\n"
    print(found.metadata["Name"].lower())
"#;
    let site = image.path().join("opt/nbvet/env/site");
    let output = Command::new(python())
        .args(["-c", check])
        .arg(site)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let names = String::from_utf8(output.stdout).unwrap();
    assert_eq!(names.lines().count(), WHEELS.len(), "{names}");
}

/// Every wheel of a folder, when one is named: for a look at many that others made.
#[test]
fn wheels_of_a_folder_are_taken() {
    let Some(folder) = env::var_os("NBVET_TEST_WHEELS") else {
        return;
    };
    let spool = TempDir::new().unwrap();
    let mut command = Command::new(python());
    command.args(ARGUMENTS);
    let mut compiler = Compiler::start(command, Duration::from_mins(5)).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let start = Instant::now();
        let mut wheel = open(&path);
        let layer = layer::build(&mut [Part::Wheel(&mut wheel)], spool.path()).unwrap();
        let packed = start.elapsed();
        let start = Instant::now();
        let mut bytecode = compiler.compile(&mut wheel, spool.path()).unwrap();
        let took = start.elapsed();
        let second = layer::build(&mut [Part::Bytecode(&mut bytecode)], spool.path()).unwrap();
        let (layer, second) = (&layer.stored, &second.stored);
        println!(
            "{} {} {} {} {} {} {packed:?} {took:?} {}",
            wheel.filename().name,
            fs::metadata(&path).unwrap().len(),
            layer.size,
            layer.uncompressed,
            second.size,
            second.uncompressed,
            bytecode.left_out
        );
    }
}
