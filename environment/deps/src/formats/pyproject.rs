//! `pyproject.toml`: `[project]`, else Poetry's table; where uv takes packages from.

use pep508_rs::{ExtraName, MarkerTree, PackageName};

use super::{
    constraint, nothing, python_versions,
    tables::{Node, Text},
    versions_of, within,
};
use crate::{
    declared::{Declared, Dependency, Format, Unread, Wanted},
    requirement::{self, Scope, shown},
    requirements::{Fault, Given, Opt, Place},
};

pub(super) fn read(file: &str, text: &str) -> Result<Declared, Fault> {
    let text = Text::new(file, text);
    let value = text.parse()?;
    let root = text.root(&value);
    let mut declared = nothing(Format::Pyproject, file);
    let project = root.get("project");
    let poetry = root.find(&["tool", "poetry", "dependencies"]);
    let is_in_project = project
        .as_ref()
        .is_some_and(|project| project.get("dependencies").is_some());
    if let Some(project) = &project {
        of_project(project, poetry.is_some(), &mut declared)?;
    }
    if let Some(poetry) = poetry.filter(|_| !is_in_project) {
        of_poetry(&poetry, &mut declared)?;
    }
    if let Some(uv) = root.find(&["tool", "uv"]) {
        of_uv(&uv, &mut declared)?;
    }
    for index in root
        .find(&["tool", "poetry"])
        .map_or_else(|| Ok(Vec::new()), |poetry| poetry.items("source"))?
    {
        let is_first =
            matches!(index.text("priority")?, Some("primary" | "default")) || index.flag("default");
        tell_index(&index, is_first, &mut declared)?;
    }
    Ok(declared)
}

fn of_project(project: &Node<'_>, has_poetry: bool, declared: &mut Declared) -> Result<(), Fault> {
    declared.requires_python = python_versions(project.get("requires-python"))?;
    for node in project.items("dependencies")? {
        within(declared, &node)?;
        declared.entries.push(node.requirement()?);
    }
    for field in project.items("dynamic")? {
        if field.string()? == "dependencies" && !has_poetry {
            declared.unread.push(Unread {
                place: field.place(),
                what: "dynamic dependencies".to_owned(),
                why: "the project's build tells them, and nbvet runs none: write them into `[project] dependencies`, or add a lock"
                    .to_owned(),
            });
        }
    }
    Ok(())
}

fn of_poetry(table: &Node<'_>, declared: &mut Declared) -> Result<(), Fault> {
    for (name, node) in table.pairs()? {
        within(declared, &node)?;
        if name == "python" {
            let versions = constraint::parse(node.string()?).unwrap_or_default();
            declared
                .requires_python
                .get_or_insert((versions_of(versions), node.place()));
            continue;
        }
        let Ok(known) = PackageName::new(name.to_owned()) else {
            return Err(node.fault(format!("`{}` is no package's name", shown(name))));
        };
        for way in if node.is_list() { node.list()? } else { vec![node] } {
            if way.flag("optional") {
                continue;
            }
            match way_of_poetry(name, &known, &way)? {
                Ok(entry) => declared.entries.push(entry),
                Err(why) => declared.unread.push(Unread {
                    place: way.place(),
                    what: format!("`{known}`"),
                    why,
                }),
            }
        }
    }
    Ok(())
}

/// The entry, or why it cannot be told to pip.
fn way_of_poetry(
    written: &str,
    name: &PackageName,
    way: &Node<'_>,
) -> Result<Result<Dependency, String>, Fault> {
    let mut entry = requirement::blank(&format!("{written} = {}", way.written()), &way.place());
    entry.name = Some(name.clone());
    if way.is_text() {
        entry.wanted = match constraint::parse(way.string()?) {
            Ok(versions) => Wanted::Index(versions),
            Err(why) => return Ok(Err(why)),
        };
        return Ok(Ok(entry));
    }
    way.pairs()?;
    entry.extras = extras(way)?;
    entry.marker = poetry_marker(way)?;
    entry.editable = way.flag("develop");
    entry.wanted = match elsewhere(way)? {
        Some(wanted) => wanted,
        None => match constraint::parse(way.text("version")?.unwrap_or("*")) {
            Ok(versions) => Wanted::Index(versions),
            Err(why) => return Ok(Err(why)),
        },
    };
    Ok(Ok(entry))
}

fn extras(node: &Node<'_>) -> Result<Vec<ExtraName>, Fault> {
    let names = node.items("extras")?;
    let of = |node: &Node<'_>| {
        let name = node.string()?;
        ExtraName::new(name.to_owned())
            .map_err(|_| node.fault(format!("`{}` is no name of an extra", shown(name))))
    };
    names.iter().map(of).collect()
}

fn poetry_marker(way: &Node<'_>) -> Result<MarkerTree, Fault> {
    let mut whole = MarkerTree::TRUE;
    if let Some(node) = way.get("markers") {
        whole.and(node.marker(Scope::Requirement)?);
    }
    if let Some(node) = way.get("platform") {
        let text = format!("sys_platform == '{}'", node.string()?);
        whole.and(node.marker_of(&text, Scope::Requirement)?);
    }
    if let Some(node) = way.get("python") {
        for one in constraint::parse(node.string()?).map_err(|message| node.fault(message))? {
            let text = one.to_string();
            let digits = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
            let (operator, version) = text.split_at(digits);
            let text = format!("python_full_version {operator} '{version}'");
            whole.and(node.marker_of(&text, Scope::Requirement)?);
        }
    }
    Ok(whole)
}

/// What is taken from elsewhere than an index: the words of Poetry, uv and pipenv.
pub(super) fn elsewhere(node: &Node<'_>) -> Result<Option<Wanted>, Fault> {
    for kind in ["git", "hg", "svn", "bzr"] {
        if let Some(url) = node.text(kind)? {
            let mut revision = None;
            for key in ["rev", "ref", "tag", "branch"] {
                revision = revision.or(node.text(key)?);
            }
            return Ok(Some(Wanted::Vcs {
                scheme: kind.to_owned(),
                url: url.strip_prefix("git+").unwrap_or(url).to_owned(),
                revision: revision.map(str::to_owned),
            }));
        }
    }
    let path = node.text("path")?.map(|path| Wanted::Path(path.to_owned()));
    let url = node.text("url")?.map(|url| {
        let (url, _) = url.split_once('#').unwrap_or((url, ""));
        Wanted::Url(url.to_owned())
    });
    Ok(path.or(url))
}

fn of_uv(uv: &Node<'_>, declared: &mut Declared) -> Result<(), Fault> {
    if let Some(sources) = uv.get("sources") {
        for (name, node) in sources.pairs()? {
            let Ok(name) = PackageName::new(name.to_owned()) else {
                return Err(node.fault(format!("`{}` is no package's name", shown(name))));
            };
            let ways = if node.is_list() { node.list()? } else { vec![node] };
            taken_from(&name, &ways, declared)?;
        }
    }
    for index in uv.items("index")? {
        tell_index(&index, index.flag("default"), declared)?;
    }
    let one = |key, opt| uv.get(key).map(|node| (node, opt));
    let lists = [
        ("extra-index-url", Opt::ExtraIndexUrl),
        ("find-links", Opt::FindLinks),
    ];
    let mut told: Vec<(Node<'_>, Opt)> = one("index-url", Opt::IndexUrl).into_iter().collect();
    for (key, opt) in lists {
        told.extend(uv.items(key)?.into_iter().map(|node| (node, opt)));
    }
    for (node, opt) in told {
        tell(node.place(), opt, node.string()?, declared);
    }
    Ok(())
}

/// Entries of a name come from where `[tool.uv.sources]` says: each from every source, as its marker has it.
fn taken_from(name: &PackageName, ways: &[Node<'_>], declared: &mut Declared) -> Result<(), Fault> {
    let mut entries = Vec::with_capacity(declared.entries.len());
    for entry in std::mem::take(&mut declared.entries) {
        if entry.name.as_ref() != Some(name) {
            entries.push(entry);
            continue;
        }
        for way in ways {
            let mut one = entry.clone();
            if let Some(node) = way.get("marker") {
                one.marker.and(node.marker(Scope::Requirement)?);
            }
            let of_workspace = way.flag("workspace").then(|| Wanted::Path(name.to_string()));
            if let Some(wanted) = elsewhere(way)?.or(of_workspace) {
                one.wanted = wanted;
                one.editable = way.flag("editable") || way.flag("workspace");
            }
            entries.push(one);
        }
    }
    declared.entries = entries;
    Ok(())
}

fn tell_index(index: &Node<'_>, is_first: bool, declared: &mut Declared) -> Result<(), Fault> {
    // Poetry's own "PyPI" has no URL.
    if let Some(url) = index.get("url") {
        let opt = if is_first {
            Opt::IndexUrl
        } else {
            Opt::ExtraIndexUrl
        };
        tell(url.place(), opt, url.string()?, declared);
    }
    Ok(())
}

pub(super) fn tell(place: Place, opt: Opt, value: &str, declared: &mut Declared) {
    let value = Some(value.to_owned());
    declared.options.push((place, Given { opt, value }));
}
