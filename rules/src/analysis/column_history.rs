//! Columns that a cell below had set when a cell that reads them was run: the part of the history that bindings of
//! names do not show.

use std::collections::{BTreeMap, BTreeSet};

use nbvet_engine::{
    Model,
    ast::{Expr, ExprName, ExprSubscript, Ranged, Stmt, Visitor, visitor, with_stack},
    model::Place,
};

use super::history::{self, History};

/// A column that is set more often is one of a program, not of a table.
const MAX_STORES: usize = 64;

/// `table["column"]`, read where another cell had set it.
pub(crate) struct ColumnRead<'a> {
    /// The table.
    pub(crate) name: &'a str,
    /// The column.
    pub(crate) column: &'a str,
    /// Where it is read.
    pub(crate) read: Place,
    /// Where it was set, further below.
    pub(crate) set: Place,
}

/// A store into a column: when its cell ran, where, and what is stored.
type Store<'a> = (u32, Place, &'a str);

/// Reads of columns that a later-standing cell had set by then, and no cell has set since, in the order of the cells.
pub(crate) fn set_below<'a>(model: &Model<'a>, history: &mut History<'a, '_>) -> Vec<ColumnRead<'a>> {
    let stores = stores(model, history);
    if stores.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (position, cell) in model.parsed().cells().iter().enumerate() {
        let mut reads = Reads::default();
        reads.visit_body(cell.body());
        for (name, column, subscript) in reads.found {
            let read = Place {
                cell: position,
                start: subscript.start().to_u32(),
                end: subscript.end().to_u32(),
            };
            let of_column = stores
                .get(&(name.id.as_str(), column))
                .map_or(&[][..], Vec::as_slice);
            if let Some(set) = set_by_then(model, history, name, position, of_column) {
                found.push(ColumnRead {
                    name: name.id.as_str(),
                    column,
                    read,
                    set,
                });
            }
        }
    }
    found
}

fn set_by_then<'a>(
    model: &Model<'a>,
    history: &mut History<'a, '_>,
    name: &'a ExprName,
    position: usize,
    stores: &[Store<'a>],
) -> Option<Place> {
    let ran = history.count(position)?;
    let before = stores.partition_point(|(count, ..)| *count < ran);
    let (count, set, value) = *stores.get(before.checked_sub(1)?)?;
    let is_below = set.cell > position;
    if !is_below || stores.len() > MAX_STORES || history.raised(position) || history.raised(set.cell) {
        return None;
    }
    // The table itself must be the one that the cell above made, and older than the store.
    let reached = history::reached(model, model.reference_of(name)?)?;
    let bindings = history.bindings(name.id.as_str())?;
    let last = bindings.partition_point(|(made, _)| *made < ran).checked_sub(1)?;
    let (made, binding) = *bindings.get(last)?;
    let is_its_table = made < count && reached == [binding];
    let is_another = stores
        .iter()
        .all(|(_, place, text)| place.cell > position || *text != value);
    (is_its_table && is_another).then_some(set)
}

/// The stores into columns at the top of cells, by table and column, in the order in which their cells ran.
fn stores<'a>(model: &Model<'a>, history: &History<'a, '_>) -> BTreeMap<(&'a str, &'a str), Vec<Store<'a>>> {
    let mut found: BTreeMap<_, Vec<Store<'a>>> = BTreeMap::new();
    for (position, cell) in model.parsed().cells().iter().enumerate() {
        let Some(count) = history.count(position) else {
            continue;
        };
        for statement in cell.body() {
            let Stmt::Assign(assign) = statement else { continue };
            for target in &assign.targets {
                if let Expr::Subscript(subscript) = target
                    && let Some((name, column)) = column_of(subscript)
                {
                    let place = Place {
                        cell: position,
                        start: target.start().to_u32(),
                        end: target.end().to_u32(),
                    };
                    let value = cell.slice(assign.value.range());
                    found
                        .entry((name.id.as_str(), column))
                        .or_default()
                        .push((count, place, value));
                }
            }
        }
    }
    for stores in found.values_mut() {
        stores.sort_unstable();
    }
    found
}

fn column_of(subscript: &ExprSubscript) -> Option<(&ExprName, &str)> {
    match (&*subscript.value, &*subscript.slice) {
        (Expr::Name(name), Expr::StringLiteral(column)) => Some((name, column.value.to_str())),
        _ => None,
    }
}

/// Columns that a cell's own statements read; what it sets first is left out.
#[derive(Default)]
struct Reads<'a> {
    set: BTreeSet<(&'a str, &'a str)>,
    found: Vec<(&'a ExprName, &'a str, &'a ExprSubscript)>,
}

impl<'a> Visitor<'a> for Reads<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            Stmt::Assign(assign) => {
                self.visit_expr(&assign.value);
                for target in &assign.targets {
                    match target {
                        Expr::Subscript(subscript) => {
                            self.set.extend(
                                column_of(subscript).map(|(name, column)| (name.id.as_str(), column)),
                            );
                        }
                        _ => self.visit_expr(target),
                    }
                }
            }
            _ => with_stack(|| visitor::walk_stmt(self, statement)),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if matches!(expression, Expr::Lambda(_)) {
            return;
        }
        if let Expr::Subscript(subscript) = expression
            && let Some((name, column)) = column_of(subscript)
            && !self.set.contains(&(name.id.as_str(), column))
        {
            self.found.push((name, column, subscript));
        }
        with_stack(|| visitor::walk_expr(self, expression));
    }
}
