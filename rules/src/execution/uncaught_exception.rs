//! NB001 uncaught-exception.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::{CellError, CellRun, Hint, RunEnd};

use crate::{analysis::headline, macros::rule};

rule! {
    /// A cell that raised an exception which nothing caught.
    ///
    /// ## Why it matters
    ///
    /// The notebook stops at this cell, as it would with "Restart and run all".
    ///
    /// A cell that is meant to raise says so with the tag `raises-exception`.
    ///
    /// ## How to mend it
    ///
    /// The message names the line; the report holds the whole traceback.
    "NB001" "uncaught-exception",
    group: Execution,
    row: Row::Fault,
    twins: &["NB601", "NB602", "NB924"],
    since: "0.1.0",
    check: Check::Run(&UncaughtException),
}

struct UncaughtException;

/// The cell that ended the run by raising, and what it raised.
pub(crate) fn raised<'a>(run: &Run<'a>) -> Option<(&'a CellRun, &'a CellError)> {
    let Some(RunEnd::Raised { cell }) = run.end else {
        return None;
    };
    let cell = run.cells.iter().find(|run| run.cell == *cell)?;
    Some((cell, cell.error.as_ref()?))
}

/// What a static rule that foresaw this error says it is about.
fn subject(error: &CellError) -> String {
    match (error.name.as_str(), error.value.split('\'').nth(1)) {
        ("NameError", Some(name)) => format!("name:{name}"),
        ("SyntaxError" | "IndentationError" | "TabError", _) => "syntax".to_owned(),
        (name, _) => format!("error:{name}"),
    }
}

/// `invalid syntax (273847597.py, line 1)`: IPython makes up the file's name.
fn without_file(value: &str) -> &str {
    let place = value.rsplit_once(" (").filter(|(_, place)| {
        let digits = place.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && place[digits..].starts_with(".py, line ") && place.ends_with(')')
    });
    place.map_or(value, |(before, _)| before)
}

/// What to do about errors that come from running somewhere else, or by nobody.
fn help(error: &CellError, run: &Run<'_>) -> Option<Hint> {
    match error.name.as_str() {
        "StdinNotImplementedError" => Some(
            "nobody is there to answer `input()` when a notebook runs by itself: put the value into a cell".into(),
        ),
        "FileNotFoundError" => Some(run.folder.map_or_else(
            || "relative paths begin at the folder that the notebook runs in".into(),
            |folder| {
                let ran = format!("the notebook ran in {folder}, where relative paths begin");
                Hint::from(format!("{ran}; `--cwd` names another folder")).in_cluster(format!(
                    "{ran}: its folder in a copy of the source; `spec.podConfig.volumes` mounts what the source has not"
                ))
            },
        )),
        _ => None,
    }
}

impl RunRule for UncaughtException {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let Some((cell, error)) = raised(run).filter(|(_, error)| error.name != "ModuleNotFoundError") else {
            return;
        };
        let at = cx.at_line(cell.cell, error.line);
        let value = headline::of(&error.value);
        let value = without_file(&value);
        let message = if value.is_empty() {
            format!("this cell raised {}", error.name)
        } else {
            format!("this cell raised {}: {value}", error.name)
        };
        let mut finding = Finding::new(at, message)
            .because("The notebook stops here; the cells below did not run.")
            .about(subject(error));
        if let Some(help) = help(error, run) {
            finding = finding.help(help);
        }
        cx.report(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_ipython_made_up_is_left_out() {
        assert_eq!(
            without_file("invalid syntax (273847597.py, line 1)"),
            "invalid syntax"
        );
        for whole in ["bad (model.py, line 1)", "no (5) rows", "plain", " ("] {
            assert_eq!(without_file(whole), whole);
        }
    }
}
