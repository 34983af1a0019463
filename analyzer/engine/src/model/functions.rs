//! What can be said of a piece of code by its shape alone: whether control reaches its end, what a function gives
//! back, which names it surely reads, and the few forms that leave, swallow or bind in unusual ways.

use ruff_python_ast::{
    self as ast, ExceptHandler, Expr, Stmt, StmtFunctionDef,
    visitor::{self, Visitor},
};
use ruff_text_size::{Ranged, TextRange};

use super::targets::Targets;
use crate::ast::with_stack;

/// What a function of the notebook gives back.
#[derive(Debug)]
pub struct FunctionSummary<'a> {
    /// Values of its `return` statements other than `None`.
    pub values: Vec<&'a Expr>,
    /// The ways in which it gives back `None`.
    pub none_paths: Vec<NonePath>,
    /// It is a generator or a coroutine with `yield`: a call gives an iterator.
    pub is_generator: bool,
}

/// One way in which a function gives back `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonePath {
    /// The `return`, the handler that falls through, or the function's name.
    pub range: TextRange,
    /// Which of these it is.
    pub kind: NonePathKind,
}

/// The ways to give back `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonePathKind {
    /// `return` or `return None`.
    Return,
    /// `return` or `return None` within an exception handler.
    ReturnInHandler,
    /// An exception handler whose end leads to the function's end.
    HandlerFallsThrough,
    /// The loop at its end found nothing to return.
    LoopEnds,
    /// Another path that ends without `return`.
    FallsThrough,
}

impl FunctionSummary<'_> {
    /// It gives back a value on one path and nothing on another.
    pub fn is_mixed(&self) -> bool {
        !self.is_generator && !self.values.is_empty() && !self.none_paths.is_empty()
    }
}

/// Summarizes a function's returns.
pub fn summarize(function: &StmtFunctionDef) -> FunctionSummary<'_> {
    let mut returns = Returns {
        summary: FunctionSummary {
            values: vec![],
            none_paths: vec![],
            is_generator: false,
        },
        handlers: 0,
    };
    returns.visit_body(&function.body);
    let mut summary = returns.summary;
    if falls_through(&function.body) {
        let handlers = last_handlers(&function.body);
        if handlers.is_empty() || falls_through_beside_handlers(&function.body) {
            let range = function.name.range;
            let searched = function
                .body
                .last()
                .is_some_and(|last| last.is_for_stmt() || last.is_while_stmt());
            let kind = if searched {
                NonePathKind::LoopEnds
            } else {
                NonePathKind::FallsThrough
            };
            summary.none_paths.push(NonePath { range, kind });
        }
        let kind = NonePathKind::HandlerFallsThrough;
        summary
            .none_paths
            .extend(handlers.into_iter().map(|range| NonePath { range, kind }));
    }
    summary
}

struct Returns<'a> {
    summary: FunctionSummary<'a>,
    handlers: u32,
}

impl<'a> Visitor<'a> for Returns<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            Stmt::Return(returned) => match returned.value.as_deref() {
                None | Some(Expr::NoneLiteral(_)) => {
                    let kind = if self.handlers > 0 {
                        NonePathKind::ReturnInHandler
                    } else {
                        NonePathKind::Return
                    };
                    self.summary.none_paths.push(NonePath {
                        range: returned.range,
                        kind,
                    });
                }
                Some(value) => {
                    self.summary.values.push(value);
                    self.visit_expr(value);
                }
            },
            _ => with_stack(|| visitor::walk_stmt(self, statement)),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        self.handlers += 1;
        visitor::walk_except_handler(self, handler);
        self.handlers -= 1;
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Lambda(_) => {}
            Expr::Yield(_) | Expr::YieldFrom(_) => self.summary.is_generator = true,
            _ => with_stack(|| visitor::walk_expr(self, expression)),
        }
    }
}

/// Whether control can reach the end of these statements.
pub fn falls_through(body: &[Stmt]) -> bool {
    body.iter().all(|statement| with_stack(|| passes(statement)))
}

fn passes(statement: &Stmt) -> bool {
    match statement {
        Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_) => false,
        Stmt::Expr(expression) => !never_returns(&expression.value),
        Stmt::Assert(assertion) => !is_constant(&assertion.test, false),
        Stmt::If(choice) => {
            let exhaustive = choice
                .elif_else_clauses
                .last()
                .is_some_and(|clause| clause.test.is_none());
            !exhaustive
                || falls_through(&choice.body)
                || choice
                    .elif_else_clauses
                    .iter()
                    .any(|clause| falls_through(&clause.body))
        }
        Stmt::While(repeat) => !is_constant(&repeat.test, true) || has_break(&repeat.body),
        Stmt::With(with) => {
            falls_through(&with.body)
                || with
                    .items
                    .iter()
                    .any(|item| swallows_exceptions(&item.context_expr))
        }
        Stmt::Try(attempt) => {
            falls_through(&attempt.finalbody)
                && ((falls_through(&attempt.body) && falls_through(&attempt.orelse))
                    || attempt.handlers.iter().any(handler_falls_through))
        }
        Stmt::Match(choice) => {
            let exhaustive = choice
                .cases
                .last()
                .is_some_and(|case| case.guard.is_none() && case.pattern.is_irrefutable());
            !exhaustive || choice.cases.iter().any(|case| falls_through(&case.body))
        }
        _ => true,
    }
}

fn handler_falls_through(handler: &ExceptHandler) -> bool {
    let ExceptHandler::ExceptHandler(clause) = handler;
    falls_through(&clause.body)
}

fn has_break(body: &[Stmt]) -> bool {
    body.iter().any(|statement| match statement {
        Stmt::Break(_) => true,
        Stmt::If(choice) => {
            has_break(&choice.body)
                || choice
                    .elif_else_clauses
                    .iter()
                    .any(|clause| has_break(&clause.body))
        }
        Stmt::With(with) => has_break(&with.body),
        Stmt::Try(attempt) => {
            [&attempt.body, &attempt.orelse, &attempt.finalbody]
                .into_iter()
                .any(|body| has_break(body))
                || attempt.handlers.iter().any(|handler| {
                    let ExceptHandler::ExceptHandler(clause) = handler;
                    has_break(&clause.body)
                })
        }
        Stmt::Match(choice) => choice.cases.iter().any(|case| has_break(&case.body)),
        // A `break` in the `else` of an inner loop leaves the outer one.
        Stmt::For(inner) => has_break(&inner.orelse),
        Stmt::While(inner) => has_break(&inner.orelse),
        _ => false,
    })
}

/// Handlers of a `try` at the end of the body that fall out of it, and with that out of the function.
fn last_handlers(body: &[Stmt]) -> Vec<TextRange> {
    match body.last() {
        Some(Stmt::Try(attempt)) => attempt
            .handlers
            .iter()
            .filter(|handler| handler_falls_through(handler))
            .map(Ranged::range)
            .collect(),
        Some(Stmt::With(with)) => last_handlers(&with.body),
        _ => Vec::new(),
    }
}

/// Whether the end is reached by another way than through the handlers of its last `try`.
fn falls_through_beside_handlers(body: &[Stmt]) -> bool {
    match body.split_last() {
        Some((Stmt::Try(attempt), before)) => {
            falls_through(before) && falls_through(&attempt.body) && falls_through(&attempt.orelse)
        }
        Some((Stmt::With(with), before)) => {
            falls_through(before) && falls_through_beside_handlers(&with.body)
        }
        _ => true,
    }
}

/// The expression is this truth value, written as a literal.
pub(super) fn is_constant(expression: &Expr, truth: bool) -> bool {
    match expression {
        Expr::BooleanLiteral(literal) => literal.value == truth,
        Expr::NumberLiteral(ast::ExprNumberLiteral {
            value: ast::Number::Int(value),
            ..
        }) => value.as_u64() == Some(u64::from(truth)),
        _ => false,
    }
}

/// `exit()`, `quit()`, `sys.exit()`, `os._exit()`, `os.abort()`.
pub(super) fn never_returns(expression: &Expr) -> bool {
    let Expr::Call(call) = expression else {
        return false;
    };
    match &*call.func {
        Expr::Name(name) => matches!(name.id.as_str(), "exit" | "quit"),
        Expr::Attribute(attribute) => {
            let Expr::Name(module) = &*attribute.value else {
                return false;
            };
            matches!(
                (module.id.as_str(), attribute.attr.as_str()),
                ("sys", "exit") | ("os", "_exit" | "abort")
            )
        }
        _ => false,
    }
}

/// `globals()`, `locals()`, `vars()`, `dir()`.
pub(super) fn is_namespace_call(expression: &Expr) -> bool {
    let Expr::Call(call) = expression else {
        return false;
    };
    matches!(&*call.func, Expr::Name(name)
        if matches!(name.id.as_str(), "globals" | "locals" | "vars" | "dir") && call.arguments.is_empty())
}

/// `globals()[name] = …` or `builtins.name = …`.
pub(super) fn writes_namespace(target: &Expr) -> bool {
    match target {
        Expr::Subscript(subscript) => is_namespace_call(&subscript.value),
        Expr::Attribute(attribute) => matches!(&*attribute.value, Expr::Name(name)
            if matches!(name.id.as_str(), "builtins" | "__builtins__" | "__main__")),
        _ => false,
    }
}

/// Calls after which any name may be bound: `exec`, `globals().update`, `get_ipython().run_line_magic`,
/// `sympy.var("x y")`, `init_session`.
pub(super) fn binds_unknown_names(call: &ast::ExprCall) -> bool {
    match &*call.func {
        Expr::Name(name) => match name.id.as_str() {
            "exec" | "init_session" | "execfile" => true,
            "var" => first_is_string(call),
            _ => false,
        },
        Expr::Attribute(attribute) => match attribute.attr.as_str() {
            "update" | "setdefault" => is_namespace_call(&attribute.value),
            "var" => first_is_string(call),
            "run_line_magic" | "run_cell_magic" | "magic" | "run_cell" | "ex" | "push" | "safe_execfile" => {
                matches!(&*attribute.value, Expr::Call(inner)
                    if matches!(&*inner.func, Expr::Name(name) if name.id.as_str() == "get_ipython"))
                    || matches!(&*attribute.value, Expr::Name(name)
                        if matches!(name.id.as_str(), "ipython" | "ip" | "shell"))
            }
            "init_session" => true,
            _ => false,
        },
        _ => false,
    }
}

fn first_is_string(call: &ast::ExprCall) -> bool {
    call.arguments
        .args
        .first()
        .is_some_and(Expr::is_string_literal_expr)
}

/// The handler takes a `NameError`.
pub(super) fn catches_name_error(handler: &ExceptHandler) -> bool {
    let ExceptHandler::ExceptHandler(clause) = handler;
    match clause.type_.as_deref() {
        None => true,
        Some(Expr::Tuple(classes)) => classes.elts.iter().any(is_name_error),
        Some(class) => is_name_error(class),
    }
}

fn is_name_error(class: &Expr) -> bool {
    matches!(class, Expr::Name(name) if matches!(
        name.id.as_str(),
        "NameError" | "UnboundLocalError" | "Exception" | "BaseException"
    ))
}

/// `with suppress(…)`, `with pytest.raises(…)` and their like.
pub(super) fn swallows_exceptions(context: &Expr) -> bool {
    let Expr::Call(call) = context else { return false };
    let name = match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    matches!(
        name,
        "suppress" | "raises" | "assertRaises" | "assertRaisesRegex" | "ExpectException"
    )
}

/// Names from outside the function that every run of its body reads, in the order of the source: the straight
/// part at its beginning, before anything that may leave or skip.
pub(super) fn certain_reads(function: &StmtFunctionDef) -> Vec<&ast::ExprName> {
    let generator = summarize(function).is_generator;
    if generator || function.is_async || !function.decorator_list.is_empty() {
        return Vec::new();
    }
    let mut own = Targets::of(&function.body);
    own.names.extend(
        function
            .parameters
            .iter()
            .map(|parameter| parameter.name().as_str()),
    );
    let mut reads = Reads {
        names: Vec::new(),
        done: false,
    };
    for statement in &function.body {
        reads.statement(statement);
        if reads.done {
            break;
        }
    }
    reads.names.retain(|name| {
        let name = name.id.as_str();
        own.globals.contains(name) || !own.names.contains(name)
    });
    reads.names
}

struct Reads<'a> {
    names: Vec<&'a ast::ExprName>,
    done: bool,
}

impl<'a> Reads<'a> {
    fn statement(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AugAssign(_) | Stmt::AnnAssign(_) => {
                with_stack(|| visitor::walk_stmt(self, statement));
                self.done |= matches!(statement, Stmt::Expr(expression) if never_returns(&expression.value));
            }
            Stmt::Return(_) | Stmt::Raise(_) => {
                with_stack(|| visitor::walk_stmt(self, statement));
                self.done = true;
            }
            Stmt::If(choice) => {
                self.visit_expr(&choice.test);
                self.done = true;
            }
            Stmt::For(repeat) => {
                self.visit_expr(&repeat.iter);
                self.done = true;
            }
            Stmt::With(with) => {
                with.items
                    .iter()
                    .for_each(|item| self.visit_expr(&item.context_expr));
                self.done = true;
            }
            // The name of a nested function is bound; its body does not run here.
            Stmt::FunctionDef(_)
            | Stmt::ClassDef(_)
            | Stmt::Import(_)
            | Stmt::ImportFrom(_)
            | Stmt::Pass(_)
            | Stmt::Global(_)
            | Stmt::Nonlocal(_) => {}
            _ => self.done = true,
        }
    }
}

impl<'a> Visitor<'a> for Reads<'a> {
    fn visit_annotation(&mut self, _: &'a Expr) {}

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                if name.ctx.is_load() {
                    self.names.push(name);
                }
            }
            Expr::Lambda(_) => {}
            Expr::BoolOp(operation) => operation
                .values
                .iter()
                .take(1)
                .for_each(|first| self.visit_expr(first)),
            Expr::If(choice) => self.visit_expr(&choice.test),
            Expr::ListComp(ast::ExprListComp { generators, .. })
            | Expr::SetComp(ast::ExprSetComp { generators, .. })
            | Expr::DictComp(ast::ExprDictComp { generators, .. })
            | Expr::Generator(ast::ExprGenerator { generators, .. }) => {
                generators
                    .iter()
                    .take(1)
                    .for_each(|first| self.visit_expr(&first.iter));
            }
            _ => with_stack(|| visitor::walk_expr(self, expression)),
        }
    }
}
