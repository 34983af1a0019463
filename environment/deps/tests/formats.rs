//! Locks that the real tools wrote, and the files they were made from, as nbvet reads them.

use std::{fmt::Write as _, fs, path::PathBuf};

use expect_test::{Expect, expect};
use nbvet_deps::{Declared, Dependency, Format, formats, requirements::Source};

struct Folder(PathBuf);

impl Source for Folder {
    fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
        fs::read(self.0.join(file)).map_err(|error| error.to_string())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// Reads a file of a folder of fixtures.
fn check(folder: &str, file: &str, expected: &Expect) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder);
    let format = Format::of(file).expect("the name tells the format");
    expected.assert_eq(&match formats::read(format, file, &mut Folder(root)) {
        Ok(declared) => shown(&declared),
        Err(fault) => format!("refused: {fault}\n"),
    });
}

fn shown(declared: &Declared) -> String {
    let mut text = format!("files {}\n", declared.files.join(" "));
    if let Some((versions, place)) = &declared.requires_python {
        let _ = writeln!(text, "{}: python {versions}", place.line);
    }
    for (place, given) in &declared.options {
        let _ = writeln!(text, "{}: {given}", place.line);
    }
    for entry in &declared.entries {
        let _ = writeln!(text, "{}: {}", entry.place.line, of_entry(entry));
    }
    for unread in &declared.unread {
        let _ = writeln!(text, "{}: not read: {}", unread.place.line, unread.what);
    }
    text
}

fn of_entry(entry: &Dependency) -> String {
    let extras: Vec<&str> = entry.extras.iter().map(AsRef::as_ref).collect();
    let mut text = format!("{}{extras:?}", entry.text);
    if !matches!(entry.wanted, nbvet_deps::Wanted::Index(_)) {
        let _ = write!(text, " {:?}", entry.wanted);
    }
    if let Some(marker) = entry.marker.try_to_string() {
        let _ = write!(text, " when {marker}");
    }
    if entry.editable {
        text.push_str(" editable");
    }
    let shortened = |digest: &str| digest.chars().take(6).collect::<String>();
    for hash in &entry.hashes {
        let _ = write!(text, " {}:{}", hash.algorithm, shortened(&hash.digest));
    }
    for file in &entry.artifacts {
        let digests: Vec<String> = file.hashes.iter().map(|hash| shortened(&hash.digest)).collect();
        let _ = write!(text, "\n    {} {}", file.filename, digests.join(" "));
        if let Some(size) = file.size {
            let _ = write!(text, " {size}");
        }
        if let Some(url) = &file.url {
            let host: Vec<&str> = url.split('/').skip(2).take(1).collect();
            let _ = write!(text, " at {}", host.join("/"));
        }
    }
    text
}

#[test]
fn a_lock_of_uv_gives_what_its_project_needs_without_groups_and_optional_parts() {
    check(
        "uv",
        "uv.lock",
        &expect![[r#"
        files uv.lock
        3: python >=3.10
        6: --index-url=https://pypi.org/simple
        6: attrs==26.1.0[]
            attrs-26.1.0.tar.gz d03ceb 952055 at files.pythonhosted.org
            attrs-26.1.0-py3-none-any.whl c647aa 67548 at files.pythonhosted.org
        15: colorama==0.4.6[] when sys_platform == 'win32'
            colorama-0.4.6.tar.gz 08695f 27697 at files.pythonhosted.org
            colorama-0.4.6-py2.py3-none-any.whl 4f1d99 25335 at files.pythonhosted.org
        24: helper[] Path("tools/helper") editable
        38: pysocks==1.7.1[]
            PySocks-1.7.1.tar.gz 3f8804 284429 at files.pythonhosted.org
            PySocks-1.7.1-py3-none-any.whl 2725bd 16725 at files.pythonhosted.org
        47: six==1.17.0[]
            six-1.17.0.tar.gz ff7033 34031 at files.pythonhosted.org
            six-1.17.0-py2.py3-none-any.whl 4721f3 11050 at files.pythonhosted.org
        56: sounding[] Vcs { scheme: "git", url: "https://git.example.org/study/sounding", revision: Some("8f3b43eba513acb7efc8f575339c62f02c9106fb") }
        104: tomli==2.0.1[] when python_full_version < '3.11'
            tomli-2.0.1.tar.gz de526c 15164 at files.pythonhosted.org
            tomli-2.0.1-py3-none-any.whl 939de3 12757 at files.pythonhosted.org
        113: urllib3==2.8.0[]
            urllib3-2.8.0.tar.gz 63bf2e 458972 at files.pythonhosted.org
            urllib3-2.8.0-py3-none-any.whl 0cf3ca 135717 at files.pythonhosted.org
    "#]],
    );
}

#[test]
fn a_pylock_gives_the_same() {
    check(
        "uv",
        "pylock.toml",
        &expect![[r#"
        files pylock.toml
        5: python >=3.10
        8: attrs==26.1.0[]
            attrs-26.1.0.tar.gz d03ceb 952055 at files.pythonhosted.org
            attrs-26.1.0-py3-none-any.whl c647aa 67548 at files.pythonhosted.org
        15: colorama==0.4.6[] when sys_platform == 'win32'
            colorama-0.4.6.tar.gz 08695f 27697 at files.pythonhosted.org
            colorama-0.4.6-py2.py3-none-any.whl 4f1d99 25335 at files.pythonhosted.org
        23: helper[] Path("tools/helper") editable
        27: pysocks==1.7.1[]
            PySocks-1.7.1.tar.gz 3f8804 284429 at files.pythonhosted.org
            pysocks-1.7.1-py3-none-any.whl 2725bd 16725 at files.pythonhosted.org
        34: six==1.17.0[]
            six-1.17.0.tar.gz ff7033 34031 at files.pythonhosted.org
            six-1.17.0-py2.py3-none-any.whl 4721f3 11050 at files.pythonhosted.org
        41: sounding[] Vcs { scheme: "git", url: "https://git.example.org/study/sounding", revision: Some("8f3b43eba513acb7efc8f575339c62f02c9106fb") }
        46: tomli==2.0.1[] when python_full_version < '3.11'
            tomli-2.0.1.tar.gz de526c 15164 at files.pythonhosted.org
            tomli-2.0.1-py3-none-any.whl 939de3 12757 at files.pythonhosted.org
        54: urllib3==2.8.0[]
            urllib3-2.8.0.tar.gz 63bf2e 458972 at files.pythonhosted.org
            urllib3-2.8.0-py3-none-any.whl 0cf3ca 135717 at files.pythonhosted.org
    "#]],
    );
}

#[test]
fn the_project_of_uv_gives_its_dependencies_from_where_uv_takes_them() {
    check(
        "uv",
        "pyproject.toml",
        &expect![[r#"
        files pyproject.toml
        4: python >=3.10
        6: six==1.17.0[]
        7: attrs>=23[]
        8: colorama ; sys_platform == 'win32'[] when sys_platform == 'win32'
        9: tomli==2.0.1 ; python_version < '3.11'[] when python_full_version < '3.11'
        10: urllib3[socks]["socks"]
        11: sounding[] Vcs { scheme: "git", url: "https://git.example.org/study/sounding", revision: Some("v1.2.0") }
        12: helper[] Path("tools/helper") editable
    "#]],
    );
}

#[test]
fn a_lock_of_poetry_2_gives_the_main_group() {
    check(
        "poetry-2.5",
        "poetry.lock",
        &expect![[r#"
        files poetry.lock
        108: python >=3.10, <4.0
        4: colorama==0.4.6[] when sys_platform == 'win32'
            colorama-0.4.6-py2.py3-none-any.whl 4f1d99
            colorama-0.4.6.tar.gz 08695f
        29: pysocks==1.7.1[]
            PySocks-1.7.1-py27-none-any.whl 08e69f
            PySocks-1.7.1-py3-none-any.whl 2725bd
            PySocks-1.7.1.tar.gz 3f8804
        42: six==1.17.0[]
            six-1.17.0-py2.py3-none-any.whl 4721f3
            six-1.17.0.tar.gz ff7033
        54: sounding[] Vcs { scheme: "git", url: "https://git.example.org/study/sounding.git", revision: Some("8f3b43eba513acb7efc8f575339c62f02c9106fb") }
        73: tomli==2.0.1[] when python_full_version == '3.10.*'
            tomli-2.0.1-py3-none-any.whl 939de3
            tomli-2.0.1.tar.gz de526c
        86: urllib3==2.8.0[]
            urllib3-2.8.0-py3-none-any.whl 0cf3ca
            urllib3-2.8.0.tar.gz 63bf2e
    "#]],
    );
}

#[test]
fn a_lock_of_poetry_1_is_read_with_the_project_beside_it() {
    check(
        "poetry-1.3",
        "poetry.lock",
        &expect![[r#"
            files poetry.lock pyproject.toml
            87: python >=3.10, <4
            4: colorama==0.4.6[] when sys_platform == 'win32'
                colorama-0.4.6-py2.py3-none-any.whl 4f1d99
                colorama-0.4.6.tar.gz 08695f
            28: pysocks==1.7.1[]
                PySocks-1.7.1-py27-none-any.whl 08e69f
                PySocks-1.7.1-py3-none-any.whl 2725bd
                PySocks-1.7.1.tar.gz 3f8804
            41: six==1.17.0[]
                six-1.17.0-py2.py3-none-any.whl 4721f3
                six-1.17.0.tar.gz ff7033
            53: tomli==2.0.1[] when python_full_version < '3.11'
                tomli-2.0.1-py3-none-any.whl 939de3
                tomli-2.0.1.tar.gz de526c
            65: urllib3==2.8.0[]
                urllib3-2.8.0-py3-none-any.whl 0cf3ca
                urllib3-2.8.0.tar.gz 63bf2e
        "#]],
    );
}

#[test]
fn a_table_of_poetry_is_said_in_pep_440() {
    check(
        "poetry-1.3",
        "pyproject.toml",
        &expect![[r#"
            files pyproject.toml
            8: python >=3.10, <4
            9: six = "^1.16"[]
            10: colorama = { version = "*", markers = "sys_platform == 'win32'" }[] when sys_platform == 'win32'
            11: tomli = { version = "2.0.1", python = "<3.11" }[] when python_full_version < '3.11'
            12: urllib3 = { version = "^2.0", extras = ["socks"] }["socks"]
        "#]],
    );
}

#[test]
fn a_lock_of_pipenv_gives_what_is_not_for_development() {
    check(
        "pipenv",
        "Pipfile.lock",
        &expect![[r#"
        files Pipfile.lock
        2: python ==3.11.*
        13: --index-url=https://pypi.org/simple
        19: attrs==26.1.0[] when python_full_version >= '3.9' sha256:c647aa sha256:d03ceb
        28: colorama[] when sys_platform == 'win32'
        32: pysocks==1.7.1[] when (python_full_version >= '2.7' and python_full_version < '3.0') or python_full_version >= '3.4' sha256:08e69f sha256:2725bd sha256:3f8804
        41: six==1.17.0[] when (python_full_version >= '2.7' and python_full_version < '3.0') or python_full_version >= '3.3' sha256:4721f3 sha256:ff7033
        50: urllib3==2.8.0["socks"] when python_full_version >= '3.10' sha256:0cf3ca sha256:63bf2e
    "#]],
    );
}

#[test]
fn a_pipfile_gives_what_is_not_for_development() {
    check(
        "pipenv",
        "Pipfile",
        &expect![[r#"
            files Pipfile
            16: python ==3.11.*
            2: --index-url=https://pypi.org/simple
            7: six = "==1.17.0"[]
            8: attrs = "*"[]
            9: colorama = {version = "*", markers = "sys_platform == 'win32'"}[] when sys_platform == 'win32'
            10: urllib3 = {version = "*", extras = ["socks"]}["socks"]
        "#]],
    );
}

/// The same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("it has 31 bits") % limit.max(1)
    }
}

/// Parts that mean something in one of the formats.
const PARTS: &[&str] = &[
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    "\n",
    "#",
    ";",
    "@",
    "\\",
    ":",
    "- ",
    "*",
    "é",
    "\0",
    "==",
    ">=1,<2",
    "marker = \"os_name == 'nt'\"",
    "version = \"1\"",
    "name = \"six\"",
    "extra = [\"x\"]",
    "[[package]]\n",
    "null",
    "source = { git = \"https://h/r?rev=1#2\" }",
    "optional = true",
    "18446744073709551615",
    "-r requirements.txt",
    "python_version > '3.18446744073709551615'",
    "&a ",
    "*a",
    "^1.2 || ~3",
    "(",
    ")",
    " and ",
    " or ",
    "\u{feff}",
];

fn mutated(text: &str, numbers: &mut Numbers) -> String {
    let mut text = text.to_owned();
    for _ in 0..=numbers.below(4) {
        let boundaries: Vec<usize> = text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .collect();
        let from = boundaries[numbers.below(boundaries.len())];
        let most = numbers.below(2) * 30;
        let to = boundaries
            .iter()
            .copied()
            .find(|at| *at >= from + most)
            .unwrap_or(text.len());
        let part = if numbers.below(3) == 0 {
            let other = boundaries[numbers.below(boundaries.len())];
            text[other..].chars().take(numbers.below(200)).collect()
        } else {
            PARTS[numbers.below(PARTS.len())].to_owned()
        };
        text.replace_range(from..to, &part);
    }
    text
}

/// One text under every name.
struct Everywhere<'t> {
    text: &'t str,
    names: Vec<String>,
}

impl Source for Everywhere<'_> {
    fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
        self.names.push(file.to_owned());
        Ok(self.text.as_bytes().to_vec())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

#[test]
fn broken_files_are_read_or_refused_with_a_message_that_names_them() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let conda =
        "channels: [a]\ndependencies:\n  - python=3.11\n  - pip:\n      - six==1.0 ; os_name == 'nt'\n";
    let pip =
        "six[x]>=1,<2 ; python_version < '3.9' --hash=sha256:00\n-e ./a\na @ git+https://h/r@v1#egg=a\n";
    let mut seeds = vec![
        ("environment.yml".to_owned(), conda.to_owned()),
        ("requirements.txt".to_owned(), pip.to_owned()),
    ];
    for kind in ["uv", "poetry-1.3", "poetry-2.5", "pipenv"] {
        for file in fs::read_dir(folder.join(kind)).expect("it is a folder") {
            let file = file.expect("it is read");
            let text = fs::read_to_string(file.path()).expect("it is text");
            seeds.push((file.file_name().to_string_lossy().into_owned(), text));
        }
    }
    let rounds = std::env::var("NBVET_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(200);
    let mut numbers = Numbers(20_261_129);
    for (file, seed) in &seeds {
        let format = Format::of(file).expect("the name tells the format");
        let mut refused = 0;
        for _ in 0..rounds {
            let text = mutated(seed, &mut numbers);
            let mut source = Everywhere {
                text: &text,
                names: Vec::new(),
            };
            match formats::read(format, file, &mut source) {
                Ok(declared) => {
                    shown(&declared);
                }
                Err(fault) => {
                    refused += 1;
                    let said = fault.to_string();
                    let is_named = source.names.iter().any(|name| said.contains(&**name));
                    assert!(is_named, "{said}\n{text}");
                }
            }
        }
        assert!(
            refused > 0 && refused < rounds,
            "{file}: {refused} of {rounds} refused"
        );
    }
}
