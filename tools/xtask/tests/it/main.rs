//! What holds for the whole repository: which crate may reach which, what is in the dependency tree, and what
//! every source file looks like. Knows no crate's insides.

mod dependencies;
mod sources;
mod walls;

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

/// The workspace with its resolved dependencies, as Linux builds it.
fn metadata() -> Metadata {
    let options = ["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(String::from);
    MetadataCommand::new()
        .current_dir(root())
        .other_options(options)
        .exec()
        .expect("cargo describes the workspace")
}

/// The folder of the checkout.
fn root() -> PathBuf {
    let ancestor = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    ancestor
        .expect("the crate is two folders below the root")
        .to_owned()
}
