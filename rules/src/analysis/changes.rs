//! Statements at the top of cells that change what a name holds without binding it anew: an item that is set, a list
//! that grows, `inplace=True`.

use nbvet_engine::{
    Model,
    ast::{Expr, ExprCall, Ranged, Stmt},
    model::{Place, Reference},
};

use super::{around::Around, calls, steps};

/// Methods of lists, dicts and sets that change them.
const CHANGING: &[&str] = &[
    "add",
    "append",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
];

/// Methods whose result tells of every column.
const OF_ALL_COLUMNS: &[&str] = &[
    "corr", "count", "describe", "head", "hist", "info", "isna", "isnull", "mean", "sample", "sum", "tail",
    "to_csv",
];

/// One such statement.
pub(crate) struct Change<'a> {
    pub(crate) name: &'a str,
    /// The one column or key that it sets.
    pub(crate) column: Option<&'a str>,
    pub(crate) place: Place,
}

/// Those of a cell, in their order.
pub(crate) fn of_cell<'a>(model: &Model<'a>, position: usize) -> Vec<Change<'a>> {
    let mut found = Vec::new();
    for statement in model.cell(position).body() {
        let parts = match statement {
            Stmt::Assign(assign) => assign.targets.iter().collect(),
            Stmt::AugAssign(assign) => vec![&*assign.target],
            Stmt::Delete(delete) => delete.targets.iter().collect(),
            Stmt::Expr(expression) => vec![&*expression.value],
            _ => continue,
        };
        for part in parts {
            if let Some((name, column)) = changed(part) {
                let place = Place {
                    cell: position,
                    start: part.start().to_u32(),
                    end: part.end().to_u32(),
                };
                found.push(Change { name, column, place });
            }
        }
    }
    found
}

fn changed(part: &Expr) -> Option<(&str, Option<&str>)> {
    match part {
        Expr::Subscript(item) => Some((steps::root(&item.value)?, column_of(part))),
        Expr::Attribute(_) => Some((steps::root(part)?, column_of(part))),
        Expr::Call(call) => {
            let Expr::Attribute(method) = &*call.func else {
                return None;
            };
            let Expr::Name(name) = &*method.value else {
                return None;
            };
            is_changing(call).then_some((name.id.as_str(), None))
        }
        _ => None,
    }
}

fn is_changing(call: &ExprCall) -> bool {
    CHANGING.contains(&calls::name(call)) && !call.arguments.is_empty() || steps::is_set(call, "inplace")
}

/// `column` of `name["column"]` and `name.column`.
fn column_of(part: &Expr) -> Option<&str> {
    match part {
        Expr::Subscript(item) if item.value.is_name_expr() => match &*item.slice {
            Expr::StringLiteral(key) => Some(key.value.to_str()),
            _ => None,
        },
        Expr::Attribute(item) if item.value.is_name_expr() => Some(item.attr.as_str()),
        _ => None,
    }
}

/// What the use gives surely depends on what was changed; `false` also where nobody can say.
pub(crate) fn matters<'a>(model: &Model<'a>, reference: &Reference<'a>, change: &Change<'a>) -> bool {
    let around = Around::of(model, reference.place.cell, reference.place.range());
    let parents = around.expressions.iter().rev();
    let mut parents = parents.copied();
    let (parent, outer) = (parents.next(), parents.next());
    let is_whole = match parent {
        None => matches!(around.statement(), Some(Stmt::Expr(_))),
        Some(Expr::Call(call)) => matches!(
            calls::name(call),
            "print" | "display" | "len" | "sum" | "max" | "min"
        ),
        _ => false,
    };
    let Some(column) = change.column else {
        let is_stored = matches!(parent, Some(Expr::Subscript(part)) if part.ctx.is_store());
        let is_method = matches!(parent, Some(Expr::Attribute(_)));
        return is_whole || (!is_method && !is_stored && parent.is_some());
    };
    match parent {
        Some(part @ Expr::Subscript(item)) => !item.ctx.is_store() && column_of(part) == Some(column),
        Some(part @ Expr::Attribute(item)) => {
            let shows_all =
                matches!(outer, Some(Expr::Call(_))) && OF_ALL_COLUMNS.contains(&item.attr.as_str());
            column_of(part) == Some(column) || shows_all
        }
        _ => is_whole,
    }
}
