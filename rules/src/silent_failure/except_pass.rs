//! NB202 except-pass.

use nbvet_engine::{Check, Context, Finding, Node, Row, StaticRule, Visits};

use crate::{
    analysis::{
        handlers::{self, Reaction},
        harm,
    },
    macros::rule,
};

rule! {
    /// A handler for any exception that does nothing: `pass`, `continue` or `...`.
    ///
    /// ## Why it matters
    ///
    /// Whatever goes wrong in the `try` is thrown away without a trace. The notebook runs to its end and the result
    /// is computed from what is left.
    ///
    /// Handlers around clean-up calls (`close()`, `delete()`), around optional imports and around yes/no questions
    /// count one severity less.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import json
    ///
    /// def read_all(paths):
    ///     days = []
    ///     for path in paths:
    ///         try:
    ///             days.append(json.load(open(path)))
    ///         except Exception:
    ///             pass
    ///     return days
    /// ```
    ///
    /// ```python good
    /// import json
    ///
    /// def read_all(paths):
    ///     days, missing = [], []
    ///     for path in paths:
    ///         try:
    ///             days.append(json.load(open(path)))
    ///         except FileNotFoundError:
    ///             missing.append(path)
    ///     assert len(missing) <= 1, missing
    ///     return days
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Catch the one exception that may happen, and count or collect what was skipped, so that a later cell can
    /// check it.
    "NB202" "except-pass",
    group: SilentFailure,
    row: Row::Hidden,
    since: "0.1.0",
    check: Check::Static(&ExceptPass),
}

pub(super) struct ExceptPass;

impl StaticRule for ExceptPass {
    fn visits(&self) -> Visits {
        Visits::TRY
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Try(attempt) = node else { return };
        for handler in &attempt.handlers {
            if !handlers::is_broad(handler) || handlers::reaction(handler) != Reaction::Pass {
                continue;
            }
            let at = cx.at(handlers::head(cx.model(), cx.position(), handler));
            let subject = handlers::subject(&at);
            let spelling = handlers::spelling(handler);
            let finding =
                Finding::new(at, format!("`{spelling}` throws every error away"))
                    .because("What failed here is missing from everything that follows, and nothing says so.")
                    .help("catch the one exception that you expect, and collect what was skipped so that it can be checked")
                    .lowered_if(harm::is_little(cx, attempt, handler))
                    .about(subject);
            cx.report(finding);
        }
    }
}
