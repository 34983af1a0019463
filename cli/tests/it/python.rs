//! The Python that tests run notebooks with: the repository's own `.venv`, made by `make setup`.

use std::{path::Path, sync::OnceLock};

use crate::sandbox::{Sandbox, notebook};

/// Where notebooks cannot be run here, says why and gives nothing.
pub(crate) fn python() -> Option<String> {
    static FOUND: OnceLock<Result<String, &str>> = OnceLock::new();
    match FOUND.get_or_init(find) {
        Ok(python) => Some(python.clone()),
        Err(reason) => {
            println!("skipped: {reason}");
            None
        }
    }
}

fn find() -> Result<String, &'static str> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let python = python.to_str().filter(|python| Path::new(python).exists());
    let python = python.ok_or("no .venv (make setup)")?;
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["1"]));
    let output = sandbox.output(&["run", "a.ipynb", "--python", python]);
    let has_worker =
        !String::from_utf8_lossy(&output.stdout).contains("this build of nbvet carries no worker");
    if has_worker {
        Ok(python.to_owned())
    } else {
        Err("no worker in this build (make assets)")
    }
}
