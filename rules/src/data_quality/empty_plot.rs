//! NB314 empty-plot.

use nbvet_engine::{
    Check, Finding, Row, Run, RunContext, RunRule,
    ast::{Expr, ExprCall, Ranged, Visitor, visitor, with_stack},
};
use nbvet_report::{Fact, Level};

use crate::{analysis::calls, macros::rule};

rule! {
    /// A figure that was drawn and shows nothing.
    ///
    /// ## Why it matters
    ///
    /// An empty frame around nothing is what a plot of an empty selection, or of values that are all NaN, looks like. No
    /// error says so, and in a report of many pages nobody notices. This is seen when the notebook runs.
    ///
    /// A figure that a cell only sets up (`plt.subplots()`), and one in which only some of the axes are empty, are
    /// left alone.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import matplotlib.pyplot as plt
    ///
    /// hours, load = [0, 6, 12, 18], [30, 45, 80, 60]
    /// # %%
    /// peak = [(hour, value) for hour, value in zip(hours, load) if value > 800]
    /// plt.plot([hour for hour, _ in peak], [value for _, value in peak])
    /// plt.show()
    /// ```
    ///
    /// ```python good
    /// import matplotlib.pyplot as plt
    ///
    /// hours, load = [0, 6, 12, 18], [30, 45, 80, 60]
    /// # %%
    /// peak = [(hour, value) for hour, value in zip(hours, load) if value > 40]
    /// plt.plot([hour for hour, _ in peak], [value for _, value in peak])
    /// plt.show()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Look at what is plotted: `assert len(peak) > 0`.
    "NB314" "empty-plot",
    group: DataQuality,
    row: Row::From(Level::Staging),
    since: "0.1.0",
    check: Check::Run(&EmptyPlot),
}

struct EmptyPlot;

impl RunRule for EmptyPlot {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        for cell in run.cells {
            let is_empty =
                |fact: &Fact| matches!(fact, Fact::Figure { axes, empty } if *axes > 0 && axes == empty);
            let Some(parsed) = cx.cell(cell) else { continue };
            if !cell.facts.iter().any(is_empty) || parsed.may_raise() {
                continue;
            }
            let Some(call) = drawing(parsed.body()) else {
                continue;
            };
            let Some(position) = cx.model().position_of(cell.cell) else {
                continue;
            };
            cx.report(
                Finding::new(
                    cx.model().location(position, call.range()),
                    format!(
                        "this figure shows nothing: `{}` got no points, or only such as are no numbers",
                        calls::name(call)
                    ),
                )
                .because("An empty selection, or values that are all NaN, look like this; no error says so.")
                .help("look at what is plotted, and check that it is not empty"),
            );
        }
    }
}

/// What draws data.
const DRAW: &[&str] = &[
    "plot",
    "scatter",
    "bar",
    "barh",
    "hist",
    "step",
    "fill_between",
    "errorbar",
    "boxplot",
    "violinplot",
    "imshow",
    "pcolormesh",
    "contour",
    "contourf",
    "lineplot",
    "scatterplot",
    "barplot",
    "histplot",
    "kdeplot",
    "semilogx",
    "semilogy",
    "loglog",
    "stem",
    "stackplot",
    "plot_date",
    "line",
];

/// The first call of a cell that draws data.
fn drawing(body: &[nbvet_engine::ast::Stmt]) -> Option<&ExprCall> {
    struct Drawing<'a>(Option<&'a ExprCall>);
    impl<'a> Visitor<'a> for Drawing<'a> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Call(call) = expression
                && DRAW.contains(&calls::name(call))
                && (!call.arguments.is_empty() || call.func.is_attribute_expr())
                && self.0.is_none()
            {
                self.0 = Some(call);
            }
            with_stack(|| visitor::walk_expr(self, expression));
        }
    }
    let mut drawing = Drawing(None);
    drawing.visit_body(body);
    drawing.0
}
