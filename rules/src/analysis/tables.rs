//! Tables before and after each statement at the top of the cells that ran: which names a statement takes its value
//! from is the model's to say, what these held is told by the facts.

use std::collections::HashMap;

use nbvet_engine::{
    Model, Run,
    ast::{Expr, Ranged, Stmt, Visitor, visitor},
};
use nbvet_report::{CellOutcome, CellRun, Fact, ValueFacts};

use super::steps::{self, Point, names, root};

/// What one statement did to a table.
pub(crate) struct Change<'a> {
    /// Position of the cell.
    pub(crate) cell: usize,
    /// The name that holds the table.
    pub(crate) name: &'a str,
    /// `column` of `name["column"] = value`.
    pub(crate) column: Option<&'a str>,
    /// What it is made by: the value assigned, or the call that changes it in place.
    pub(crate) value: &'a Expr,
    /// The table afterwards.
    pub(crate) after: &'a ValueFacts,
    /// What the names in `value`, and the name itself, held before.
    before: HashMap<&'a str, &'a ValueFacts>,
}

impl<'a> Change<'a> {
    /// Where it stands.
    pub(crate) fn point(&self) -> Point {
        (self.cell, self.value.start().to_u32())
    }

    /// Where the value ends: what is below it comes after it.
    pub(crate) fn end(&self) -> Point {
        (self.cell, self.value.end().to_u32())
    }

    /// What a name held before the statement.
    pub(crate) fn before(&self, name: &str) -> Option<&'a ValueFacts> {
        self.before.get(name).copied()
    }

    /// Every name in the value that held a table, with the table.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&'a str, &'a ValueFacts)> {
        let sources = self.before.iter().map(|(name, value)| (*name, *value));
        sources.filter(|(_, value)| value.shape.is_some())
    }

    /// Rows afterwards.
    pub(crate) fn rows(&self) -> Option<u64> {
        rows(self.after)
    }
}

/// Rows of a table.
pub(crate) fn rows(value: &ValueFacts) -> Option<u64> {
    value.shape.as_ref()?.first().copied()
}

/// Everything that the statements of a run did to tables, in their order. Cells that raised are left out.
pub(crate) fn changes<'a>(model: &Model<'a>, run: &Run<'a>) -> Vec<Change<'a>> {
    let mut held: HashMap<&'a str, &'a ValueFacts> = HashMap::new();
    let mut found = Vec::new();
    for cell in run.cells {
        let seen = Seen::of(cell);
        let position = model.position_of(cell.cell);
        if let Some(position) = position.filter(|at| is_judged(model, *at, cell)) {
            for statement in model.cell(position).body() {
                let line = model.location(position, statement.range()).line;
                found.extend(change(position, statement, line, &seen, &held));
                for name in changed_names(statement) {
                    if let Some((name, value)) = seen.after(name, line) {
                        held.insert(name, value);
                    }
                }
            }
        }
        for fact in &cell.facts {
            match fact {
                Fact::Bound { name, value, .. } => {
                    held.insert(name, value);
                }
                Fact::Removed { name } => {
                    held.remove(name.as_str());
                }
                _ => {}
            }
        }
    }
    found
}

fn is_judged(model: &Model<'_>, position: usize, cell: &CellRun) -> bool {
    cell.outcome == CellOutcome::Ok && cell.error.is_none() && !model.cell(position).may_raise()
}

fn change<'a>(
    cell: usize,
    statement: &'a Stmt,
    line: u32,
    seen: &Seen<'a>,
    held: &HashMap<&'a str, &'a ValueFacts>,
) -> Option<Change<'a>> {
    let (name, column, value) = effect(statement)?;
    let (_, after) = seen.after(name, line)?;
    after.shape.as_ref()?;
    let mut before = HashMap::new();
    for source in names(value).into_iter().chain([name]) {
        let value = seen.right_before(source, line).or(held.get(source).copied());
        if let Some(value) = value {
            before.insert(source, value);
        }
    }
    Some(Change {
        cell,
        name,
        column,
        value,
        after,
        before,
    })
}

/// The name that a statement gives a value, the column of it, and the value.
fn effect(statement: &Stmt) -> Option<(&str, Option<&str>, &Expr)> {
    let (target, value) = match statement {
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [target] => (target, &*assign.value),
            _ => return None,
        },
        Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_deref()?),
        Stmt::Expr(expression) => {
            let Expr::Call(call) = &*expression.value else {
                return None;
            };
            let changes = steps::is_set(call, "inplace");
            return changes
                .then(|| root(&call.func))?
                .map(|name| (name, None, &*expression.value));
        }
        _ => return None,
    };
    match target {
        Expr::Name(name) => Some((name.id.as_str(), None, value)),
        Expr::Subscript(part) => match (&*part.value, &*part.slice) {
            (Expr::Name(name), Expr::StringLiteral(column)) => {
                Some((name.id.as_str(), Some(column.value.to_str()), value))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Every name that a statement may give another value.
fn changed_names(statement: &Stmt) -> Vec<&str> {
    struct Changed<'a>(Vec<&'a str>);
    impl<'a> Visitor<'a> for Changed<'a> {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            match statement {
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
                _ => nbvet_engine::ast::with_stack(|| visitor::walk_stmt(self, statement)),
            }
        }

        fn visit_expr(&mut self, expression: &'a Expr) {
            match expression {
                Expr::Name(name) if name.ctx.is_store() => self.0.push(name.id.as_str()),
                Expr::Subscript(part) if part.ctx.is_store() => self.0.extend(root(expression)),
                Expr::Attribute(part) if part.ctx.is_store() => self.0.extend(root(expression)),
                Expr::Call(call) if steps::is_set(call, "inplace") => self.0.extend(root(&call.func)),
                _ => nbvet_engine::ast::with_stack(|| visitor::walk_expr(self, expression)),
            }
        }
    }
    let mut changed = Changed(Vec::new());
    changed.visit_stmt(statement);
    changed.0
}

/// What a cell's facts say of the names that it changed.
struct Seen<'a> {
    replaced: Vec<(&'a str, u32, &'a ValueFacts)>,
    bound: HashMap<&'a str, &'a ValueFacts>,
}

impl<'a> Seen<'a> {
    fn of(cell: &'a CellRun) -> Self {
        let mut seen = Self {
            replaced: Vec::new(),
            bound: HashMap::new(),
        };
        for fact in &cell.facts {
            match fact {
                Fact::Bound { name, value, .. } => {
                    seen.bound.insert(name, value);
                }
                Fact::Replaced { name, line, value } => seen.replaced.push((name, *line, value)),
                _ => {}
            }
        }
        seen.replaced.sort_by_key(|(_, line, _)| *line);
        seen
    }

    /// What a name held after the statement on a line: until a later one replaced it, or to the cell's end.
    fn after(&self, name: &str, line: u32) -> Option<(&'a str, &'a ValueFacts)> {
        let replaced = self.replaced.iter().find(|(of, at, _)| *of == name && *at > line);
        let ended = || {
            self.bound
                .get_key_value(name)
                .map(|(name, value)| (*name, *value))
        };
        replaced.map(|(name, _, value)| (*name, *value)).or_else(ended)
    }

    /// What the statement on a line replaced.
    fn right_before(&self, name: &str, line: u32) -> Option<&'a ValueFacts> {
        let replaced = self
            .replaced
            .iter()
            .find(|(of, at, _)| *of == name && *at == line);
        replaced.map(|(_, _, value)| *value)
    }
}
