//! What stands around a place of a cell: the statements and expressions that it is part of.

use nbvet_engine::{
    Model,
    ast::{Expr, Ranged, Stmt, TextRange, Visitor, visitor, with_stack},
};

/// The parts of a cell that contain a place, outermost first. The expression at the place itself is not among them.
pub(crate) struct Around<'a> {
    /// Statements, down to the one in which the place stands.
    pub(crate) statements: Vec<&'a Stmt>,
    /// Expressions of that statement.
    pub(crate) expressions: Vec<&'a Expr>,
}

impl<'a> Around<'a> {
    /// Looks for a range of a cell.
    pub(crate) fn of(model: &Model<'a>, cell: usize, range: TextRange) -> Self {
        let mut found = Self {
            statements: Vec::new(),
            expressions: Vec::new(),
        };
        let mut finder = Finder {
            range,
            found: &mut found,
        };
        finder.visit_body(model.cell(cell).body());
        found
    }

    /// The innermost expression around the place.
    pub(crate) fn parent(&self) -> Option<&'a Expr> {
        self.expressions.last().copied()
    }

    /// The statement in which the place stands.
    pub(crate) fn statement(&self) -> Option<&'a Stmt> {
        self.statements.last().copied()
    }
}

struct Finder<'a, 'f> {
    range: TextRange,
    found: &'f mut Around<'a>,
}

impl<'a> Visitor<'a> for Finder<'a, '_> {
    fn visit_body(&mut self, body: &'a [Stmt]) {
        // Statements stand in the order of the text: no need to look at each.
        let first = body.partition_point(|statement| statement.end() < self.range.end());
        if let Some(statement) = body.get(first) {
            self.visit_stmt(statement);
        }
    }

    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if statement.range().contains_range(self.range) {
            self.found.statements.push(statement);
            with_stack(|| visitor::walk_stmt(self, statement));
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if expression.range().contains_range(self.range) && expression.range() != self.range {
            self.found.expressions.push(expression);
            with_stack(|| visitor::walk_expr(self, expression));
        }
    }
}
