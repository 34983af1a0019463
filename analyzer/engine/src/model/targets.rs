//! Which names a piece of code binds, found without following its flow.

use ruff_python_ast::{
    self as ast, ExceptHandler, Expr, Pattern, Stmt,
    visitor::{self, Visitor},
};
use rustc_hash::FxHashSet;

use crate::{ast::with_stack, parse::ParsedNotebook};

/// Names that statements bind in their own scope, nested functions and classes left out.
pub(super) struct Targets<'a> {
    pub(super) names: FxHashSet<&'a str>,
    pub(super) globals: FxHashSet<&'a str>,
    pub(super) nonlocals: FxHashSet<&'a str>,
    /// Go into function bodies too, for `global` declarations only.
    deep: bool,
}

impl<'a> Targets<'a> {
    fn new(deep: bool) -> Self {
        Self {
            names: FxHashSet::default(),
            globals: FxHashSet::default(),
            nonlocals: FxHashSet::default(),
            deep,
        }
    }

    /// The names bound by `body`.
    pub(super) fn of(body: &'a [Stmt]) -> Self {
        let mut targets = Self::new(false);
        targets.visit_body(body);
        targets
    }

    /// The names bound by a lambda's body (only `:=` can).
    pub(super) fn of_expression(body: &'a Expr) -> Self {
        let mut targets = Self::new(false);
        targets.visit_expr(body);
        targets
    }

    fn alias(&mut self, alias: &'a ast::Alias) {
        self.names.insert(bound_by(alias));
    }
}

/// The name that `import a.b` or `import a.b as c` binds.
pub(super) fn bound_by(alias: &ast::Alias) -> &str {
    match &alias.asname {
        Some(name) => name.as_str(),
        None => alias.name.as_str().split('.').next().unwrap_or_default(),
    }
}

/// Names that any function of the notebook declares `global`.
pub(super) fn declared_global<'a>(parsed: &'a ParsedNotebook<'a>) -> FxHashSet<&'a str> {
    let mut targets = Targets::new(true);
    for cell in parsed.cells() {
        targets.visit_body(cell.body());
        for body in cell.embedded_bodies() {
            targets.visit_body(body);
        }
    }
    targets.globals
}

impl<'a> Visitor<'a> for Targets<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                self.names.insert(function.name.as_str());
                if self.deep {
                    self.visit_body(&function.body);
                }
            }
            Stmt::ClassDef(class) => {
                self.names.insert(class.name.as_str());
                if self.deep {
                    self.visit_body(&class.body);
                }
            }
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.alias(alias)),
            Stmt::ImportFrom(import) => import.names.iter().for_each(|alias| self.alias(alias)),
            Stmt::Global(global) => self
                .globals
                .extend(global.names.iter().map(ast::Identifier::as_str)),
            Stmt::Nonlocal(nonlocal) => {
                self.nonlocals
                    .extend(nonlocal.names.iter().map(ast::Identifier::as_str));
            }
            _ => with_stack(|| visitor::walk_stmt(self, stmt)),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) => {
                if !name.ctx.is_load() {
                    self.names.insert(name.id.as_str());
                }
            }
            Expr::Lambda(_) => {}
            // Comprehensions have a scope of their own; only `:=` binds outside it.
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                with_stack(|| visitor::walk_expr(&mut Walrus(self), expr));
            }
            _ => with_stack(|| visitor::walk_expr(self, expr)),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(clause) = handler;
        if let Some(name) = &clause.name {
            self.names.insert(name.as_str());
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::MatchAs(ast::PatternMatchAs { name: Some(name), .. })
            | Pattern::MatchStar(ast::PatternMatchStar { name: Some(name), .. })
            | Pattern::MatchMapping(ast::PatternMatchMapping { rest: Some(name), .. }) => {
                self.names.insert(name.as_str());
            }
            _ => {}
        }
        visitor::walk_pattern(self, pattern);
    }
}

/// Collects only the targets of `:=`.
struct Walrus<'t, 'a>(&'t mut Targets<'a>);

impl<'a> Visitor<'a> for Walrus<'_, 'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Named(named) => {
                if let Expr::Name(name) = &*named.target {
                    self.0.names.insert(name.id.as_str());
                }
                self.visit_expr(&named.value);
            }
            Expr::Lambda(_) => {}
            _ => with_stack(|| visitor::walk_expr(self, expr)),
        }
    }
}
