//! NB404 discarded-pure-result.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged, Stmt, StmtExpr, TextRange},
    model::Tag,
};
use nbvet_report::{Applicability, Level};

use crate::{
    analysis::{around::Around, calls},
    macros::rule,
};

rule! {
    /// A method that gives a changed copy, called for nothing: the copy is thrown away.
    ///
    /// ## Why it matters
    ///
    /// `df.dropna()`, `df.drop(columns=…)`, `series.replace(…)` and `text.strip()` change nothing: they return a new
    /// object. On a line of its own in the middle of a cell, or in a function or loop, its result is not even shown.
    /// The rows, columns or signs that were to go are still there.
    ///
    /// So do `series.str.strip()` and `pd.to_numeric(series)`.
    ///
    /// A cell's last expression is shown, and left alone. The object must surely be a frame, a series or a text.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// sales = pd.read_csv("sales.csv")
    /// sales.dropna()
    /// mean = sales["amount"].mean()
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// sales = pd.read_csv("sales.csv")
    /// sales = sales.dropna()
    /// mean = sales["amount"].mean()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Keep the result: `sales = sales.dropna()`; or take the line out.
    "NB404" "discarded-pure-result",
    group: ApiMisuse,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Static(&DiscardedPureResult),
}

struct DiscardedPureResult;

/// Methods of frames and series that return the changed object and leave the old one as it is.
const OF_FRAMES: &[&str] = &[
    "assign",
    "astype",
    "bfill",
    "clip",
    "drop",
    "drop_duplicates",
    "dropna",
    "ffill",
    "fillna",
    "interpolate",
    "join",
    "mask",
    "melt",
    "merge",
    "query",
    "reindex",
    "rename",
    "replace",
    "reset_index",
    "round",
    "set_index",
    "shift",
    "sort_index",
    "sort_values",
    "where",
];

const OF_TEXTS: &[&str] = &[
    "capitalize",
    "casefold",
    "lower",
    "lstrip",
    "removeprefix",
    "removesuffix",
    "replace",
    "rstrip",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

impl StaticRule for DiscardedPureResult {
    fn visits(&self) -> Visits {
        Visits::EXPRESSION
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Expression(statement) = node else { return };
        let Expr::Call(call) = &*statement.value else {
            return;
        };
        let Some((kind, receiver)) = pure(cx, call) else {
            return;
        };
        if is_shown(cx, statement) || is_tried(cx, statement.range()) {
            return;
        }
        let method = calls::name(call);
        let object = cx.source(receiver.range());
        let object = object.lines().next().unwrap_or_default();
        let finding = Finding::new(
            cx.at(call.range()),
            format!("`{object}` stays as it was: `{method}` gives a new {kind}, and nobody keeps it"),
        )
        .because(format!(
            "Everything that uses `{object}` from here on works without this change."
        ));
        let function = cx.source(call.func.range());
        let direct = matches!(&*call.func, Expr::Attribute(found) if found.value.is_name_expr() || is_str(&found.value));
        cx.report(if direct {
            let edit = cx.edit(TextRange::empty(call.start()), format!("{object} = "));
            finding
                .help(format!("write `{object} = {function}(…)`, or take the line out"))
                .fix("keep the result", Applicability::Unsafe, vec![edit])
        } else {
            finding.help("keep the result in a name, or take the line out")
        });
    }
}

/// The method only gives a new object: what kind of object, and which expression stays as it was.
fn pure<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<(&'static str, &'a Expr)> {
    if let Some(converted) = converted(cx, call) {
        return Some(("series", converted));
    }
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let name = calls::name(call);
    let in_place = ["inplace", "out", "copy"]
        .iter()
        .any(|word| call.arguments.find_keyword(word).is_some())
        || call
            .arguments
            .keywords
            .iter()
            .any(|keyword| keyword.arg.is_none());
    if in_place || !(OF_FRAMES.contains(&name) || OF_TEXTS.contains(&name)) {
        return None;
    }
    let receiver = &*method.value;
    if let Expr::Attribute(texts) = receiver
        && is_str(receiver)
        && is_series(cx, &texts.value)
    {
        return OF_TEXTS.contains(&name).then_some(("series", &*texts.value));
    }
    let (methods, kind) = match cx.model().tag(receiver) {
        Some(Tag::DataFrame) => (OF_FRAMES, "frame"),
        Some(Tag::Series) => (OF_FRAMES, "series"),
        Some(Tag::Str) => (OF_TEXTS, "text"),
        // `frame.column`, `frame.index`: their methods of these names change nothing either.
        None if is_part_of_frame(cx, receiver) => (OF_FRAMES, "series"),
        _ => return None,
    };
    // A literal in front has no name that could have been meant to change.
    methods.contains(&name).then_some((kind, rooted(receiver)?))
}

/// The column in `pd.to_numeric(frame["a"])`.
fn converted<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<&'a Expr> {
    let name = cx.model().qualified_name(&call.func)?;
    let converts = name.is_any(&["pandas.to_numeric", "pandas.to_datetime", "pandas.to_timedelta"]);
    let column = call.arguments.args.first()?;
    (converts && is_series(cx, column)).then_some(column)
}

/// `series.str`, whose methods are those of texts.
fn is_str(receiver: &Expr) -> bool {
    matches!(receiver, Expr::Attribute(part) if part.attr.as_str() == "str")
}

fn is_series<'a>(cx: &Context<'a, '_>, column: &'a Expr) -> bool {
    let is_place = matches!(column, Expr::Name(_) | Expr::Subscript(_) | Expr::Attribute(_));
    is_place && (cx.model().tag(column) == Some(Tag::Series) || is_part_of_frame(cx, column))
}

fn is_part_of_frame<'a>(cx: &Context<'a, '_>, receiver: &'a Expr) -> bool {
    matches!(receiver, Expr::Attribute(attribute) if cx.model().tag(&attribute.value) == Some(Tag::DataFrame))
}

/// What stays as it was: `frame` of `frame.sample(5).reset_index()`.
fn rooted(expression: &Expr) -> Option<&Expr> {
    let mut expression = expression;
    loop {
        match expression {
            Expr::Name(_) | Expr::Subscript(_) | Expr::Attribute(_) => return Some(expression),
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => expression = &method.value,
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// IPython shows the last expression of a cell, and of every line where it is told so.
fn is_shown(cx: &Context<'_, '_>, statement: &StmtExpr) -> bool {
    let last = cx.cell().body().last();
    let is_last = matches!(last, Some(Stmt::Expr(found)) if std::ptr::eq(found, statement));
    let embedded =
        !cx.cell().body().iter().any(|outer| {
            outer.range().contains_range(statement.range()) && !outer.is_ipy_escape_command_stmt()
        });
    let magics = cx.cell().text().starts_with('%') || has_cell_magic(cx);
    is_last || embedded || magics || shows_everything(cx)
}

/// `%%timeit` and its like: the code is run to be measured.
fn has_cell_magic(cx: &Context<'_, '_>) -> bool {
    cx.cell().cell.source.trim_start().starts_with("%%time")
}

fn shows_everything(cx: &Context<'_, '_>) -> bool {
    let cells = cx.model().parsed().cells();
    cells
        .iter()
        .any(|cell| cell.text().contains("ast_node_interactivity"))
}

/// In a `try`: the call may be there to show that it raises.
fn is_tried(cx: &Context<'_, '_>, range: TextRange) -> bool {
    let around = Around::of(cx.model(), cx.position(), range);
    cx.cell().may_raise()
        || around
            .statements
            .iter()
            .any(|statement| matches!(statement, Stmt::Try(_) | Stmt::With(_)))
}
