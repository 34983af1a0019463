//! What an exception handler does with what it catches.

use nbvet_engine::{
    Model,
    ast::{self, ExceptHandler, ExceptHandlerExceptHandler, Expr, Ranged, Stmt, Visitor, visitor},
};
use nbvet_report::Location;

/// What becomes of the exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Nothing: `pass`, `continue`, `...`.
    Pass,
    /// It is printed or logged, and the notebook goes on.
    PrintOnly,
    /// A constant takes the place of what failed.
    Default,
    /// It is raised again, or the notebook stops.
    Raises,
    /// Something else: a retry, a fallback, an entry in a list.
    Other,
}

/// The clause behind a handler.
pub(crate) fn clause(handler: &ExceptHandler) -> &ExceptHandlerExceptHandler {
    let ExceptHandler::ExceptHandler(clause) = handler;
    clause
}

/// What a finding about a handler is about: static rules and what a run has seen agree on its line.
pub(crate) fn subject(at: &Location) -> String {
    format!("handler:{}", at.line)
}

/// The handler takes whatever comes: bare, `Exception` or `BaseException`.
pub(crate) fn is_broad(handler: &ExceptHandler) -> bool {
    let broad = |class: &Expr| matches!(class, Expr::Name(name) if matches!(name.id.as_str(), "Exception" | "BaseException"));
    match clause(handler).type_.as_deref() {
        None => true,
        Some(Expr::Tuple(classes)) => classes.elts.iter().any(broad),
        Some(class) => broad(class),
    }
}

/// How the handler is written: `except:` or `except Exception:`.
pub(crate) fn spelling(handler: &ExceptHandler) -> &'static str {
    match clause(handler).type_.as_deref() {
        None => "except:",
        Some(Expr::Name(name)) if name.id.as_str() == "BaseException" => "except BaseException:",
        Some(_) => "except Exception:",
    }
}

/// Judges a handler's body.
pub(crate) fn reaction(handler: &ExceptHandler) -> Reaction {
    let body = &clause(handler).body;
    if raises(body) {
        return Reaction::Raises;
    }
    let mut reaction = Reaction::Pass;
    for statement in body {
        match statement_reaction(statement) {
            Reaction::PrintOnly if reaction == Reaction::Pass => reaction = Reaction::PrintOnly,
            Reaction::Pass | Reaction::PrintOnly => {}
            Reaction::Default => reaction = Reaction::Default,
            other => return other,
        }
    }
    reaction
}

pub(crate) fn statement_reaction(statement: &Stmt) -> Reaction {
    match statement {
        Stmt::Pass(_) | Stmt::Continue(_) => Reaction::Pass,
        Stmt::Expr(expression) => match &*expression.value {
            Expr::EllipsisLiteral(_) | Expr::StringLiteral(_) => Reaction::Pass,
            Expr::Call(call) if is_print(call) => Reaction::PrintOnly,
            _ => Reaction::Other,
        },
        Stmt::Return(returned) => match returned.value.as_deref() {
            None => Reaction::Default,
            Some(value) if is_constant(value) => Reaction::Default,
            Some(_) => Reaction::Other,
        },
        Stmt::Assign(assign) if is_constant(&assign.value) => {
            if assign.targets.iter().all(is_names) {
                Reaction::Default
            } else {
                Reaction::Other
            }
        }
        _ => Reaction::Other,
    }
}

/// A name, or names on the left of `slope, error = …`.
fn is_names(target: &Expr) -> bool {
    match target {
        Expr::Name(_) => true,
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_names),
        Expr::List(list) => list.elts.iter().all(is_names),
        _ => false,
    }
}

/// `print`, `display`, a logger's methods, `traceback.print_exc` and their like.
pub(crate) fn is_print(call: &ast::ExprCall) -> bool {
    match &*call.func {
        Expr::Name(name) => matches!(name.id.as_str(), "print" | "display" | "pprint"),
        Expr::Attribute(attribute) => {
            let receiver = match &*attribute.value {
                Expr::Name(name) => name.id.as_str(),
                Expr::Attribute(inner) => inner.attr.as_str(),
                _ => return false,
            };
            match attribute.attr.as_str() {
                "debug" | "info" | "warning" | "warn" | "error" | "exception" | "critical" | "log" => {
                    receiver.to_lowercase().contains("log") || receiver == "warnings"
                }
                "print_exc" | "print_exception" | "print_stack" => receiver == "traceback",
                "write" => matches!(receiver, "stderr" | "stdout" | "tqdm"),
                _ => false,
            }
        }
        _ => false,
    }
}

/// A literal, an empty container, a NaN: nothing that was computed.
pub(crate) fn is_constant(value: &Expr) -> bool {
    match value {
        Expr::NoneLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::EllipsisLiteral(_) => true,
        Expr::UnaryOp(operation) => is_constant(&operation.operand),
        Expr::List(list) => list.elts.iter().all(is_constant),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_constant),
        Expr::Dict(dict) => dict.items.is_empty(),
        Expr::Attribute(attribute) => matches!(attribute.attr.as_str(), "nan" | "NaN" | "NA" | "NaT" | "inf"),
        Expr::Call(call) => {
            call.arguments.is_empty()
                && matches!(&*call.func, Expr::Name(name)
                    if matches!(name.id.as_str(), "list" | "dict" | "set" | "tuple" | "str"))
                || matches!((&*call.func, &*call.arguments.args), (Expr::Name(name), [Expr::StringLiteral(_)])
                    if name.id.as_str() == "float")
                || matches!(&*call.func, Expr::Attribute(attribute)
                    if attribute.attr.as_str() == "DataFrame" && call.arguments.is_empty())
        }
        _ => false,
    }
}

/// Some path through the body raises or stops the notebook.
pub(crate) fn raises(body: &[Stmt]) -> bool {
    struct Finder(bool);
    impl<'a> Visitor<'a> for Finder {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            match statement {
                Stmt::Raise(_) => self.0 = true,
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
                _ => visitor::walk_stmt(self, statement),
            }
        }
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Call(call) = expression {
                self.0 |= match &*call.func {
                    Expr::Name(name) => matches!(name.id.as_str(), "exit" | "quit"),
                    Expr::Attribute(attribute) => {
                        matches!(attribute.attr.as_str(), "exit" | "_exit" | "fail" | "skip")
                    }
                    _ => false,
                };
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut finder = Finder(false);
    finder.visit_body(body);
    finder.0
}

/// Where the `except` clause itself stands: its first line without the body.
pub(crate) fn head(model: &Model<'_>, position: usize, handler: &ExceptHandler) -> ast::TextRange {
    let range = handler.range();
    let first_line = model
        .cell(position)
        .slice(range)
        .lines()
        .next()
        .unwrap_or_default();
    let length = first_line.split('#').next().unwrap_or_default().trim_end().len();
    ast::TextRange::at(range.start(), ast::TextSize::try_from(length).unwrap_or_default())
}
