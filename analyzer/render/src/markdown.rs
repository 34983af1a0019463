//! Markdown for a comment on a pull request: a table first, what was found folded below it, and never more than such
//! a comment may hold. Nothing from a notebook becomes a tag, a link, a mention or a table's border.

use std::fmt::Write as _;

use nbvet_report::{Diagnostic, NotebookReport, Outcome, Report, Severity};

use crate::{
    NotebookSource, harmless,
    place::{beside, cell_name, diffs_of, source_line},
    text::golden_sums,
};

/// Bytes of the whole text. GitHub takes 65,536 characters, and a workflow may put something around it.
const MOST: usize = 60_000;

/// Bytes of the table, so that some findings fit too.
const MOST_TABLE: usize = 20_000;

/// Characters of one message or one line of code.
const LONGEST: usize = 500;

/// Outputs of one cell whose differences are shown.
const MOST_OUTPUTS: usize = 3;

/// Ends a notebook's part.
const END: &str = "\n</details>\n";

/// The report as Markdown. `sources` stand in the order of the report's notebooks.
pub fn markdown(report: &Report, sources: &[NotebookSource]) -> String {
    let mut notebooks: Vec<(&NotebookReport, Option<&NotebookSource>)> = report
        .notebooks
        .iter()
        .enumerate()
        .map(|(position, notebook)| (notebook, sources.get(position)))
        .collect();
    // Worst first: what does not fit is what matters least.
    notebooks.sort_by_key(|(notebook, _)| {
        let verdict = &notebook.verdict;
        std::cmp::Reverse((verdict.exit_code, verdict.errors, verdict.warnings))
    });
    let mut out = format!("## {}: {}\n", text(&report.tool.name), headline(report));
    out += &table(&notebooks);
    let mut left = 0;
    for (notebook, source) in notebooks {
        left += details(&mut out, notebook, source);
    }
    if left > 0 {
        let _ = write!(out, "\n{} more in the whole report.\n", count(left, "finding"));
    }
    out
}

fn headline(report: &Report) -> String {
    let total = report.notebooks.len();
    let passed = |notebook: &&NotebookReport| notebook.verdict.outcome == Outcome::Passed;
    let passed = report.notebooks.iter().filter(passed).count();
    match (total, total - passed) {
        (0, _) => "no notebook".to_owned(),
        (1, 0) => "the notebook passed".to_owned(),
        (1, _) => "the notebook did not pass".to_owned(),
        (_, 0) => format!("all {total} notebooks passed"),
        (_, failed) => format!("{failed} of {total} notebooks did not pass"),
    }
}

fn table(notebooks: &[(&NotebookReport, Option<&NotebookSource>)]) -> String {
    if notebooks.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n| | notebook | level | cells | errors | warnings | notes |\n");
    out += "| --- | --- | --- | --- | --: | --: | --: |\n";
    for (position, (notebook, _)) in notebooks.iter().enumerate() {
        if out.len() > MOST_TABLE {
            let _ = write!(out, "\n{} more.\n", count(notebooks.len() - position, "notebook"));
            break;
        }
        let verdict = &notebook.verdict;
        let cells = verdict.cells.map_or_else(
            || "not run".to_owned(),
            |cells| format!("{} of {} ran", cells.ran(), cells.to_run()),
        );
        let _ = writeln!(
            out,
            "| {} | {} | {} | {cells} | {} | {} | {} |",
            word(verdict.outcome),
            prose(&harmless(&shortened(&notebook.path))),
            verdict.level,
            verdict.errors,
            verdict.warnings,
            verdict.notes,
        );
    }
    out
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✅ passed",
        Outcome::Failed => "❌ failed",
        Outcome::TimedOut => "❌ timed out",
        Outcome::Error => "⚠️ no verdict",
    }
}

/// Adds what there is to say of a notebook, worst first, as far as it fits. Gives the number of findings left out.
fn details(out: &mut String, notebook: &NotebookReport, source: Option<&NotebookSource>) -> usize {
    let mut found: Vec<&Diagnostic> = notebook
        .diagnostics
        .iter()
        .filter(|found| found.counts())
        .collect();
    found.sort_by_key(|found| std::cmp::Reverse((found.fault, found.severity)));
    if found.is_empty() && notebook.failure.is_none() && notebook.comparison.is_none() {
        return 0;
    }
    let open = if notebook.verdict.outcome == Outcome::Passed {
        ""
    } else {
        " open"
    };
    let path = html(&shortened(&notebook.path));
    let what = match found.len() {
        0 if notebook.failure.is_none() => "no findings".to_owned(),
        0 => "no verdict".to_owned(),
        number => count(number, "finding"),
    };
    let mut block = format!("\n<details{open}><summary>{path}: {what}</summary>\n\n");
    if let Some(failure) = &notebook.failure {
        let _ = writeln!(block, "- **no verdict**: {}", text(&failure.message));
        if let Some(hint) = &failure.hint {
            let _ = writeln!(block, "\n  hint: {}", text(hint));
        }
    }
    if let Some(comparison) = &notebook.comparison {
        let sums = golden_sums(comparison);
        let _ = writeln!(
            block,
            "Outputs against {}: {}\n",
            text(&comparison.golden),
            text(&sums)
        );
    }
    // Room for the last sentence.
    let room = MOST.saturating_sub(out.len() + END.len() + 100);
    if block.len() > room {
        return found.len();
    }
    let mut told = 0;
    for diagnostic in &found {
        let item = item(notebook, source, diagnostic);
        if block.len() + item.len() > room {
            break;
        }
        block += &item;
        told += 1;
    }
    *out += &block;
    *out += END;
    found.len() - told
}

fn item(notebook: &NotebookReport, source: Option<&NotebookSource>, found: &Diagnostic) -> String {
    let severity = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note | Severity::Off => "note",
    };
    let place = match found.location.cell {
        Some(cell) => format!(
            ", {}, line {}",
            text(&cell_name(notebook, source, cell)),
            found.location.line
        ),
        None => beside(&found.location).map_or_else(String::new, |place| format!(", {}", text(&place))),
    };
    let mut item = format!(
        "- **{severity}** {} {}{place}: {}\n",
        found.rule.id,
        found.rule.name,
        text(&found.message)
    );
    if let Some(line) = source_line(source, &found.location) {
        item += &code(line.trim());
    }
    for diff in diffs_of(notebook, found).into_iter().take(MOST_OUTPUTS) {
        item += &fenced("diff", diff.diff.lines());
    }
    for (word, part) in [("why", &found.explanation), ("help", &found.help)] {
        if let Some(part) = part {
            let _ = writeln!(item, "\n  {word}: {}", text(part));
        }
    }
    item
}

/// A line of code in a block of its own.
fn code(line: &str) -> String {
    fenced("python", std::iter::once(line))
}

/// Lines in a block of their own; its fence is longer than any in the lines.
fn fenced<'t>(language: &str, lines: impl Iterator<Item = &'t str>) -> String {
    let lines: Vec<String> = lines
        .map(|line| format!("  {}\n", harmless(&shortened(line))))
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let text = lines.concat();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("\n  {fence}{language}\n{text}  {fence}\n")
}

/// A text in one line: code in backticks stays code, everything else is shown as it is written.
fn text(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let text = harmless(&shortened(&lines.join(" ")));
    let parts: Vec<&str> = text.split('`').collect();
    // An even number of pieces is a backtick without its partner, an empty one is two in a row.
    let is_plain = parts.len().is_multiple_of(2)
        || parts
            .iter()
            .enumerate()
            .any(|(position, part)| position % 2 == 1 && part.trim().is_empty())
        || text.contains("``");
    if is_plain {
        return prose(&text);
    }
    parts
        .iter()
        .enumerate()
        .map(|(position, part)| match position % 2 {
            0 => prose(part),
            _ => format!("`{part}`"),
        })
        .collect()
}

/// Text that means nothing to Markdown.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            // A mention, or a reference to an issue, is looked for in what is shown.
            '@' | '#' => {
                let _ = write!(out, "{c}<!-- -->");
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
    // Nothing becomes a link by its look alone.
    out.replace("://", ":<!-- -->//").replace("www.", "www<!-- -->.")
}

/// Text within tags of HTML.
fn html(text: &str) -> String {
    harmless(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('@', "@<!-- -->")
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text[..end].to_owned() + "…",
        None => text.to_owned(),
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
