//! `uv.lock`: what its project needs, without its optional parts and groups.

use std::collections::{HashMap, HashSet};

use pep508_rs::{ExtraName, MarkerTree, PackageName};

use super::{
    MAX_FORKS,
    graph::{self, Budget, Edge, Needs},
    nothing, pinned,
    pyproject::tell,
    python_versions,
    tables::{Node, Text, file_name},
    within,
};
use crate::{
    declared::{Artifact, Declared, Dependency, Format, Unread, Wanted},
    requirement::{self, Scope, shown},
    requirements::{Fault, Opt, Place},
};

pub(super) fn read(file: &str, text: &str) -> Result<Declared, Fault> {
    let text = Text::new(file, text);
    let value = text.parse()?;
    let root = text.root(&value);
    if let Some(version) = root.get("version").filter(|version| version.written() != "1") {
        return Err(version.fault("nbvet reads locks of uv's version 1"));
    }
    let mut declared = nothing(Format::UvLock, file);
    declared.requires_python = python_versions(root.get("requires-python"))?;
    let packages = Packages::read(&root)?;
    let mut needs = Vec::new();
    for package in &packages.all {
        needs.push(packages.needs(package)?);
    }
    let when = graph::reached(&needs, &packages.roots(&root)?).map_err(|number| {
        let package = &packages.all[number];
        Fault::line(
            &package.place,
            format!(
                "when `{}` is needed depends on more than nbvet follows",
                package.name
            ),
        )
    })?;
    let mut registries = HashSet::new();
    for (package, marker) in packages.all.iter().zip(when) {
        within(&declared, &package.node)?;
        if marker.is_false() {
            continue;
        }
        if let Some(url) = package.source("registry").filter(|url| registries.insert(*url)) {
            tell(package.place.clone(), Opt::IndexUrl, url, &mut declared);
        }
        match package.entry(marker)? {
            Ok(entry) => declared.entries.push(entry),
            Err(Some(unread)) => declared.unread.push(unread),
            Err(None) => {}
        }
    }
    Ok(declared)
}

struct Package<'d> {
    node: Node<'d>,
    name: PackageName,
    place: Place,
    version: Option<&'d str>,
    source: Option<Node<'d>>,
    /// Where this version of several is taken.
    fork: MarkerTree,
}

struct Packages<'d> {
    all: Vec<Package<'d>>,
    by_name: HashMap<PackageName, Vec<usize>>,
    budget: Budget,
}

impl<'d> Packages<'d> {
    fn read(root: &Node<'d>) -> Result<Self, Fault> {
        let mut all = Vec::new();
        let mut by_name: HashMap<PackageName, Vec<usize>> = HashMap::new();
        for node in root.items("package")? {
            let (name, place) = node.name()?;
            let same = by_name.entry(name.clone()).or_default();
            same.push(all.len());
            if same.len() > MAX_FORKS {
                return Err(node.fault(format!("more than {MAX_FORKS} packages have this name")));
            }
            all.push(Package {
                version: node.text("version")?,
                source: node.get("source"),
                fork: fork(&node)?,
                node,
                name,
                place,
            });
        }
        Ok(Self {
            all,
            by_name,
            budget: Budget::new(),
        })
    }

    fn needs(&self, package: &Package<'d>) -> Result<Needs, Fault> {
        let mut needs = Needs {
            always: self.edges(&package.node.items("dependencies")?)?,
            ..Needs::default()
        };
        if let Some(optional) = package.node.get("optional-dependencies") {
            for (extra, list) in optional.pairs()? {
                let name = extra_name(extra, &list)?;
                needs.with.insert(name, self.edges(&list.list()?)?);
            }
        }
        Ok(needs)
    }

    fn edges(&self, list: &[Node<'d>]) -> Result<Vec<Edge>, Fault> {
        let mut edges = Vec::new();
        for node in list {
            let (name, place) = node.name()?;
            let marker = marker(node.get("marker"))?;
            let mut extras = node.items("extra")?;
            extras.extend(node.items("extras")?);
            let extras = extras.iter().map(|extra| extra_name(extra.string()?, extra));
            let extras: Vec<ExtraName> = extras.collect::<Result<_, _>>()?;
            let targets = self.targets(&name, node)?;
            if targets.is_empty() {
                let message =
                    format!("`{name}` is needed here, and the lock does not have it: run `uv lock`");
                return Err(Fault::line(&place, message));
            }
            self.budget.spend(targets.len(), node)?;
            for to in targets {
                let mut marker = marker.clone();
                marker.and(self.all[to].fork.clone());
                edges.push(Edge {
                    to,
                    extras: extras.clone(),
                    marker,
                });
            }
        }
        Ok(edges)
    }

    /// The packages of a name that fit what else is said of it.
    fn targets(&self, name: &PackageName, node: &Node<'d>) -> Result<Vec<usize>, Fault> {
        let mut found = self.by_name.get(name).cloned().unwrap_or_default();
        if let Some(version) = node.text("version")? {
            found.retain(|number| self.all[*number].version == Some(version));
        }
        if let Some(source) = node.get("source").filter(|_| found.len() > 1) {
            let is_same = |of: &Node<'_>| of.written() == source.written();
            found.retain(|number| self.all[*number].source.as_ref().is_some_and(is_same));
        }
        Ok(found)
    }

    /// The project of the lock, else the members of its workspace; what a script asks for.
    fn roots(&self, root: &Node<'d>) -> Result<Vec<Edge>, Fault> {
        let of = |number: usize| Edge {
            to: number,
            extras: Vec::new(),
            marker: MarkerTree::TRUE,
        };
        let numbers = || 0..self.all.len();
        if let Some(project) =
            numbers().find(|number| self.all[*number].local().is_some_and(|path| path == "."))
        {
            return Ok(vec![of(project)]);
        }
        if let Some(manifest) = root.get("manifest") {
            let mut roots = Vec::new();
            for member in manifest.texts("members")? {
                let known = PackageName::new(member.to_owned()).ok();
                let numbers = known.and_then(|name| self.by_name.get(&name));
                roots.extend(numbers.into_iter().flatten().copied().map(of));
            }
            roots.extend(self.edges(&manifest.items("requirements")?)?);
            return Ok(roots);
        }
        let projects: Vec<Edge> = numbers()
            .filter(|number| self.all[*number].source("virtual").is_some())
            .map(of)
            .collect();
        if projects.is_empty() && !self.all.is_empty() {
            return Err(root.fault(
                "this lock names no project whose packages it holds: run `uv lock` beside pyproject.toml",
            ));
        }
        Ok(projects)
    }
}

impl Package<'_> {
    fn source(&self, kind: &str) -> Option<&str> {
        self.source.as_ref()?.text(kind).ok().flatten()
    }

    /// The path of a folder.
    fn local(&self) -> Option<&str> {
        ["virtual", "editable", "directory"]
            .into_iter()
            .find_map(|kind| self.source(kind))
    }

    /// What is to be installed; what cannot be; or nothing, for a project without code.
    fn entry(&self, marker: MarkerTree) -> Result<Result<Dependency, Option<Unread>>, Fault> {
        if self.source("virtual").is_some() {
            return Ok(Err(None));
        }
        if self.local() == Some(".") {
            return Ok(Err(Some(Unread {
                place: self.place.clone(),
                what: format!("the project `{}` itself", self.name),
                why: "it is no wheel: notebooks import it from its folder, or build a wheel of it and name that".to_owned(),
            })));
        }
        let mut entry = requirement::blank(self.name.as_ref(), &self.place);
        entry.name = Some(self.name.clone());
        entry.marker = marker;
        let mut files = self
            .node
            .get("sdist")
            .into_iter()
            .chain(self.node.items("wheels")?);
        if let Some(path) = self.local().or(self.source("path")) {
            entry.wanted = Wanted::Path(path.to_owned());
            entry.editable = self.source("editable").is_some();
            entry.hashes = files
                .filter_map(|file| file.get("hash"))
                .map(|hash| hash.hash())
                .collect::<Result<_, _>>()?;
        } else if let Some(url) = self.source("url") {
            entry.wanted = Wanted::Url(url.to_owned());
            entry.hashes = files
                .filter_map(|file| file.get("hash"))
                .map(|hash| hash.hash())
                .collect::<Result<_, _>>()?;
        } else if let Some(git) = self.source("git") {
            entry.wanted = repository(git);
        } else {
            let Some(version) = self.node.get("version") else {
                return Err(self
                    .node
                    .fault(format!("`{}` has no version: run `uv lock`", self.name)));
            };
            pinned(&mut entry, &version)?;
            entry.artifacts = files
                .by_ref()
                .map(|file| artifact(&file))
                .collect::<Result<_, _>>()?;
        }
        Ok(Ok(entry))
    }
}

/// `URL?tag=v1#COMMIT`.
fn repository(git: &str) -> Wanted {
    let (address, commit) = git.split_once('#').unwrap_or((git, ""));
    let (url, query) = address.split_once('?').unwrap_or((address, ""));
    let asked = query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        ["rev", "tag", "branch"].contains(&key).then_some(value)
    });
    let revision = Some(commit).filter(|commit| !commit.is_empty()).or(asked);
    Wanted::Vcs {
        scheme: "git".to_owned(),
        url: url.to_owned(),
        revision: revision.map(str::to_owned),
    }
}

fn artifact(file: &Node<'_>) -> Result<Artifact, Fault> {
    let url = file.text("url")?.or(file.text("path")?);
    let filename = file
        .text("filename")?
        .map(str::to_owned)
        .or_else(|| url.map(file_name));
    Ok(Artifact {
        filename: filename.ok_or_else(|| file.fault("this file has none of `url`, `path` and `filename`"))?,
        url: url.map(str::to_owned),
        hashes: file
            .get("hash")
            .map(|hash| hash.hash())
            .transpose()?
            .into_iter()
            .collect(),
        size: file.size("size"),
    })
}

fn fork(node: &Node<'_>) -> Result<MarkerTree, Fault> {
    let mut whole = MarkerTree::FALSE;
    let markers = node.items("resolution-markers")?;
    for one in &markers {
        whole.or(marker(Some(one.clone()))?);
    }
    Ok(if markers.is_empty() {
        MarkerTree::TRUE
    } else {
        whole
    })
}

fn marker(node: Option<Node<'_>>) -> Result<MarkerTree, Fault> {
    node.map_or(Ok(MarkerTree::TRUE), |node| node.marker(Scope::Requirement))
}

fn extra_name(name: &str, node: &Node<'_>) -> Result<ExtraName, Fault> {
    ExtraName::new(name.to_owned())
        .map_err(|_| node.fault(format!("`{}` is no name of an extra", shown(name))))
}
