//! What a diagnostic is known by from one version of a notebook to the next: code scanning and baselines follow
//! it, whatever else is edited, wherever its cell goes, and whatever the file is called.
//!
//! A fingerprint is a digest of the rule and of the lines that are reported, without their white space and without
//! comments to nbvet, and a number: the how-manieth of its like in the notebook. Cell ids, indices and line numbers
//! are no part of it, since they change when cells move or another program saves the file. Of several alike a
//! notebook therefore always has numbers 1 to n, and one more of them is one new fingerprint.

use std::{collections::HashMap, fmt::Write as _};

use nbvet_notebook::Notebook;
use nbvet_report::{Diagnostic, Location};
use sha2::{Digest as _, Sha256};

use crate::secrets;

/// Begins what is digested; another recipe gets another number, and old fingerprints then match nothing.
const RECIPE: &str = "nbvet/1";

/// Bytes of the digest that are kept.
const KEPT: usize = 8;

/// Gives each diagnostic its fingerprint. They stand in the order of their places.
pub(crate) fn assign(diagnostics: &mut [Diagnostic], notebook: Option<&Notebook>) {
    let mut seen: HashMap<String, u32> = HashMap::new();
    // The lines of the cell that the one before was in: most have the same.
    let mut current: (Option<u32>, Vec<&str>) = (None, Vec::new());
    // A long line may have as many findings as it has words.
    let mut digests: HashMap<(String, u32, u32), String> = HashMap::new();
    for diagnostic in diagnostics {
        let cell = diagnostic.location.cell;
        if current.0 != cell {
            let found = notebook.zip(cell);
            let found = found.and_then(|(notebook, cell)| notebook.cells().get(cell as usize));
            current = (
                cell,
                found.map_or_else(Vec::new, |cell| cell.source.lines().collect()),
            );
            digests.clear();
        }
        let (rule, at) = (&diagnostic.rule.id, &diagnostic.location);
        let digest = digests
            .entry((rule.to_string(), at.line, at.end_line))
            .or_insert_with(|| digest(rule, &lines(&current.1, at)))
            .clone();
        let number = seen.entry(digest.clone()).or_default();
        *number += 1;
        diagnostic.fingerprint = format!("{digest}:{number}");
    }
}

/// Gives each diagnostic that stands in a file beside the notebook its fingerprint, by the file and the lines that it
/// stands in; `line_of` gives these. They stand in the order of their places.
pub fn assign_beside<'d>(found: impl Iterator<Item = (&'d mut Diagnostic, String)>) {
    let mut seen: HashMap<String, u32> = HashMap::new();
    for (diagnostic, lines) in found {
        let file = diagnostic.location.file.as_deref().unwrap_or_default();
        let lines: Vec<String> = lines.lines().map(normalised).collect();
        let digest = digest(&diagnostic.rule.id, &[file, &lines.join("\n")].join("\n"));
        let number = seen.entry(digest.clone()).or_default();
        *number += 1;
        diagnostic.fingerprint = format!("{digest}:{number}");
    }
}

fn digest(rule: &str, lines: &str) -> String {
    let digest = Sha256::digest([RECIPE, rule, lines].join("\0"));
    digest.iter().take(KEPT).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The lines of a location, whole, as far as they count; nothing for a place outside the cells.
fn lines(cell: &[&str], location: &Location) -> String {
    let last = (location.end_line.max(location.line) as usize).min(cell.len());
    let first = (location.line.saturating_sub(1) as usize).min(last);
    cell[first..last]
        .iter()
        .map(|line| normalised(line))
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// A secret is no part of a digest, from which a short one could be guessed.
fn normalised(line: &str) -> String {
    let code = line.split_once("# nbvet:").map_or(line, |(code, _comment)| code);
    secrets::masked(code).split_whitespace().collect()
}
