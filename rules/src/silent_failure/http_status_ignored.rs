//! NB210 http-status-ignored.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged, Stmt},
};

use crate::{
    analysis::{
        around::Around,
        calls, handlers,
        responses::{self, Life, Read},
    },
    macros::rule,
};

rule! {
    /// The answer of a web request, used without a look at its status.
    ///
    /// ## Why it matters
    ///
    /// `requests.get` raises nothing when the server says 404, 429 or 500: the page that tells of the error is an
    /// answer like any other. It is then saved as the data file, parsed as the table, or given back as the result.
    ///
    /// An answer that goes straight into something that refuses an error page (`Image.open`, `ZipFile`, a key of
    /// `.json()`) is left alone: that raises. One that is only printed counts one severity less.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import requests
    ///
    /// answer = requests.get("https://example.org/rates.csv", timeout=30)
    /// with open("rates.csv", "w") as file:
    ///     file.write(answer.text)
    /// ```
    ///
    /// ```python good
    /// import requests
    ///
    /// answer = requests.get("https://example.org/rates.csv", timeout=30)
    /// answer.raise_for_status()
    /// with open("rates.csv", "w") as file:
    ///     file.write(answer.text)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Call `raise_for_status()` on the answer before you use it, or compare its `status_code`.
    "NB210" "http-status-ignored",
    group: SilentFailure,
    row: Row::Hidden,
    since: "0.1.0",
    check: Check::Static(&HttpStatusIgnored),
}

struct HttpStatusIgnored;

/// Functions that ask a server and give its answer.
const ASKING: &[&str] = &["get", "post", "put", "patch", "request"];

impl StaticRule for HttpStatusIgnored {
    fn visits(&self) -> Visits {
        Visits::CALL
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Call(call) = node else { return };
        let name = calls::name(call);
        if !ASKING.contains(&name) || !asks(cx, call) {
            return;
        }
        let Some(life) = responses::life_of(cx, call) else {
            return;
        };
        let Some(read) = unchecked(cx, &life) else { return };
        let callee = cx.source(call.func.range());
        let body = read.attribute.attr.as_str();
        let is_kept = read
            .around
            .expressions
            .iter()
            .all(|outer| outer.range() != call.range());
        let subject = match &*read.attribute.value {
            Expr::Name(name) if is_kept => format!("`{}.{body}`", name.id),
            _ => format!("its `{body}`"),
        };
        let help = match &*read.attribute.value {
            Expr::Name(name) => format!(
                "call `{}.raise_for_status()` before its `{body}` is used",
                name.id
            ),
            _ => format!("keep the answer in a name, and call `raise_for_status()` on it before `{body}`"),
        };
        let finding = Finding::new(
            cx.at(call.range()),
            format!(
                "nobody looks whether `{callee}(…)` was answered with an error; {subject} is used as it is"
            ),
        )
        .because("A page that says 404 or 500 raises nothing: it takes the place of the data.")
        .help(help)
        .lowered_if(life.reads.iter().filter(|read| is_body(read)).all(is_shown));
        let place = cx.model().location(read.cell, read.attribute.range());
        let far = read.cell != cx.position() || !call.range().contains_range(read.attribute.value.range());
        cx.report(if far {
            finding.label(place, "used here")
        } else {
            finding
        });
    }
}

/// `requests.get`, `httpx.post` and their like.
fn asks<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> bool {
    cx.model().qualified_name(&call.func).is_some_and(|name| {
        matches!(
            name.segments(),
            ["requests" | "httpx", _] | ["requests", "api", _]
        )
    })
}

/// The first use of the body that would not raise by itself, where the status is looked at nowhere.
fn unchecked<'l, 'a>(cx: &Context<'a, '_>, life: &'l Life<'a>) -> Option<&'l Read<'a>> {
    let looked_at = |name: &str| {
        matches!(
            name,
            "raise_for_status"
                | "ok"
                | "status_code"
                | "reason"
                | "is_success"
                | "is_error"
                | "history"
                | "headers"
        )
    };
    if life.leaves || life.has(looked_at) {
        return None;
    }
    life.reads
        .iter()
        .find(|read| is_body(read) && !is_refused(cx, read))
}

fn is_body(read: &Read<'_>) -> bool {
    matches!(
        read.attribute.attr.as_str(),
        "json"
            | "text"
            | "content"
            | "raw"
            | "iter_content"
            | "iter_lines"
            | "read"
            | "iter_bytes"
            | "iter_text"
    )
}

/// The body goes into something that refuses an error page: that raises.
fn is_refused(cx: &Context<'_, '_>, read: &Read<'_>) -> bool {
    let around = &read.around;
    let by_key = around.expressions.iter().any(|outer| outer.is_subscript_expr()) || is_looked_up(cx, read);
    around.expressions.iter().any(|outer| match outer {
        Expr::Call(call) => match calls::name(call) {
            "ZipFile" | "open" | "load" | "load_workbook" | "extractall" | "imread" | "fromstring" => true,
            // An error page has no such key.
            "loads" | "json" => by_key,
            _ => false,
        },
        _ => false,
    })
}

/// `answer = response.json()`, and then `answer["rates"]`.
fn is_looked_up(cx: &Context<'_, '_>, read: &Read<'_>) -> bool {
    let Some(Stmt::Assign(assign)) = read.around.statement() else {
        return false;
    };
    let ([Expr::Name(name)], Expr::Call(call)) = (&*assign.targets, &*assign.value) else {
        return false;
    };
    let direct = matches!(calls::name(call), "json" | "loads");
    let model = cx.model();
    let kept = model.bindings_within(read.cell, name.range()).next();
    direct
        && kept.is_some_and(|(id, _)| {
            model.uses_of(id).any(|reference| {
                let place = reference.place;
                let parent = Around::of(model, place.cell, place.range()).parent();
                matches!(parent, Some(Expr::Subscript(subscript)) if subscript.value.range() == place.range())
            })
        })
}

/// The body is only printed: who reads the output sees the error page.
fn is_shown(read: &Read<'_>) -> bool {
    match (read.around.statement(), &*read.around.expressions) {
        (Some(Stmt::Expr(_)), []) => true,
        (Some(Stmt::Expr(_)), [Expr::Call(call), ..]) => {
            handlers::is_print(call) || call.func.range() == read.attribute.range()
        }
        _ => false,
    }
}
