//! Files that are generated from code and committed. Each is held by a test of the crate that owns it, which
//! writes the file when `UPDATE=1` is set; this table is how all of them are written or checked at once.

use std::process::Command;

use crate::{command, error::Error, workspace::Workspace};

/// A generated file's owner. A new file gets a line in `GENERATED` and nothing else here.
struct Generated {
    what: &'static str,
    package: &'static str,
    test: &'static str,
}

const GENERATED: [Generated; 4] = [
    Generated {
        what: "the report's JSON Schema",
        package: "nbvet-report",
        test: "schema",
    },
    Generated {
        what: "the reference of the rules",
        package: "nbvet-rules",
        test: "reference",
    },
    Generated {
        what: "the custom resource's definition and reference",
        package: "nbvet-operator-api",
        test: "it",
    },
    Generated {
        what: "the roles of the controller",
        package: "nbvet-operator",
        test: "deploy",
    },
];

/// Writes every generated file, or says which are not as their sources say.
pub(crate) fn update(workspace: &Workspace, check: bool) -> Result<(), Error> {
    for Generated { what, package, test } in &GENERATED {
        command::say(&format!("{} {what}", if check { "checking" } else { "writing" }));
        let mut cargo = Command::new("cargo");
        cargo
            .args(["test", "--quiet", "--package", package, "--test", test])
            .current_dir(workspace.root());
        if check {
            cargo.env_remove("UPDATE");
        } else {
            cargo.env("UPDATE", "1");
        }
        command::run(&mut cargo)?;
    }
    Ok(())
}
