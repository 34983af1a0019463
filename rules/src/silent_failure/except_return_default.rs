//! NB204 except-return-default.

use nbvet_engine::{Check, Context, Finding, Node, Row, StaticRule, Visits};

use crate::{
    analysis::handlers::{self, Reaction},
    macros::rule,
};

rule! {
    /// A handler for any exception that puts a constant in the place of the result.
    ///
    /// ## Why it matters
    ///
    /// `return None` or `score = 0` after *any* error makes a failure look like a result. The caller cannot tell an
    /// empty file from a wrong password, and a mean over such values is wrong without a sign.
    ///
    /// A handler that answers a yes/no question (only True or False) counts one severity less.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import json
    ///
    /// def load(path):
    ///     try:
    ///         return json.load(open(path))
    ///     except Exception:
    ///         return None
    /// ```
    ///
    /// ```python good
    /// import json
    ///
    /// def load(path):
    ///     with open(path) as file:
    ///         return json.load(file)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Let the exception reach the caller, or catch the one class for which the constant is the right answer.
    "NB204" "except-return-default",
    group: SilentFailure,
    row: Row::Hidden,
    since: "0.1.0",
    check: Check::Static(&ExceptReturnDefault),
}

struct ExceptReturnDefault;

impl StaticRule for ExceptReturnDefault {
    fn visits(&self) -> Visits {
        Visits::TRY
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Try(attempt) = node else { return };
        for handler in &attempt.handlers {
            if !handlers::is_broad(handler) || handlers::reaction(handler) != Reaction::Default {
                continue;
            }
            let at = cx.at(handlers::head(cx.model(), cx.position(), handler));
            let spelling = handlers::spelling(handler);
            let finding =
                Finding::new(at, format!("`{spelling}` puts a constant in the place of the result"))
                    .because("Any error, a wrong path as much as a bug, now looks like an ordinary value.")
                    .help("let the error reach the caller, or catch only the exception for which this constant is right")
                    .lowered_if(handlers::does_little_harm(attempt, handler));
            let finding = match cx.function() {
                Some(function) => finding.about(format!("function:{}", function.name)),
                None => finding,
            };
            cx.report(finding);
        }
    }
}
