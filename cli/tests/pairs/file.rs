//! The files of pairs, and the notebooks that they describe.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use nbvet_report::Severity;
use serde::Deserialize;
use serde_json::{Value, json};

/// All pairs of one rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PairFile {
    /// The rule's id.
    pub(crate) rule: String,
    /// Its severity at learning, development, staging and production: from the manual, not from the code.
    pub(crate) expect: [Severity; 4],
    /// Options of `nbvet validate` for all pairs of the file.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// Bytes that a process may hold: such pairs are run by the host's library, which is where the limit is set.
    #[serde(default)]
    pub(crate) memory_limit: Option<u64>,
    /// The oldest Python in which the rule sees its faults, as `3.12`; without it, any.
    pub(crate) python: Option<String>,
    /// Written by hand.
    #[serde(default, rename = "pair")]
    pub(crate) pairs: Vec<Pair>,
    /// Made from notebooks of the corpus.
    #[serde(default, rename = "mutant")]
    pub(crate) mutants: Vec<Mutant>,
    /// The file's name without its ending.
    #[serde(skip)]
    pub(crate) name: String,
}

/// A fault and its twin, as cells separated by `# %%`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    /// What is at fault.
    pub(crate) name: String,
    /// Part of the line that is reported.
    pub(crate) at: String,
    /// Cells with the fault.
    pub(crate) fault: String,
    /// The same cells without it.
    pub(crate) twin: String,
    /// How many diagnostics of the rule there are; the first is at `at`.
    #[serde(default = "one")]
    pub(crate) count: usize,
    /// Severities, where this fault counts otherwise than the rule.
    pub(crate) expect: Option<[Severity; 4]>,
    /// `fault` and `twin` are whole files.
    #[serde(default)]
    pub(crate) raw: bool,
    /// Files beside the notebook.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
}

/// A fault put into a notebook of the corpus; its twin is the notebook as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    /// What was done to the notebook.
    pub(crate) name: String,
    /// Its path in the corpus.
    pub(crate) notebook: String,
    /// The cell that is changed, over all cells; none: the file's own text is.
    pub(crate) cell: Option<usize>,
    /// Part of the line that is reported.
    pub(crate) at: String,
    /// How the fault was shown to be real.
    pub(crate) proof: String,
    /// Bytes that are kept of the file.
    pub(crate) cut: Option<usize>,
    /// Text that is replaced, once in the cell; in a file, the first of them.
    pub(crate) replace: Option<String>,
    /// What takes its place.
    pub(crate) with: Option<String>,
    /// Lines put before the cell's first.
    pub(crate) prepend: Option<String>,
    /// Lines put after the cell's last.
    pub(crate) append: Option<String>,
    /// The cell that is moved to the place of `cell`, over all cells.
    pub(crate) move_here: Option<usize>,
    /// Execution counts by cell, over all cells, before it is changed; other cells of the notebook lose theirs.
    #[serde(default)]
    pub(crate) counts: BTreeMap<String, u32>,
    /// How many diagnostics of the rule there are; the first is at `at`.
    #[serde(default = "one")]
    pub(crate) count: usize,
    /// Severities, where this fault counts otherwise than the rule.
    pub(crate) expect: Option<[Severity; 4]>,
}

fn one() -> usize {
    1
}

/// Where `path` is in the repository.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The notebooks of the corpus, where there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let shared = std::env::var_os("NBVET_SHARED").map_or_else(|| in_repository("../shared"), PathBuf::from);
    Some(shared.join("corpus/notebooks")).filter(|folder| folder.is_dir())
}

impl PairFile {
    /// Every file of `fixtures/pairs`.
    pub(crate) fn all() -> Vec<Self> {
        let folder = in_repository("fixtures/pairs");
        let mut paths: Vec<PathBuf> = (std::fs::read_dir(folder).unwrap())
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "toml"))
            .collect();
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut file: Self =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.name = path.file_stem().unwrap().to_string_lossy().into_owned();
        file
    }
}

/// A notebook of cells separated by lines that begin with `# %%`; `[markdown]`, `[3]` (an execution count) and
/// `tags=["…"]` may follow.
fn notebook(text: &str) -> Vec<u8> {
    let mut cells: Vec<(String, Vec<&str>)> = Vec::new();
    for line in text.trim_start_matches('\n').lines() {
        match line.strip_prefix("# %%") {
            Some(head) => cells.push((head.trim().to_owned(), Vec::new())),
            None if cells.is_empty() => cells.push((String::new(), vec![line])),
            None => cells.last_mut().unwrap().1.push(line),
        }
    }
    let cells: Vec<Value> = cells.iter().map(|(head, lines)| cell(head, lines)).collect();
    let metadata =
        json!({"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}});
    serde_json::to_vec_pretty(
        &json!({"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}),
    )
    .unwrap()
}

fn cell(head: &str, lines: &[&str]) -> Value {
    let source = lines.join("\n");
    let source = source.trim_matches('\n');
    if head == "[markdown]" {
        return json!({"cell_type": "markdown", "metadata": {}, "source": source});
    }
    let count = head
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|count| count.parse::<u32>().ok());
    let tags: Value = head
        .strip_prefix("tags=")
        .map_or_else(|| json!([]), |tags| serde_json::from_str(tags).unwrap());
    json!({"cell_type": "code", "metadata": {"tags": tags}, "outputs": [], "execution_count": count,
        "source": source})
}

impl Pair {
    /// The notebook with the fault in it.
    pub(crate) fn fault(&self) -> Vec<u8> {
        self.file(&self.fault)
    }

    /// The notebook without it.
    pub(crate) fn twin(&self) -> Vec<u8> {
        self.file(&self.twin)
    }

    fn file(&self, text: &str) -> Vec<u8> {
        if self.raw {
            return text.trim_start_matches('\n').as_bytes().to_vec();
        }
        notebook(text)
    }
}

impl Mutant {
    /// The notebook as it is in the corpus.
    pub(crate) fn twin(&self, corpus: &Path) -> Vec<u8> {
        let path = corpus.join(&self.notebook);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The notebook with the fault in it.
    pub(crate) fn fault(&self, corpus: &Path) -> Vec<u8> {
        if self.cell.is_none() && self.counts.is_empty() {
            return self.mutate_file(self.twin(corpus));
        }
        let mut notebook: Value = serde_json::from_slice(&self.twin(corpus)).unwrap();
        let cells = notebook["cells"].as_array_mut().unwrap();
        self.count_anew(cells);
        let Some(cell) = self.cell else {
            return serde_json::to_vec_pretty(&notebook).unwrap();
        };
        if let Some(from) = self.move_here {
            let moved = cells.remove(from);
            cells.insert(cell, moved);
        } else {
            let source = self.mutate(&source(&cells[cell]));
            cells[cell]["source"] = Value::String(source);
        }
        serde_json::to_vec_pretty(&notebook).unwrap()
    }

    fn count_anew(&self, cells: &mut [Value]) {
        let counted = cells
            .iter_mut()
            .enumerate()
            .filter(|(_, cell)| cell["cell_type"] == "code");
        for (index, cell) in counted.take_while(|_| !self.counts.is_empty()) {
            cell["execution_count"] = json!(self.counts.get(&index.to_string()));
        }
    }

    fn mutate_file(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Some(length) = self.cut {
            assert!(length < bytes.len(), "{}: something is cut off", self.name);
            bytes.truncate(length);
            return bytes;
        }
        let text = String::from_utf8(bytes).unwrap();
        let (replace, with) = (self.replace.as_ref().unwrap(), self.with.as_ref().unwrap());
        assert!(
            text.contains(replace),
            "{}: {replace:?} is in the file",
            self.name
        );
        text.replacen(replace, with, 1).into_bytes()
    }

    fn mutate(&self, source: &str) -> String {
        let mut text = source.to_owned();
        if let (Some(replace), Some(with)) = (&self.replace, &self.with) {
            let found = text.matches(replace.as_str()).count();
            assert_eq!(
                found, 1,
                "{}: {replace:?} is in the cell once:\n{text}",
                self.name
            );
            text = text.replacen(replace.as_str(), with, 1);
        }
        if let Some(prepend) = &self.prepend {
            text = format!("{}\n{text}", prepend.trim_end_matches('\n'));
        }
        if let Some(append) = &self.append {
            text = format!(
                "{}\n{}",
                text.trim_end_matches('\n'),
                append.trim_end_matches('\n')
            );
        }
        assert_ne!(text, source, "{}: the cell is changed", self.name);
        text
    }
}

/// The source of a cell: a string, or a list of lines.
pub(crate) fn source(cell: &Value) -> String {
    match &cell["source"] {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        // Malformed on purpose.
        other => other.to_string(),
    }
}
