//! NB204 except-return-default.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{ExceptHandler, Expr, Stmt, StmtFunctionDef, StmtTry},
};

use crate::{
    analysis::{
        calls, columns,
        handlers::{self, Reaction},
        harm,
    },
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
    standing: NoErrors,
    since: "0.1.0",
    check: Check::Static(&ExceptReturnDefault),
}

pub(super) struct ExceptReturnDefault;

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
            let subject = handlers::subject(&at);
            let spelling = handlers::spelling(handler);
            let finding =
                Finding::new(at, format!("`{spelling}` puts a constant in the place of the result"))
                    .because("Any error, a wrong path as much as a bug, now looks like an ordinary value.")
                    .help("let the error reach the caller, or catch only the exception for which this constant is right")
                    .lowered_if(harm::is_little(cx, attempt, handler) || is_missing_value(cx, attempt, handler))
                    .about(subject);
            let finding = match cx.function() {
                Some(function) => finding.about(format!("function:{}", function.name)),
                None => finding,
            };
            cx.report(finding);
        }
    }
}

/// `try: return text.split()[0]`, `except: return nan` in a function that fills a column: one expression on the
/// function's parameter, and in its place the value that columns have for what is missing.
fn is_missing_value(cx: &Context<'_, '_>, attempt: &StmtTry, handler: &ExceptHandler) -> bool {
    let Some(function) = cx.function() else {
        return false;
    };
    let ([Stmt::Return(tried)], [Stmt::Return(given)]) = (&*attempt.body, &*handlers::clause(handler).body)
    else {
        return false;
    };
    let is_missing = match given.value.as_deref() {
        None => true,
        Some(value) => is_missing_literal(value),
    };
    is_missing
        && tried
            .value
            .as_deref()
            .is_some_and(|value| is_of_parameter(function, value))
        && columns::only_fills(cx.model(), function)
}

fn is_missing_literal(value: &Expr) -> bool {
    match value {
        Expr::NoneLiteral(_) => true,
        Expr::Attribute(attribute) => matches!(attribute.attr.as_str(), "nan" | "NaN" | "NA" | "NaT"),
        Expr::Call(call) => calls::name(call) == "float",
        _ => false,
    }
}

/// Methods and items of a parameter, and conversions of them.
fn is_of_parameter(function: &StmtFunctionDef, value: &Expr) -> bool {
    match value {
        Expr::Name(name) => {
            (function.parameters.iter()).any(|parameter| parameter.name().as_str() == name.id.as_str())
        }
        Expr::Attribute(attribute) => is_of_parameter(function, &attribute.value),
        Expr::Subscript(subscript) => is_of_parameter(function, &subscript.value),
        Expr::Call(call) => match (&*call.func, &*call.arguments.args) {
            (Expr::Attribute(method), _) => is_of_parameter(function, &method.value),
            (Expr::Name(conversion), [argument]) => {
                matches!(conversion.id.as_str(), "float" | "int" | "str" | "len")
                    && is_of_parameter(function, argument)
            }
            _ => false,
        },
        _ => false,
    }
}
