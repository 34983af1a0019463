//! Files of each format, and what is read of them.

use std::{collections::BTreeMap, fmt::Write as _};

use expect_test::{Expect, expect};

use super::*;

struct Files(BTreeMap<&'static str, String>);

impl Source for Files {
    fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
        let text = self.0.get(file).ok_or("there is no such file")?;
        Ok(text.clone().into_bytes())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// Reads the first of the files.
fn check(files: &[(&'static str, &str)], expected: &Expect) {
    expected.assert_eq(&told(files));
}

fn told(files: &[(&'static str, &str)]) -> String {
    let (file, _) = files[0];
    let format = Format::of(file.rsplit('/').next().unwrap_or(file)).expect("the name tells the format");
    let mut files = Files(
        files
            .iter()
            .map(|(name, text)| (*name, (*text).to_owned()))
            .collect(),
    );
    let declared = match read(format, file, &mut files) {
        Ok(declared) => declared,
        Err(fault) => return format!("refused: {fault}\n"),
    };
    let mut text = String::new();
    if let Some((versions, place)) = &declared.requires_python {
        let _ = writeln!(text, "{}:{}: python {versions}", place.file, place.line);
    }
    for (place, given) in &declared.options {
        let _ = writeln!(text, "{}:{}: {given}", place.file, place.line);
    }
    for entry in &declared.entries {
        let marker = entry.marker.try_to_string().unwrap_or_default();
        let (place, extras) = (&entry.place, &entry.extras);
        let wanted = match &entry.wanted {
            Wanted::Index(versions) => versions
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            other => format!("{other:?}"),
        };
        let name = entry.name.as_ref().map_or("?", |name| name.as_ref());
        let _ = writeln!(
            text,
            "{}:{}: {name} {extras:?} {wanted} {marker}",
            place.file, place.line
        );
    }
    for unread in &declared.unread {
        let (place, what, why) = (&unread.place, &unread.what, &unread.why);
        let _ = writeln!(text, "{}:{}: not read: {what}: {why}", place.file, place.line);
    }
    text
}

#[test]
fn a_project_gives_its_dependencies_and_tells_what_it_leaves_to_its_build() {
    check(
        &[(
            "a/pyproject.toml",
            r#"
[project]
name = "study"
requires-python = ">=3.9"
dynamic = ["version", "dependencies"]
dependencies = [
    "pandas==2.2.3",  # pinned
    "numpy ; python_version < '3.12'",
    "x @ git+https://h/x@0123",
]
[project.optional-dependencies]
dev = ["pytest"]
[[tool.uv.index]]
url = "https://a/simple"
default = true
[[tool.uv.index]]
url = "https://b/simple"
[tool.uv]
extra-index-url = ["https://c/simple"]
"#,
        )],
        &expect![[r#"
            a/pyproject.toml:4: python >=3.9
            a/pyproject.toml:14: --index-url=https://a/simple
            a/pyproject.toml:17: --extra-index-url=https://b/simple
            a/pyproject.toml:19: --extra-index-url=https://c/simple
            a/pyproject.toml:7: pandas [] ==2.2.3 
            a/pyproject.toml:8: numpy []  python_full_version < '3.12'
            a/pyproject.toml:9: x [] Vcs { scheme: "git", url: "https://h/x", revision: Some("0123") } 
            a/pyproject.toml:5: not read: dynamic dependencies: the project's build tells them, and nbvet runs none: write them into `[project] dependencies`, or add a lock
        "#]],
    );
}

#[test]
fn a_table_of_poetry_gives_entries_and_tells_alternatives() {
    check(
        &[(
            "pyproject.toml",
            r#"[tool.poetry.dependencies]
python = ">=3.9,<4"
a = "^1.2"
b = { version = "~2.0", extras = ["x"], python = "<3.11", platform = "win32" }
c = [
    { version = "1.0", markers = "os_name == 'nt'" },
    { version = "2.0", markers = "os_name != 'nt'" },
]
d = "^1 || ^2"
e = { git = "https://h/e.git", tag = "v1" }
f = { path = "../f", develop = true }
g = { version = "*", optional = true }
[[tool.poetry.source]]
name = "x"
url = "https://h/simple"
"#,
        )],
        &expect![[r#"
            pyproject.toml:2: python >=3.9, <4
            pyproject.toml:15: --extra-index-url=https://h/simple
            pyproject.toml:3: a [] >=1.2 <2 
            pyproject.toml:4: b [ExtraName("x")] >=2.0 <2.1 python_full_version < '3.11' and sys_platform == 'win32'
            pyproject.toml:6: c [] ==1.0 os_name == 'nt'
            pyproject.toml:7: c [] ==2.0 os_name != 'nt'
            pyproject.toml:10: e [] Vcs { scheme: "git", url: "https://h/e.git", revision: Some("v1") } 
            pyproject.toml:11: f [] Path("../f") 
            pyproject.toml:9: not read: `d`: `^1 || ^2` names alternatives, which no requirement can: write one range, with != for what lies between
        "#]],
    );
}

#[test]
fn a_pipfile_gives_repositories_paths_and_markers() {
    check(
        &[(
            "Pipfile",
            r#"[[source]]
url = "https://user:secret@h/simple"
verify_ssl = false
[packages]
a = ">=1,<2"
b = { git = "https://h/b.git", ref = "v1", editable = true }
c = { path = "./c" }
d = { file = "https://h/d.zip" }
e = { version = "==1.0", os_name = "== 'nt'", markers = "python_version < '3.9'" }
"f[x]" = "*"
"#,
        )],
        &expect![[r#"
            Pipfile:2: --index-url=https://user:secret@h/simple
            Pipfile:2: --trusted-host=h
            Pipfile:5: a [] >=1 <2 
            Pipfile:6: b [] Vcs { scheme: "git", url: "https://h/b.git", revision: Some("v1") } 
            Pipfile:7: c [] Path("./c") 
            Pipfile:8: d [] Url("https://h/d.zip") 
            Pipfile:9: e [] ==1.0 python_full_version < '3.9' and os_name == 'nt'
            Pipfile:10: f [ExtraName("x")]  
        "#]],
    );
}

#[test]
fn an_environment_of_conda_gives_its_list_for_pip_and_tells_the_rest() {
    check(
        &[
            (
                "a/environment.yml",
                "name: study
channels:
  - conda-forge
  - https://h/t/tk-secret/channel
dependencies:
  - python=3.11
  - conda-forge::gdal >=3.6
  - pip
  - pip:
      - pandas==2.2.3  # pinned
      - -r requirements.txt
      - -e .
variables:
  A: b
",
            ),
            ("a/requirements.txt", "\nsix\n"),
        ],
        &expect![[r#"
            a/environment.yml:6: python ==3.11.*
            a/environment.yml:10: pandas [] ==2.2.3 
            a/requirements.txt:2: six []  
            a/environment.yml:12: ? [] Path(".") 
            a/environment.yml:7: not read: conda package `gdal`: conda (conda-forge) has it, and an image of wheels holds packages of PyPI alone: write its name on PyPI under `pip:`, or build with a Dockerfile
            a/environment.yml:14: not read: environment variables under `variables:`: an image does not set them: set them where the notebook runs
        "#]],
    );
}

#[test]
fn a_program_is_never_run() {
    check(
        &[("setup.py", "raise SystemExit")],
        &expect![[r#"
        setup.py:1: not read: dependencies in `setup.py`: it is a program, which nbvet never runs: write its `install_requires` into requirements.txt or pyproject.toml
    "#]],
    );
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let mut all = String::new();
    for (file, text) in [
        (
            "pyproject.toml",
            "[project]\ndependencies = [\n  \"a\",\n  \"b=1\",\n]",
        ),
        ("pyproject.toml", "[project]\ndependencies = \"a\""),
        ("pyproject.toml", "[project]\ndependencies = [1]"),
        ("pyproject.toml", "[project"),
        ("pyproject.toml", "\n[tool.uv.sources]\n\"a b\" = 1"),
        ("pylock.toml", "x = 1"),
        ("pylock.toml", "lock-version = \"2.0\""),
        (
            "pylock.toml",
            "lock-version = \"1.0\"\n[[packages]]\nversion = \"1\"",
        ),
        (
            "pylock.toml",
            "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nversion = \"x\"",
        ),
        (
            "pylock.toml",
            "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nmarker = \"'x' in extra\"",
        ),
        ("uv.lock", "version = 2"),
        (
            "uv.lock",
            "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"",
        ),
        (
            "uv.lock",
            "version = 1\n[[package]]\nname = \"a\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"b\" }]",
        ),
        ("poetry.lock", "[[package]]\nname = \"a\"\ngroups = [\"main\"]"),
        ("Pipfile", "[packages]\na = 1"),
        ("Pipfile", "[packages]\na = { version = \"x y\" }"),
        ("Pipfile.lock", "{\n\"default\": {\n"),
        ("Pipfile.lock", "{\n\"default\": {\n \"a\": {\n\"version\": 1}}}"),
        (
            "Pipfile.lock",
            "{\"default\": {\n \"a\": {\"version\": \"==1\", \"hashes\": [\"00\"]}}}",
        ),
        ("environment.yml", "dependencies:\n  - pip:\n    - a\n    - b=1\n"),
        ("environment.yml", "dependencies:\n  - [\n"),
        ("environment.yml", "dependencies: 1\n"),
        ("environment.yml", "dependencies:\n  - 1\n  - a: b\n  - pip:\n"),
    ] {
        let _ = write!(all, "{file} {text:?}\n    {}", told(&[(file, text)]));
    }
    expect![[r#"
        pyproject.toml "[project]\ndependencies = [\n  \"a\",\n  \"b=1\",\n]"
            refused: pyproject.toml:4: `b=1` is not understood from `=1` on: write `==`
        pyproject.toml "[project]\ndependencies = \"a\""
            refused: pyproject.toml:2: a list belongs here, not a value of the type string
        pyproject.toml "[project]\ndependencies = [1]"
            refused: pyproject.toml:2: a text in quotes belongs here, not a value of the type integer
        pyproject.toml "[project"
            refused: pyproject.toml:1: this is no TOML: unclosed table, expected `]`
        pyproject.toml "\n[tool.uv.sources]\n\"a b\" = 1"
            refused: pyproject.toml:3: `a b` is no package's name
        pylock.toml "x = 1"
            refused: pylock.toml:1: this lock has no `lock-version`: nbvet reads those of version 1 (PEP 751)
        pylock.toml "lock-version = \"2.0\""
            refused: pylock.toml:1: nbvet reads locks of version 1 (PEP 751)
        pylock.toml "lock-version = \"1.0\"\n[[packages]]\nversion = \"1\""
            refused: pylock.toml:2: this package has no `name`
        pylock.toml "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nversion = \"x\""
            refused: pylock.toml:4: `x` is no version
        pylock.toml "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nmarker = \"'x' in extra\""
            pylock.toml:3: not read: package `a`: the lock names no version of it: make the lock anew with `uv export --format pylock.toml`
        uv.lock "version = 2"
            refused: uv.lock:1: nbvet reads locks of uv's version 1
        uv.lock "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\""
            refused: uv.lock:1: this lock names no project whose packages it holds: run `uv lock` beside pyproject.toml
        uv.lock "version = 1\n[[package]]\nname = \"a\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"b\" }]"
            refused: uv.lock:5: `b` is needed here, and the lock does not have it: run `uv lock`
        poetry.lock "[[package]]\nname = \"a\"\ngroups = [\"main\"]"
            refused: poetry.lock:1: this package has no `version`
        Pipfile "[packages]\na = 1"
            refused: Pipfile:2: a table belongs here, not a value of the type integer
        Pipfile "[packages]\na = { version = \"x y\" }"
            refused: Pipfile:2: `==x` is no condition on a version: expected version to start with a number, but no leading ASCII digits were found
        Pipfile.lock "{\n\"default\": {\n"
            refused: Pipfile.lock:3: this is no Pipfile.lock: EOF while parsing an object
        Pipfile.lock "{\n\"default\": {\n \"a\": {\n\"version\": 1}}}"
            refused: Pipfile.lock:4: this is no Pipfile.lock: invalid type: integer `1`, expected a string
        Pipfile.lock "{\"default\": {\n \"a\": {\"version\": \"==1\", \"hashes\": [\"00\"]}}}"
            refused: Pipfile.lock:2: `00` is no digest: it is written sha256:…
        environment.yml "dependencies:\n  - pip:\n    - a\n    - b=1\n"
            refused: environment.yml:4: `b=1` is not understood from `=1` on: write `==`
        environment.yml "dependencies:\n  - [\n"
            refused: environment.yml:2: this is no environment of conda: unclosed bracket '['
        environment.yml "dependencies: 1\n"
            refused: environment.yml:1: this is no environment of conda: expected sequence start
        environment.yml "dependencies:\n  - 1\n  - a: b\n  - pip:\n"
            refused: environment.yml:2: this is no environment of conda: invalid type: integer `1`, expected a package or `pip:` with a list
    "#]].assert_eq(&all);
}

#[test]
fn a_lock_with_a_cycle_and_markers_on_the_way_is_followed() {
    check(
        &[(
            "uv.lock",
            r#"version = 1
[[package]]
name = "root"
source = { virtual = "." }
dependencies = [
    { name = "a", marker = "os_name == 'nt'" },
    { name = "b", version = "1", marker = "python_full_version < '3.10'" },
    { name = "b", version = "2", marker = "python_full_version >= '3.10'" },
]
[[package]]
name = "a"
version = "1"
dependencies = [{ name = "c", extra = ["x"] }]
[[package]]
name = "b"
version = "1"
resolution-markers = ["python_full_version < '3.10'"]
dependencies = [{ name = "c" }]
[[package]]
name = "b"
version = "2"
[[package]]
name = "c"
version = "1"
dependencies = [{ name = "a" }]
[package.optional-dependencies]
x = [{ name = "d", marker = "sys_platform != 'linux'" }]
[[package]]
name = "d"
version = "1"
[[package]]
name = "unused"
version = "1"
"#,
        )],
        &expect![[r#"
            uv.lock:11: a [] ==1 python_full_version < '3.10' or os_name == 'nt'
            uv.lock:15: b [] ==1 python_full_version < '3.10'
            uv.lock:20: b [] ==2 python_full_version >= '3.10'
            uv.lock:23: c [] ==1 python_full_version < '3.10' or os_name == 'nt'
            uv.lock:29: d [] ==1 (python_full_version < '3.10' and sys_platform != 'linux') or (os_name == 'nt' and sys_platform != 'linux')
        "#]],
    );
}

#[test]
fn a_hostile_lock_costs_little() {
    let began = std::time::Instant::now();
    let package = "[[package]]\nname = \"a\"\nversion = \"1\"\n";
    let same = format!("version = 1\n{}", package.repeat(101));
    assert!(told(&[("uv.lock", &same)]).contains("more than 100 packages"));
    let wide = format!("a = [{}]", "[],".repeat(2_000_000));
    assert!(told(&[("uv.lock", &wide)]).contains("more than 2000000 values"));
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(told(&[("uv.lock", &deep)]).contains("no TOML"));
    let deep = format!("{{\"default\": {}", "[".repeat(100_000));
    assert!(told(&[("Pipfile.lock", &deep)]).contains("no Pipfile.lock"));
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (before, name) in ('a'..='j').zip('b'..='k') {
        let _ = writeln!(bomb, "{name}: &{name} [{}]", format!("*{before},").repeat(9));
    }
    bomb.push_str("channels: *k\n");
    assert!(told(&[("environment.yml", &bomb)]).starts_with("refused"));
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn the_format_is_told_by_the_name() {
    for (name, expected) in [
        ("requirements.txt", Some(Format::Requirements)),
        ("dev-requirements.in", Some(Format::Requirements)),
        ("pylock.toml", Some(Format::Pylock)),
        ("pylock.dev.toml", Some(Format::Pylock)),
        ("pylock.a.b.toml", None),
        ("pylock..toml", None),
        ("uv.lock", Some(Format::UvLock)),
        ("Pipfile", Some(Format::Pipfile)),
        ("environment.yaml", Some(Format::CondaEnvironment)),
        ("setup.py", Some(Format::SetupPy)),
        ("other.py", None),
        (".txt", None),
        ("README", None),
    ] {
        assert_eq!(Format::of(name), expected, "{name}");
    }
}

/// Trees of markers are kept for as long as the program runs: 3.5 MB of them took more than a gigabyte.
#[test]
fn markers_that_compare_too_often_together_are_refused_and_one_text_counts_once() {
    let marker = |number: usize| {
        let compared: Vec<String> = (0..100)
            .map(|at| format!("sys_platform == 'p{number}x{at}'"))
            .collect();
        compared.join(" or ")
    };
    let pylock = |marker: &dyn Fn(usize) -> String| {
        let package = |number: usize| {
            format!(
                "[[packages]]\nname = \"p{number}\"\nversion = \"1\"\nmarker = \"{}\"\n",
                marker(number)
            )
        };
        let packages: Vec<String> = (0..=200).map(package).collect();
        format!("lock-version = \"1.0\"\n{}", packages.concat())
    };
    let requirements = |marker: &dyn Fn(usize) -> String| {
        let lines: Vec<String> = (0..=200)
            .map(|number| format!("p{number} ; {}\n", marker(number)))
            .collect();
        lines.concat()
    };
    for (file, text, many) in [
        ("pylock.toml", pylock(&|_| marker(0)), pylock(&marker)),
        (
            "requirements.txt",
            requirements(&|_| marker(0)),
            requirements(&marker),
        ),
    ] {
        let (few, many) = (told(&[(file, &text)]), told(&[(file, &many)]));
        assert_eq!(
            few.lines().filter(|line| line.contains("sys_platform")).count(),
            201,
            "{file}"
        );
        assert!(
            many.starts_with("refused: ") && many.contains("compare more than 20000 times"),
            "{file} {}",
            &many[..many.len().min(200)]
        );
    }
}
