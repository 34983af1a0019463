//! One walk over all cells for all static rules: each rule is shown the nodes that it asked for, so that the cost
//! of a walk is paid once and a rule costs only where it looks.

use ruff_python_ast::{
    Expr, Stmt,
    visitor::{self, Visitor},
};

use crate::{
    ast::with_stack,
    model::Model,
    rule::{Context, Escape, Finding, Node, StaticRule, Visits},
};

/// Shows every rule what it asked for; gives the findings of each, in the order of `rules`.
pub(crate) fn walk(model: &Model<'_>, rules: &[&dyn StaticRule]) -> Vec<Vec<Finding>> {
    let mut walker = Walker::new(model, rules);
    for (position, cell) in model.parsed().cells().iter().enumerate() {
        if cell.is_valid() && !cell.is_skipped() {
            walker.cx.position = position;
            walker.visit_body(cell.body());
        }
    }
    walker.show(Visits::NOTEBOOK, Node::Notebook);
    walker.findings
}

struct Walker<'a, 'm, 'r> {
    cx: Context<'a, 'm>,
    rules: &'r [&'r dyn StaticRule],
    /// For each kind of node, by the position of its bit, the rules that want it.
    wanted: [Vec<usize>; Visits::all().bits().count_ones() as usize],
    findings: Vec<Vec<Finding>>,
}

impl<'a, 'm, 'r> Walker<'a, 'm, 'r> {
    fn new(model: &'m Model<'a>, rules: &'r [&'r dyn StaticRule]) -> Self {
        let mut wanted = std::array::from_fn(|_| Vec::new());
        for (index, rule) in rules.iter().enumerate() {
            for flag in rule.visits().iter() {
                let kind: &mut Vec<usize> = &mut wanted[flag.bits().trailing_zeros() as usize];
                kind.push(index);
            }
        }
        let findings = rules.iter().map(|_| Vec::new()).collect();
        Self {
            cx: Context::new(model),
            rules,
            wanted,
            findings,
        }
    }

    fn show(&mut self, kind: Visits, node: Node<'a>) {
        for &index in &self.wanted[kind.bits().trailing_zeros() as usize] {
            self.rules[index].visit(node, &mut self.cx);
            self.findings[index].append(&mut self.cx.findings);
        }
    }

    fn escape(&mut self, command: Escape<'a>) {
        self.show(Visits::ESCAPE, Node::Escape(command));
    }
}

impl<'a> Visitor<'a> for Walker<'a, '_, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.show(Visits::FUNCTION, Node::Function(function));
                self.cx.functions.push(function);
                with_stack(|| visitor::walk_stmt(self, statement));
                self.cx.functions.pop();
                return;
            }
            Stmt::Try(attempt) => self.show(Visits::TRY, Node::Try(attempt)),
            Stmt::Assign(assign) => {
                self.show(Visits::ASSIGN, Node::Assign(assign));
                if let Expr::IpyEscapeCommand(command) = &*assign.value {
                    let (kind, value, range) = (command.kind, &*command.value, command.range);
                    self.escape(Escape {
                        kind,
                        value,
                        range,
                        assigned: true,
                    });
                    return;
                }
            }
            Stmt::AnnAssign(assign) => self.show(Visits::ASSIGN, Node::AnnotatedAssign(assign)),
            Stmt::Expr(expression) => self.show(Visits::EXPRESSION, Node::Expression(expression)),
            Stmt::IpyEscapeCommand(command) => {
                let (kind, value, range) = (command.kind, &*command.value, command.range);
                self.escape(Escape {
                    kind,
                    value,
                    range,
                    assigned: false,
                });
                let embedded = self.cx.cell().embedded(range.start());
                embedded
                    .into_iter()
                    .flatten()
                    .for_each(|statement| self.visit_stmt(statement));
            }
            _ => {}
        }
        with_stack(|| visitor::walk_stmt(self, statement));
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Call(call) => self.show(Visits::CALL, Node::Call(call)),
            Expr::Compare(comparison) => self.show(Visits::COMPARE, Node::Compare(comparison)),
            _ => {}
        }
        with_stack(|| visitor::walk_expr(self, expression));
    }
}
