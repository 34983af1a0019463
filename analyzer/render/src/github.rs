//! Workflow commands of GitHub Actions: one annotation a diagnostic, at the line of the `.ipynb` file.

use std::fmt::Write as _;

use nbvet_report::{Diagnostic, NotebookReport, Report, RunFailure, Severity};

use crate::{harmless_block, place::cell_name};

/// One line a diagnostic that counts, worst first within a notebook: GitHub shows only the first ten of a kind.
pub fn github(report: &Report) -> String {
    let mut out = String::new();
    for notebook in &report.notebooks {
        if let Some(failure) = &notebook.failure {
            out += &failure_command(notebook, failure);
        }
        let mut found: Vec<_> = notebook
            .diagnostics
            .iter()
            .filter(|found| found.counts())
            .collect();
        found.sort_by_key(|found| std::cmp::Reverse(found.severity));
        for diagnostic in found {
            out += &command(notebook, diagnostic);
        }
    }
    out
}

fn command(notebook: &NotebookReport, diagnostic: &Diagnostic) -> String {
    let kind = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note | Severity::Off => "notice",
    };
    let at = &diagnostic.location;
    let title = format!("{} {}", diagnostic.rule.id, diagnostic.rule.name);
    let mut text = match at.cell {
        Some(cell) => {
            format!(
                "{}, line {}: {}",
                cell_name(notebook, None, cell),
                at.line,
                diagnostic.message
            )
        }
        None => diagnostic.message.clone(),
    };
    if let Some(explanation) = &diagnostic.explanation {
        let _ = write!(text, "\n{explanation}");
    }
    if let Some(help) = &diagnostic.help {
        let _ = write!(text, "\nhelp: {help}");
    }
    format!(
        "::{kind} file={},line={},endLine={},title={}::{}\n",
        property(at.file.as_ref().unwrap_or(&notebook.path)),
        at.file_line,
        at.file_end_line.max(at.file_line),
        property(&title),
        data(&text),
    )
}

fn failure_command(notebook: &NotebookReport, failure: &RunFailure) -> String {
    let mut text = failure.message.clone();
    if let Some(hint) = &failure.hint {
        let _ = write!(text, "\nhint: {hint}");
    }
    format!(
        "::error file={},title={}::{}\n",
        property(&notebook.path),
        property("no verdict"),
        data(&text)
    )
}

/// Escapes the text after `::`, as the runner's own toolkit does.
fn data(text: &str) -> String {
    harmless_block(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property's value, where `:` and `,` have a meaning too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_a_command_is_escaped() {
        assert_eq!(data("100 %\nnext, a:b\r"), "100 %25%0Anext, a:b␍");
        assert_eq!(property("a,b:c%\n"), "a%2Cb%3Ac%25%0A");
    }
}
