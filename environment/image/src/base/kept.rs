//! Which files of an image tell something, and what of each is remembered.

use std::{
    collections::BTreeSet,
    io::{self, BufRead as _, BufReader, Read},
};

use super::{scan, tree::Content};

/// Most of a small file.
const TEXT: u64 = 256 * 1024;
/// Of a kernel's file, which holds a command and some variables.
const KERNEL: u64 = 32 * 1024;
/// Metadata has its fields first, then a description of any length.
const METADATA: u64 = 64 * 1024;
/// Of a `RECORD`; the largest distributions have some 20,000 lines.
const RECORD: u64 = 64 << 20;
/// Top-level modules of one distribution.
const MODULES: usize = 4096;

/// What is remembered of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Presence,
    Text,
    Kernel,
    Metadata,
    Record,
    TopLevel,
    Binary,
}

/// By its path alone.
pub(super) fn wish(path: &str) -> Option<Wish> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = folder.rsplit('/').next().unwrap_or_default();
    match name {
        "METADATA" if parent.ends_with(".dist-info") => Some(Wish::Metadata),
        "PKG-INFO" if parent.ends_with(".egg-info") => Some(Wish::Metadata),
        "RECORD" if parent.ends_with(".dist-info") => Some(Wish::Record),
        "top_level.txt" if parent.ends_with(".egg-info") || parent.ends_with(".dist-info") => {
            Some(Wish::TopLevel)
        }
        "pyvenv.cfg" => Some(Wish::Text),
        "kernel.json" if folder.contains("/jupyter/kernels/") => Some(Wish::Kernel),
        "os-release" if parent == "etc" || parent == "lib" => Some(Wish::Text),
        "os.py" | "os.pyc" if minor_of(parent).is_some() => Some(Wish::Presence),
        "site.py" if minor_of(parent).is_some() => Some(Wish::Text),
        "libc.so.6" => Some(Wish::Binary),
        _ if name.ends_with(".egg-info") => Some(Wish::Metadata),
        _ if parent == "conda-meta" && name.starts_with("python-") => Some(Wish::Presence),
        _ if parent == "bin" && is_interpreter(name) => Some(Wish::Binary),
        _ if name.starts_with("libpython3") && name.contains(".so") => Some(Wish::Binary),
        _ if name.starts_with("libc-2.") || name.starts_with("ld-musl-") => Some(Wish::Binary),
        _ => None,
    }
}

/// `python`, `python3`, `python3.11`, `python3.13t`, `pypy3`.
pub(super) fn is_interpreter(name: &str) -> bool {
    let rest = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    rest.is_some_and(|rest| {
        let digits = rest.trim_end_matches(['t', 'd', 'm']);
        digits.is_empty() && rest.is_empty()
            || digits.starts_with('3') && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    })
}

/// `python3.11` is 11 without flags, `python3.13t` is 13 with `t`.
pub(super) fn minor_of(name: &str) -> Option<(u64, &str)> {
    let rest = name.strip_prefix("python3.")?;
    let digits = rest.trim_end_matches(['t', 'd']);
    Some((digits.parse().ok()?, &rest[digits.len()..]))
}

/// Reads what is wished of a file.
pub(super) fn read(wish: Wish, content: impl Read) -> io::Result<Option<Content>> {
    Ok(match wish {
        Wish::Presence => Some(Content::Unread),
        Wish::Binary => Some(Content::Binary(scan::scan(content)?)),
        Wish::Text => Some(Content::Text(bytes(content, TEXT)?)),
        Wish::Kernel => Some(Content::Text(bytes(content, KERNEL)?)),
        Wish::Metadata => metadata(&bytes(content, METADATA)?),
        Wish::Record => Some(Content::Modules(record(content)?)),
        Wish::TopLevel => {
            let text = bytes(content, METADATA)?;
            let text = String::from_utf8_lossy(&text);
            let modules = text.lines().map(str::trim).filter(|line| is_identifier(line));
            Some(Content::Modules(
                modules.take(MODULES).map(str::to_owned).collect(),
            ))
        }
    })
}

fn bytes(content: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    content.take(most).read_to_end(&mut bytes)?;
    // What it reads into has grown to up to twice as much.
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// Name and version; a file that lacks one is no distribution.
fn metadata(text: &[u8]) -> Option<Content> {
    let text = String::from_utf8_lossy(text);
    let fields = text.lines().take_while(|line| !line.trim().is_empty());
    let (mut name, mut version) = (None, None);
    for line in fields {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = || Some(value.trim()).filter(|value| !value.is_empty() && value.len() <= 255);
        match key {
            _ if key.eq_ignore_ascii_case("name") => name = name.or_else(value),
            _ if key.eq_ignore_ascii_case("version") => version = version.or_else(value),
            _ => {}
        }
    }
    Some(Content::Metadata {
        name: name?.to_owned(),
        version: version?.to_owned(),
    })
}

/// The modules that a distribution put beside its own folder.
fn record(content: impl Read) -> io::Result<BTreeSet<String>> {
    let mut modules = BTreeSet::new();
    let mut lines = BufReader::new(content.take(RECORD));
    let mut line = Vec::new();
    while modules.len() < MODULES && lines.by_ref().take(METADATA).read_until(b'\n', &mut line)? > 0 {
        let module = std::str::from_utf8(&line).ok().and_then(module_of);
        if let Some(module) = module.filter(|module| !modules.contains(*module)) {
            modules.insert(module.to_owned());
        }
        line.clear();
    }
    Ok(modules)
}

/// `pandas/core/api.py,sha256=…,4048` is of `pandas`; what is no module is none.
fn module_of(line: &str) -> Option<&str> {
    let path = line.trim_start_matches('"');
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let name = if rest.is_empty() {
        let file = first.split([',', '"']).next()?;
        let is_module = [".py", ".so", ".pyd"].iter().any(|suffix| file.ends_with(suffix));
        file.split('.').next().filter(|_| is_module)?
    } else {
        first
    };
    Some(name).filter(|name| is_identifier(name) && *name != "__pycache__")
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
}
