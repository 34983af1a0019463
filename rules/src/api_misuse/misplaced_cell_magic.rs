//! NB407 misplaced-cell-magic.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{IpyEscapeKind, TextRange, TextSize},
};
use nbvet_report::{Applicability, Edit};

use crate::macros::rule;

rule! {
    /// A `%%magic` that is not the first line of its cell.
    ///
    /// ## Why it matters
    ///
    /// A cell magic takes the whole cell and must be its first line. Anywhere else IPython looks for a line magic of
    /// that name, finds none, and the cell stops with a `UsageError`.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// total = 0
    /// %%time
    /// for row in range(1_000_000):
    ///     total += row
    /// ```
    ///
    /// ```python good
    /// %%time
    /// total = 0
    /// for row in range(1_000_000):
    ///     total += row
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Move the line to the top of the cell, above comments too; or use the line magic (`%time call()`) for one
    /// statement.
    "NB407" "misplaced-cell-magic",
    group: ApiMisuse,
    row: Row::Certain,
    foresees_exception: true,
    since: "0.1.0",
    check: Check::Static(&MisplacedCellMagic),
}

struct MisplacedCellMagic;

impl StaticRule for MisplacedCellMagic {
    fn visits(&self) -> Visits {
        Visits::ESCAPE
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Escape(escape) = node else { return };
        if escape.kind != IpyEscapeKind::Magic2 || cx.cell().may_raise() {
            return;
        }
        let name = escape.value.split_whitespace().next().unwrap_or_default();
        let line = cx.source(escape.range);
        let finding = Finding::new(
            cx.at(escape.range),
            format!("`%%{name}` is not the first line of its cell: IPython stops with a UsageError"),
        )
        .because("Nothing below it in this cell runs.")
        .help(format!("move `{}` to the top of the cell", line.trim()));
        // `%%timeit` keeps nothing of what its cell binds, and other languages take the Python above for their own.
        let edits = moved(cx, escape.range).filter(|_| matches!(name, "time" | "prun" | "capture"));
        cx.report(match edits {
            Some(edits) => finding.fix("move it to the top of the cell", Applicability::Unsafe, edits),
            None => finding,
        });
    }
}

/// The line goes to the top, with its line end. One that is indented stands within a block: there it was meant for less
/// than the cell.
fn moved(cx: &Context<'_, '_>, magic: TextRange) -> Option<Vec<Edit>> {
    let text = cx.cell().text();
    let (above, below) = text.split_at_checked(magic.start().to_usize())?;
    let line = below.split_inclusive('\n').next()?;
    let range = TextRange::at(magic.start(), TextSize::of(line));
    let top = TextRange::empty(TextSize::from(0));
    above
        .ends_with('\n')
        .then(|| vec![cx.edit(top, format!("{}\n", line.trim_end())), cx.edit(range, "")])
}
