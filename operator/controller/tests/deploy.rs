//! The roles that are shipped: committed, current, and no more than is needed.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{env, fs, path::Path};

use nbvet_operator::rbac;
use serde_json::Value;

#[test]
fn the_committed_roles_are_those_of_the_code() {
    committed("role.yaml", &[rbac::cluster_role(), rbac::lease_role()]);
    committed("team.yaml", &rbac::team_roles());
}

/// Holds a file of `operator/deploy/rbac` against the roles that are to stand in it.
fn committed(name: &str, roles: &[Value]) {
    let parts: Vec<String> = roles
        .iter()
        .map(|role| serde_saphyr::to_string(role).unwrap())
        .collect();
    let head = "# Written by `cargo xtask gen` from operator/controller; edits belong there.\n";
    let text = format!("{head}{}", parts.join("---\n"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy/rbac")
        .join(name);
    if env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::write(&file, &text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text,
        "operator/deploy/rbac/{name} is not what the code gives; run `cargo xtask gen` (or `UPDATE=1 cargo test \
         -p nbvet-operator --test deploy`) and review the change"
    );
    let applied = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kustomization.yaml");
    let applied = fs::read_to_string(applied).unwrap();
    assert!(
        applied.contains(&format!("\n- rbac/{name}\n")),
        "{name} is not applied"
    );
}

#[test]
fn the_roles_grant_no_secrets_no_wildcards_and_nothing_inside_of_pods() {
    let own = [rbac::cluster_role(), rbac::lease_role()];
    for role in own.into_iter().chain(rbac::team_roles()) {
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
