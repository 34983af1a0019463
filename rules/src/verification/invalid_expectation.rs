//! NB111 invalid-expectation.

use nbvet_engine::{Check, Context, Finding, Node, Row, StaticRule, Visits, nearest};
use nbvet_expect::{Fault, Misread};

use crate::{analysis::expectations::written, macros::rule};

rule! {
    /// A comment or metadata that is meant as an expectation and cannot be one.
    ///
    /// ## Why it matters
    ///
    /// It checks nothing, and whoever reads it believes that it does.
    ///
    /// A comment that begins with `expect:` is an expectation: either in words (`shape (-1, 3)`, `type DataFrame`, `not
    /// empty`, `no NaN`, `columns [a, b]`, `dtypes {a: int64}`, `from 0 to 1`, `min 0`, `max 1`, `length 3`, `increasing`, `unique`,
    /// `equals 0.93 within 0.01`, `contains 'x'`, `matches "^[0-9]+$"`, several with commas between them), a value, or an
    /// expression of Python. `# expect: df: …` speaks of a name, else it is the value of the cell's last line.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// total = 3
    /// total  # expect: lenght 3
    /// ```
    ///
    /// ```python bad
    /// share = 0.4
    /// share  # expect: from 1 to 0
    /// ```
    ///
    /// ```python good
    /// names = ["a", "b", "c"]
    /// names  # expect: length 3
    /// ```
    ///
    /// ```python good
    /// # expected: a list of three
    /// names = ["a", "b", "c"]
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Write it in the words above; write a comment that is meant for people only without `expect:`.
    "NB111" "invalid-expectation",
    group: Verification,
    row: Row::Expectation,
    since: "0.1.0",
    check: Check::Static(&InvalidExpectation),
}

struct InvalidExpectation;

impl StaticRule for InvalidExpectation {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let (_, misread) = written(cx.model());
        for Misread { cell, range, fault } in misread {
            let notebook = cx.model().parsed().notebook();
            let at = notebook.location(cell, range.unwrap_or(0..0));
            let finding = Finding::new(at, format!("this cannot be expected: {fault}"))
                .because("It checks nothing, and whoever reads it believes that it does.");
            cx.report(match help(&fault) {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
    }
}

fn help(fault: &Fault) -> Option<String> {
    let near = nearest(fault.unknown.as_deref()?, fault.known.iter().map(String::as_str));
    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    if near.is_empty() {
        return Some("`nbvet explain NB111` shows what can be expected".to_owned());
    }
    Some(format!("did you mean {}?", near.join(" or ")))
}
