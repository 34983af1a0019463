//! NB605 non-idempotent-update.

use std::collections::BTreeSet;

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprName, Number, Operator, Ranged, Stmt, TextRange},
    model::{Place, ScopeId, Tag},
};
use nbvet_report::Level;

use crate::macros::rule;

rule! {
    /// Data of an earlier cell that is rescaled in place: running the cell twice rescales it twice.
    ///
    /// ## Why it matters
    ///
    /// In a notebook cells are run again and again. A column that is divided by 100, pixels that are divided by 255 or
    /// a logarithm that is put in the place of its argument are wrong after the second run, and nothing shows it: the
    /// figures are still numbers.
    ///
    /// Only the rescaling of tables and arrays by a constant, or by a function such as `np.log`, is reported, where the
    /// data come from an earlier cell and the cell does not make them afresh.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    /// sales = pd.read_csv("sales.csv")
    /// # %%
    /// sales["price"] = sales["price"] / 100
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    /// sales = pd.read_csv("sales.csv")
    /// # %%
    /// sales["price_eur"] = sales["price"] / 100
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Give the result a name or a column of its own, or do it in the cell that makes the data.
    "NB605" "non-idempotent-update",
    group: State,
    row: Row::From(Level::Development),
    standing: Lower,
    since: "0.1.0",
    check: Check::Static(&NonIdempotentUpdate),
}

struct NonIdempotentUpdate;

/// Functions that give another value when they are applied to their own result.
const FUNCTIONS: &[&str] = &["log", "log1p", "log10", "log2", "sqrt", "exp", "expm1", "square"];

/// The largest value of a pixel: who divides by it has images.
const PIXEL: f64 = 255.0;

impl StaticRule for NonIdempotentUpdate {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        for (position, cell) in model.parsed().cells().iter().enumerate() {
            let mut set = BTreeSet::new();
            let mut updates = Vec::new();
            for statement in cell.body() {
                let update = update(statement).filter(|update| is_data(model, update));
                if let Some(update) = update
                    && !set.contains(&(update.root.id.as_str(), update.column.unwrap_or_default()))
                    && let Some(made) = made_earlier(model, position, &update)
                {
                    updates.push((statement.range(), cell.slice(update.target.range()), made));
                }
                set.extend(stored_columns(statement));
            }
            // One cell is one fault, however many columns it rescales.
            if let Some((range, target, made)) = updates.first() {
                cx.report(finding(model, position, *range, target, *made, updates.len() - 1));
            }
        }
    }
}

/// `target = target / 255`, `table["column"] *= 2`.
struct Update<'a> {
    target: &'a Expr,
    root: &'a ExprName,
    /// The name where its value is read.
    read: &'a Expr,
    column: Option<&'a str>,
    factor: Option<f64>,
}

fn update(statement: &Stmt) -> Option<Update<'_>> {
    let (target, data, factor) = match statement {
        Stmt::Assign(assign) => {
            let [target] = assign.targets.as_slice() else {
                return None;
            };
            let (data, factor) = rescaled(&assign.value)?;
            is_same(data, target).then_some((target, data, factor))?
        }
        Stmt::AugAssign(assign) if matches!(assign.op, Operator::Mult | Operator::Div) => {
            (&*assign.target, &*assign.target, Some(number(&assign.value)?))
        }
        _ => return None,
    };
    let (root, column) = match target {
        Expr::Name(name) => (name, None),
        Expr::Subscript(subscript) => match (&*subscript.value, &*subscript.slice) {
            (Expr::Name(name), Expr::StringLiteral(column)) => (name, Some(column.value.to_str())),
            _ => return None,
        },
        _ => return None,
    };
    (factor != Some(1.0)).then_some(Update {
        target,
        root,
        read: read(data),
        column,
        factor,
    })
}

/// The name at the root of `data["column"].astype(float)`.
fn read(data: &Expr) -> &Expr {
    let mut root = data;
    loop {
        root = match root {
            Expr::Subscript(subscript) => &subscript.value,
            Expr::Call(call) => &call.func,
            Expr::Attribute(attribute) => &attribute.value,
            _ => return root,
        };
    }
}

/// Data times or by a number, which is given, or a function of data.
fn rescaled(value: &Expr) -> Option<(&Expr, Option<f64>)> {
    match value {
        Expr::BinOp(operation) if matches!(operation.op, Operator::Mult | Operator::Div) => {
            let (data, factor) = match number(&operation.right) {
                Some(factor) => (&operation.left, factor),
                None if operation.op == Operator::Mult => (&operation.right, number(&operation.left)?),
                None => return None,
            };
            Some((&**data, Some(factor)))
        }
        Expr::Call(call) => {
            let Expr::Attribute(function) = &*call.func else {
                return None;
            };
            let [argument] = &*call.arguments.args else {
                return None;
            };
            let is_known = FUNCTIONS.contains(&function.attr.as_str()) && call.arguments.keywords.is_empty();
            is_known.then_some((argument, None))
        }
        _ => None,
    }
}

/// The expression is the target, or the target in another type or shape.
fn is_same(data: &Expr, target: &Expr) -> bool {
    match (data, target) {
        (Expr::Name(one), Expr::Name(other)) => one.id == other.id,
        (Expr::Subscript(one), Expr::Subscript(other)) => {
            let is_one_column = match (&*one.slice, &*other.slice) {
                (Expr::StringLiteral(one), Expr::StringLiteral(other)) => {
                    one.value.to_str() == other.value.to_str()
                }
                _ => false,
            };
            is_one_column && is_same(&one.value, &other.value)
        }
        (Expr::Call(call), _) => match &*call.func {
            Expr::Attribute(method) => {
                matches!(method.attr.as_str(), "astype" | "reshape") && is_same(&method.value, target)
            }
            _ => false,
        },
        _ => false,
    }
}

fn number(expression: &Expr) -> Option<f64> {
    let Expr::NumberLiteral(literal) = expression else {
        return None;
    };
    match &literal.value {
        Number::Int(value) => value.as_u16().map(f64::from),
        Number::Float(value) => Some(*value),
        Number::Complex { .. } => None,
    }
}

/// The target is a table, a column or an array, as far as anybody can tell.
fn is_data<'a>(model: &Model<'a>, update: &Update<'a>) -> bool {
    let tag = model.tag(update.read);
    match update.column {
        Some(_) => matches!(tag, None | Some(Tag::DataFrame)),
        // An unknown name may be a counter or a setting; those are not handed to `np.log`.
        None => {
            (tag.is_none() && (update.factor == Some(PIXEL) || update.factor.is_none()))
                || matches!(tag, Some(Tag::DataFrame | Tag::Series | Tag::NdArray))
        }
    }
}

/// Where an earlier cell makes the data, if this one does not make them before the update.
fn made_earlier(model: &Model<'_>, position: usize, update: &Update<'_>) -> Option<Place> {
    let ids = model.bindings_named(ScopeId::NOTEBOOK, update.root.id.as_str());
    let here = (position, update.target.start().to_u32());
    let above = ids.partition_point(|id| {
        let place = model.binding(*id).place;
        (place.cell, place.start) < here
    });
    let made = model.binding(*ids.get(above.checked_sub(1)?)?).place;
    (made.cell < position).then_some(made)
}

/// The columns that a statement stores into, with their tables.
fn stored_columns(statement: &Stmt) -> impl Iterator<Item = (&str, &str)> {
    let targets = match statement {
        Stmt::Assign(assign) => assign.targets.as_slice(),
        _ => &[],
    };
    targets.iter().filter_map(|target| match target {
        Expr::Subscript(subscript) => match (&*subscript.value, &*subscript.slice) {
            (Expr::Name(name), Expr::StringLiteral(key)) => Some((name.id.as_str(), key.value.to_str())),
            _ => None,
        },
        _ => None,
    })
}

fn finding(
    model: &Model<'_>,
    position: usize,
    range: TextRange,
    target: &str,
    made: Place,
    more: usize,
) -> Finding {
    let others = if more == 0 {
        String::new()
    } else {
        format!(", and {more} more")
    };
    Finding::new(
        model.location(position, range),
        format!("each run of this cell rescales `{target}` anew{others}"),
    )
    .because("Run twice, as cells in a notebook are, the data are wrong and nothing shows it.")
    .help(format!(
        "give the result a name of its own, or rescale `{target}` in the cell that makes it"
    ))
    .label(
        model.location_of(made),
        "the data are made in this cell, which is not run again",
    )
    .about(format!("update:{target}"))
}
