//! Single entries: both refuse, or both find the same name, extras, versions, link, digests and environments.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    fmt::Write as _,
    path::{Component, Path, PathBuf},
};

use nbvet_deps::{
    Dependency, Specifier, Wanted,
    requirement::{Markers, dependency},
    requirements::{Entry, Kind, Place},
};
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};
use serde_json::{Value, json};

use crate::{Numbers, oracle};

/// What is known to differ, and why it stays so.
const DIFFERENCES: &[(&str, Who, &str)] = &[
    (
        "./missing",
        Who::Nbvet,
        "whether a path is there is asked of the tree, and said by a rule",
    ),
    ("missing/folder[x]", Who::Nbvet, "as above"),
    (
        "six_",
        Who::Pip,
        "pip asks for it and finds nothing: names end with a letter or a digit",
    ),
    ("six[a_]", Who::Pip, "as above"),
    ("six @ gopher://h/x", Who::Pip, "pip fails as it downloads"),
    (
        "six==1.99999999999999999999",
        Who::Pip,
        "numbers of versions have 64 bits here",
    ),
    (
        "six; platform_release >= '5'",
        Who::Pip,
        "the kernel that will run the image is known to nobody",
    ),
    (
        "six; python_version == os_name",
        Who::Pip,
        "pip takes the second name for a text: a mistake of who wrote it",
    ),
    (
        "six; '3.8' in python_full_version",
        Who::Pip,
        "which versions hold these characters has no end",
    ),
    (
        "six; os_name == 'a\\x62'",
        Who::Pip,
        "escapes, which the specification does not have",
    ),
    (
        "six; '3.8' ~= python_version",
        Who::Pip,
        "the name stands on the wrong side of ~=, which cannot be turned around",
    ),
    (
        "git@host:o/r.git",
        Who::Pip,
        "to pip a package named git from a URL of the scheme host, which fails later",
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nbvet,
    Pip,
}

const NAMES: &[&str] = &[
    "six",
    "A.b_C",
    "x-1",
    "zope.interface",
    "_a",
    "-a",
    "é",
    "a--b",
    "",
];
const EXTRAS: &[&str] = &[
    "", "", "", "[x]", "[X, y_z]", "[]", "[a,]", "[a b]", " [x]", "[x", "[ x ,y ]",
];
const VERSIONS: &[&str] = &[
    "",
    "==1.0",
    ">=1,<2",
    "== 1.0.*",
    "~=1.4",
    "!=1.5",
    "===1.0-odd",
    "===1,<2",
    "(>=1)",
    "( <2 , >1)",
    ">=1.*",
    "=1",
    "==1.0+local.1",
    ">1.0+local",
    "==v1.0",
    "==1.0.RC1",
    ",",
    ">=1,",
    ">=1,,<2",
    "<",
    "==1!2.0",
    "~=1",
    "==1.0-1",
    "==1.0.post",
    "  >=  1  ",
    "==1.0 ,!=1.1",
    "==1 .0",
    "=>1",
    "==1.x",
    "()",
    "==1.0.dev",
    "!=1.*,<3",
];
const URLS: &[&str] = &[
    " @ https://h/x.zip",
    "@https://h/x.zip#sha256=00&egg=q",
    "@ git+https://h/o/r.git@main#egg=q",
    "@",
    " @ file:///srv/x-1-py3-none-any.whl",
    " @ git+ssh://git@h/r@v%401",
    "@ hg+http://h/r@",
    "@https://h/x;y",
];
const WHOLE: &[&str] = &[
    "https://h/a-1-py3-none-any.whl#sha256=aa",
    "https://h/p/a_b-1-1x-py3-none-any.whl?q=1#md5=bb",
    "./dir",
    "./dir[x]",
    "dir/",
    "./dir [x,Y]",
    "a-1-py3-none-any.whl",
    "w/b_c-2-py3-none-any.whl[e]",
    "x.tar.gz",
    "six==1.zip",
    ".",
    "git+https://h/o/r.git",
    "git+ssh://git@h/r@v1#egg=r",
    "hg+http://h/r#egg=x&subdirectory=s",
    "https://h/x#egg=a_b",
    "https://h/x#egg=a b",
    "https://h/x#egg=a[b]",
    "https://h/a-1-py3.whl",
    "svn+svn://h/r@12#egg=n",
    "file:///srv/x.zip",
    "git@h:o/r.git",
    "HTTPS://h/x.zip",
    "ftp://h/x",
    "c.ZIP",
    "a-x-py3-none-any.whl",
    "bzr+lp:x#egg=y",
];
const VARIABLES: &[&str] = &[
    "python_version",
    "python_full_version",
    "implementation_version",
    "os_name",
    "os.name",
    "sys_platform",
    "sys.platform",
    "platform_machine",
    "platform.machine",
    "platform_system",
    "platform_version",
    "platform_python_implementation",
    "python_implementation",
    "implementation_name",
    "extra",
    "python",
    "os_nam",
];
const OPERATORS: &[&str] = &[
    "==", "!=", "<", "<=", ">", ">=", "~=", "===", " in ", " not in ", " not  in", "=", "in",
];
const VALUES: &[&str] = &[
    "'3.8'",
    "\"3.9.1\"",
    "'3.10'",
    "'3'",
    "'3.*'",
    "'3.8.*'",
    "'linux'",
    "'win32'",
    "'posix nt'",
    "''",
    "'CPython'",
    "'3.8 3.9'",
    "'3.8,3.10'",
    "'1.0+l'",
    "'3.9rc1'",
    "'x'",
    "'3.11.7'",
    "3.8",
    "'open",
];

fn comparison(numbers: &mut Numbers) -> String {
    let (variable, operator, value) = (numbers.of(VARIABLES), numbers.of(OPERATORS), numbers.of(VALUES));
    let blank = numbers.of(&["", "", " ", "\t"]);
    let is_full = ["python_full_version", "implementation_version"].contains(&variable);
    if numbers.below(5) == 0 && !(is_full && operator.contains("in")) {
        format!("{value}{blank}{operator}{blank}{variable}")
    } else {
        format!("{variable}{blank}{operator}{blank}{value}")
    }
}

fn marker(numbers: &mut Numbers) -> String {
    let mut text = comparison(numbers);
    for _ in 0..numbers.below(3) {
        let next = comparison(numbers);
        let word = numbers.of(&["and", "or", " and ", " or ", "nor"]);
        text = match numbers.below(4) {
            0 => format!("({text}){word}{next}"),
            1 => format!("{text} {word}({next})"),
            2 => format!("( {text}{word} {next} )"),
            _ => format!("{text} {word} {next}"),
        };
    }
    text
}

fn generated(numbers: &mut Numbers) -> String {
    let mut text = match numbers.below(4) {
        0 => numbers.of(WHOLE).to_owned(),
        1 => format!("{}{}{}", numbers.of(NAMES), numbers.of(EXTRAS), numbers.of(URLS)),
        _ => format!(
            "{}{}{}",
            numbers.of(NAMES),
            numbers.of(EXTRAS),
            numbers.of(VERSIONS)
        ),
    };
    if numbers.below(2) == 0 {
        let sign = numbers.of(&[";", " ; ", "; ", " ;"]);
        let _ = write!(
            text,
            "{sign}{}",
            if numbers.below(12) == 0 {
                String::new()
            } else {
                marker(numbers)
            }
        );
    }
    if numbers.below(6) == 0 {
        let characters: Vec<char> = text.chars().collect();
        let at = numbers.below(characters.len() + 1);
        let (before, behind) = characters.split_at(at);
        let skipped = usize::from(numbers.below(2) == 0).min(behind.len());
        let put = numbers.of(&[
            "", " ", ";", ",", "=", "[", "]", "(", ")", "'", "#", "@", ".", "-", "é", "*",
        ]);
        text = before.iter().collect::<String>() + put + &behind[skipped..].iter().collect::<String>();
    }
    text
}

fn ours(folder: &Path, text: &str, editable: bool, constraint: bool) -> Value {
    let kind = if editable {
        Kind::Editable
    } else {
        Kind::Requirement
    };
    let entry = Entry {
        place: Place {
            file: "requirements.txt".into(),
            line: 1,
            included_by: None,
        },
        constraint,
        kind: kind(text.to_owned()),
        options: Vec::new(),
    };
    dependency(&entry, &Markers::default()).map_or(Value::Null, |found| shown(folder, &found.unwrap()))
}

fn shown(folder: &Path, found: &Dependency) -> Value {
    let (mut versions, link) = match &found.wanted {
        Wanted::Index(versions) => (versions.iter().map(Specifier::to_string).collect(), Value::Null),
        Wanted::Vcs {
            scheme,
            url,
            revision,
        } => (Vec::new(), json!(["vcs", scheme, url, revision])),
        Wanted::Path(path) => (Vec::new(), json!(["file", normal(&folder.join(path))])),
        Wanted::Url(url) => (
            Vec::new(),
            url.strip_prefix("file://")
                .map_or_else(|| json!(["url", url]), |path| json!(["file", path])),
        ),
    };
    versions.sort();
    versions.dedup();
    let mut extras: Vec<&str> = found.extras.iter().map(AsRef::as_ref).collect();
    extras.sort_unstable();
    extras.dedup();
    let hashes: Vec<String> = found
        .hashes
        .iter()
        .map(|hash| format!("{}:{}", hash.algorithm, hash.digest))
        .collect();
    let when: Vec<bool> = environments()
        .iter()
        .map(|one| found.marker.evaluate(one, &[]))
        .collect();
    json!({
        "name": found.name.as_ref().map(ToString::to_string),
        "extras": extras,
        "versions": versions,
        "link": link,
        "when": when,
        "editable": found.editable,
        "constraint": found.constraint,
        "hashes": hashes,
    })
}

fn normal(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                found.pop();
            }
            Component::CurDir => {}
            other => found.push(other),
        }
    }
    found
}

/// Those of `oracle.py`.
fn environments() -> Vec<MarkerEnvironment> {
    let of = |name, full: &'static str, os, machine, implementation, release, system, version, platform| {
        let short = full.rsplit_once('.').unwrap().0;
        MarkerEnvironmentBuilder {
            implementation_name: name,
            implementation_version: if name == "pypy" { "7.3.15" } else { full },
            os_name: os,
            platform_machine: machine,
            platform_python_implementation: implementation,
            platform_release: release,
            platform_system: system,
            platform_version: version,
            python_full_version: full,
            python_version: short,
            sys_platform: platform,
        }
        .try_into()
        .unwrap()
    };
    vec![
        of(
            "cpython",
            "3.11.7",
            "posix",
            "x86_64",
            "CPython",
            "6.1.0-13-amd64",
            "Linux",
            "#1 SMP",
            "linux",
        ),
        of(
            "cpython",
            "3.8.10",
            "nt",
            "AMD64",
            "CPython",
            "10",
            "Windows",
            "10.0.19045",
            "win32",
        ),
        of(
            "pypy",
            "3.10.14",
            "posix",
            "arm64",
            "PyPy",
            "23.1.0",
            "Darwin",
            "Darwin Kernel",
            "darwin",
        ),
        of(
            "cpython", "3.9.0", "posix", "aarch64", "CPython", "5.10.0", "Linux", "#2", "linux",
        ),
    ]
}

/// What both make of each entry.
fn both(entries: &[(String, bool, bool)]) -> Result<Vec<(Value, Value)>, &'static str> {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().canonicalize().unwrap();
    std::fs::create_dir(folder.join("dir")).unwrap();
    for name in ["pyproject.toml", "dir/pyproject.toml"] {
        std::fs::write(folder.join(name), "[project]\nname = 'd'\nversion = '1'\n").unwrap();
    }
    let mut input = folder.to_str().unwrap().to_owned();
    for entry in entries {
        let _ = write!(input, "\n{}", json!(entry));
    }
    let theirs = oracle("entries", &input)?;
    assert_eq!(theirs.len(), entries.len());
    let ours = entries
        .iter()
        .map(|(text, editable, constraint)| ours(&folder, text, *editable, *constraint));
    Ok(ours.zip(theirs).collect())
}

#[test]
fn generated_entries_are_taken_apart_as_pip_does_it() {
    let mut numbers = Numbers(20_261_128);
    let mut entries: Vec<(String, bool, bool)> = Vec::new();
    for number in 0..30_000 {
        // pip's reader takes white space off.
        let text = generated(&mut numbers).trim().to_owned();
        if !text.is_empty() {
            entries.push((text, number % 10 == 0, number % 10 == 1));
        }
    }
    let found = match both(&entries) {
        Ok(found) => found,
        Err(why) => return println!("{why}"),
    };
    let accepted = found.iter().filter(|(_, theirs)| !theirs.is_null()).count();
    assert!(
        accepted > 3000 && accepted < 25_000,
        "both kinds are tried: {accepted} accepted"
    );
    let mut wrong = String::new();
    let mut count = 0;
    for (entry, (ours, theirs)) in entries.iter().zip(found) {
        // Python leaves tabs out of some URLs.
        let untabbed = |value: &Value| value.to_string().replace("\\t", "");
        if untabbed(&ours) != untabbed(&theirs) && !is_known(&entry.0, &ours, &theirs) {
            count += 1;
            if count <= 40 {
                let _ = writeln!(wrong, "{entry:?}\n    nbvet {ours}\n    pip   {theirs}");
            }
        }
    }
    assert!(count == 0, "{count} of {} differ:\n{wrong}", entries.len());
}

/// Differs in one of the ways of [`DIFFERENCES`].
fn is_known(text: &str, ours: &Value, theirs: &Value) -> bool {
    let is_missing_path = theirs.is_null() && ours["link"][0] == "file";
    let link = theirs["link"][1].as_str().unwrap_or_default();
    let is_fetched = ["http:", "https:", "ftp:"]
        .iter()
        .any(|scheme| link.to_ascii_lowercase().starts_with(scheme));
    let is_odd_scheme = theirs["link"][0] == "url" && !is_fetched;
    // pip writes URLs anew that lack slashes.
    let path = text.split_once("://").map_or("", |(_, behind)| behind);
    let is_rewritten = match ours["link"][0].as_str() {
        Some("vcs") => !path.contains('/'),
        Some("url") => theirs["link"][0] == "file",
        _ => false,
    };
    let is_wrong_side = ours.is_null() && text.contains("~=") && text.contains("version");
    is_missing_path || is_odd_scheme || is_rewritten || is_wrong_side
}

#[test]
fn what_differs_from_pip_is_known() {
    let entries: Vec<_> = DIFFERENCES
        .iter()
        .map(|(text, ..)| ((*text).to_owned(), false, false))
        .collect();
    let found = match both(&entries) {
        Ok(found) => found,
        Err(why) => return println!("{why}"),
    };
    for ((text, who, why), (ours, theirs)) in DIFFERENCES.iter().zip(found) {
        assert!(!why.is_empty(), "{text}");
        let expected = (*who == Who::Pip, *who == Who::Nbvet);
        assert_eq!(
            (ours.is_null(), theirs.is_null()),
            expected,
            "{text}: nbvet {ours}, pip {theirs}"
        );
    }
}
