//! The reader of requirements files against pip's own, on generated files: both refuse, or both find the same.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use nbvet_deps::requirements::{Entry, Kind, Opt, Source, read};
use serde_json::{Value, json};

use crate::{Numbers, oracle};

/// Parts of lines; what pip itself does not read alike in all versions is left out.
const PARTS: &[&str] = &[
    "six",
    "pandas==2.2.3",
    "a[b]>=1,<2 ; python_version < '3.9'",
    "./dir",
    "https://x/y-1-py3-none-any.whl#sha256=00",
    " ",
    "  ",
    "\t",
    "\\",
    "\\\n",
    " \\\n  ",
    "#",
    " # note",
    "# note",
    "--hash=sha256:aa",
    "--hash sha512:bb",
    "--hash=md5:00",
    "--hash=x",
    "-r other.txt",
    "-c other.txt",
    "-rother.txt",
    "--requirement=other.txt",
    "-r missing.txt",
    "-e .",
    "-e git+https://x/y.git@main#egg=y",
    "-i https://x",
    "--index-url",
    "--extra-index-url=u",
    "--no-index",
    "--pre",
    "--pre=1",
    "--pr",
    "--prefer-binary",
    "-f dir",
    "--find",
    "--trusted-host h",
    "--no-binary :all:",
    "--only-binary=six",
    "--require-hashes",
    "--config-settings k=v",
    "-C k",
    "--nope",
    "-x",
    "-",
    "--",
    "'",
    "\"",
    "'a b'",
    "\"a\\\"b\"",
    "${TOKEN}",
    "${NOT_SET}",
    "${lower}",
    "$TOKEN",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\u{c}",
    "\u{2028}",
    "é",
    "=",
    "@",
    ";",
];

struct Folder(PathBuf);

impl Source for Folder {
    fn load(&mut self, file: &str) -> Result<Vec<u8>, String> {
        fs::read(self.0.join(file)).map_err(|error| error.to_string())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "TOKEN").then(|| "a b".to_owned())
    }
}

fn generated(numbers: &mut Numbers) -> String {
    (0..=numbers.below(9))
        .map(|_| PARTS[numbers.below(PARTS.len())])
        .collect()
}

fn ours(folder: &Path) -> Value {
    let entries = read("requirements.txt", false, &mut Folder(folder.to_owned()));
    entries.map_or(Value::Null, |entries| entries.iter().map(shown).collect())
}

fn shown(entry: &Entry) -> Value {
    let (kind, text) = match &entry.kind {
        Kind::Requirement(text) => ("requirement", &**text),
        Kind::Editable(text) => ("editable", &**text),
        Kind::Options => ("options", ""),
    };
    let mut hashes = serde_json::Map::new();
    for given in entry.options.iter().filter(|given| given.opt == Opt::Hash) {
        let (algorithm, value) = given.value.as_deref().unwrap().split_once(':').unwrap();
        let values = hashes.entry(algorithm).or_insert_with(|| json!([]));
        values.as_array_mut().unwrap().push(json!(value));
    }
    json!([
        &*entry.place.file,
        entry.place.line,
        kind,
        text,
        entry.constraint,
        hashes
    ])
}

#[test]
fn generated_files_are_read_as_pip_reads_them() {
    let scratch = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(20_261_127);
    let folders: Vec<PathBuf> = (0..3000)
        .map(|number| {
            let folder = scratch.path().join(number.to_string());
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("requirements.txt"), generated(&mut numbers)).unwrap();
            fs::write(
                folder.join("other.txt"),
                "other==1 --hash=sha256:cc\n-e ./other\n",
            )
            .unwrap();
            folder
        })
        .collect();
    let names: Vec<&str> = folders.iter().map(|folder| folder.to_str().unwrap()).collect();
    let theirs = match oracle("files", &names.join("\n")) {
        Ok(theirs) => theirs,
        Err(why) => return println!("{why}"),
    };
    assert_eq!(theirs.len(), folders.len());
    let accepted = theirs.iter().filter(|theirs| !theirs.is_null()).count();
    assert!(
        accepted > 300 && accepted < 2700,
        "both kinds are tried: {accepted} accepted"
    );
    for (folder, theirs) in folders.iter().zip(theirs) {
        let text = fs::read_to_string(folder.join("requirements.txt")).unwrap();
        assert_eq!(
            ours(folder),
            theirs,
            "{text:?}: {:?}",
            read("requirements.txt", false, &mut Folder(folder.clone()))
        );
    }
}
