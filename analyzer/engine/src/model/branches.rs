//! Statements after which more than one path leads on: each path is walked from the same state, and the states at
//! their ends meet.

use ruff_python_ast::{self as ast, ExceptHandler, Stmt, visitor::Visitor};

use super::{
    BindingKind,
    assign::Source,
    flow::{Flow, Loop},
    functions,
    targets::Targets,
};

impl<'a> Flow<'a, '_> {
    pub(super) fn if_statement(&mut self, statement: &'a ast::StmtIf) {
        self.visit_expr(&statement.test);
        let mark = self.env.mark();
        let mut branches = Vec::with_capacity(statement.elif_else_clauses.len() + 2);
        let never = functions::is_constant(&statement.test, false);
        branches.push(self.branch(&mark, |flow| {
            flow.env.live &= !never;
            flow.visit_body(&statement.body);
        }));
        let mut exhaustive = functions::is_constant(&statement.test, true);
        for clause in &statement.elif_else_clauses {
            if let Some(test) = &clause.test {
                self.visit_expr(test);
            } else {
                exhaustive = true;
            }
            branches.push(self.branch(&mark, |flow| flow.visit_body(&clause.body)));
        }
        if !exhaustive {
            branches.push(self.env.nothing());
        }
        self.env.join(&branches);
    }

    /// A loop: `head` binds its target at the start of each round; `skippable` loops may run no round.
    pub(super) fn loop_statement(
        &mut self,
        body: &'a [Stmt],
        orelse: &'a [Stmt],
        head: impl FnOnce(&mut Self),
        skippable: bool,
        endless: bool,
    ) {
        self.env.widen(&Targets::of(body).names);
        let mark = self.env.mark();
        self.loops.push(Loop {
            mark: self.env.mark(),
            breaks: Vec::new(),
        });
        let round = self.branch(&mark, |flow| {
            head(flow);
            flow.conditions -= u32::from(!skippable);
            flow.visit_body(body);
            flow.conditions += u32::from(!skippable);
        });
        let breaks = self.loops.pop().map(|ended| ended.breaks).unwrap_or_default();
        let mut ends = breaks;
        if !endless {
            self.env.join(&[round.kept_alive(), self.env.nothing()]);
            let ordinary = self.branch(&mark, |flow| flow.visit_body(orelse));
            ends.push(ordinary);
        }
        self.env.join(&ends);
    }

    pub(super) fn break_statement(&mut self) {
        if let Some(current) = self.loops.last_mut() {
            current.breaks.push(self.env.snapshot(&current.mark));
        }
        self.env.live = false;
    }

    pub(super) fn try_statement(&mut self, statement: &'a ast::StmtTry) {
        let mark = self.env.mark();
        let guarded = statement.handlers.iter().any(functions::catches_name_error);
        self.guards += u32::from(guarded);
        self.visit_body(&statement.body);
        self.guards -= u32::from(guarded);
        let body = self.env.rewind(&mark);

        self.env.join(std::slice::from_ref(&body));
        self.visit_body(&statement.orelse);
        let mut ends = vec![self.env.rewind(&mark)];

        let partly = body.kept_alive();
        for handler in &statement.handlers {
            self.env.join(&[self.env.nothing(), partly.clone()]);
            ends.push(self.branch(&mark, |flow| flow.handler(handler)));
        }
        self.env.join(&ends);
        let live = self.env.live;
        self.env.live = true;
        self.visit_body(&statement.finalbody);
        self.env.live &= live;
    }

    fn handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(clause) = handler;
        if let Some(class) = &clause.type_ {
            self.visit_expr(class);
        }
        if let Some(name) = &clause.name {
            self.bind(name.as_str(), name.range, BindingKind::Other);
        }
        self.visit_body(&clause.body);
        if let Some(name) = &clause.name
            && self.layers.is_empty()
            && self.is_local(name.as_str())
        {
            self.env.delete(name.as_str());
        }
    }

    pub(super) fn with_statement(&mut self, statement: &'a ast::StmtWith) {
        for item in &statement.items {
            self.visit_expr(&item.context_expr);
            if let Some(target) = &item.optional_vars {
                self.assign(target, Source::Part(&item.context_expr));
            }
        }
        let swallows = statement
            .items
            .iter()
            .any(|item| functions::swallows_exceptions(&item.context_expr));
        let mark = self.env.mark();
        self.guards += u32::from(swallows);
        self.visit_body(&statement.body);
        self.guards -= u32::from(swallows);
        if swallows {
            let body = self.env.rewind(&mark).kept_alive();
            self.env.join(&[self.env.nothing(), body]);
        }
    }

    pub(super) fn match_statement(&mut self, statement: &'a ast::StmtMatch) {
        self.visit_expr(&statement.subject);
        let mark = self.env.mark();
        let mut ends = Vec::with_capacity(statement.cases.len() + 1);
        for case in &statement.cases {
            ends.push(self.branch(&mark, |flow| {
                flow.visit_pattern(&case.pattern);
                if let Some(guard) = &case.guard {
                    flow.visit_expr(guard);
                }
                flow.visit_body(&case.body);
            }));
        }
        let exhaustive = statement
            .cases
            .last()
            .is_some_and(|case| case.guard.is_none() && case.pattern.is_irrefutable());
        if !exhaustive {
            ends.push(self.env.nothing());
        }
        self.env.join(&ends);
    }
}
