//! Fixes that several rules share.

use nbvet_engine::{
    Context, Escape,
    ast::{ExceptHandler, Ranged, Stmt, TextRange, TextSize},
};
use nbvet_report::Edit;

use crate::analysis::handlers;

/// What a fix with [`raise_again`] does.
pub(crate) const RAISE: &str = "`raise` the error again";

/// `raise` at the handler's end, in the place of a last statement that does nothing.
pub(crate) fn raise_again(cx: &Context<'_, '_>, handler: &ExceptHandler) -> Option<Edit> {
    let last = handlers::clause(handler).body.last()?;
    match last {
        Stmt::Pass(_) | Stmt::Continue(_) => Some(cx.edit(last.range(), "raise")),
        Stmt::Expr(expression) if expression.value.is_ellipsis_literal_expr() => {
            Some(cx.edit(last.range(), "raise"))
        }
        Stmt::Expr(_) => line_below(cx, last.range(), "raise"),
        _ => None,
    }
}

/// The check of a command's status on the line below it.
pub(crate) fn status_check(cx: &Context<'_, '_>, command: Escape<'_>) -> Option<Edit> {
    line_below(cx, command.range, "assert _exit_code == 0")
}

/// A line of code below a statement, with the statement's own indentation; `None` where the statement does not begin
/// its line or does not end it.
fn line_below(cx: &Context<'_, '_>, statement: TextRange, code: &str) -> Option<Edit> {
    let source = cx.cell().cell.source.as_str();
    let range = cx.cell().source_range(statement);
    let line = source[..range.start].rfind('\n').map_or(0, |end| end + 1);
    let indent = &source[line..range.start];
    let text = cx.cell().text();
    let rest = text[statement.end().to_usize()..].split('\n').next()?;
    let comment = rest.trim_start();
    if !indent.trim().is_empty() || !(comment.is_empty() || comment.starts_with('#')) {
        return None;
    }
    let end = statement.end() + TextSize::of(rest.trim_end());
    let own_line = source[range.end..].split_inclusive('\n').next();
    let newline = if own_line.is_some_and(|line| line.ends_with("\r\n")) {
        "\r\n"
    } else {
        "\n"
    };
    Some(cx.edit(TextRange::empty(end), format!("{newline}{indent}{code}")))
}
