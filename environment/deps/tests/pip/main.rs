//! What nbvet makes of requirements files against pip's own code, on generated input.

mod entries;
mod files;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// The same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("it has 31 bits") % limit
    }

    fn of<'a>(&mut self, parts: &[&'a str]) -> &'a str {
        parts[self.below(parts.len())]
    }
}

/// What pip makes of each line of the input, or why nobody can tell.
fn oracle(mode: &str, input: &str) -> Result<Vec<Value>, &'static str> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python: PathBuf = root.join("../../.venv/bin/python");
    if !python.exists() {
        return Err("skipped: no .venv (make setup)");
    }
    let mut child = Command::new(python)
        .arg(root.join("tests/pip/oracle.py"))
        .arg(mode)
        .env("TOKEN", "a b")
        .env("PYTHONUTF8", "1")
        .env_remove("NOT_SET")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // What optparse says of each refusal.
        .stderr(Stdio::null())
        .spawn()
        .expect("Python starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("Python ends");
    writer
        .join()
        .expect("the writer ends")
        .expect("Python reads its input");
    let lines = str::from_utf8(&output.stdout).expect("it is JSON").lines();
    let found: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    if found == [Value::from("too old")] {
        return Err("skipped: pip in .venv is older than 26.2, which has other options (make setup)");
    }
    Ok(found)
}
