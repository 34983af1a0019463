//! NB210 http-status-ignored.

use std::path::Path;

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, ExprName, Ranged, Stmt, TextRange},
    model::{BindingId, BindingKind},
};
use nbvet_report::Level;

use crate::{
    analysis::{
        around::Around,
        calls, handlers,
        responses::{self, Life, Read},
        sessions,
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
    row: Row::From(Level::Development),
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
        if is_json_file(cx, call) && life.reads.iter().filter(|read| is_body(read)).all(is_json) {
            return;
        }
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
        .lowered_if(
            life.reads
                .iter()
                .filter(|read| is_body(read))
                .all(|read| is_shown(cx, read)),
        );
        let place = cx.model().location(read.cell, read.attribute.range());
        let far = read.cell != cx.position() || !call.range().contains_range(read.attribute.value.range());
        cx.report(if far {
            finding.label(place, "used here")
        } else {
            finding
        });
    }
}

/// `requests.get`, `httpx.post` and their like, also of a session.
fn asks<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> bool {
    let by_function = cx.model().qualified_name(&call.func).is_some_and(|name| {
        matches!(
            name.segments(),
            ["requests" | "httpx", _] | ["requests", "api", _]
        )
    });
    by_function || sessions::library(cx.model(), call).is_some()
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

/// `requests.get("https://…/labels.json")`: a file, and where it is not, a page that `json()` refuses. Services that answer
/// errors as JSON have other addresses.
fn is_json_file(cx: &Context<'_, '_>, call: &ExprCall) -> bool {
    let Some(address) = call.arguments.find_argument_value("url", 0) else {
        return false;
    };
    let ends = |value: &Expr| {
        let Expr::StringLiteral(text) = value else {
            return false;
        };
        Path::new(text.value.to_str())
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
    };
    let by_name = |name: &ExprName| {
        let bindings = cx.model().certain_bindings(name).unwrap_or_default();
        let is_file =
            |id: &BindingId| matches!(cx.model().binding(*id).kind, BindingKind::Value(value) if ends(value));
        !bindings.is_empty() && bindings.iter().all(is_file)
    };
    ends(address) || address.as_name_expr().is_some_and(by_name)
}

fn is_json(read: &Read<'_>) -> bool {
    read.attribute.attr.as_str() == "json"
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
fn is_refused<'a>(cx: &Context<'a, '_>, read: &Read<'a>) -> bool {
    let around = &read.around;
    let by_key = || {
        around.expressions.iter().any(|outer| outer.is_subscript_expr())
            || uses_of_kept(cx, read).any(|(place, around)| is_looked_into(place, &around))
    };
    let decoded = around.expressions.iter().any(|outer| {
        // An error page has no such key.
        matches!(outer, Expr::Call(call) if matches!(calls::name(call), "loads" | "json"))
    });
    around.expressions.iter().any(|outer| refuses(outer))
        || decoded && by_key()
        || uses_of_kept(cx, read).any(|(_, around)| around.parent().is_some_and(refuses))
        || is_saved(read) && is_unpacked_below(cx, read)
}

/// A call that takes no page of text for what it opens.
fn refuses(outer: &Expr) -> bool {
    let Expr::Call(call) = outer else { return false };
    matches!(
        calls::name(call),
        "ZipFile"
            | "open"
            | "load"
            | "load_workbook"
            | "extractall"
            | "imread"
            | "fromstring"
            | "decode_image"
            | "decode_jpeg"
            | "decode_png"
            | "imdecode"
            | "decompress"
    )
}

/// The body is written to a file.
fn is_saved(read: &Read<'_>) -> bool {
    let writes = |outer: &&Expr| matches!(outer, Expr::Call(call) if matches!(calls::name(call), "write" | "copyfileobj"));
    read.around.expressions.iter().any(writes)
}

/// The same cell opens an archive afterwards, which an error page is not.
fn is_unpacked_below(cx: &Context<'_, '_>, read: &Read<'_>) -> bool {
    let last = cx.model().once(Unpacking::of).0.get(read.cell).copied().flatten();
    last.is_some_and(|last| last >= read.attribute.range().end().to_usize())
}

/// Where in each cell an archive is opened last.
struct Unpacking(Vec<Option<usize>>);

impl Unpacking {
    fn of(model: &Model<'_>) -> Self {
        const OPENED: [&str; 6] = [
            "gzip.open(",
            "ZipFile(",
            "tarfile.open(",
            "unpack_archive(",
            "bz2.open(",
            "lzma.open(",
        ];
        let last = |text: &str| OPENED.iter().filter_map(|opened| text.rfind(opened)).max();
        let cells = model.parsed().cells().iter();
        Self(cells.map(|cell| last(cell.text())).collect())
    }
}

/// `answer = response.json()`: every use of `answer`.
fn uses_of_kept<'a>(cx: &Context<'a, '_>, read: &Read<'a>) -> impl Iterator<Item = (TextRange, Around<'a>)> {
    let model = cx.model();
    let places = kept(cx, read).map(|id| model.uses_of(id).map(|reference| reference.place));
    places
        .into_iter()
        .flatten()
        .map(|place| (place.range(), Around::of(model, place.cell, place.range())))
}

/// The name that keeps the body itself, or what `json` makes of it.
fn kept<'a>(cx: &Context<'a, '_>, read: &Read<'a>) -> Option<BindingId> {
    let Some(Stmt::Assign(assign)) = read.around.statement() else {
        return None;
    };
    let ([Expr::Name(name)], value) = (&*assign.targets, &*assign.value) else {
        return None;
    };
    let direct = match value {
        Expr::Attribute(attribute) => attribute.range() == read.attribute.range(),
        Expr::Call(call) => {
            call.func.range() == read.attribute.range() || matches!(calls::name(call), "json" | "loads")
        }
        _ => false,
    };
    let binding = cx.model().bindings_within(read.cell, name.range()).next();
    direct.then_some(binding?.0)
}

/// `answer["rates"]`.
fn is_looked_into(place: TextRange, around: &Around<'_>) -> bool {
    matches!(around.parent(), Some(Expr::Subscript(subscript)) if subscript.value.range() == place)
}

/// The body is only printed: who reads the output sees the error page.
fn is_shown<'a>(cx: &Context<'a, '_>, read: &Read<'a>) -> bool {
    let alone = match (read.around.statement(), &*read.around.expressions) {
        (Some(Stmt::Expr(_)), []) => true,
        (Some(Stmt::Expr(_)), [Expr::Call(call), ..]) => {
            handlers::is_print(call) || call.func.range() == read.attribute.range()
        }
        _ => false,
    };
    let mut uses = uses_of_kept(cx, read).peekable();
    alone
        || uses.peek().is_some()
            && uses.all(|(_, around)| match (around.statement(), &*around.expressions) {
                (Some(Stmt::Expr(_)), []) => true,
                (Some(Stmt::Expr(_)), [Expr::Call(call)]) => handlers::is_print(call),
                _ => false,
            })
}
