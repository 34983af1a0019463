//! What holds of the kind as users and clusters meet it: its committed definition and reference, manifests that are
//! accepted or refused, and what a real API server makes of them.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

mod definition;
mod manifests;
mod reference;
mod schema;
mod server;
mod tables;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The folder of the checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Holds a committed file against what the code gives; writes it where `UPDATE=1` is set.
fn check_committed(path: &str, text: &str) {
    let file = root().join(path);
    if env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(file.parent().expect("the file is in a folder")).expect("the folder can be made");
        fs::write(&file, text).expect("the file can be written");
    }
    assert!(
        fs::read_to_string(&file).is_ok_and(|committed| committed == text),
        "{path} is not what the code gives; run `cargo xtask gen` (or `UPDATE=1 cargo test -p nbvet-operator-api --test \
         it`) and review the change"
    );
}
