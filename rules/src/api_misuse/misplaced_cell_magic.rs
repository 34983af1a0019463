//! NB407 misplaced-cell-magic.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{IpyEscapeKind, TextSize},
};
use nbvet_report::Applicability;

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
        let is_alone = matches!(name, "time" | "timeit" | "prun" | "capture");
        let top = nbvet_engine::ast::TextRange::empty(TextSize::from(0));
        cx.report(if is_alone {
            let edits = vec![
                cx.edit(top, format!("{}\n", line.trim())),
                cx.edit(escape.range, ""),
            ];
            finding.fix("move it to the top of the cell", Applicability::Unsafe, edits)
        } else {
            finding
        });
    }
}
