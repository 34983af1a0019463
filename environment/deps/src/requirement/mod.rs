//! One entry of a requirements file as what it asks for, by pip's own steps (`pip/_internal/req/constructors.py`, 26.3).
//! Files and folders are not looked for: a path is one by how it is written.

mod atoms;
mod link;
mod marker;
#[cfg(test)]
mod tests;
mod text;

use pep508_rs::{MarkerTree, Requirement, VerbatimUrl};

pub use self::marker::Markers;
pub(crate) use self::{
    atoms::specifiers_alone,
    link::{Link, unquoted},
    marker::{MAX_WAYS, Scope, ways},
};
use crate::{
    declared::{Dependency, Hash, Wanted},
    masked,
    requirements::{Entry, Fault, Kind, Opt, Place},
};

/// What an entry asks for; `None`: it is a line of options alone. What pip would refuse is refused with its line.
pub fn dependency(entry: &Entry, markers: &Markers) -> Result<Option<Dependency>, Fault> {
    let found = match &entry.kind {
        Kind::Options => return Ok(None),
        Kind::Requirement(text) => line(text.trim(), &entry.place, markers),
        Kind::Editable(text) => editable(text, &entry.place, markers),
    };
    let found = found.map(|mut found| {
        found.constraint = entry.constraint;
        found.hashes.extend(given_hashes(entry));
        found
    });
    found
        .and_then(permitted)
        .map(Some)
        .map_err(|message| Fault::line(&entry.place, message))
}

/// A requirement by PEP 508 alone, as other files than pip's hold them.
pub(crate) fn pep508(text: &str, place: &Place, markers: &Markers) -> Result<Dependency, String> {
    let atoms = atoms::parse(text)?;
    let (link, marker) = (link_of(&atoms.which)?, atoms.marker.map(str::trim));
    if marker == Some("") {
        return Err(format!("no marker follows the `;` of `{}`", shown(text)));
    }
    let mut found = blank(text, place);
    found.marker = marked(marker, markers)?;
    (found.name, found.extras) = (Some(atoms.name), atoms.extras);
    (found.wanted, found.hashes) = link;
    Ok(found)
}

/// A line of `Requires-Dist` from the metadata of a stranger's package; `None`: it is none, or is none of those that
/// are looked at.
pub fn required(text: &str) -> Option<Requirement<VerbatimUrl>> {
    let place = Place {
        file: "METADATA".into(),
        line: 1,
        included_by: None,
    };
    // Ours bounds what a marker may cost.
    (text.len() <= MAX_REQUIRED && pep508(text, &place, &Markers::default()).is_ok())
        .then(|| text.parse().ok())?
}

/// Bytes of a line of `Requires-Dist`, at most.
const MAX_REQUIRED: usize = 2000;

/// An entry of which nothing is known but its text.
pub(crate) fn blank(text: &str, place: &Place) -> Dependency {
    Dependency {
        place: place.clone(),
        text: text.to_owned(),
        name: None,
        extras: Vec::new(),
        wanted: Wanted::Index(Vec::new()),
        marker: MarkerTree::TRUE,
        editable: false,
        constraint: false,
        hashes: Vec::new(),
        artifacts: Vec::new(),
    }
}

/// The beginning of a text as messages may show it.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    let text = masked(text);
    let mut characters = text.chars();
    let beginning: String = characters
        .by_ref()
        .take(MOST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if characters.next().is_some() {
        beginning + "…"
    } else {
        beginning
    }
}

fn line(text: &str, place: &Place, markers: &Markers) -> Result<Dependency, String> {
    let is_url = link::is_url(text);
    let (what, marker) = match text.split_once(if is_url { "; " } else { ";" }) {
        Some((what, marker)) => (what.trim(), Some(marker.trim())),
        None => (text, None),
    };
    let mut found = blank(text, place);
    if is_url {
        found.take(link::url(what, false)?);
    } else if let Some(path) = path(what)? {
        let (path, extras) = path;
        found.take(link::path(path)?);
        found.extras = extras;
    } else {
        let atoms = atoms::parse(what).map_err(|message| hinted(what, message))?;
        let link = link_of(&atoms.which).map_err(|message| hinted(what, message))?;
        (found.name, found.extras) = (Some(atoms.name), atoms.extras);
        (found.wanted, found.hashes) = link;
    }
    found.marker = marked(marker, markers)?;
    Ok(found)
}

/// The path that a line is, without its extras, if it is one.
fn path(text: &str) -> Result<Option<(&str, Vec<pep508_rs::ExtraName>)>, String> {
    let looks_like_path = |text: &str| text.contains('/') || text.starts_with('.');
    let is_url_behind_name = |text: &str| {
        text.split_once('@')
            .is_some_and(|(before, _)| !looks_like_path(before))
    };
    // The brackets may be a requirement's.
    let (bare, _) = text
        .rsplit_once('[')
        .filter(|_| text.ends_with(']'))
        .unwrap_or((text, ""));
    let is_path = if link::is_archive(bare) || link::is_archive(text) {
        !is_url_behind_name(text)
    } else {
        let odd = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '=' | '!' | '~' | '@');
        text.starts_with(['.', '/']) || text.contains('/') && !bare.contains(odd)
    };
    if is_path {
        link::without_extras(text).map(Some)
    } else {
        Ok(None)
    }
}

fn hinted(text: &str, message: String) -> String {
    if text.contains("git@") || text.contains(".git") {
        return format!("{message}. A repository is written `NAME @ git+https://HOST/PATH@COMMIT`");
    }
    message
}

fn link_of(which: &atoms::Which<'_>) -> Result<(Wanted, Vec<Hash>), String> {
    match which {
        atoms::Which::Versions(versions) => Ok((Wanted::Index(versions.clone()), Vec::new())),
        atoms::Which::Url(text) => link::url(text, true).map(|link| (link.wanted, link.hashes)),
    }
}

fn marked(text: Option<&str>, markers: &Markers) -> Result<MarkerTree, String> {
    match text {
        None | Some("") => Ok(MarkerTree::TRUE),
        Some(text) => markers.read(text, Scope::Requirement),
    }
}

/// What follows `-e`.
fn editable(text: &str, place: &Place, markers: &Markers) -> Result<Dependency, String> {
    let mut found = blank(text, place);
    found.editable = true;
    let read = atoms::parse(text).ok();
    let whole = read.filter(|atoms| atoms.marker.is_none_or(|marker| !marker.trim().is_empty()));
    let named = whole.and_then(|atoms| match atoms.which {
        atoms::Which::Url(url) => Some((url, atoms)),
        atoms::Which::Versions(_) => None,
    });
    if let Some((url, atoms)) = named {
        found.take(link::url(url, true)?);
        (found.name, found.extras) = (Some(atoms.name), atoms.extras);
        found.marker = marked(atoms.marker.map(str::trim), markers)?;
    } else {
        let (bare, extras) = link::without_extras(text)?;
        let scheme = link::scheme(text);
        match scheme.as_deref() {
            None => {
                found.take(link::path(bare)?);
                found.extras = extras;
            }
            Some("file") => {
                found.take(link::url(bare, false)?);
                found.extras = extras;
            }
            Some(kind @ ("git" | "hg" | "svn" | "bzr")) => {
                found.take(link::url(&format!("{kind}+{text}"), false)?);
            }
            Some(_) => found.take(link::url(text, false)?),
        }
    }
    let is_file = matches!(&found.wanted, Wanted::Url(url) if url.starts_with("file:"));
    match &found.wanted {
        Wanted::Vcs { .. } if found.name.is_none() => Err(format!(
            "nothing tells the name of `{}`: write `-e NAME @ URL`",
            shown(text)
        )),
        Wanted::Url(_) if !is_file => Err(format!(
            "`-e {}` is neither a folder nor a repository: write `NAME @ URL` without -e",
            shown(text)
        )),
        _ => Ok(found),
    }
}

/// pip's limits on constraints.
fn permitted(found: Dependency) -> Result<Dependency, String> {
    if !found.constraint {
        return Ok(found);
    }
    if found.editable {
        return Err("a constraint cannot be editable: write `NAME==VERSION`".to_owned());
    }
    if found.name.is_none() {
        return Err("a constraint needs a name: write `NAME==VERSION`".to_owned());
    }
    if !found.extras.is_empty() {
        return Err("a constraint cannot have extras: write them where the package is asked for".to_owned());
    }
    Ok(found)
}

/// `--hash`; pip passes over those of `-e`.
fn given_hashes(entry: &Entry) -> impl Iterator<Item = Hash> {
    let is_read = matches!(entry.kind, Kind::Requirement(_));
    let given = entry
        .options
        .iter()
        .filter(move |given| is_read && given.opt == Opt::Hash);
    given.filter_map(|given| {
        let (algorithm, digest) = given.value.as_deref()?.split_once(':')?;
        Some(Hash {
            algorithm: algorithm.to_ascii_lowercase(),
            digest: digest.to_owned(),
        })
    })
}

impl Dependency {
    fn take(&mut self, link: Link) {
        (self.name, self.wanted, self.hashes) = (link.name, link.wanted, link.hashes);
    }
}
