//! What is installed in an image, by the metadata that installers leave.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    interpreters::absolute,
    probe::{Distribution, Interpreter},
    tree::{Content, Node, Tree},
};

/// Every distribution in a folder of some interpreter. The running one imports the first of a name on its path.
pub(super) fn all(
    tree: &Tree,
    interpreters: &[Interpreter],
    running: Option<&Interpreter>,
) -> Vec<Distribution> {
    let path = running.map_or(&[][..], |running| running.site.as_slice());
    let mut others: BTreeSet<&String> = interpreters.iter().flat_map(|python| &python.site).collect();
    others.retain(|folder| !path.contains(folder));
    let mut taken = BTreeSet::new();
    let mut found = Vec::new();
    for folder in path {
        for mut distribution in of_folder(tree, folder) {
            distribution.used = taken.insert(distribution.name.clone());
            found.push(distribution);
        }
    }
    found.extend(others.into_iter().flat_map(|folder| of_folder(tree, folder)));
    found.sort();
    found
}

/// In the order of names, as the folder is read on a disk; of two with one name the newer is not known to win.
fn of_folder(tree: &Tree, folder: &str) -> Vec<Distribution> {
    let folder = tree.resolve(folder);
    let mut infos: BTreeMap<&str, Vec<(&str, &Content)>> = BTreeMap::new();
    for (path, node) in tree.below(&folder) {
        let inside = path
            .strip_prefix(&folder)
            .unwrap_or_default()
            .trim_start_matches('/');
        let (info, file) = inside.split_once('/').unwrap_or((inside, "PKG-INFO"));
        let is_info = info.ends_with(".dist-info") || info.ends_with(".egg-info");
        if let (true, Node::File { content, .. }) = (is_info && !file.contains('/'), node) {
            infos.entry(info).or_default().push((file, content));
        }
    }
    infos
        .values()
        .filter_map(|files| distribution(&folder, files))
        .collect()
}

fn distribution(folder: &str, files: &[(&str, &Content)]) -> Option<Distribution> {
    let (name, version) = files.iter().find_map(|(_, content)| match content {
        Content::Metadata { name, version } => Some((name, version)),
        _ => None,
    })?;
    let modules_of = |wanted: &str| {
        files.iter().find_map(|(file, content)| match content {
            Content::Modules(modules) if *file == wanted => Some(modules.iter().cloned().collect::<Vec<_>>()),
            _ => None,
        })
    };
    Some(Distribution {
        name: normalised(name),
        version: version.clone(),
        location: absolute(folder),
        used: false,
        modules: modules_of("RECORD")
            .or_else(|| modules_of("top_level.txt"))
            .unwrap_or_default(),
    })
}

/// By PEP 503.
fn normalised(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    let parts: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
    parts.join("-")
}

/// The name of the system, from its own file.
pub(super) fn system(tree: &Tree) -> Option<String> {
    let files = ["etc/os-release", "usr/lib/os-release"];
    let text = files.iter().find_map(|file| tree.text(file))?;
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let value = value.trim().trim_matches(['"', '\'']);
    Some(value.chars().take(80).collect()).filter(|value: &String| !value.is_empty())
}
