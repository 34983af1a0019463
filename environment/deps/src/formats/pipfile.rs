//! `Pipfile` and `Pipfile.lock`: what is installed without `--dev`.

use std::borrow::Cow;

use pep508_rs::{ExtraName, PackageName};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::{
    constraint, nothing,
    pyproject::{elsewhere, tell},
    tables::{self, Node, Text},
    versions_of, within,
};
use crate::{
    declared::{Declared, Dependency, Format, Hash, Specifier, Wanted},
    requirement::{self, Markers, Scope, shown, specifiers_alone},
    requirements::{Fault, MAX_ENTRIES, Opt, Place},
};

/// Names of markers that stand in a Pipfile as keys: `os_name = "== 'nt'"`.
const MARKERS: [&str; 11] = [
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
];

pub(super) fn read(file: &str, text: &str) -> Result<Declared, Fault> {
    let text = Text::new(file, text);
    let value = text.parse()?;
    let root = text.root(&value);
    let mut declared = nothing(Format::Pipfile, file);
    for (number, source) in root.items("source")?.iter().enumerate() {
        if let Some(url) = source.get("url") {
            let opt = if number == 0 {
                Opt::IndexUrl
            } else {
                Opt::ExtraIndexUrl
            };
            tell(url.place(), opt, url.string()?, &mut declared);
            if source
                .get("verify_ssl")
                .is_some_and(|node| node.written() == "false")
            {
                tell(url.place(), Opt::TrustedHost, host(url.string()?), &mut declared);
            }
        }
    }
    for (key, sign) in [("python_version", ".*"), ("python_full_version", "")] {
        if let Some(node) = root.find(&["requires", key]) {
            declared.requires_python = python(node.string()?, sign, node.place());
        }
    }
    if let Some(packages) = root.get("packages") {
        for (name, node) in packages.pairs()? {
            within(&declared, &node)?;
            declared.entries.push(of_pipfile(name, &node)?);
        }
    }
    Ok(declared)
}

/// `3.11` is any of its patches.
fn python(text: &str, sign: &str, place: Place) -> Option<(pep440_rs::VersionSpecifiers, Place)> {
    let found = specifiers_alone(&format!("=={text}{sign}")).ok()?;
    Some((versions_of(found), place))
}

fn host(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |(_, behind)| behind);
    let authority = behind.split(['/', '?', '#']).next().unwrap_or(behind);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn of_pipfile(name: &str, node: &Node<'_>) -> Result<Dependency, Fault> {
    let mut entry = named(name, &node.place())?;
    entry.text = format!("{name} = {}", node.written());
    if node.is_text() {
        entry.wanted = Wanted::Index(versions(node.string()?).map_err(|message| node.fault(message))?);
        return Ok(entry);
    }
    node.pairs()?;
    for extra in node.items("extras")? {
        entry
            .extras
            .push(extra_name(extra.string()?).map_err(|message| extra.fault(message))?);
    }
    if let Some(markers) = node.get("markers") {
        entry.marker.and(markers.marker(Scope::Requirement)?);
    }
    for key in MARKERS {
        if let Some(condition) = node.get(key) {
            let text = format!("{key} {}", condition.string()?);
            entry.marker.and(condition.marker_of(&text, Scope::Requirement)?);
        }
    }
    entry.editable = node.flag("editable");
    entry.wanted = match (elsewhere(node)?, node.text("file")?) {
        (Some(wanted), _) => wanted,
        (None, Some(file)) => at(file),
        (None, None) => {
            let text = node.text("version")?.unwrap_or("*");
            Wanted::Index(versions(text).map_err(|message| node.fault(message))?)
        }
    };
    Ok(entry)
}

fn named(name: &str, place: &Place) -> Result<Dependency, Fault> {
    let mut entry = requirement::blank(name, place);
    // Extras may stand with the name.
    let (bare, extras) = name.split_once('[').unwrap_or((name, ""));
    let known = PackageName::new(bare.to_owned())
        .ok()
        .filter(|_| !bare.is_empty());
    entry.name =
        Some(known.ok_or_else(|| Fault::line(place, format!("`{}` is no package's name", shown(name))))?);
    for extra in extras
        .trim_end_matches(']')
        .split(',')
        .map(str::trim)
        .filter(|extra| !extra.is_empty())
    {
        entry
            .extras
            .push(extra_name(extra).map_err(|message| Fault::line(place, message))?);
    }
    Ok(entry)
}

fn extra_name(name: &str) -> Result<ExtraName, String> {
    ExtraName::new(name.to_owned()).map_err(|_| format!("`{}` is no name of an extra", shown(name)))
}

fn versions(text: &str) -> Result<Vec<Specifier>, String> {
    // A version alone is one of pipenv's, as it is one of Poetry's.
    constraint::parse(text)
}

/// A URL or a path, by how it is written.
fn at(file: &str) -> Wanted {
    if file.contains("://") {
        Wanted::Url(file.split('#').next().unwrap_or(file).to_owned())
    } else {
        Wanted::Path(file.to_owned())
    }
}

/// The lock: JSON of which each part is kept as it is written, so that its place is known.
pub(super) fn read_lock(file: &str, text: &str) -> Result<Declared, Fault> {
    let lines = Text::new(file, text);
    let broken = |error: &serde_json::Error, before: usize| {
        let message = format!(
            "this is no Pipfile.lock: {}",
            shown(super::without_position(&error.to_string()))
        );
        let mut place = lines.place(before);
        place.line += error.line().saturating_sub(1);
        Fault::line(&place, message)
    };
    let lock: Lock<'_> = serde_json::from_str(text).map_err(|error| broken(&error, 0))?;
    let mut declared = nothing(Format::PipfileLock, file);
    let at = |part: &RawValue| offset(text, part.get());
    if let Some(meta) = lock.meta {
        let known: Meta<'_> = serde_json::from_str(meta.get()).map_err(|error| broken(&error, at(meta)))?;
        for (number, source) in known.sources.into_iter().enumerate() {
            let opt = if number == 0 {
                Opt::IndexUrl
            } else {
                Opt::ExtraIndexUrl
            };
            let url: Cow<'_, str> =
                serde_json::from_str(source.url.get()).map_err(|error| broken(&error, at(source.url)))?;
            tell(lines.place(at(source.url)), opt, &url, &mut declared);
            if source.verify_ssl == Some(false) {
                tell(
                    lines.place(at(source.url)),
                    Opt::TrustedHost,
                    host(&url),
                    &mut declared,
                );
            }
        }
        for (version, sign) in [
            (known.requires.python_version, ".*"),
            (known.requires.python_full_version, ""),
        ] {
            if let Some(version) = version {
                declared.requires_python = python(&version, sign, lines.place(at(meta)));
            }
        }
    }
    for (name, part) in lock.default.0 {
        if declared.entries.len() == MAX_ENTRIES {
            return Err(Fault::TooManyEntries {
                file: file.to_owned(),
            });
        }
        let package: Package = serde_json::from_str(part.get()).map_err(|error| broken(&error, at(part)))?;
        declared
            .entries
            .push(package.entry(&name, &lines.place(at(part)), &lines.markers)?);
    }
    Ok(declared)
}

/// Where a part of the text begins.
fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr().addr())
        .saturating_sub(text.as_ptr().addr())
        .min(text.len())
}

#[derive(Deserialize)]
struct Lock<'t> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'t RawValue>,
    #[serde(borrow, default)]
    default: Parts<'t>,
}

#[derive(Deserialize)]
struct Meta<'t> {
    #[serde(borrow, default)]
    sources: Vec<Index<'t>>,
    #[serde(default)]
    requires: Requires,
}

#[derive(Deserialize)]
struct Index<'t> {
    #[serde(borrow)]
    url: &'t RawValue,
    verify_ssl: Option<bool>,
}

#[derive(Deserialize, Default)]
struct Requires {
    python_version: Option<String>,
    python_full_version: Option<String>,
}

#[derive(Deserialize)]
struct Package {
    version: Option<String>,
    #[serde(default)]
    hashes: Vec<String>,
    markers: Option<String>,
    #[serde(default)]
    extras: Vec<String>,
    #[serde(default)]
    editable: bool,
    git: Option<String>,
    #[serde(rename = "ref")]
    revision: Option<String>,
    path: Option<String>,
    file: Option<String>,
}

impl Package {
    fn entry(self, name: &str, place: &Place, markers: &Markers) -> Result<Dependency, Fault> {
        let fault = |message: String| Fault::line(place, message);
        let mut entry = named(name, place)?;
        for extra in &self.extras {
            entry.extras.push(extra_name(extra).map_err(fault)?);
        }
        if let Some(text) = &self.markers {
            entry.marker = markers.read(text, Scope::Requirement).map_err(fault)?;
        }
        entry.editable = self.editable;
        let hashes = self.hashes.iter().map(|text| {
            tables::hash(text)
                .ok_or_else(|| fault(format!("`{}` is no digest: it is written sha256:…", shown(text))))
        });
        entry.hashes = hashes.collect::<Result<Vec<Hash>, _>>()?;
        entry.wanted = if let Some(url) = self.git {
            Wanted::Vcs {
                scheme: "git".to_owned(),
                url,
                revision: self.revision,
            }
        } else if let Some(path) = self.path {
            Wanted::Path(path)
        } else if let Some(file) = self.file {
            at(&file)
        } else {
            let text = self.version.unwrap_or_default();
            entry.text = format!("{name}{}", text.trim_start_matches('*'));
            Wanted::Index(versions(&text).map_err(fault)?)
        };
        Ok(entry)
    }
}

/// Names and parts in the order of the file.
#[derive(Default)]
struct Parts<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for Parts<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartsVisitor)
    }
}

struct PartsVisitor;

impl<'de> de::Visitor<'de> for PartsVisitor {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("packages by their names")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some((name, part)) = map.next_entry::<String, &RawValue>()? {
            parts.push((Cow::Owned(name), part));
        }
        Ok(Parts(parts))
    }
}
