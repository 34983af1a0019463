//! Arguments of calls as text: taking one out, with its comma.

use nbvet_engine::{
    Context,
    ast::{ExprCall, Keyword, Ranged, TextRange, TextSize},
};
use nbvet_report::Edit;

/// Takes a keyword argument out of a call. `None` where comments or brackets stand around it.
pub(crate) fn removal(cx: &Context<'_, '_>, call: &ExprCall, keyword: &Keyword) -> Option<Edit> {
    let arguments = &call.arguments;
    let ranges: Vec<TextRange> = arguments
        .iter_source_order()
        .map(|argument| argument.range())
        .collect();
    let index = ranges.iter().position(|range| *range == keyword.range())?;
    let is_comma = |range: TextRange| cx.source(range).trim() == ",";
    let before = index.checked_sub(1).map(|before| ranges[before]);
    if let Some(next) = ranges.get(index + 1) {
        return is_comma(TextRange::new(keyword.end(), next.start()))
            .then(|| cx.edit(TextRange::new(keyword.start(), next.start()), ""));
    }
    if let Some(before) = before {
        return is_comma(TextRange::new(before.end(), keyword.start()))
            .then(|| cx.edit(TextRange::new(before.end(), keyword.end()), ""));
    }
    let one = TextSize::from(1);
    let inner = TextRange::new(arguments.start() + one, arguments.end() - one);
    let around = [
        TextRange::new(inner.start(), keyword.start()),
        TextRange::new(keyword.end(), inner.end()),
    ];
    around
        .into_iter()
        .all(|range| matches!(cx.source(range).trim(), "" | ","))
        .then(|| cx.edit(inner, ""))
}
