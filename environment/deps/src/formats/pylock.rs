//! `pylock.toml` (PEP 751).

use pep508_rs::{MarkerTree, PackageName};

use super::{
    nothing, pinned, python_versions,
    tables::{Node, Text, file_name},
    within,
};
use crate::{
    declared::{Artifact, Declared, Dependency, Format, Hash, Unread, Wanted},
    requirement::{self, Scope, shown},
    requirements::{Fault, Place},
};

pub(super) fn read(file: &str, text: &str) -> Result<Declared, Fault> {
    let text = Text::new(file, text);
    let value = text.parse()?;
    let root = text.root(&value);
    match root.get("lock-version") {
        None => {
            return Err(
                root.fault("this lock has no `lock-version`: nbvet reads those of version 1 (PEP 751)")
            );
        }
        Some(version) if !version.string()?.starts_with("1.") => {
            return Err(version.fault("nbvet reads locks of version 1 (PEP 751)"));
        }
        Some(_) => {}
    }
    let groups: Vec<String> = root
        .texts("default-groups")?
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut declared = nothing(Format::Pylock, file);
    declared.requires_python = python_versions(root.get("requires-python"))?;
    for package in root.items("packages")? {
        within(&declared, &package)?;
        let (name, place) = package.name()?;
        match of_package(&package, &name, place, &groups)? {
            Ok(entry) => declared.entries.push(entry),
            Err(unread) => declared.unread.push(unread),
        }
    }
    Ok(declared)
}

/// The package, or why nothing can be made of it.
fn of_package(
    package: &Node<'_>,
    name: &PackageName,
    place: Place,
    groups: &[String],
) -> Result<Result<Dependency, Unread>, Fault> {
    let mut entry = requirement::blank(name.as_ref(), &place);
    entry.name = Some(name.clone());
    entry.marker = match package.get("marker") {
        None => MarkerTree::TRUE,
        Some(node) => node.marker(Scope::Lock(groups))?,
    };
    if let Some(vcs) = package.get("vcs") {
        entry.wanted = of_vcs(&vcs)?;
    } else if let Some(folder) = package.get("directory") {
        let path = folder
            .text("path")?
            .ok_or_else(|| folder.fault("this directory has no `path`"))?;
        entry.wanted = Wanted::Path(path.to_owned());
        entry.editable = folder.flag("editable");
    } else if let Some(archive) = package.get("archive") {
        entry.hashes = of_hashes(&archive)?;
        entry.wanted = match (archive.text("url")?, archive.text("path")?) {
            (Some(url), _) => Wanted::Url(url.to_owned()),
            (None, Some(path)) => Wanted::Path(path.to_owned()),
            (None, None) => return Err(archive.fault("this archive has neither `url` nor `path`")),
        };
    } else {
        let files = package.get("sdist").into_iter().chain(package.items("wheels")?);
        entry.artifacts = files.map(|file| artifact(&file)).collect::<Result<_, _>>()?;
        let Some(version) = package.get("version") else {
            return Ok(Err(Unread {
                place,
                what: format!("package `{name}`"),
                why: "the lock names no version of it: make the lock anew with `uv export --format pylock.toml`"
                    .to_owned(),
            }));
        };
        pinned(&mut entry, &version)?;
    }
    Ok(Ok(entry))
}

fn of_vcs(vcs: &Node<'_>) -> Result<Wanted, Fault> {
    let url = vcs.text("url")?.or(vcs.text("path")?);
    let revision = vcs.text("commit-id")?.or(vcs.text("requested-revision")?);
    Ok(Wanted::Vcs {
        scheme: vcs.text("type")?.unwrap_or("git").to_owned(),
        url: url
            .ok_or_else(|| vcs.fault("this repository has neither `url` nor `path`"))?
            .to_owned(),
        revision: revision.map(str::to_owned),
    })
}

fn artifact(file: &Node<'_>) -> Result<Artifact, Fault> {
    let url = file.text("url")?.or(file.text("path")?);
    let filename = file
        .text("name")?
        .map(str::to_owned)
        .or_else(|| url.map(file_name));
    Ok(Artifact {
        filename: filename.ok_or_else(|| file.fault("this file has none of `name`, `url` and `path`"))?,
        url: url.map(str::to_owned),
        hashes: of_hashes(file)?,
        size: file.size("size"),
    })
}

fn of_hashes(node: &Node<'_>) -> Result<Vec<Hash>, Fault> {
    let Some(hashes) = node.get("hashes") else {
        return Ok(Vec::new());
    };
    let pairs = hashes.pairs()?;
    let of = |(algorithm, digest): &(&str, Node<'_>)| {
        Ok(Hash {
            algorithm: shown(algorithm).to_ascii_lowercase(),
            digest: digest.string()?.to_owned(),
        })
    };
    pairs.iter().map(of).collect()
}
