//! `poetry.lock`: the main group, of all versions of the file from 1.1 to 2.1.

use std::collections::{HashMap, HashSet};

use pep508_rs::{ExtraName, MarkerTree, PackageName};

use super::{
    MAX_FORKS, constraint,
    graph::{self, Budget, Edge, Needs},
    nothing, pinned, pyproject,
    tables::{Node, Text},
    versions_of, within,
};
use crate::{
    declared::{Artifact, Declared, Dependency, Format, Unread, Wanted},
    requirement::{self, Scope},
    requirements::{Fault, Opt, Source},
};

pub(super) fn read(file: &str, text: &str, source: &mut dyn Source) -> Result<Declared, Fault> {
    let text = Text::new(file, text);
    let value = text.parse()?;
    let root = text.root(&value);
    let mut declared = nothing(Format::PoetryLock, file);
    if let Some(python) = root.find(&["metadata", "python-versions"]) {
        // Alternatives cannot be told; each package has its own besides.
        let versions = constraint::parse(python.string()?).unwrap_or_default();
        declared.requires_python = Some((versions_of(versions), python.place()));
    }
    let packages = root.items("package")?;
    let tells_groups = packages.iter().all(|package| package.get("groups").is_some());
    let when = if tells_groups {
        packages.iter().map(of_group).collect::<Result<Vec<_>, _>>()?
    } else {
        let roots = roots(file, source)?;
        if roots.is_none() {
            declared.unread.push(Unread {
                place: root.place(),
                what: "when each package is needed".to_owned(),
                why: "this lock does not say it, and there is no pyproject.toml beside it: all are taken; run `poetry lock` with Poetry 2".to_owned(),
            });
        }
        reached(&packages, roots)?
    };
    let mut registries = HashSet::new();
    for (package, marker) in packages.iter().zip(when) {
        within(&declared, package)?;
        if !marker.is_false() {
            if let Some(url) = registry(package)?.filter(|url| registries.insert(*url)) {
                pyproject::tell(package.place(), Opt::IndexUrl, url, &mut declared);
            }
            declared.entries.push(entry(package, &root, marker)?);
        }
    }
    Ok(declared)
}

/// The index of a package that is not from the public one.
fn registry<'d>(package: &Node<'d>) -> Result<Option<&'d str>, Fault> {
    let Some(from) = package.get("source") else {
        return Ok(None);
    };
    match from.text("type")? {
        Some("git" | "url" | "file" | "directory") => Ok(None),
        _ => from.text("url"),
    }
}

/// When the main group needs a package, by what the lock says (2.1).
fn of_group(package: &Node<'_>) -> Result<MarkerTree, Fault> {
    if !package.texts("groups")?.contains(&"main") || package.flag("optional") {
        return Ok(MarkerTree::FALSE);
    }
    let markers = package.get("markers");
    let of_main = markers
        .clone()
        .filter(|node| !node.is_text())
        .map(|node| node.get("main"));
    of_main
        .unwrap_or(markers)
        .map_or(Ok(MarkerTree::TRUE), |node| node.marker(Scope::Requirement))
}

/// What the project asks for, if it stands beside the lock.
fn roots(file: &str, source: &mut dyn Source) -> Result<Option<Vec<Dependency>>, Fault> {
    let project = match file.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/pyproject.toml"),
        None => "pyproject.toml".to_owned(),
    };
    match super::text(Format::Pyproject, &project, source) {
        Ok(text) => Ok(Some(pyproject::read(&project, &text)?.entries)),
        Err(Fault::Missing { .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// When the packages are needed, by what they need of each other (1.1, 2.0).
fn reached(packages: &[Node<'_>], roots: Option<Vec<Dependency>>) -> Result<Vec<MarkerTree>, Fault> {
    let names = Names::of(packages)?;
    let mut needs = Vec::new();
    for package in packages {
        needs.push(names.needs(package)?);
    }
    let mut edges = Vec::new();
    if let Some(roots) = roots {
        for root in roots {
            if let Some(name) = &root.name {
                edges.extend(names.edges(name, &root.extras, &root.marker));
            }
        }
    } else {
        for package in packages {
            let category = package.text("category")?;
            if !package.flag("optional") && category.is_none_or(|category| category == "main") {
                edges.extend(names.edges(&package.name()?.0, &[], &MarkerTree::TRUE));
            }
        }
    }
    graph::reached(&needs, &edges).map_err(|number| {
        packages[number].fault("when this package is needed depends on more than nbvet follows")
    })
}

/// The packages of each name: as many as there are versions.
struct Names {
    numbers: HashMap<PackageName, Vec<usize>>,
    budget: Budget,
}

impl Names {
    fn of(packages: &[Node<'_>]) -> Result<Self, Fault> {
        let mut names: HashMap<PackageName, Vec<usize>> = HashMap::new();
        for (number, package) in packages.iter().enumerate() {
            let same = names.entry(package.name()?.0).or_default();
            same.push(number);
            if same.len() > MAX_FORKS {
                return Err(package.fault(format!("more than {MAX_FORKS} packages have this name")));
            }
        }
        Ok(Self {
            numbers: names,
            budget: Budget::new(),
        })
    }

    fn edges(&self, name: &PackageName, extras: &[ExtraName], marker: &MarkerTree) -> Vec<Edge> {
        let numbers = self.numbers.get(name).into_iter().flatten();
        let edge = |to: &usize| Edge {
            to: *to,
            extras: extras.to_vec(),
            marker: marker.clone(),
        };
        numbers.map(edge).collect()
    }

    fn needs(&self, package: &Node<'_>) -> Result<Needs, Fault> {
        let mut needs = Needs::default();
        let mut optional: HashMap<PackageName, Vec<Edge>> = HashMap::new();
        for (name, node) in pairs(package, "dependencies")? {
            let name =
                PackageName::new(name.to_owned()).map_err(|_| node.fault("this is no package's name"))?;
            for way in if node.is_list() { node.list()? } else { vec![node] } {
                // For an optional one the marker only names the extra, which is told below.
                let is_optional = way.flag("optional");
                let when = match way.get("markers").filter(|_| !is_optional) {
                    Some(node) => node.marker(Scope::Requirement)?,
                    None => MarkerTree::TRUE,
                };
                let edges = self.edges(&name, &extras(&way), &when);
                self.budget.spend(edges.len(), &way)?;
                if is_optional {
                    optional.entry(name.clone()).or_default().extend(edges);
                } else {
                    needs.always.extend(edges);
                }
            }
        }
        for (extra, list) in pairs(package, "extras")? {
            let Ok(extra) = ExtraName::new(extra.to_owned()) else {
                continue;
            };
            for node in list.list()? {
                node.string()?;
                let found = node.requirement().ok();
                let name = found.and_then(|found| found.name);
                let edges = name.and_then(|name| optional.get(&name));
                self.budget.spend(edges.map_or(0, Vec::len), &node)?;
                let edges = edges.into_iter().flatten().cloned();
                needs.with.entry(extra.clone()).or_default().extend(edges);
            }
        }
        Ok(needs)
    }
}

fn pairs<'d>(node: &Node<'d>, key: &str) -> Result<Vec<(&'d str, Node<'d>)>, Fault> {
    node.get(key)
        .map_or_else(|| Ok(Vec::new()), |table| table.pairs())
}

fn extras(way: &Node<'_>) -> Vec<ExtraName> {
    let names = way.texts("extras").unwrap_or_default();
    names
        .into_iter()
        .filter_map(|extra| ExtraName::new(extra.to_owned()).ok())
        .collect()
}

fn entry(package: &Node<'_>, root: &Node<'_>, marker: MarkerTree) -> Result<Dependency, Fault> {
    let (name, place) = package.name()?;
    let mut entry = requirement::blank(name.as_ref(), &place);
    entry.name = Some(name);
    entry.marker = marker;
    let files = files(package, root)?;
    let from = package.get("source");
    let kind = from.as_ref().map(|from| from.text("type")).transpose()?.flatten();
    let url = from
        .as_ref()
        .map(|from| from.text("url"))
        .transpose()?
        .flatten()
        .unwrap_or_default();
    match (kind, &from) {
        (Some("git"), Some(from)) => {
            let revision = from.text("resolved_reference")?.or(from.text("reference")?);
            entry.wanted = Wanted::Vcs {
                scheme: "git".to_owned(),
                url: url.to_owned(),
                revision: revision.map(str::to_owned),
            };
        }
        (Some("url"), _) => {
            entry.wanted = Wanted::Url(url.to_owned());
            entry.hashes = files.into_iter().flat_map(|file| file.hashes).collect();
        }
        (Some("file" | "directory"), _) => {
            entry.wanted = Wanted::Path(url.to_owned());
            entry.editable = package.flag("develop");
            entry.hashes = files.into_iter().flat_map(|file| file.hashes).collect();
        }
        _ => {
            let version = package
                .get("version")
                .ok_or_else(|| package.fault("this package has no `version`"))?;
            pinned(&mut entry, &version)?;
            entry.artifacts = files;
        }
    }
    Ok(entry)
}

/// Beside the package, or in earlier versions at the end of the lock.
fn files(package: &Node<'_>, root: &Node<'_>) -> Result<Vec<Artifact>, Fault> {
    let name = package.text("name")?.unwrap_or_default();
    let files = match package.get("files") {
        Some(files) => Some(files),
        None => root.find(&["metadata", "files", name]),
    };
    let mut found = Vec::new();
    for file in files.map_or_else(|| Ok(Vec::new()), |files| files.list())? {
        found.push(Artifact {
            filename: file
                .text("file")?
                .ok_or_else(|| file.fault("this file has no `file`"))?
                .to_owned(),
            url: None,
            hashes: file
                .get("hash")
                .map(|hash| hash.hash())
                .transpose()?
                .into_iter()
                .collect(),
            size: None,
        });
    }
    Ok(found)
}
