//! JUnit XML, as CI servers read it: a suite for each notebook; in it a case for each cell that was to run, or, where
//! a notebook was only read, for each diagnostic. What fails the notebook is a failure, what kept it from a verdict an
//! error, and everything else goes to the case's output.

use std::fmt::Write as _;

use nbvet_report::{CellOutcome, CellRun, Diagnostic, NotebookReport, Outcome, Report, RunFailure, Severity};

use crate::{
    NotebookSource, harmless, harmless_block,
    place::{beside, heading, source_line},
};

/// The report as JUnit XML. `sources` stand in the order of the report's notebooks.
pub fn junit(report: &Report, sources: &[NotebookSource]) -> String {
    let suites: Vec<Suite> = report
        .notebooks
        .iter()
        .enumerate()
        .map(|(position, notebook)| Suite::new(notebook, sources.get(position)))
        .collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let seconds: f64 = suites.iter().map(Suite::seconds).sum();
    let _ = writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{seconds:.3}\">",
        attribute(&report.tool.name),
        suites.iter().map(|suite| suite.cases.len()).sum::<usize>(),
        suites.iter().map(Suite::failures).sum::<usize>(),
        suites.iter().map(Suite::errors).sum::<usize>(),
    );
    for suite in &suites {
        suite.write(&mut out);
    }
    out + "</testsuites>\n"
}

struct Suite<'a> {
    notebook: &'a NotebookReport,
    cases: Vec<Case>,
}

/// One test, as CI servers list it.
struct Case {
    name: String,
    seconds: f64,
    result: CaseResult,
    /// What does not fail it.
    output: String,
}

enum CaseResult {
    Passed,
    Skipped(&'static str),
    Failed(Vec<Fault>),
    NoVerdict(Fault),
}

struct Fault {
    kind: String,
    message: String,
    text: String,
}

impl<'a> Suite<'a> {
    fn new(notebook: &'a NotebookReport, source: Option<&NotebookSource>) -> Self {
        let mut cases: Vec<Case> = notebook
            .cells
            .iter()
            .map(|run| Case::of_cell(notebook, source, run))
            .collect();
        let has_case = |found: &Diagnostic| {
            let cell = found.location.cell;
            notebook.cells.iter().any(|run| Some(run.cell) == cell)
        };
        let others = notebook
            .diagnostics
            .iter()
            .filter(|found| found.counts() && !has_case(found));
        cases.extend(others.map(|found| Case::of_diagnostic(notebook, source, found)));
        cases.extend(notebook.failure.as_ref().map(Case::of_failure));
        let is_told = cases
            .iter()
            .any(|case| !matches!(case.result, CaseResult::Passed | CaseResult::Skipped(_)));
        if cases.is_empty() || (!is_told && notebook.verdict.outcome != Outcome::Passed) {
            cases.push(Case::of_verdict(notebook));
        }
        Self { notebook, cases }
    }

    fn failures(&self) -> usize {
        let failed = |case: &&Case| matches!(case.result, CaseResult::Failed(_));
        self.cases.iter().filter(failed).count()
    }

    fn errors(&self) -> usize {
        let failed = |case: &&Case| matches!(case.result, CaseResult::NoVerdict(_));
        self.cases.iter().filter(failed).count()
    }

    fn skipped(&self) -> usize {
        let skipped = |case: &&Case| matches!(case.result, CaseResult::Skipped(_));
        self.cases.iter().filter(skipped).count()
    }

    fn seconds(&self) -> f64 {
        self.cases.iter().map(|case| case.seconds).sum()
    }

    fn write(&self, out: &mut String) {
        let path = attribute(&self.notebook.path);
        let _ = writeln!(
            out,
            "  <testsuite name=\"{path}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
            self.cases.len(),
            self.failures(),
            self.errors(),
            self.skipped(),
            self.seconds(),
        );
        for case in &self.cases {
            case.write(&path, out);
        }
        *out += "  </testsuite>\n";
    }
}

impl Case {
    fn of_cell(notebook: &NotebookReport, source: Option<&NotebookSource>, run: &CellRun) -> Self {
        let level = notebook.verdict.level;
        let here = |found: &&Diagnostic| found.counts() && found.location.cell == Some(run.cell);
        let (failing, others): (Vec<_>, Vec<_>) = notebook
            .diagnostics
            .iter()
            .filter(here)
            .partition(|found| level.fails(found));
        let result = match run.outcome {
            _ if !failing.is_empty() => {
                let faults = failing.into_iter().map(|found| fault(notebook, source, found));
                CaseResult::Failed(faults.collect())
            }
            CellOutcome::Skipped => CaseResult::Skipped("nothing to run"),
            CellOutcome::NotRun => CaseResult::Skipped("the run had ended before"),
            CellOutcome::Ok | CellOutcome::Error | CellOutcome::Timeout => CaseResult::Passed,
        };
        Self {
            // By its index alone: a case keeps its name from run to run.
            name: format!("cell {}", run.cell),
            seconds: run.seconds,
            result,
            output: others
                .into_iter()
                .map(|found| told(notebook, source, found))
                .collect(),
        }
    }

    fn of_diagnostic(notebook: &NotebookReport, source: Option<&NotebookSource>, found: &Diagnostic) -> Self {
        let place = match found.location.cell {
            Some(cell) => format!(" in cell {cell}, line {}", found.location.line),
            None => beside(&found.location).map_or_else(String::new, |place| format!(" in {place}")),
        };
        let (result, output) = if notebook.verdict.level.fails(found) {
            (
                CaseResult::Failed(vec![fault(notebook, source, found)]),
                String::new(),
            )
        } else {
            (CaseResult::Passed, told(notebook, source, found))
        };
        Self {
            name: format!("{} {}{place}", found.rule.id, found.rule.name),
            seconds: 0.0,
            result,
            output,
        }
    }

    fn of_failure(failure: &RunFailure) -> Self {
        let hint = failure.hint.iter().map(|hint| format!("hint: {hint}\n"));
        Self {
            name: "verdict".to_owned(),
            seconds: 0.0,
            result: CaseResult::NoVerdict(Fault {
                kind: "no verdict".to_owned(),
                message: failure.message.clone(),
                text: hint.collect(),
            }),
            output: String::new(),
        }
    }

    /// A notebook of which there is nothing else to say.
    fn of_verdict(notebook: &NotebookReport) -> Self {
        let fault = |message: &str| Fault {
            kind: "verdict".to_owned(),
            message: message.to_owned(),
            text: String::new(),
        };
        Self {
            name: "verdict".to_owned(),
            seconds: 0.0,
            result: match notebook.verdict.outcome {
                Outcome::Passed => CaseResult::Passed,
                Outcome::Failed => CaseResult::Failed(vec![fault("the notebook failed")]),
                Outcome::TimedOut => CaseResult::Failed(vec![fault("the notebook ran past its limit")]),
                Outcome::Error => CaseResult::NoVerdict(fault("the run did not come to its end")),
            },
            output: String::new(),
        }
    }

    fn write(&self, path: &str, out: &mut String) {
        let _ = write!(
            out,
            "    <testcase classname=\"{path}\" name=\"{}\" file=\"{path}\" time=\"{:.3}\"",
            attribute(&self.name),
            self.seconds,
        );
        let mut inside = String::new();
        match &self.result {
            CaseResult::Passed => {}
            CaseResult::Skipped(why) => {
                let _ = writeln!(inside, "      <skipped message=\"{}\"/>", attribute(why));
            }
            CaseResult::Failed(faults) => inside.extend(faults.iter().map(|fault| fault.element("failure"))),
            CaseResult::NoVerdict(fault) => inside += &fault.element("error"),
        }
        if !self.output.is_empty() {
            let _ = writeln!(inside, "      <system-out>{}</system-out>", text(&self.output));
        }
        if inside.is_empty() {
            *out += "/>\n";
        } else {
            let _ = write!(out, ">\n{inside}    </testcase>\n");
        }
    }
}

impl Fault {
    fn element(&self, name: &str) -> String {
        format!(
            "      <{name} type=\"{}\" message=\"{}\">{}</{name}>\n",
            attribute(&self.kind),
            attribute(&self.message),
            text(&self.text),
        )
    }
}

fn fault(notebook: &NotebookReport, source: Option<&NotebookSource>, found: &Diagnostic) -> Fault {
    Fault {
        kind: format!("{} {}", found.rule.id, found.rule.name),
        message: found.message.clone(),
        text: told(notebook, source, found),
    }
}

/// Everything about a diagnostic, for people.
fn told(notebook: &NotebookReport, source: Option<&NotebookSource>, found: &Diagnostic) -> String {
    let severity = match found.severity {
        Severity::Off | Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut told = format!(
        "{}\n{severity}[{}]: {}\n",
        heading(notebook, source, &found.location),
        found.rule.id,
        found.message
    );
    if let Some(line) = source_line(source, &found.location) {
        let _ = writeln!(told, "    {}", line.trim());
    }
    for (word, part) in [("why", &found.explanation), ("help", &found.help)] {
        if let Some(part) = part {
            let _ = writeln!(told, "{word}: {part}");
        }
    }
    told
}

/// Text between tags.
fn text(text: &str) -> String {
    escaped(&harmless_block(text))
}

/// Text between quotes; line ends, which a reader would make spaces, become visible.
fn attribute(text: &str) -> String {
    escaped(&harmless(text))
}

/// What XML gives a meaning, and the two characters that it cannot hold once control characters are gone.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
