//! NB802 secret-in-output.

use std::collections::HashSet;

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
    // A search of the source for each one that is shown would take the product of both lengths.
    let of_source = secrets::find(&cell.source);
    let told: HashSet<&str> = of_source
        .iter()
        .map(|secret| &cell.source[secret.hidden.clone()])
        .collect();
    notebook.outputs(cell.index).iter().find_map(|output| {
        texts(output).into_iter().find_map(|text| {
            let mut found = secrets::find(&text).into_iter();
            found.find(|secret| !told.contains(&text[secret.hidden.clone()]))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Different tokens that are written down nowhere, the same each time.
    fn tokens(count: usize) -> Vec<String> {
        let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut state = 88_172_645_463_325_252_u64;
        let mut letter = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(letters[usize::try_from(state % 52).unwrap_or_default()])
        };
        (0..count)
            .map(|_| ["ghp_".to_owned(), (0..36).map(|_| letter()).collect()].concat())
            .collect()
    }

    #[test]
    fn outputs_full_of_what_the_source_has_cost_no_search_each() {
        let source = tokens(25_000).join("\\n");
        let text = [source.as_str(); 16].join("\\n");
        let file = format!(
            r#"{{"cells":[{{"cell_type":"code","metadata":{{}},"execution_count":1,"source":"{source}","outputs":[
            {{"output_type":"stream","name":"stdout","text":"{text}"}}]}}],"metadata":{{}},"nbformat":4,"nbformat_minor":4}}"#
        );
        let reading = nbvet_notebook::read(file.as_bytes());
        let notebook = reading.notebook.as_ref().expect("it is one");
        let cell = &notebook.cells()[0];
        assert!(secrets::find(&cell.source).len() > 20_000);
        // 400,000 searches of a megabyte took minutes.
        let start = std::time::Instant::now();
        assert!(shown(notebook, cell).is_none());
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
