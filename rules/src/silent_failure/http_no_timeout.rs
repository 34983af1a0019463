//! NB216 http-no-timeout.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{ExprCall, Ranged, TextRange, TextSize},
};
use nbvet_report::{Applicability, Edit, Level};

use crate::{
    analysis::{
        calls,
        sessions::{self, Library},
    },
    macros::rule,
};

rule! {
    /// A web request by `requests` without a time limit.
    ///
    /// ## Why it matters
    ///
    /// `requests` waits for ever where no `timeout` is given. A server that takes the connection and says nothing
    /// stops the notebook in the middle: no error, no result, until somebody or a limit from outside ends it.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import requests
    ///
    /// requests.get("https://example.org/rates.csv").raise_for_status()
    /// ```
    ///
    /// ```python good
    /// import requests
    ///
    /// requests.get("https://example.org/rates.csv", timeout=30).raise_for_status()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Give `timeout=` in seconds: how long the server may stay silent.
    "NB216" "http-no-timeout",
    group: SilentFailure,
    row: Row::From(Level::Staging),
    since: "0.1.0",
    check: Check::Static(&HttpNoTimeout),
}

struct HttpNoTimeout;

const ASKING: &[&str] = &[
    "get", "post", "put", "patch", "delete", "head", "options", "request",
];

impl StaticRule for HttpNoTimeout {
    fn visits(&self) -> Visits {
        Visits::CALL
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Call(call) = node else { return };
        if !ASKING.contains(&calls::name(call)) || is_limited(call) {
            return;
        }
        let by_function = cx
            .model()
            .qualified_name(&call.func)
            .is_some_and(|name| matches!(name.segments(), ["requests", _] | ["requests", "api", _]));
        let asks = by_function || sessions::library(cx.model(), call) == Some(Library::Requests);
        if !asks {
            return;
        }
        let callee = cx.source(call.func.range());
        let finding = Finding::new(
            cx.at(call.range()),
            format!("`{callee}(…)` waits for ever when the server does not answer"),
        )
        .because("The notebook hangs at this line, without an error and without a result.")
        .help("give a time limit in seconds: `timeout=30`");
        cx.report(match limit(cx, call) {
            Some(edit) => finding.fix(
                "wait no longer than 30 seconds",
                Applicability::Unsafe,
                vec![edit],
            ),
            None => finding,
        });
    }
}

/// A limit is given, or may be in what is unpacked. `timeout=None` is no limit.
fn is_limited(call: &ExprCall) -> bool {
    call.arguments.keywords.iter().any(|keyword| match &keyword.arg {
        None => true,
        Some(name) => name.as_str() == "timeout" && !keyword.value.is_none_literal_expr(),
    })
}

/// `timeout=30` behind the last argument.
fn limit(cx: &Context<'_, '_>, call: &ExprCall) -> Option<Edit> {
    if call.arguments.find_keyword("timeout").is_some() {
        return None;
    }
    let last = call.arguments.iter_source_order().last()?.range().end();
    let close = call.end() - TextSize::from(1);
    let between = cx.source(TextRange::new(last, close)).trim();
    between
        .is_empty()
        .then(|| cx.edit(TextRange::empty(last), ", timeout=30"))
}
