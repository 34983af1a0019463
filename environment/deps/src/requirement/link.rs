//! URLs, repositories and paths as pip takes them apart.

use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName};

use super::{atoms, shown};
use crate::declared::{Hash, Wanted};

const REMOTE: [&str; 4] = ["http", "https", "ftp", "file"];
const REPOSITORIES: [(&str, &[&str]); 4] = [
    ("git", &["http", "https", "ssh", "git", "file"]),
    ("hg", &["file", "http", "https", "ssh", "static-http"]),
    ("svn", &["ssh", "http", "https", "svn", "file"]),
    ("bzr", &["http", "https", "ssh", "sftp", "ftp", "lp", "file"]),
];
const ARCHIVES: [&str; 12] = [
    ".zip",
    ".whl",
    ".tar.bz2",
    ".tbz",
    ".tar.gz",
    ".tgz",
    ".tar",
    ".tar.xz",
    ".txz",
    ".tlz",
    ".tar.lz",
    ".tar.lzma",
];
/// Digests that pip takes from a URL's fragment.
const DIGESTS: [&str; 6] = ["sha512", "sha384", "sha256", "sha224", "sha1", "md5"];

/// What a URL or a path tells.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) name: Option<PackageName>,
    pub(crate) wanted: Wanted,
    pub(crate) hashes: Vec<Hash>,
}

/// The scheme, in lower case, if the text is a URL to Python's `urlsplit`.
pub(super) fn scheme(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once(':')?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_part);
    is_scheme.then(|| scheme.to_ascii_lowercase())
}

/// pip takes a line that begins so for a URL.
pub(super) fn is_url(text: &str) -> bool {
    scheme(text).is_some_and(|scheme| REMOTE.contains(&&*scheme) || repository(&scheme).is_some())
}

fn repository(scheme: &str) -> Option<(&'static str, &str)> {
    let (kind, transport) = scheme.split_once('+')?;
    let known = REPOSITORIES.iter().find(|(known, _)| *known == kind)?;
    known.1.contains(&transport).then_some((known.0, transport))
}

/// A URL, with what its fragment says. Its own name is asked for where nothing else tells one.
pub(crate) fn url(text: &str, is_named: bool) -> Result<Link, String> {
    let Some(scheme) = scheme(text) else {
        let (path, _) = text.split_once('#').unwrap_or((text, ""));
        return Ok(Link {
            name: None,
            wanted: Wanted::Path(path.to_owned()),
            hashes: digest(text).into_iter().collect(),
        });
    };
    let (bare, _) = text.split_once('#').unwrap_or((text, ""));
    let authority = bare.split_once("://").map_or("", |(_, behind)| behind);
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('[') != authority.contains(']') {
        return Err(format!(
            "`{}` is no URL: a bracket of its host is alone",
            shown(text)
        ));
    }
    let wanted = if let Some((kind, _)) = repository(&scheme) {
        vcs(kind, &bare[kind.len() + 1..])?
    } else if REMOTE.contains(&&*scheme) {
        Wanted::Url(bare.to_owned())
    } else {
        return Err(format!(
            "pip gets nothing from `{scheme}:` URLs: write https:, file: or a repository such as git+https:"
        ));
    };
    Ok(Link {
        name: if is_named {
            egg(text)?
        } else {
            url_name(text, bare)?
        },
        wanted,
        hashes: digest(text).into_iter().collect(),
    })
}

/// The name by the wheel's file name, else by `egg=` in the fragment.
fn url_name(text: &str, bare: &str) -> Result<Option<PackageName>, String> {
    let egg = egg(text)?;
    let path = bare.split_once("://").map_or(bare, |(_, behind)| behind);
    let path = path
        .split_once('?')
        .map_or(path, |(path, _)| path)
        .trim_end_matches('/');
    let file = path.rsplit_once('/').map_or("", |(_, file)| file);
    if is_wheel(file) {
        return wheel(&unquoted(file)).map(Some);
    }
    Ok(egg)
}

fn egg(text: &str) -> Result<Option<PackageName>, String> {
    let Some(name) = fragment(text, "egg") else {
        return Ok(None);
    };
    PackageName::new(name.to_owned())
        .ok()
        .filter(|_| !name.is_empty())
        .map(Some)
        .ok_or_else(|| {
            format!(
                "`#egg={}` is no package's name: write `NAME[EXTRA] @ URL` instead of `#egg=`",
                shown(name)
            )
        })
}

/// The value behind `#key=` or `&key=`, wherever it stands, as pip looks for it.
fn fragment<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.match_indices(['#', '&']).find_map(|(at, _)| {
        let value = text[at + 1..].strip_prefix(key)?.strip_prefix('=')?;
        Some(value.split('&').next().unwrap_or(value))
    })
}

fn digest(text: &str) -> Option<Hash> {
    text.match_indices(['#', '&']).find_map(|(at, _)| {
        DIGESTS.iter().find_map(|algorithm| {
            let value = text[at + 1..].strip_prefix(algorithm)?.strip_prefix('=')?;
            Some(Hash {
                algorithm: (*algorithm).to_owned(),
                digest: value.split('&').next().unwrap_or(value).to_owned(),
            })
        })
    })
}

fn vcs(kind: &str, url: &str) -> Result<Wanted, String> {
    // An `@` before the path is a user's.
    let authority = url.find("://").map_or(0, |at| at + 3);
    let path = url[authority..].find('/').map_or(url.len(), |at| authority + at);
    let query = url[path..].find('?').map_or(url.len(), |at| path + at);
    let (location, revision) = match url[path..query].rsplit_once('@') {
        Some((_, "")) => {
            return Err(format!(
                "no revision follows the last `@` of `{}`: name a commit or leave the `@` out",
                shown(url)
            ));
        }
        Some((before, revision)) => {
            let location = format!("{}{before}{}", &url[..path], &url[query..]);
            (location, Some(unquoted(revision)))
        }
        None => (url.to_owned(), None),
    };
    Ok(Wanted::Vcs {
        scheme: kind.to_owned(),
        url: location,
        revision,
    })
}

/// `%40` and the like as the characters they stand for.
pub(crate) fn unquoted(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A path without the extras behind it, and these.
pub(super) fn without_extras(text: &str) -> Result<(&str, Vec<ExtraName>), String> {
    let Some(at) = text.strip_suffix(']').and_then(|inner| inner.rfind('[')) else {
        return Ok((text, Vec::new()));
    };
    if at == 0 || at + 2 == text.len() || text[at + 1..text.len() - 1].contains(']') {
        return Ok((text, Vec::new()));
    }
    Ok((text[..at].trim_end(), atoms::extras_alone(&text[at..])?))
}

/// A file or folder; a wheel's name tells the distribution's.
pub(super) fn path(text: &str) -> Result<Link, String> {
    let file = text.trim_end_matches('/').rsplit('/').next().unwrap_or(text);
    let name = is_wheel(file).then(|| wheel(file)).transpose()?;
    Ok(Link {
        name,
        wanted: Wanted::Path(text.to_owned()),
        hashes: Vec::new(),
    })
}

/// pip takes what ends so for a file, be it there or not.
pub(super) fn is_archive(path: &str) -> bool {
    let file = path
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(path)
        .to_ascii_lowercase();
    // A dot at the beginning begins no extension.
    let file = file.trim_start_matches('.');
    let Some(dot) = file.rfind('.') else {
        return false;
    };
    let start = file[..dot].strip_suffix(".tar").map_or(dot, str::len);
    ARCHIVES.contains(&&file[start..])
}

/// pip looks at the case here, though not where it tells archives.
fn is_wheel(file: &str) -> bool {
    file.strip_suffix(".whl").is_some_and(|stem| !stem.is_empty())
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The distribution's name by a wheel's file name, which must be right in all its parts.
pub(crate) fn wheel(file: &str) -> Result<PackageName, String> {
    let wrong = |what: &str| {
        Err(format!(
            "`{}` is no name of a wheel: {what} (NAME-VERSION-PYTHON-ABI-PLATFORM.whl)",
            shown(file)
        ))
    };
    let Some(stem) = file.strip_suffix(".whl") else {
        return wrong("it does not end with .whl");
    };
    let parts: Vec<&str> = stem.split('-').collect();
    let (name, version) = match &parts[..] {
        [name, version, _, _, _] => (*name, *version),
        [name, version, build, _, _, _] if build.starts_with(|c: char| c.is_ascii_digit()) => {
            (*name, *version)
        }
        [_, _, _, _, _, _] => return wrong("its build number does not begin with a digit"),
        _ => return wrong("it has too few or too many parts"),
    };
    if version.parse::<Version>().is_err() {
        return wrong("its version is none");
    }
    let tags = &parts[parts.len() - 3..];
    let is_empty = |tag: &&str| tag.split('.').any(str::is_empty);
    if !tags[0].split('.').all(is_identifier) || tags.iter().any(is_empty) {
        return wrong("its tags are none");
    }
    match PackageName::new(name.to_owned()) {
        Ok(name) if !parts.iter().any(|part| part.is_empty()) => Ok(name),
        _ => wrong("its package's name is none"),
    }
}
