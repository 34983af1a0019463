//! What a wheel says about itself: its `.dist-info` folder, WHEEL, METADATA and RECORD.

use std::{collections::BTreeSet, str::FromStr};

use pep440_rs::Version;
use pep508_rs::PackageName;

use super::{
    FileName, Limits, Reason,
    archive::{Archive, Entry, Fault},
    limits::bytes,
    record::{self, Recorded},
};

/// What a wheel says about itself.
pub(crate) struct About {
    /// Of each entry, in their order.
    pub(crate) recorded: Vec<Option<Recorded>>,
    /// What is needed to know where its files go.
    pub(crate) place: Place,
}

/// What is needed to know where the files of a wheel go.
pub(crate) struct Place {
    /// `name-version.dist-info`, as it is written in the archive.
    pub(crate) dist_info: String,
    /// `name-version.data`.
    pub(crate) data: String,
    /// The text of `entry_points.txt`.
    pub(crate) entry_points: String,
}

/// Reads it; a wheel that contradicts its own name is refused.
pub(crate) fn read(
    archive: &mut Archive,
    entries: &[Entry],
    name: &FileName,
    limits: &Limits,
) -> Result<About, Fault> {
    let dist_info = dist_info(entries, name).map_err(|reason| (None, reason))?;
    let mut text = |file: &str| text(archive, entries, &format!("{dist_info}/{file}"), limits);
    let missing = |file: &str| (None, Reason::Metadata(format!("`{dist_info}/{file}` is missing")));
    let record = text("RECORD")?.ok_or_else(|| missing("RECORD"))?;
    let wheel = text("WHEEL")?.ok_or_else(|| missing("WHEEL"))?;
    let metadata = text("METADATA")?.ok_or_else(|| missing("METADATA"))?;
    let entry_points = text("entry_points.txt")?.unwrap_or_default();
    let of_file = |file: &str, why: String| (Some(format!("{dist_info}/{file}")), Reason::Metadata(why));
    check_wheel(&wheel).map_err(|why| of_file("WHEEL", why))?;
    check_metadata(&metadata, name).map_err(|why| of_file("METADATA", why))?;
    let recorded = record::read(&record, &dist_info, entries)?;
    // These are read here, before the digests are known to be right: they must be what RECORD says as well.
    for file in ["WHEEL", "METADATA", "entry_points.txt"] {
        verify(archive, entries, &recorded, &format!("{dist_info}/{file}"))?;
    }
    let data = dist_info.replace(".dist-info", ".data");
    Ok(About {
        recorded,
        place: Place {
            dist_info,
            data,
            entry_points,
        },
    })
}

/// The text of METADATA alone, of a file that is known by this name; `None`: it has none that could be read.
pub(crate) fn alone(file: std::fs::File, name: &FileName, limits: &Limits) -> Option<String> {
    let (mut archive, entries) = Archive::open(file, limits).ok()?;
    let folder = dist_info(&entries, name).ok()?;
    text(&mut archive, &entries, &format!("{folder}/METADATA"), limits).ok()?
}

fn verify(
    archive: &mut Archive,
    entries: &[Entry],
    recorded: &[Option<Recorded>],
    file: &str,
) -> Result<(), Fault> {
    let Some(index) = position(entries, file) else {
        return Ok(());
    };
    super::copy(
        archive,
        &entries[index],
        recorded[index].as_ref(),
        &mut std::io::sink(),
    )
    .map_err(|reason| (Some(file.to_owned()), reason))
}

pub(crate) fn position(entries: &[Entry], name: &str) -> Option<usize> {
    entries.binary_search_by(|entry| (*entry.name).cmp(name)).ok()
}

/// The one folder that says what the wheel is.
fn dist_info(entries: &[Entry], name: &FileName) -> Result<String, Reason> {
    let folders: BTreeSet<&str> = entries
        .iter()
        .filter_map(|entry| entry.name.split_once('/').map(|(folder, _)| folder))
        .filter(|folder| folder.ends_with(".dist-info"))
        .collect();
    let folder = match folders.iter().copied().collect::<Vec<_>>()[..] {
        [folder] => folder,
        [] => {
            return Err(Reason::Metadata(
                "it has no `.dist-info` folder: nothing says what it is".to_owned(),
            ));
        }
        [first, second, ..] => {
            return Err(Reason::Metadata(format!(
                "it has the folders `{}` and `{}`: a wheel is of one distribution",
                super::shown(first),
                super::shown(second)
            )));
        }
    };
    let stem = folder.trim_end_matches(".dist-info");
    let is_it = stem
        .split_once('-')
        .is_some_and(|(of, version)| is_same(of, version, name));
    if is_it {
        return Ok(folder.to_owned());
    }
    Err(Reason::Metadata(format!(
        "it holds `{}`, which is not what its file name says",
        super::shown(folder)
    )))
}

fn is_same(of: &str, version: &str, name: &FileName) -> bool {
    PackageName::from_str(of).as_ref() == Ok(&name.name)
        && Version::from_str(version).as_ref() == Ok(&name.version)
}

/// A file's text, when it is there.
fn text(
    archive: &mut Archive,
    entries: &[Entry],
    file: &str,
    limits: &Limits,
) -> Result<Option<String>, Fault> {
    let Some(index) = position(entries, file) else {
        return Ok(None);
    };
    let at = |reason| (Some(file.to_owned()), reason);
    let entry = &entries[index];
    if entry.size > limits.metadata {
        return Err(at(Reason::TooLarge {
            what: format!("it is {}", bytes(entry.size)),
            limit: bytes(limits.metadata),
        }));
    }
    let mut text = Vec::new();
    super::copy(archive, entry, None, &mut text).map_err(at)?;
    match String::from_utf8(text) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(at(Reason::Metadata("it is not UTF-8".to_owned()))),
    }
}

/// The value of a header: of the first line that has it, up to the empty line behind the headers.
fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn check_wheel(text: &str) -> Result<(), String> {
    let version = header(text, "Wheel-Version").unwrap_or_default();
    let major = version.split('.').next().unwrap_or_default();
    if major != "1" {
        return Err(format!(
            "its Wheel-Version is `{}`, and 1 is what nbvet can read",
            super::shown(version)
        ));
    }
    // Both go to one folder here, but a wheel without it is none.
    match header(text, "Root-Is-Purelib") {
        Some(value) if ["true", "false"].contains(&&*value.to_ascii_lowercase()) => Ok(()),
        _ => Err("it does not say Root-Is-Purelib: true or false".to_owned()),
    }
}

fn check_metadata(text: &str, name: &FileName) -> Result<(), String> {
    let of = header(text, "Name").unwrap_or_default();
    let version = header(text, "Version").unwrap_or_default();
    if is_same(of, version, name) {
        return Ok(());
    }
    Err(format!(
        "it is of `{} {}`, which is not what the file name says",
        super::shown(of),
        super::shown(version)
    ))
}
