//! NB802 secret-in-output.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    secrets::{self, Secret},
};
use nbvet_notebook::{Cell, CellKind, Notebook, Output};
use nbvet_report::Level;

use crate::macros::rule;

rule! {
    /// An output that the file keeps shows a key, token or password.
    ///
    /// ## Why it matters
    ///
    /// The code may read its secrets from the environment as it should, and one line that prints them puts them into
    /// the file: outputs are saved with the notebook.
    ///
    /// Secrets are known by the shape of their values, as in NB801. Pictures are not looked at.
    ///
    /// ## Examples
    ///
    /// The output of this cell, kept in the file, has the token in it:
    ///
    /// ```python
    /// print(session.headers)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Clear the output, take the line away that shows it, and revoke the secret: it stays in every copy of the file.
    "NB802" "secret-in-output",
    group: Security,
    row: Row::From(Level::Learning),
    since: "0.1.0",
    check: Check::Static(&SecretInOutput),
}

struct SecretInOutput;

impl StaticRule for SecretInOutput {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let notebook = cx.model().parsed().notebook();
        for cell in notebook.cells().iter().filter(|cell| cell.kind == CellKind::Code) {
            // The file's own text says fast that there is none, as it nearly always is.
            let outputs = notebook.outputs_text(cell.index);
            if beside_pictures(outputs).all(|text| secrets::find(text).is_empty()) {
                continue;
            }
            if let Some(secret) = shown(notebook, cell) {
                let finding = finding(notebook, cell, &secret);
                cx.report(finding);
            }
        }
    }
}

/// The parts of the text of outputs in JSON that are no picture in base64: most of a notebook is one.
fn beside_pictures(outputs: &str) -> impl Iterator<Item = &str> {
    let mut rest = outputs;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (text, behind) = rest
            .find("\"image/")
            .and_then(|at| Some((at, at + end_of_value(&rest[at..])?)))
            .map_or((rest, ""), |(at, end)| (&rest[..at], &rest[end..]));
        rest = behind;
        Some(text)
    })
}

/// Where a member `"image/png": "…"` ends, if its value is one string.
fn end_of_value(member: &str) -> Option<usize> {
    let key = 1 + member[1..].find('"')? + 1;
    let value = member[key..]
        .trim_start()
        .strip_prefix(':')?
        .trim_start()
        .strip_prefix('"')?;
    let start = member.len() - value.len();
    Some(start + value.find('"')? + 1)
}

/// The first secret in a cell's outputs that its source has not, where it is told already.
fn shown(notebook: &Notebook, cell: &Cell) -> Option<Secret> {
    notebook.outputs(cell.index).iter().find_map(|output| {
        texts(output).into_iter().find_map(|text| {
            let mut found = secrets::find(&text).into_iter();
            found.find(|secret| !cell.source.contains(&text[secret.hidden.clone()]))
        })
    })
}

/// The parts of an output that people read.
fn texts(output: &Output) -> Vec<String> {
    match output {
        Output::Stream { text, .. } => vec![text.clone()],
        Output::DisplayData { data, .. } | Output::ExecuteResult { data, .. } => data
            .iter()
            .filter(|(kind, _)| !kind.starts_with("image/"))
            .map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect(),
        Output::Error {
            evalue, traceback, ..
        } => {
            vec![evalue.clone(), traceback.join("\n")]
        }
        Output::Unknown(_) => Vec::new(),
    }
}

fn finding(notebook: &Notebook, cell: &Cell, secret: &Secret) -> Finding {
    let at = notebook.location(cell.index, first_code_line(&cell.source));
    Finding::new(
        at,
        format!(
            "{} is in the output of this cell, which the file keeps",
            secret.kind
        ),
    )
    .because("Outputs are saved with the notebook: whoever gets the file can use it.")
    .help("clear the output, take the line away that shows it, and revoke the secret")
}

/// The bytes of the first line that is no comment and no magic.
fn first_code_line(source: &str) -> std::ops::Range<usize> {
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let code = line.trim();
        if !code.is_empty() && !code.starts_with(['#', '%']) {
            let indent = line.len() - line.trim_start().len();
            return start + indent..start + indent + code.len();
        }
        start += line.len();
    }
    0..0
}
