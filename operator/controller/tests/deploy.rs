//! The roles that are shipped: committed, current, and no more than is needed.

use std::{env, fs, path::Path};

use nbvet_operator::rbac;
use serde_json::Value;

/// Where they are committed.
const COMMITTED: &str = "operator/deploy/rbac/role.yaml";

#[test]
fn the_committed_roles_are_those_of_the_code() {
    let parts = [rbac::cluster_role(), rbac::lease_role()];
    let parts = parts.map(|part| serde_saphyr::to_string(&part).unwrap());
    let head = "# Written by `cargo xtask gen` from operator/controller; edits belong there.\n";
    let text = format!("{head}{}---\n{}", parts[0], parts[1]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(COMMITTED);
    if env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text,
        "{COMMITTED} is not what the code gives; run `cargo xtask gen` (or `UPDATE=1 cargo test -p nbvet-operator \
         --test deploy`) and review the change"
    );
}

#[test]
fn the_roles_grant_no_secrets_no_wildcards_and_nothing_inside_of_pods() {
    for role in [rbac::cluster_role(), rbac::lease_role()] {
        for rule in role["rules"].as_array().unwrap() {
            let words = |field: &str| {
                let words = rule[field].as_array().unwrap().iter();
                words.filter_map(Value::as_str).collect::<Vec<_>>()
            };
            for word in [words("apiGroups"), words("resources"), words("verbs")].concat() {
                let forbidden = [
                    "*",
                    "secrets",
                    "pods/exec",
                    "pods/attach",
                    "escalate",
                    "bind",
                    "impersonate",
                    "securitycontextconstraints",
                    "serviceaccounts/token",
                ];
                assert!(!forbidden.contains(&word), "{rule}");
            }
        }
    }
}
