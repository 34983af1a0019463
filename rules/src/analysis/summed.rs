//! Whether a notebook sums a table up below a place: then a figure is made even of a table without rows.

use nbvet_engine::{
    Model,
    ast::{Expr, ExprCall, Ranged, Stmt, Visitor, visitor, with_stack},
};

use super::{
    calls,
    steps::{Point, root},
};

/// What makes a figure of many values, and one of none: 0 or NaN.
const SUMS: &[&str] = &[
    "sum",
    "nansum",
    "fsum",
    "mean",
    "nanmean",
    "fmean",
    "average",
    "median",
    "nanmedian",
    "quantile",
    "percentile",
    "min",
    "max",
    "std",
    "var",
    "prod",
    "corr",
    "cov",
    "agg",
    "aggregate",
    "pivot_table",
    "crosstab",
];

/// A sum, mean or the like is made of the name, below a place and before the name is given another value.
pub(crate) fn is_summed_up(model: &Model<'_>, name: &str, below: Point) -> bool {
    let mut sums = Sums { name, found: false };
    for (position, cell) in model.parsed().cells().iter().enumerate().skip(below.0) {
        for statement in cell.body() {
            if (position, statement.start().to_u32()) <= below {
                continue;
            }
            sums.visit_stmt(statement);
            if sums.found || gives_another_value(statement, name) {
                return sums.found;
            }
        }
    }
    false
}

fn gives_another_value(statement: &Stmt, name: &str) -> bool {
    let is_name = |target: &Expr| matches!(target, Expr::Name(found) if found.id.as_str() == name);
    matches!(statement, Stmt::Assign(assign) if assign.targets.iter().any(is_name))
}

struct Sums<'n> {
    name: &'n str,
    found: bool,
}

impl Sums<'_> {
    /// `name["a"].sum()`, `np.mean(name["a"])`.
    fn is_of_name(&self, call: &ExprCall) -> bool {
        let arguments = call.arguments.args.iter().take(2);
        root(&call.func) == Some(self.name) || arguments.into_iter().any(|one| root(one) == Some(self.name))
    }
}

impl<'a> Visitor<'a> for Sums<'_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression {
            self.found |= SUMS.contains(&calls::name(call)) && self.is_of_name(call);
        }
        with_stack(|| visitor::walk_expr(self, expression));
    }
}
