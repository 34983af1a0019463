//! What a program or a library says of itself in its constants: the version of a Python, the C library that it is
//! or loads. It is the only place that every distribution fills.

use std::{
    collections::BTreeSet,
    io::{self, Read},
    sync::LazyLock,
};

use regex::bytes::Regex;

/// Facts from the bytes of an ELF file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Binary {
    /// Texts that look like a version of Python 3; other libraries inside may have such, too.
    pub(super) versions: BTreeSet<String>,
    /// It is loaded by musl's loader rather than by glibc's.
    pub(super) loads_musl: bool,
    /// The glibc that it is: `2.36`.
    pub(super) glibc: Option<String>,
    /// Texts that look like a version of musl 1.
    pub(super) musl: BTreeSet<String>,
}

/// Bytes that are looked at together; two neighbours share [`SHARED`].
const WINDOW: usize = 256 * 1024;
/// No constant that is looked for is longer.
const SHARED: usize = 128;
/// Found texts that are remembered.
const MOST: usize = 16;

static CONSTANTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let parts = [
        r"[^0-9.](?P<python>3\.[0-9]{1,2}\.[0-9]{1,2}(?:(?:a|b|rc)[0-9]{1,2})?)\+?",
        r"(?P<loader>/lib/ld-musl-[a-z0-9_]+\.so)",
        r"release version (?P<glibc>2\.[0-9]{1,2})[. ]",
        r"[^0-9.](?P<musl>1\.[0-9]\.[0-9]{1,2})",
    ];
    Regex::new(&format!("(?-u)(?:{})", parts.join("|"))).ok()
});

/// Reads a file to its end.
pub(super) fn scan(mut content: impl Read) -> io::Result<Binary> {
    let mut found = Binary::default();
    let mut window = Vec::with_capacity(WINDOW);
    loop {
        let kept = window.len();
        let read = content
            .by_ref()
            .take((WINDOW - kept) as u64)
            .read_to_end(&mut window)?;
        if read == 0 {
            return Ok(found);
        }
        look(&window, &mut found);
        let shared = window.len().min(SHARED);
        window.drain(..window.len() - shared);
    }
}

fn look(window: &[u8], found: &mut Binary) {
    let Some(constants) = CONSTANTS.as_ref() else {
        return;
    };
    for captures in constants.captures_iter(window) {
        let text = |name| {
            captures
                .name(name)
                .map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned())
        };
        // Not a part of the match: it may be what stands before the next one.
        let is_whole = captures
            .get(0)
            .is_some_and(|all| window.get(all.end()) == Some(&0));
        if let Some(version) = text("python").filter(|_| is_whole && found.versions.len() < MOST) {
            found.versions.insert(version);
        }
        if let Some(version) = text("musl").filter(|_| is_whole && found.musl.len() < MOST) {
            found.musl.insert(version);
        }
        found.loads_musl |= captures.name("loader").is_some();
        found.glibc = found.glibc.take().or_else(|| text("glibc"));
    }
}
