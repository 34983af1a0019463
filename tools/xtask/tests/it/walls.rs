//! The walls of ARCHITECTURE.md: who may depend on whom, directly and through others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};
use regex::Regex;

use crate::{metadata, root};

/// What each crate may be built from, of ours. A new crate gets its line here.
const ARROWS: &[(&str, &[&str])] = &[
    ("nbvet-report", &[]),
    ("nbvet-notebook", &["nbvet-report"]),
    ("nbvet-engine", &["nbvet-notebook", "nbvet-report"]),
    ("nbvet-expect", &["nbvet-notebook", "nbvet-report"]),
    (
        "nbvet-rules",
        &["nbvet-engine", "nbvet-expect", "nbvet-notebook", "nbvet-report"],
    ),
    ("nbvet-render", &["nbvet-notebook", "nbvet-report"]),
    ("nbvet-golden", &["nbvet-notebook", "nbvet-report"]),
    ("nbvet-deps", &["nbvet-report"]),
    ("nbvet-image", &["nbvet-deps", "nbvet-report"]),
    ("nbvet-source", &["nbvet-deps", "nbvet-report"]),
    ("nbvet-blob", &["nbvet-report"]),
    ("nbvet-testkit", &[]),
    ("nbvet-operator-api", &["nbvet-report"]),
    (
        "nbvet-operator-decide",
        &["nbvet-blob", "nbvet-operator-api", "nbvet-report"],
    ),
    (
        "nbvet-operator",
        &[
            "nbvet-blob",
            "nbvet-operator-api",
            "nbvet-operator-decide",
            "nbvet-report",
        ],
    ),
    (
        "kubectl-nbvet",
        &[
            "nbvet-blob",
            "nbvet-deps",
            "nbvet-operator-api",
            "nbvet-operator-decide",
            "nbvet-render",
            "nbvet-report",
            "nbvet-rules",
        ],
    ),
    ("nbvet-operator-testkit", &["nbvet-testkit"]),
    ("nbvet-protocol", &["nbvet-report"]),
    ("nbvet-agent", &["nbvet-protocol", "nbvet-report"]),
    ("nbvet-worker", &["nbvet-protocol", "nbvet-report"]),
    (
        "nbvet-host",
        &[
            "nbvet-engine",
            "nbvet-notebook",
            "nbvet-protocol",
            "nbvet-report",
            "nbvet-rules",
        ],
    ),
    (
        "nbvet",
        &[
            "nbvet-agent",
            "nbvet-blob",
            "nbvet-deps",
            "nbvet-engine",
            "nbvet-expect",
            "nbvet-golden",
            "nbvet-host",
            "nbvet-image",
            "nbvet-notebook",
            "nbvet-protocol",
            "nbvet-render",
            "nbvet-report",
            "nbvet-rules",
            "nbvet-source",
        ],
    ),
    ("xtask", &[]),
    (
        "nbvet-fuzz",
        &[
            "nbvet",
            "nbvet-deps",
            "nbvet-engine",
            "nbvet-image",
            "nbvet-notebook",
            "nbvet-report",
            "nbvet-rules",
        ],
    ),
];

/// Crates that parse Python.
const PARSERS: [&str; 3] = ["ruff_python_", "rustpython", "tree-sitter-python"];

fn members(metadata: &Metadata) -> BTreeMap<&str, &Package> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| (package.name.as_str(), package))
        .collect()
}

/// Direct dependencies that end up in what is built.
fn built_from(package: &Package) -> BTreeSet<&str> {
    let dependencies = package.dependencies.iter();
    dependencies
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|d| d.name.as_str())
        .collect()
}

/// Names of all crates that end up in a crate, itself among them.
fn tree<'a>(metadata: &'a Metadata, name: &str) -> BTreeSet<&'a str> {
    let nodes = &metadata.resolve.as_ref().expect("cargo resolves").nodes;
    let mut seen: BTreeSet<&PackageId> = BTreeSet::new();
    let mut open = vec![&members(metadata)[name].id];
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let node = nodes
            .iter()
            .find(|node| &node.id == id)
            .expect("every crate is resolved");
        let is_built = |kinds: &[cargo_metadata::DepKindInfo]| {
            kinds.iter().any(|k| k.kind != DependencyKind::Development)
        };
        open.extend(
            node.deps
                .iter()
                .filter(|dep| is_built(&dep.dep_kinds))
                .map(|dep| &dep.pkg),
        );
    }
    seen.iter().map(|id| metadata[id].name.as_str()).collect()
}

fn check_unreachable(from: &[&str], to: &[&str]) {
    let metadata = metadata();
    for name in from {
        let tree = tree(&metadata, name);
        let reached: Vec<_> = to
            .iter()
            .filter(|to| tree.iter().any(|name| name.starts_with(**to)))
            .collect();
        assert!(reached.is_empty(), "{name} reaches {reached:?}");
    }
}

#[test]
fn every_crate_is_built_only_from_what_the_arrows_allow() {
    let metadata = metadata();
    let arrows = ARROWS.iter().copied().collect::<BTreeMap<_, _>>();
    let members = members(&metadata);
    assert_eq!(
        members.keys().collect::<Vec<_>>(),
        arrows.keys().collect::<Vec<_>>(),
        "a line in ARROWS for each crate"
    );
    for (name, package) in &members {
        let ours = built_from(package)
            .into_iter()
            .filter(|dependency| members.contains_key(dependency));
        let forbidden: Vec<_> = ours
            .filter(|dependency| !arrows[name].contains(dependency))
            .collect();
        assert!(forbidden.is_empty(), "{name} may not depend on {forbidden:?}");
    }
}

#[test]
fn the_data_model_is_built_from_serde_and_schemars_alone() {
    assert_eq!(
        built_from(members(&metadata())["nbvet-report"]),
        BTreeSet::from(["schemars", "serde"])
    );
}

#[test]
fn only_the_engine_names_a_python_parser() {
    let metadata = metadata();
    for (name, package) in members(&metadata) {
        let named = package
            .dependencies
            .iter()
            .map(|dependency| dependency.name.as_str());
        let parsers: Vec<_> = named
            .filter(|name| PARSERS.iter().any(|parser| name.starts_with(parser)))
            .collect();
        assert_eq!(
            parsers.is_empty(),
            name != "nbvet-engine",
            "{name} names {parsers:?}"
        );
    }
}

#[test]
fn rules_cannot_reach_what_runs_notebooks() {
    let running = [
        "nbvet-protocol",
        "nbvet-agent",
        "nbvet-worker",
        "nbvet-host",
        "pyo3",
        "rustix",
    ];
    check_unreachable(&["nbvet-engine", "nbvet-rules"], &running);
}

#[test]
fn what_runs_beside_the_notebook_states_facts_and_cannot_reach_rules() {
    let judging = ["nbvet-rules", "nbvet-engine", "nbvet-host", "ruff_", "rustpython"];
    check_unreachable(&["nbvet-agent", "nbvet-worker", "nbvet-protocol"], &judging);
}

#[test]
fn the_static_binary_needs_no_python_library() {
    check_unreachable(&["nbvet"], &["pyo3", "nbvet-worker"]);
}

/// Crates that end up in one crate when it is built alone: what others ask of a shared dependency is left out.
fn alone(name: &str) -> Vec<String> {
    let arguments = [
        "tree",
        "--locked",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--package",
        name,
    ];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output();
    let output = output.expect("cargo is there");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).expect("names of crates are UTF-8");
    let first = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    lines.lines().map(first).filter(|name| !name.is_empty()).collect()
}

#[test]
fn decisions_have_no_client_and_nothing_asynchronous_in_their_tree() {
    let clients = [
        "kube-client",
        "kube-runtime",
        "tokio",
        "futures",
        "async",
        "hyper",
        "tower",
        "reqwest",
        "ureq",
        "rustls",
        "mio",
        "socket2",
        "chrono",
        "nbvet-controller",
    ];
    for decides in ["nbvet-operator-api", "nbvet-operator-decide"] {
        let tree = alone(decides);
        assert!(
            tree.iter().any(|name| name == "k8s-openapi"),
            "the tree is there: {tree:?}"
        );
        let reached: Vec<_> = tree
            .iter()
            .filter(|name| clients.iter().any(|client| name.starts_with(client)))
            .collect();
        assert!(reached.is_empty(), "{decides}: {reached:?}");
    }
}

#[test]
fn the_operator_judges_nothing_and_makes_no_images() {
    let metadata = metadata();
    let of_operator: Vec<_> = members(&metadata)
        .into_iter()
        .filter(|(_, package)| {
            let path = package.manifest_path.as_str();
            path.contains("/operator/") && !path.contains("/operator/kubectl/")
        })
        .map(|(name, _)| name)
        .collect();
    assert!(of_operator.contains(&"nbvet-operator-api"), "{of_operator:?}");
    let judging = ["nbvet-engine", "nbvet-rules", "nbvet-deps", "nbvet-image"];
    check_unreachable(&of_operator, &judging);
}

#[test]
fn decisions_read_no_clock_and_touch_nothing() {
    let touching = Regex::new(
        r"::now\(|\b(SystemTime|Instant)\b|\bstd::(fs|io|net|env|os|thread|process)\b|\b(async|await)\b|\brand\b",
    );
    let touching = touching.expect("it is a pattern");
    let folder = root().join("operator/decide/src");
    let mut open = vec![folder];
    let mut files = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("the crate is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            files += 1;
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let found: Vec<_> = code.filter(|line| touching.is_match(line)).collect();
            assert!(found.is_empty(), "{}: {found:?}", path.display());
        }
    }
    assert!(files > 10, "{files} files");
}
