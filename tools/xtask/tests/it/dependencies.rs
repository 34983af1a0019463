//! Licences, sources and versions of everything that is depended upon, by the lists of deny.toml.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use cargo_metadata::Metadata;
use spdx::{Expression, LicenseReq};
use toml::{Table, Value};

use crate::{metadata, root};

fn read(path: &str) -> Table {
    let text = fs::read_to_string(root().join(path)).expect("the file is committed");
    text.parse().expect("the file is TOML")
}

fn strings(value: &Value) -> BTreeSet<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Licences that one crate may have beyond those that all may.
fn exceptions(licences: &Table) -> BTreeMap<String, BTreeSet<String>> {
    let exceptions = licences["exceptions"].as_array().into_iter().flatten();
    exceptions
        .map(|one| {
            (
                one["crate"].as_str().unwrap_or_default().to_owned(),
                strings(&one["allow"]),
            )
        })
        .collect()
}

/// Crates that are not ours.
fn foreign(metadata: &Metadata) -> impl Iterator<Item = &cargo_metadata::Package> {
    metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
}

#[test]
fn every_dependency_has_a_licence_that_deny_toml_allows() {
    let deny = read("deny.toml");
    let licences = deny["licenses"].as_table().expect("licenses is a table");
    let (allowed, exceptions) = (strings(&licences["allow"]), exceptions(licences));
    for package in foreign(&metadata()) {
        let text = package
            .license
            .clone()
            .unwrap_or_else(|| panic!("{} names no licence", package.name));
        let expression =
            Expression::parse_mode(&text, spdx::ParseMode::LAX).expect("a licence is an SPDX expression");
        let extra = exceptions.get(package.name.as_str());
        let allows = |licence: &LicenseReq| {
            let licence = licence.to_string();
            allowed.contains(&licence) || extra.is_some_and(|extra| extra.contains(&licence))
        };
        assert!(expression.evaluate(allows), "{} is {text}", package.name);
    }
}

#[test]
fn every_dependency_comes_from_the_registry_that_deny_toml_allows() {
    let allowed = strings(&read("deny.toml")["sources"]["allow-registry"]);
    for package in foreign(&metadata()) {
        let source = package
            .source
            .as_ref()
            .expect("it is foreign")
            .repr
            .trim_start_matches("registry+");
        assert!(allowed.contains(source), "{} comes from {source}", package.name);
    }
}

#[test]
fn every_exception_is_of_a_crate_that_is_in_the_tree() {
    let metadata = metadata();
    let names: BTreeSet<_> = foreign(&metadata)
        .map(|package| package.name.to_string())
        .collect();
    let exceptions = exceptions(
        read("deny.toml")["licenses"]
            .as_table()
            .expect("licenses is a table"),
    );
    let unused: Vec<_> = exceptions.keys().filter(|name| !names.contains(*name)).collect();
    assert!(
        unused.is_empty(),
        "deny.toml excepts {unused:?}, which nothing depends on"
    );
}

/// Manifests of the members, by crate.
fn manifests() -> Vec<(String, Table)> {
    let manifest = |package: &cargo_metadata::Package| {
        let path = package
            .manifest_path
            .strip_prefix(root())
            .expect("members are below the root")
            .as_str()
            .to_owned();
        (package.name.to_string(), read(&path))
    };
    metadata()
        .workspace_packages()
        .into_iter()
        .map(manifest)
        .collect()
}

#[test]
fn versions_are_written_in_the_workspace_manifest_alone() {
    for (name, manifest) in manifests() {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let dependencies = manifest.get(kind).and_then(Value::as_table).into_iter().flatten();
            for (dependency, how) in dependencies {
                let inherits = how.get("workspace").and_then(Value::as_bool);
                assert_eq!(
                    inherits,
                    Some(true),
                    "{name}: {kind}.{dependency} is not the workspace's"
                );
            }
        }
    }
}

#[test]
fn every_crate_says_what_it_is_and_lints_as_all_do() {
    let own_lints = read("Cargo.toml")["workspace"]["lints"]["clippy"].clone();
    for (name, manifest) in manifests() {
        let description = manifest["package"]["description"].as_str().unwrap_or_default();
        assert!(!description.is_empty(), "{name} has no description");
        let lints = manifest["lints"].as_table().expect("lints is a table");
        // The worker may not inherit, since it needs `unsafe`; then it says all the rest itself.
        let same =
            lints.get("workspace").and_then(Value::as_bool) == Some(true) || lints["clippy"] == own_lints;
        assert!(same, "{name} does not lint as the workspace does");
    }
}
