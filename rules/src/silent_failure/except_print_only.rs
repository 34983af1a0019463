//! NB203 except-print-only.

use nbvet_engine::{Check, Context, Finding, Node, Row, StaticRule, Visits};
use nbvet_report::Applicability;

use crate::{
    analysis::{
        handlers::{self, Reaction},
        harm, mending, retries,
    },
    macros::rule,
};

rule! {
    /// A handler for any exception that only prints or logs it and goes on.
    ///
    /// ## Why it matters
    ///
    /// The message scrolls by in the output of a cell; the notebook goes on and is green. Whatever the `try` was to
    /// compute, load or write is not there, and the cells below use what was there before, or nothing.
    ///
    /// Handlers around clean-up calls, and a `try` that only shows something, count one severity less. A loop that tries
    /// again until it succeeds or raises is left alone, and so is a `try` whose successes are counted by an `assert` below.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import json
    ///
    /// try:
    ///     config = json.load(open("config.json"))
    /// except Exception as error:
    ///     print("could not read the configuration:", error)
    /// ```
    ///
    /// ```python good
    /// import json
    ///
    /// try:
    ///     config = json.load(open("config.json"))
    /// except FileNotFoundError as error:
    ///     raise SystemExit(f"no configuration: {error}")
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Let the exception go: a loud failure in the right cell is the best message. To add words to it, `raise` again
    /// after printing.
    "NB203" "except-print-only",
    group: SilentFailure,
    row: Row::Hidden,
    standing: Lower,
    since: "0.1.0",
    check: Check::Static(&ExceptPrintOnly),
}

pub(super) struct ExceptPrintOnly;

impl StaticRule for ExceptPrintOnly {
    fn visits(&self) -> Visits {
        Visits::TRY
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Try(attempt) = node else { return };
        for handler in &attempt.handlers {
            if !handlers::is_broad(handler) || handlers::reaction(handler) != Reaction::PrintOnly {
                continue;
            }
            if retries::come_to_light(cx, attempt, handler) {
                continue;
            }
            let at = cx.at(handlers::head(cx.model(), cx.position(), handler));
            let subject = handlers::subject(&at);
            let spelling = handlers::spelling(handler);
            let harmless = harm::is_little(cx, attempt, handler);
            let finding = Finding::new(
                at,
                format!("`{spelling}` prints the error and goes on as if nothing had happened"),
            )
            .because(
                "The notebook ends well even when this step failed; the cells below work with what is left.",
            )
            .help("remove the `try`, or `raise` again after printing")
            .lowered_if(harmless)
            .about(subject);
            let raise = mending::raise_again(cx, handler).filter(|_| !harmless);
            cx.report(match raise {
                Some(edit) => finding.fix(mending::RAISE, Applicability::Unsafe, vec![edit]),
                None => finding,
            });
        }
    }
}
