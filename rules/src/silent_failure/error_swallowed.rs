//! NB221 error-swallowed.

use std::collections::BTreeMap;

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule, StaticRule};
use nbvet_report::{Fact, Location, Severity};

use super::{
    bare_except::BareExcept, except_pass::ExceptPass, except_print_only::ExceptPrintOnly,
    except_return_default::ExceptReturnDefault, suppress_broad::SuppressBroad,
};
use crate::{analysis::handlers, macros::rule};

rule! {
    /// An error that a handler for any exception took while the notebook ran, and that nobody heard of.
    ///
    /// ## Why it matters
    ///
    /// The notebook ends well, and something in it failed: a file that was not read, a row that was left out, a name
    /// that is misspelt. This is seen when the notebook runs, so it is no guess: the message says which error, how often
    /// and where.
    ///
    /// It tells of the handlers that the rules on them tell of (`except: pass`, one that only prints, one that puts a
    /// constant in the place of the result, `suppress(Exception)`), in their place. What a handler for a named exception
    /// takes is nothing, and neither is what is raised again or what the handler calls by its name (`print("KeyError: …")`). Seen on Python 3.12 and newer; before, the rules on
    /// the code stand alone.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// rows = ["3.5", "4.0", "n/a"]
    /// total = 0
    /// for row in rows:
    ///     try:
    ///         total += float(row)
    ///     except Exception:
    ///         pass
    /// ```
    ///
    /// ```python good
    /// rows = ["3.5", "4.0", "n/a"]
    /// total, skipped = 0, []
    /// for row in rows:
    ///     try:
    ///         total += float(row)
    ///     except ValueError:
    ///         skipped.append(row)
    /// assert len(skipped) <= 1, skipped
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Catch the one exception that you expect, and collect what was skipped so that it can be checked.
    "NB221" "error-swallowed",
    group: SilentFailure,
    row: Row::Hidden,
    twins: &["NB201", "NB202", "NB203", "NB204", "NB217"],
    since: "0.1.0",
    check: Check::Run(&ErrorSwallowed),
}

struct ErrorSwallowed;

/// The static rules whose handlers count. The first is about handlers that do something: no error.
const RULES: &[&dyn StaticRule] = &[
    &BareExcept,
    &ExceptPass,
    &ExceptPrintOnly,
    &ExceptReturnDefault,
    &SuppressBroad,
];

/// What one handler took.
#[derive(Default)]
struct Taken<'a> {
    count: u64,
    first: Option<(&'a str, Option<&'a str>, Option<u32>)>,
}

impl RunRule for ErrorSwallowed {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let mut handlers: BTreeMap<(u32, u32), Taken<'_>> = BTreeMap::new();
        for fact in run.cells.iter().flat_map(|cell| &cell.facts) {
            if let Fact::Swallowed {
                cell,
                line,
                raised,
                name,
                text,
                count,
                ..
            } = fact
            {
                let taken = handlers.entry((*cell, *line)).or_default();
                taken.count += count;
                taken.first.get_or_insert((name, text.as_deref(), *raised));
            }
        }
        if handlers.is_empty() {
            return;
        }
        for (rule, findings) in cx.findings_of(RULES).into_iter().enumerate() {
            // What only cleans up, asks or shows loses nothing when it fails: the static rule's word is enough.
            for found in findings.into_iter().filter(|found| !found.is_lowered()) {
                let at = found.location();
                let taken = at.cell.and_then(|cell| handlers.get(&(cell, at.line)));
                if let Some(taken) = taken.filter(|taken| !is_foreseen(cx, at, taken)) {
                    let finding = finding(cx, &found, taken);
                    cx.report(if rule == 0 {
                        finding.at_most(Severity::Warning)
                    } else {
                        finding
                    });
                }
            }
        }
    }
}

/// The handler names the class of the error that it took, such as `print("IndexError: …")`: it was awaited.
fn is_foreseen(cx: &RunContext<'_, '_>, at: &Location, taken: &Taken<'_>) -> bool {
    let position = at.cell.and_then(|cell| cx.model().position_of(cell));
    let (Some(position), Some((name, ..))) = (position, taken.first) else {
        return false;
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = cx
        .model()
        .cell(position)
        .cell
        .source
        .lines()
        .skip(at.line as usize - 1);
    let head = lines.next().unwrap_or_default();
    let is_inside = |line: &&str| line.trim().is_empty() || indent(line) > indent(head);
    head.contains(name) || lines.take_while(is_inside).any(|line| line.contains(name))
}

fn finding(cx: &RunContext<'_, '_>, found: &Finding, taken: &Taken<'_>) -> Finding {
    let at = found.location().clone();
    let (name, text, raised) = taken.first.unwrap_or_default();
    let text = text.and_then(|text| text.lines().next()).unwrap_or_default();
    let text: String = text.chars().take(120).collect();
    let error = if text.is_empty() {
        name.to_owned()
    } else {
        format!("{name}: {text}")
    };
    let message = match taken.count {
        1 => format!("an error ended here unseen: {error}"),
        count => format!("{count} errors ended here unseen, the first was {error}"),
    };
    let subject = handlers::subject(&at);
    let finding = Finding::new(at.clone(), message)
        .because("The notebook went on as if nothing had happened, with what was left.")
        .about(subject);
    match (at.cell, raised) {
        (Some(cell), Some(line)) => finding.label(cx.at_line(cell, Some(line)), "it came from here"),
        _ => finding,
    }
}
