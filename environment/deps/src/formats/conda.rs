//! `environment.yml`: the list for pip is read; conda's own packages are told as what no image of wheels can hold.

use serde::{Deserialize, Deserializer, de};
use serde_saphyr::Spanned;

use super::{first_line, nothing, versions_of};
use crate::{
    declared::{Declared, Format, Unread},
    requirement::{shown, specifiers_alone},
    requirements::{Fault, MAX_ENTRIES, Place, Source},
};

pub(super) fn read(file: &str, text: &str, source: &mut dyn Source) -> Result<Declared, Fault> {
    let mut declared = nothing(Format::CondaEnvironment, file);
    let known: Option<Environment> = serde_saphyr::from_str(text).map_err(|error| {
        let line = error
            .location()
            .map_or(1, |at| usize::try_from(at.line()).unwrap_or(1).max(1));
        let message = error.without_snippet().to_string();
        Fault::line(
            &at(file, line),
            format!(
                "this is no environment of conda: {}",
                shown(super::without_position(&message))
            ),
        )
    })?;
    let known = known.unwrap_or_default();
    let channels = from_channels(&known.channels);
    for item in &known.dependencies {
        if declared.unread.len() + declared.entries.len() >= MAX_ENTRIES {
            return Err(Fault::TooManyEntries {
                file: file.to_owned(),
            });
        }
        let place = at(file, line_of(item));
        match &item.value {
            Item::Conda(spec) => of_conda(spec, place, &channels, &mut declared),
            Item::Pip(lines) => {
                let lines = lines.iter().map(|line| (at(file, line_of(line)), &*line.value));
                super::requirements::of_lines(&lines.collect::<Vec<_>>(), source, &mut declared)?;
            }
            Item::Other => declared.unread.push(Unread {
                place,
                what: "an entry that is neither a package nor the list `pip:`".to_owned(),
                why: "conda itself does not read such".to_owned(),
            }),
        }
    }
    if let Some(variables) = &known.variables {
        declared.unread.push(Unread {
            place: at(file, line_of(variables)),
            what: "environment variables under `variables:`".to_owned(),
            why: "an image does not set them: set them where the notebook runs".to_owned(),
        });
    }
    Ok(declared)
}

fn at(file: &str, line: usize) -> Place {
    Place {
        line,
        ..first_line(file)
    }
}

fn line_of<T>(value: &Spanned<T>) -> usize {
    usize::try_from(value.referenced.line()).unwrap_or(1).max(1)
}

/// `python` says which Python, `pip` that there is one; the rest is told.
fn of_conda(spec: &str, place: Place, channels: &str, declared: &mut Declared) {
    let spec = spec.trim();
    let bare = spec.rsplit_once("::").map_or(spec, |(_, bare)| bare);
    let end = bare.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let (name, versions) = bare.split_at(end.unwrap_or(bare.len()));
    match name {
        "python" => declared.requires_python = python(versions.trim()).map(|versions| (versions, place)),
        "pip" => {}
        name => declared.unread.push(Unread {
            place,
            what: format!("conda package `{}`", shown(name)),
            why: format!(
                "conda{channels} has it, and an image of wheels holds packages of PyPI alone: write its name on PyPI under `pip:`, or build with a Dockerfile"
            ),
        }),
    }
}

/// `=3.11` is any of its patches, `==3.11.4` and `=3.11.4=build` that one.
fn python(text: &str) -> Option<pep440_rs::VersionSpecifiers> {
    let text = text.trim();
    if let Some(version) = text.strip_prefix('=').filter(|rest| !rest.starts_with('=')) {
        let version = version.split('=').next().unwrap_or(version).trim();
        let star = if version.ends_with('*') { "" } else { ".*" };
        return Some(versions_of(specifiers_alone(&format!("=={version}{star}")).ok()?));
    }
    let found = specifiers_alone(text).ok().filter(|found| !found.is_empty())?;
    Some(versions_of(found))
}

/// Their names; of URLs, which may hold tokens, nothing.
fn from_channels(channels: &[String]) -> String {
    let names: Vec<String> = channels
        .iter()
        .filter(|name| !name.contains('/'))
        .take(5)
        .map(|name| shown(name))
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    }
}

#[derive(Deserialize, Default)]
struct Environment {
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    dependencies: Vec<Spanned<Item>>,
    variables: Option<Spanned<de::IgnoredAny>>,
}

enum Item {
    Conda(String),
    Pip(Vec<Spanned<String>>),
    Other,
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> de::Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a package or `pip:` with a list")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Item, E> {
        Ok(Item::Conda(text.to_owned()))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        let mut found = Item::Other;
        while let Some(key) = map.next_key::<String>()? {
            if key == "pip" {
                found = Item::Pip(map.next_value::<Option<_>>()?.unwrap_or_default());
            } else {
                map.next_value::<de::IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
