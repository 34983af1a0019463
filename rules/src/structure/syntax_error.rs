//! NB924 syntax-error.

use nbvet_engine::{Check, Context, Finding, Node, Row, StaticRule, Visits};

use crate::macros::rule;

rule! {
    /// A cell that Python cannot compile.
    ///
    /// ## Why it matters
    ///
    /// The cell raises `SyntaxError` before its first line runs, and nothing below it is reached. The other cells are
    /// still looked at: one bad cell does not silence a notebook.
    ///
    /// Cells tagged `raises-exception` or `skip-execution` are left alone.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// print "hello"
    /// ```
    ///
    /// ```python good
    /// print("hello")
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Mend the line, or make the cell a markdown or raw cell if it is no code.
    "NB924" "syntax-error",
    group: Structure,
    row: Row::Certain,
    foresees_exception: true,
    since: "0.1.0",
    check: Check::Static(&SyntaxErrors),
}

struct SyntaxErrors;

impl StaticRule for SyntaxErrors {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        for cell in cx.model().parsed().cells() {
            let Some(error) = cell
                .error
                .as_ref()
                .filter(|_| !cell.may_raise() && !cell.is_skipped())
            else {
                continue;
            };
            let location = cx
                .model()
                .parsed()
                .notebook()
                .location(cell.cell.index, error.range.clone());
            let line = cell
                .cell
                .source
                .lines()
                .nth(location.line.saturating_sub(1) as usize)
                .unwrap_or_default();
            let mut finding = Finding::new(
                location,
                format!("this cell is not valid Python: {}", error.message),
            )
            .because("The cell raises SyntaxError, and the notebook stops here.")
            .about("syntax");
            if let Some(help) = advice(line) {
                finding = finding.help(help);
            }
            cx.report(finding);
        }
        report_refused(cx);
    }
}

/// The first statement of each cell that only the compiler refuses.
fn report_refused(cx: &mut Context<'_, '_>) {
    let mut places: Vec<_> = cx.model().refused().to_vec();
    places.sort_by_key(|(place, _)| *place);
    places.dedup_by_key(|(place, _)| place.cell);
    for (place, message) in places {
        let cell = cx.model().cell(place.cell);
        if cell.is_valid() && !cell.may_raise() && !cell.is_skipped() {
            let at = cx.model().location_of(place);
            cx.report(
                Finding::new(at, format!("this cell is not valid Python: {message}"))
                    .because("The cell raises SyntaxError, and the notebook stops here.")
                    .about("syntax"),
            );
        }
    }
}

/// Well-known reasons for a line not to parse.
fn advice(line: &str) -> Option<&'static str> {
    let line = line.trim_start();
    if line.starts_with("print ") || line.starts_with("exec ") {
        return Some("this is Python 2: write `print(…)`");
    }
    if line.starts_with("<<<<<<<") || line.starts_with(">>>>>>>") || line.starts_with("=======") {
        return Some("this is a merge conflict: keep one side and delete the markers");
    }
    if line.contains("____") || line.contains("...?") || line.ends_with("= ?") {
        return Some("this looks like an exercise that is not filled in yet");
    }
    if line.contains('\u{201c}') || line.contains('\u{2018}') || line.contains('\u{2019}') {
        return Some("these are typographic quotes: write \" or '");
    }
    None
}
