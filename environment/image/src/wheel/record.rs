//! RECORD: what the wheel's maker says is in it.

use std::{collections::HashMap, io};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{Reason, archive::Entry};

/// What a file must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    algorithm: Algorithm,
    digest: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Recorded {
    /// As RECORD writes it.
    pub(crate) fn text(&self) -> String {
        let name = match self.algorithm {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
        };
        format!("{name}={}", URL_SAFE_NO_PAD.encode(&self.digest))
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, digest) = text.split_once('=')?;
        let (algorithm, length) = match name {
            "sha256" => (Algorithm::Sha256, 32),
            "sha384" => (Algorithm::Sha384, 48),
            "sha512" => (Algorithm::Sha512, 64),
            _ => return None,
        };
        let digest = URL_SAFE_NO_PAD.decode(digest.trim_end_matches('=')).ok()?;
        (digest.len() == length).then_some(Self { algorithm, digest })
    }

    /// A digest to be filled.
    pub(crate) fn hasher(&self) -> Hasher {
        match self.algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha384 => Hasher::Sha384(Sha384::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    /// The digest is the one that RECORD says.
    pub(crate) fn is(&self, hasher: Hasher) -> bool {
        match hasher {
            Hasher::Sha256(hasher) => hasher.finalize()[..] == self.digest[..],
            Hasher::Sha384(hasher) => hasher.finalize()[..] == self.digest[..],
            Hasher::Sha512(hasher) => hasher.finalize()[..] == self.digest[..],
        }
    }
}

/// A digest being taken.
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The digest of each entry, in their order; `None` for RECORD itself and its signatures. Every file has a line, every
/// line a file, and their sizes are equal; the digests are compared when a file is unpacked.
pub(crate) fn read(
    text: &str,
    folder: &str,
    entries: &[Entry],
) -> Result<Vec<Option<Recorded>>, (Option<String>, Reason)> {
    let mut lines = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() {
            continue;
        }
        let refused = |why: &str| (None, Reason::Record(format!("line {}: {why}", number + 1)));
        let [name, digest, size] =
            fields(line).ok_or_else(|| refused("it is not `path,algorithm=digest,size`"))?;
        if lines.insert(name, (digest, size)).is_some() {
            return Err(refused("the file has a line already"));
        }
    }
    let mut recorded = Vec::with_capacity(entries.len());
    for entry in entries {
        let at = |why: &str| (Some(entry.name.clone()), Reason::Record(why.to_owned()));
        let file = entry
            .name
            .strip_prefix(folder)
            .and_then(|rest| rest.strip_prefix('/'));
        let line = lines.remove(&entry.name);
        if matches!(file, Some("RECORD" | "RECORD.jws" | "RECORD.p7s")) {
            recorded.push(None);
            continue;
        }
        let (digest, size) = line.ok_or_else(|| at("RECORD has no line for the file"))?;
        let digest = Recorded::parse(&digest).ok_or_else(|| {
            at("its line has no digest by sha256, sha384 or sha512, without which nothing tells that it is the same file")
        })?;
        if !size.is_empty() && size.parse() != Ok(entry.size) {
            return Err(at("its line has another size"));
        }
        recorded.push(Some(digest));
    }
    // Tools that built the wheel may list folders; those are no files.
    let missing = lines.into_keys().filter(|name| !name.ends_with('/')).min();
    match missing {
        Some(name) => Err((
            Some(name),
            Reason::Record("RECORD has a line for it, and it is not there".to_owned()),
        )),
        None => Ok(recorded),
    }
}

/// The three fields of a line of comma-separated values; a field may be quoted.
fn fields(line: &str) -> Option<[String; 3]> {
    let mut fields = Vec::with_capacity(3);
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => match rest.find(',') {
                Some(comma) => (rest[..comma].to_owned(), &rest[comma..]),
                None => (rest.to_owned(), ""),
            },
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(after) if fields.len() < 3 => rest = after,
            None if after.is_empty() => return fields.try_into().ok(),
            _ => return None,
        }
    }
}

fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let quote = rest.find('"')?;
        field.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Some((field, rest)),
        }
    }
}

/// A field of a line, quoted where it must be.
pub(crate) fn field(name: &str) -> String {
    if name.contains([',', '"']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}

/// A line of the RECORD that is installed, for bytes that were made here.
pub(crate) fn line(name: &str, bytes: &[u8]) -> String {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
    format!("{},sha256={digest},{}\n", field(name), bytes.len())
}
