//! Byte-code: the same for the same wheel, and a layer with it starts faster.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use expect_test::{Expect, expect};
use nbvet_image::{
    bytecode::{self, ARGUMENTS, Bytecode, Compiler, Compilers, Error, Finished, Python, QUESTION},
    layer::{self, Layer, Part, Stored},
    wheel::Wheel,
};
use tempfile::TempDir;

use crate::{
    layers::{archive, listing},
    made::Made,
    pip::{DOWNLOADED, open, python},
};

const LIMIT: Duration = Duration::from_mins(2);

/// The Pythons of this machine, one of each version: that of the tests, `python3.9` and so on, those of pyenv.
fn pythons() -> Vec<PathBuf> {
    let mut found = vec![python()];
    found.extend((8..20).map(|minor| PathBuf::from(format!("python3.{minor}"))));
    if let Some(home) = env::var_os("HOME") {
        let versions = Path::new(&home).join(".pyenv/versions");
        for entry in fs::read_dir(versions).into_iter().flatten().flatten() {
            found.push(entry.path().join("bin/python3"));
        }
    }
    let mut versions = BTreeSet::new();
    found.retain(|python| {
        let ask = "import sys; assert sys.version_info >= (3, 8); print(sys.version)";
        let output = Command::new(python).args(["-c", ask]).output();
        output.is_ok_and(|output| output.status.success() && versions.insert(output.stdout))
    });
    found
}

fn command(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(ARGUMENTS);
    command
}

fn compile(command: Command, wheel: &mut Wheel, folder: &Path) -> Result<Bytecode, Error> {
    Compiler::start(command, LIMIT)?.compile(wheel, folder)
}

fn layer_of(bytecode: &mut Bytecode) -> Layer {
    layer::build(&mut [Part::Bytecode(bytecode)], &env::temp_dir()).unwrap()
}

fn stored(command: Command, wheel: &mut Wheel) -> Stored {
    let folder = TempDir::new().unwrap();
    let mut bytecode = compile(command, wheel, folder.path()).unwrap();
    layer_of(&mut bytecode).stored
}

/// Sources in which the order of sets, the sharing of names and what is compiled before would show.
fn tricky() -> Made {
    Made::new()
        .file("demo/__init__.py", "def f(x):\n    return x in {'pass ', 'PASS ', '1', 2, 3.0, b'z', ('a', 'b')}\n")
        .file("demo/a.py", "def f(x, name='sys'):\n    return x in {'426', '225', '226'}, name\n")
        .file("demo/b.py", "Codec = 426\nclass A:\n    def f(x):\n        return x in {'426', '225'}\n    def g(x):\n        return x in {'426', '225'}\n")
        .file("demo/c.py", "def f(x):\n    return lambda y: x in {None, 'a'} or y in {..., 'b'}\n")
        .file("demo/latin.py", b"# -*- coding: latin-1 -*-\nx = '\xe9'\n")
        .file("demo/broken.py", "def f(:\n")
        .file("demo/template.py", "{{ x }}\0")
        .file("demo/deep.py", format!("x = {}1{}\n", "(".repeat(5000), ")".repeat(5000)))
        .file("demo-1.0.data/scripts/tool.py", "print(1)\n")
        .file("demo/tests/test_a.py", "print(1)\n")
}

#[test]
fn the_same_bytes_whatever_the_surroundings() {
    let pythons = pythons();
    for python in &pythons {
        let mut wheel = tricky().open().unwrap();
        let first = stored(command(python), &mut wheel);
        for (seed, locale, zone) in [
            ("1", "C", "UTC"),
            ("random", "C.UTF-8", "Asia/Tokyo"),
            ("4294967295", "tr_TR", ""),
        ] {
            let mut other = command(python);
            other.envs([
                ("PYTHONHASHSEED", seed),
                ("LC_ALL", locale),
                ("TZ", zone),
                ("PYTHONOPTIMIZE", "2"),
            ]);
            other.current_dir(env!("CARGO_TARGET_TMPDIR"));
            assert_eq!(
                stored(other, &mut wheel),
                first,
                "{}: {seed}, {locale}",
                python.display()
            );
        }
    }
    println!("compiled by {pythons:?}");
}

#[test]
fn what_was_compiled_before_is_no_matter() {
    let folder = TempDir::new().unwrap();
    for python in pythons() {
        let alone = stored(command(&python), &mut tricky().open().unwrap());
        let mut compiler = Compiler::start(command(&python), LIMIT).unwrap();
        for wheel in DOWNLOADED.iter().take(3) {
            compiler.compile(&mut open(wheel), folder.path()).unwrap();
        }
        let mut after = compiler
            .compile(&mut tricky().open().unwrap(), folder.path())
            .unwrap();
        assert_eq!(layer_of(&mut after).stored, alone, "{}", python.display());
    }
}

#[test]
fn what_does_not_compile_is_left_out() {
    let folder = TempDir::new().unwrap();
    let mut wheel = tricky().open().unwrap();
    let mut bytecode = compile(command(&python()), &mut wheel, folder.path()).unwrap();
    let tag = Compiler::start(command(&python()), LIMIT)
        .unwrap()
        .python()
        .tag
        .clone();
    let listing = listing(&layer_of(&mut bytecode)).replace(&tag, "TAG");
    // Sizes differ by version.
    let names = listing.lines().filter_map(|line| line.rsplit(' ').next());
    let names: Vec<&str> = names.filter(|name| !name.contains("/c.")).collect();
    expect![[r#"
        opt/
        opt/nbvet/
        opt/nbvet/env/
        opt/nbvet/env/site/
        opt/nbvet/env/site/__pycache__/
        opt/nbvet/env/site/__pycache__/demo.TAG.pyc
        opt/nbvet/env/site/demo/
        opt/nbvet/env/site/demo/__pycache__/
        opt/nbvet/env/site/demo/__pycache__/__init__.TAG.pyc
        opt/nbvet/env/site/demo/__pycache__/a.TAG.pyc
        opt/nbvet/env/site/demo/__pycache__/b.TAG.pyc
        opt/nbvet/env/site/demo/__pycache__/latin.TAG.pyc"#]]
    .assert_eq(&names.join("\n"));
    // Broken, with a NUL, too deep; before Python 3.11 that with sets of what is hashed by its address.
    assert!(matches!(bytecode.left_out, 3 | 4));
}

/// Python takes the byte-code from where it lies, and does not look at the source.
#[test]
fn python_loads_it() {
    let image = TempDir::new().unwrap();
    let folder = TempDir::new().unwrap();
    let mut compiler = Compiler::start(command(&python()), LIMIT).unwrap();
    for path in &*DOWNLOADED {
        let mut wheel = open(path);
        let mut bytecode = compiler.compile(&mut wheel, folder.path()).unwrap();
        let parts = &mut [Part::Wheel(&mut wheel), Part::Bytecode(&mut bytecode)];
        archive(&layer::build(parts, folder.path()).unwrap())
            .unpack(image.path())
            .unwrap();
    }
    let check = r#"
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in ["six", "attr", "jupyter_core.paths", "greenlet", "markupsafe"]:
    module = importlib.import_module(name)
    code = module.__spec__.loader.get_code(name)
    print(name, module.__spec__.cached.startswith(sys.argv[1]), code.co_filename)
"#;
    let site = image.path().join("opt/nbvet/env/site");
    let output = Command::new(python())
        .args(["-I", "-B", "-v", "-c", check])
        .arg(&site)
        .output()
        .unwrap();
    let (said, trace) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(said.matches(" True ").count(), 5, "{said}\n{trace}");
    // With `-v` Python says of each module where its code came from.
    let site = site.display().to_string();
    let loaded = |end: &str| {
        let is_ours = |line: &&str| line.contains("code object from") && line.contains(&site);
        trace
            .lines()
            .filter(is_ours)
            .filter(|line| line.trim_end_matches('\'').ends_with(end))
            .count()
    };
    assert!(loaded(".pyc") > 10 && loaded(".py") == 0, "{trace}");
}

#[test]
fn which_python_it_is_is_known_before_it_compiles() {
    for python in pythons() {
        let asked = |words: &[&str]| {
            let mut command = Command::new(&python);
            command.args(words);
            command
        };
        let compiler = Compiler::start(asked(&ARGUMENTS), LIMIT).unwrap();
        let told = Python::ask(asked(&QUESTION), LIMIT).unwrap();
        assert_eq!(&told, compiler.python());
        let version = told.version.strip_prefix("cpython-").unwrap();
        if let Some(known) = Python::of_release(version) {
            assert_eq!(known, told);
        }
    }
    for odd in ["3.11", "3.11.0rc1", "3.99.1", "2.7.18", "3.11.2+local", ""] {
        assert_eq!(Python::of_release(odd), None, "{odd}");
    }
    assert_eq!(Python::of_release("3.11.2").unwrap().magic, "a70d0d0a");
}

#[test]
fn a_python_that_is_another_than_was_expected_compiles_nothing() {
    let mut expected = Python::ask(
        {
            let mut command = Command::new(python());
            command.args(QUESTION);
            command
        },
        LIMIT,
    )
    .unwrap();
    let right = Compilers::new(expected.clone(), || command(&python()), LIMIT);
    assert_eq!(right.start().unwrap().python(), &expected);
    expected.version = "cpython-3.11.99".to_owned();
    let wrong = Compilers::new(expected, || command(&python()), LIMIT);
    let told = wrong.start().unwrap_err().to_string();
    assert!(told.contains("and cpython-3.11.99 (byte-code "), "{told}");
}

/// The Python of the tests behind a socket, as a container beside the build has it.
#[test]
fn a_python_behind_a_socket_compiles_the_same_and_ends_when_it_is_told() {
    let here = Compiler::start(command(&python()), LIMIT).unwrap();
    let digest = format!("sha256:{}", "1".repeat(64)).parse().unwrap();
    let expected = here.python().clone().of_image(&digest);
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("socket");
    let serving = || {
        let words = bytecode::beside(python().to_str().unwrap(), socket.to_str().unwrap());
        Command::new(&words[0]).args(&words[1..]).spawn().unwrap()
    };
    let beside = |patience| Compilers::beside(expected.clone(), socket.clone(), patience, LIMIT);
    let nobody = beside(Duration::ZERO).start().unwrap_err().to_string();
    assert!(nobody.contains("did not come up within 0 s"), "{nobody}");
    let finished = Finished::of(&socket);
    let mut other = serving();
    let compilers = beside(LIMIT);
    let mut wheel = tricky().open().unwrap();
    let mut all: Vec<Compiler> = (0..2).map(|_| compilers.start().unwrap()).collect();
    for compiler in &mut all {
        assert_eq!(compiler.python(), &expected);
        let mut bytecode = compiler.compile(&mut wheel, folder.path()).unwrap();
        let here = stored(command(&python()), &mut wheel);
        assert_eq!(layer_of(&mut bytecode).stored, here);
    }
    drop(finished);
    assert!(other.wait().unwrap().success());
    // What comes up when all is over already goes at once.
    fs::remove_file(&socket).unwrap();
    assert!(serving().wait().unwrap().success());
}

#[test]
fn keys_tell_pythons_apart() {
    let compiler = Compiler::start(command(&python()), LIMIT).unwrap();
    let python = compiler.python();
    let mut patched = python.clone();
    patched.version.push('0');
    // What an image's own Python made is for images upon it alone: another's may lie about itself.
    let of_image = |digit: &str| {
        let digest = format!("sha256:{}", digit.repeat(64)).parse().unwrap();
        python.clone().of_image(&digest)
    };
    let (one, other) = (of_image("1"), of_image("2"));
    let key = |files, bytecode| {
        let content = layer::Content {
            sha256: "AB",
            files,
            bytecode,
        };
        layer::Key::of(&[content])
    };
    let keys = [
        key(true, None),
        key(true, Some(python)),
        key(false, Some(python)),
        key(false, Some(&patched)),
        key(false, Some(&one)),
        key(false, Some(&other)),
    ];
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 6);
    assert!(keys[1].tag().starts_with("wheel-") && keys[2].tag().starts_with("bytecode-"));
    // A tag of a registry has 128 characters at most.
    assert!(keys.iter().all(|key| key.tag().len() < 100));
}

/// The message when a program in the place of a Python answers as this shell script does.
#[expect(
    clippy::needless_pass_by_value,
    reason = "expectations are written where they are used"
)]
fn check(script: &str, limit: Duration, expected: Expect) {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    let compiled = Compiler::start(command, limit)
        .and_then(|mut compiler| compiler.compile(&mut Made::new().open().unwrap(), folder.path()));
    expected.assert_eq(&compiled.unwrap_err().to_string());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn answers_that_are_none() {
    let line = "echo 'nbvet-bytecode 1 cpython-311 a70d0d0a cpython-3.11.7'; ";
    let with = |script: &str| format!("{line}{script}");
    check(
        "echo Python 2.7; cat",
        LIMIT,
        expect![[r#"the Python of the image does not answer as nbvet's program does: `Python 2.7\n`"#]],
    );
    check(
        "echo nbvet-bytecode 1 ../../x a70d0d0a 3.11; cat",
        LIMIT,
        expect![[
            r#"the Python of the image does not answer as nbvet's program does: `nbvet-bytecode 1 ../../x a70d0d0a 3.11\n`"#
        ]],
    );
    check(
        "yes | tr -d '\\n'",
        LIMIT,
        expect![
            "the Python of the image does not answer as nbvet's program does: `yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…`"
        ],
    );
    check(
        "echo no such image >&2; exit 125",
        LIMIT,
        expect!["the Python of the image ended while starting: no such image"],
    );
    check(
        &with("exec sleep 100"),
        Duration::from_secs(1),
        expect!["the Python of the image was ended after 1 s of compiling demo-1.0-py3-none-any.whl"],
    );
    check(
        &with("sleep 100"),
        Duration::from_secs(1),
        expect!["the Python of the image was ended after 1 s of compiling demo-1.0-py3-none-any.whl"],
    );
    check(
        "sleep 100",
        Duration::from_secs(1),
        expect!["the Python of the image was ended after 1 s of starting"],
    );
    check(
        &with("printf '\\0\\377\\377\\377\\377'; cat"),
        LIMIT,
        expect![
            "the Python of the image does not answer as nbvet's program does: its byte-code is far larger than the source"
        ],
    );
    check(
        &with("printf '\\0\\020\\0\\0\\0not byte-code at all'; cat"),
        LIMIT,
        expect![
            "the Python of the image does not answer as nbvet's program does: its byte-code starts with other bytes than it said"
        ],
    );
    check(
        &with("printf '\\7\\0\\0\\0\\0'; cat"),
        LIMIT,
        expect![
            "the Python of the image does not answer as nbvet's program does: a file is neither compiled nor left out"
        ],
    );
    check(
        &with("printf '\\0\\020\\0\\0\\0half'"),
        LIMIT,
        expect!["the Python of the image ended while compiling demo-1.0-py3-none-any.whl"],
    );
    let gone = Compiler::start(Command::new("/no/such/python"), LIMIT).unwrap_err();
    expect!["/no/such/python: cannot be started: No such file or directory (os error 2)"]
        .assert_eq(&gone.to_string());
}
