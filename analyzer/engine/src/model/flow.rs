//! Follows statements in the order in which they run: the cells from top to bottom, then, once everything above is
//! known, the bodies of functions. What a body sees of the scopes around it is every binding of the name, since
//! nobody knows when it is called.

use std::{collections::VecDeque, rc::Rc};

use nbvet_notebook::magics::CellCode;
use ruff_python_ast::{
    self as ast, Expr, Parameters, Stmt,
    visitor::{self, Visitor},
};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Binding, BindingId, BindingIds, BindingKind, Model, Place, Scope, ScopeId, ScopeKind,
    assign::Source,
    builtins,
    env::{Branch, Env, Mark},
    functions, index_u32, magics,
    targets::{Targets, bound_by},
};
use crate::{ast::with_stack, parse::ParsedCell};

/// A body that runs later.
pub(super) struct Deferred<'a> {
    scope: ScopeId,
    cell: usize,
    parameters: Option<&'a Parameters>,
    body: Body<'a>,
}

enum Body<'a> {
    Statements(&'a [Stmt]),
    Expression(&'a Expr),
}

/// A namespace within the frame that runs at once: a class body or a comprehension.
pub(super) struct Layer<'a> {
    pub(super) scope: ScopeId,
    is_class: bool,
    names: FxHashMap<&'a str, BindingIds>,
}

/// A loop around the current point.
pub(super) struct Loop<'a> {
    pub(super) mark: Mark,
    pub(super) breaks: Vec<Branch<'a>>,
}

/// The walk of one frame: the notebook, or one function.
pub(super) struct Flow<'a, 'm> {
    pub(super) model: &'m mut Model<'a>,
    queue: &'m mut VecDeque<Deferred<'a>>,
    pub(super) cell: usize,
    pub(super) frame: ScopeId,
    locals: Option<Targets<'a>>,
    pub(super) env: Env<'a>,
    pub(super) layers: Vec<Layer<'a>>,
    pub(super) loops: Vec<Loop<'a>>,
    /// How many enclosing things make a missing name harmless.
    pub(super) guards: u32,
    /// How many enclosing branches may not be taken.
    pub(super) conditions: u32,
    pub(super) in_annotation: bool,
    pub(super) probed: FxHashSet<&'a str>,
    /// What functions that were called surely read.
    pub(super) reads: FxHashMap<BindingId, Rc<[&'a ast::ExprName]>>,
}

/// Walks the whole notebook.
pub(super) fn run(model: &mut Model<'_>) {
    let mut queue = VecDeque::new();
    let parsed = model.parsed;
    let mut flow = Flow::new(model, &mut queue, ScopeId::NOTEBOOK, 0, None);
    flow.bind_given(parsed.given_after(None));
    for (position, cell) in parsed.cells().iter().enumerate() {
        flow.run_cell(position);
        flow.bind_given(parsed.given_after(Some(cell.cell.index)));
    }
    let open = flow.env.open;
    let probed = std::mem::take(&mut flow.probed);
    model.open = open;
    while let Some(deferred) = queue.pop_front() {
        run_deferred(model, &mut queue, &deferred, &probed);
    }
}

fn run_deferred<'a>(
    model: &mut Model<'a>,
    queue: &mut VecDeque<Deferred<'a>>,
    deferred: &Deferred<'a>,
    probed: &FxHashSet<&'a str>,
) {
    let mut locals = match deferred.body {
        Body::Statements(body) => Targets::of(body),
        Body::Expression(body) => Targets::of_expression(body),
    };
    if let Some(parameters) = deferred.parameters {
        locals
            .names
            .extend(parameters.iter().map(|parameter| parameter.name().as_str()));
    }
    let cell = deferred.cell;
    let harmless = model.cell(cell).is_skipped() || model.cell(cell).error.is_some();
    let mut flow = Flow::new(model, queue, deferred.scope, cell, Some(locals));
    flow.probed.clone_from(probed);
    flow.guards = u32::from(harmless);
    flow.conditions = 1;
    if let Some(parameters) = deferred.parameters {
        for parameter in parameters {
            flow.bind(
                parameter.name().as_str(),
                parameter.name().range,
                BindingKind::Parameter,
            );
        }
    }
    match deferred.body {
        Body::Statements(body) => flow.visit_body(body),
        Body::Expression(body) => flow.visit_expr(body),
    }
}

impl<'a, 'm> Flow<'a, 'm> {
    fn new(
        model: &'m mut Model<'a>,
        queue: &'m mut VecDeque<Deferred<'a>>,
        frame: ScopeId,
        cell: usize,
        locals: Option<Targets<'a>>,
    ) -> Self {
        Self {
            model,
            queue,
            cell,
            frame,
            locals,
            env: Env::new(),
            layers: Vec::new(),
            loops: Vec::new(),
            guards: 0,
            conditions: 0,
            in_annotation: false,
            probed: FxHashSet::default(),
            reads: FxHashMap::default(),
        }
    }

    fn run_cell(&mut self, position: usize) {
        self.cell = position;
        let cell = self.model.cell(position);
        let harmless = cell.may_raise() || cell.is_skipped() || cell.error.is_some();
        self.guards += u32::from(harmless);
        let mark = self.env.mark();
        self.cell_code(cell);
        if cell.is_skipped() {
            self.env.rewind(&mark);
        } else if cell.may_raise() {
            let branch = self.env.rewind(&mark).kept_alive();
            self.env.join(&[branch, self.env.nothing()]);
        }
        self.guards -= u32::from(harmless);
    }

    fn cell_code(&mut self, cell: &'a ParsedCell<'a>) {
        match &cell.code {
            CellCode::Python(text) => {
                for magic in &text.cell_magics {
                    magics::cell_magic(self, &magic.name, &magic.arguments);
                }
                self.visit_body(cell.body());
            }
            CellCode::Foreign { magic, .. } => magics::foreign_cell(self, &magic.name, &magic.arguments),
            CellCode::Automagic(line) => magics::line_magic(self, line, None),
            CellCode::Empty => {}
        }
    }

    /// The innermost namespace at this point.
    pub(super) fn scope(&self) -> ScopeId {
        self.layers.last().map_or(self.frame, |layer| layer.scope)
    }

    pub(super) fn is_notebook(&self) -> bool {
        self.frame == ScopeId::NOTEBOOK
    }

    pub(super) fn declares_global(&self, name: &str) -> bool {
        self.locals
            .as_ref()
            .is_some_and(|locals| locals.globals.contains(name))
    }

    /// The frame itself binds the name, so that no scope around it is asked.
    pub(super) fn is_local(&self, name: &str) -> bool {
        self.locals.as_ref().is_none_or(|locals| {
            locals.names.contains(name) && !locals.globals.contains(name) && !locals.nonlocals.contains(name)
        })
    }

    fn add_scope(&mut self, kind: ScopeKind<'a>) -> ScopeId {
        let id = ScopeId(index_u32(self.model.scopes.len()));
        self.model.scopes.push(Scope {
            kind,
            parent: Some(self.scope()),
        });
        id
    }

    fn add_binding(
        &mut self,
        name: &'a str,
        scope: ScopeId,
        range: TextRange,
        kind: BindingKind<'a>,
    ) -> BindingId {
        let id = BindingId(index_u32(self.model.bindings.len()));
        let place = Place::new(self.cell, range);
        self.model.bindings.push(Binding {
            name,
            scope,
            place,
            kind,
        });
        self.model
            .by_name
            .entry(scope)
            .or_default()
            .entry(name)
            .or_default()
            .push(id);
        id
    }

    /// Binds a name where an assignment here would bind it.
    pub(super) fn bind(&mut self, name: &'a str, range: TextRange, kind: BindingKind<'a>) {
        if let Some(layer) = self.layers.last() {
            let id = self.add_binding(name, layer.scope, range, kind);
            if let Some(layer) = self.layers.last_mut() {
                layer.names.entry(name).or_default().push(id);
            }
            return;
        }
        self.bind_in_frame(name, range, kind);
    }

    /// Binds a name in the frame, from within a comprehension too (`:=`).
    pub(super) fn bind_in_frame(&mut self, name: &'a str, range: TextRange, kind: BindingKind<'a>) {
        if self.declares_global(name) {
            self.add_binding(name, ScopeId::NOTEBOOK, range, kind);
        } else if self.is_local(name) {
            let id = self.add_binding(name, self.frame, range, kind);
            self.env.bind(name, id);
        } else {
            let scope = self.enclosing_scope_of(name);
            self.add_binding(name, scope, range, kind);
        }
    }

    /// Binds a name that a magic may or may not have bound.
    pub(super) fn bind_by_magic(&mut self, name: &'a str, range: TextRange) {
        let id = self.add_binding(name, self.frame, range, BindingKind::Magic);
        self.env.bind_perhaps(name, id);
    }

    /// Binds parameters, whose values the code does not tell.
    fn bind_given(&mut self, names: &'a [String]) {
        for name in names {
            self.bind_by_magic(name, TextRange::default());
        }
    }

    fn enclosing_scope_of(&self, name: &str) -> ScopeId {
        let mut scope = self.model.scope(self.frame).parent;
        while let Some(id) = scope {
            if !self.model.bindings_named(id, name).is_empty() {
                return id;
            }
            scope = self.model.scope(id).parent;
        }
        ScopeId::NOTEBOOK
    }

    /// What the layers of the frame say about a name: a class body's names are seen only directly in it.
    pub(super) fn in_layers(&self, name: &str) -> Option<&BindingIds> {
        let top = self.layers.len().checked_sub(1)?;
        self.layers.iter().enumerate().rev().find_map(|(depth, layer)| {
            (!layer.is_class || depth == top)
                .then(|| layer.names.get(name))
                .flatten()
        })
    }

    fn with_layer(&mut self, kind: ScopeKind<'a>, walk: impl FnOnce(&mut Self)) {
        let scope = self.add_scope(kind);
        let is_class = matches!(kind, ScopeKind::Class(_));
        self.layers.push(Layer {
            scope,
            is_class,
            names: FxHashMap::default(),
        });
        walk(self);
        self.layers.pop();
    }

    pub(super) fn with_comprehension(&mut self, walk: impl FnOnce(&mut Self)) {
        self.with_layer(ScopeKind::Comprehension, walk);
    }

    /// Walks something that may not run, and gives its changes.
    pub(super) fn branch(&mut self, mark: &Mark, walk: impl FnOnce(&mut Self)) -> Branch<'a> {
        self.conditions += 1;
        walk(self);
        self.conditions -= 1;
        self.env.rewind(mark)
    }

    pub(super) fn defer_lambda(&mut self, lambda: &'a ast::ExprLambda) {
        let scope = self.add_scope(ScopeKind::Lambda);
        self.queue.push_back(Deferred {
            scope,
            cell: self.cell,
            parameters: lambda.parameters.as_deref(),
            body: Body::Expression(&lambda.body),
        });
    }

    fn function(&mut self, function: &'a ast::StmtFunctionDef) {
        for decorator in &function.decorator_list {
            self.visit_decorator(decorator);
        }
        self.visit_parameters(&function.parameters);
        if let Some(returns) = &function.returns {
            self.visit_annotation(returns);
        }
        let scope = self.add_scope(ScopeKind::Function(function));
        self.queue.push_back(Deferred {
            scope,
            cell: self.cell,
            parameters: Some(&function.parameters),
            body: Body::Statements(&function.body),
        });
        self.bind(
            function.name.as_str(),
            function.name.range,
            BindingKind::Function(function),
        );
    }

    fn class(&mut self, class: &'a ast::StmtClassDef) {
        let loops = std::mem::take(&mut self.loops);
        for decorator in &class.decorator_list {
            self.visit_decorator(decorator);
        }
        if let Some(arguments) = &class.arguments {
            self.visit_arguments(arguments);
        }
        self.with_layer(ScopeKind::Class(class), |flow| flow.visit_body(&class.body));
        self.loops = loops;
        self.bind(class.name.as_str(), class.name.range, BindingKind::Class(class));
    }

    fn import(&mut self, statement: &'a ast::StmtImport) {
        for alias in &statement.names {
            self.bind(bound_by(alias), alias.range, BindingKind::Import(alias));
        }
    }

    fn import_from(&mut self, statement: &'a ast::StmtImportFrom) {
        let module = match &statement.module {
            Some(module) if statement.level == 0 => module.as_str(),
            _ => "",
        };
        // IPython compiles the cells below with what a cell asked of the future.
        self.model.lazy_annotations |=
            module == "__future__" && statement.names.iter().any(|alias| &alias.name == "annotations");
        for alias in &statement.names {
            if alias.name.as_str() == "*" {
                self.env.open = true;
            } else {
                let member = alias.name.as_str();
                self.bind(
                    bound_by(alias),
                    alias.range,
                    BindingKind::ImportFrom { module, member },
                );
            }
        }
    }

    fn delete(&mut self, statement: &'a ast::StmtDelete) {
        for target in &statement.targets {
            match target {
                Expr::Name(name) => {
                    self.refer(name);
                    if self.layers.is_empty() && self.is_local(name.id.as_str()) {
                        self.env.delete(name.id.as_str());
                    }
                }
                _ => self.visit_expr(target),
            }
        }
    }

    fn augmented(&mut self, statement: &'a ast::StmtAugAssign) {
        if let Expr::Name(name) = &*statement.target {
            self.refer(name);
            self.visit_expr(&statement.value);
            self.bind(
                name.id.as_str(),
                name.range,
                BindingKind::Augmented(&statement.value),
            );
        } else {
            self.visit_expr(&statement.target);
            self.visit_expr(&statement.value);
        }
    }

    fn annotated(&mut self, statement: &'a ast::StmtAnnAssign) {
        if self.is_notebook() {
            self.visit_annotation(&statement.annotation);
        }
        if let Some(value) = &statement.value {
            self.visit_expr(value);
            self.assign(&statement.target, Source::Whole(value));
        }
    }

    /// Notes what the parser takes and Python's compiler does not.
    fn refuse_unless(&mut self, allowed: bool, statement: &Stmt, message: &'static str) {
        if !allowed {
            self.model
                .refused
                .push((Place::new(self.cell, statement.range()), message));
        }
    }

    fn simple(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Return(_) => {
                let allowed = !self.is_notebook() && self.layers.is_empty();
                self.refuse_unless(allowed, statement, "'return' outside function");
            }
            Stmt::Continue(_) => {
                self.refuse_unless(
                    !self.loops.is_empty(),
                    statement,
                    "'continue' not properly in loop",
                );
            }
            _ => {}
        }
        with_stack(|| visitor::walk_stmt(self, statement));
        let leaves = match statement {
            Stmt::Expr(expression) => functions::never_returns(&expression.value),
            Stmt::Assert(assertion) => functions::is_constant(&assertion.test, false),
            Stmt::Return(_) | Stmt::Raise(_) | Stmt::Continue(_) => true,
            _ => false,
        };
        self.env.live &= !leaves;
    }
}

impl<'a> Visitor<'a> for Flow<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.function(function),
            Stmt::ClassDef(class) => self.class(class),
            Stmt::Assign(assign) => {
                self.visit_expr(&assign.value);
                for target in &assign.targets {
                    self.assign(target, Source::Whole(&assign.value));
                }
            }
            Stmt::AugAssign(augmented) => self.augmented(augmented),
            Stmt::AnnAssign(annotated) => self.annotated(annotated),
            Stmt::TypeAlias(alias) => {
                self.assign(&alias.name, Source::Part(&alias.value));
            }
            Stmt::For(for_loop) => {
                self.visit_expr(&for_loop.iter);
                let head = |flow: &mut Self| flow.assign(&for_loop.target, Source::Item(&for_loop.iter));
                with_stack(|| self.loop_statement(&for_loop.body, &for_loop.orelse, head, true, false));
            }
            Stmt::While(while_loop) => {
                self.visit_expr(&while_loop.test);
                let endless = functions::is_constant(&while_loop.test, true);
                with_stack(|| {
                    self.loop_statement(&while_loop.body, &while_loop.orelse, |_| {}, !endless, endless);
                });
            }
            Stmt::If(if_statement) => with_stack(|| self.if_statement(if_statement)),
            Stmt::Try(try_statement) => with_stack(|| self.try_statement(try_statement)),
            Stmt::With(with_statement) => with_stack(|| self.with_statement(with_statement)),
            Stmt::Match(match_statement) => with_stack(|| self.match_statement(match_statement)),
            Stmt::Import(import) => self.import(import),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::Delete(delete) => self.delete(delete),
            Stmt::Break(_) => {
                self.refuse_unless(!self.loops.is_empty(), statement, "'break' outside loop");
                self.break_statement();
            }
            Stmt::IpyEscapeCommand(command) => {
                magics::escape(self, command.kind, &command.value, command.range);
            }
            Stmt::Global(_) | Stmt::Nonlocal(_) | Stmt::Pass(_) => {}
            Stmt::Return(_) | Stmt::Raise(_) | Stmt::Assert(_) | Stmt::Expr(_) | Stmt::Continue(_) => {
                self.simple(statement);
            }
        }
    }

    fn visit_annotation(&mut self, annotation: &'a Expr) {
        let unread = u32::from(self.model.lazy_annotations);
        let outer = std::mem::replace(&mut self.in_annotation, true);
        self.guards += unread;
        self.visit_expr(annotation);
        self.guards -= unread;
        self.in_annotation = outer;
    }

    fn visit_parameters(&mut self, parameters: &'a Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            if let Some(default) = parameter.default() {
                self.visit_expr(default);
            }
        }
        for parameter in parameters {
            if let Some(annotation) = parameter.annotation() {
                self.visit_annotation(annotation);
            }
        }
    }

    fn visit_pattern(&mut self, pattern: &'a ast::Pattern) {
        let captured = match pattern {
            ast::Pattern::MatchAs(capture) => capture.name.as_ref(),
            ast::Pattern::MatchStar(capture) => capture.name.as_ref(),
            ast::Pattern::MatchMapping(capture) => capture.rest.as_ref(),
            _ => None,
        };
        visitor::walk_pattern(self, pattern);
        if let Some(name) = captured {
            self.bind(name.as_str(), name.range, BindingKind::Other);
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        with_stack(|| self.expression(expression));
    }
}

/// Whether Python itself or a kernel defines the name.
pub(super) fn predefined(name: &str) -> Option<super::Resolution> {
    if builtins::is_builtin(name) {
        Some(super::Resolution::Builtin)
    } else if builtins::is_kernel_name(name) {
        Some(super::Resolution::Kernel)
    } else {
        None
    }
}
