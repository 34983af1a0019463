//! How much it matters that an exception is lost: what the rest of the notebook could miss of what a `try` does.

use nbvet_engine::{
    Context,
    ast::{self, ExceptHandler, Expr, Ranged, Stmt, StmtTry, TextRange, Visitor, visitor},
    model::ScopeId,
};

use super::{
    calls,
    handlers::{self, Reaction},
};

/// Losing this exception does little harm: the `try` only cleans up, only asks a yes/no question, only looks
/// whether something can be imported, or does nothing that the rest of the notebook could miss.
pub(crate) fn is_little(cx: &Context<'_, '_>, attempt: &StmtTry, handler: &ExceptHandler) -> bool {
    is_cleanup(cx, attempt, &attempt.body)
        || cx
            .function()
            .is_some_and(|function| calls::is_cleanup(&function.name))
        || is_probe(attempt, handler)
        || is_flag_probe(cx, attempt, handler)
        || is_import(&attempt.body)
        || is_show(&attempt.body)
        || is_kept_in_place(&attempt.body, handler)
        || is_shown_on_purpose(cx, attempt, handler)
        || is_one_of_two_ways(cx, attempt, handler)
}

/// Only calls that clean up, and what they need for it.
fn is_cleanup(cx: &Context<'_, '_>, attempt: &StmtTry, body: &[Stmt]) -> bool {
    let mut cleans = false;
    let harmless = body.iter().all(|statement| match statement {
        Stmt::Delete(_) => {
            cleans = true;
            true
        }
        Stmt::Expr(expression) => match &*expression.value {
            Expr::Call(call) if handlers::is_print(call) => true,
            Expr::Call(call) => {
                let cleanup = calls::is_cleanup(calls::name(call));
                cleans |= cleanup;
                cleanup
            }
            // A name alone: the question whether there is anything to clean up.
            Expr::StringLiteral(_) | Expr::Name(_) | Expr::Attribute(_) => true,
            _ => false,
        },
        // `job = client.delete(…)`, and what is looked up for it and read nowhere else.
        Stmt::Assign(assign) => {
            let cleanup = matches!(&*assign.value, Expr::Call(call) if calls::is_cleanup(calls::name(call)));
            cleans |= cleanup;
            cleanup
                || (assign.targets.iter().all(Expr::is_name_expr) && read_elsewhere(cx, attempt).is_empty())
        }
        // `resources = list(); for r in resources: r.delete()`
        Stmt::For(repeat) => {
            let inner = is_cleanup(cx, attempt, &repeat.body);
            cleans |= inner;
            inner
        }
        Stmt::If(choice) => {
            let inner = is_cleanup(cx, attempt, &choice.body) && choice.elif_else_clauses.is_empty();
            cleans |= inner;
            inner
        }
        Stmt::Pass(_) => true,
        _ => false,
    });
    harmless && cleans
}

/// The handler and the body yield only True or False.
fn is_probe(attempt: &StmtTry, handler: &ExceptHandler) -> bool {
    let answers = |statement: &Stmt| match statement {
        Stmt::Return(returned) => returned
            .value
            .as_deref()
            .is_some_and(Expr::is_boolean_literal_expr),
        Stmt::Assign(assign) => assign.value.is_boolean_literal_expr(),
        _ => false,
    };
    let body = &handlers::clause(handler).body;
    body.iter().any(answers)
        && body.iter().all(|statement| {
            answers(statement) || handlers::statement_reaction(statement) != Reaction::Default
        })
        && attempt
            .body
            .iter()
            .chain(&attempt.orelse)
            .filter(|statement| statement.is_return_stmt())
            .all(answers)
}

/// The body ends by setting a flag that had the other value before, and leaves nothing else behind.
fn is_flag_probe(cx: &Context<'_, '_>, attempt: &StmtTry, handler: &ExceptHandler) -> bool {
    let Some(Stmt::Assign(last)) = attempt.orelse.last().or(attempt.body.last()) else {
        return false;
    };
    let ([Expr::Name(flag)], Expr::BooleanLiteral(_)) = (&*last.targets, &*last.value) else {
        return false;
    };
    let flag = flag.id.as_str();
    let model = cx.model();
    let is_set_before = || {
        model.bindings().any(|(_, binding)| {
            binding.name == flag
                && binding.place.cell <= cx.position()
                && !is_within(cx, attempt.range, binding.place)
        })
    };
    matches!(handlers::reaction(handler), Reaction::Pass | Reaction::PrintOnly)
        && !calls::make_something(&attempt.body)
        && is_set_before()
        && read_elsewhere(cx, attempt).iter().all(|name| *name == flag)
}

fn is_import(body: &[Stmt]) -> bool {
    let is_import = |statement: &Stmt| matches!(statement, Stmt::Import(_) | Stmt::ImportFrom(_));
    body.first().is_some_and(is_import)
        && body
            .iter()
            .all(|statement| is_import(statement) || !binds_or_loops(statement))
}

fn binds_or_loops(statement: &Stmt) -> bool {
    matches!(
        statement,
        Stmt::For(_) | Stmt::While(_) | Stmt::With(_) | Stmt::FunctionDef(_) | Stmt::ClassDef(_)
    )
}

/// The body shows values or demonstrates an error, and binds nothing.
fn is_show(body: &[Stmt]) -> bool {
    body.iter().all(|statement| match statement {
        Stmt::Expr(expression) => match &*expression.value {
            Expr::Call(call) => handlers::is_print(call),
            Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) => false,
            _ => true,
        },
        // `if hasattr(kind(), "classes"): print(name)`
        Stmt::If(choice) => {
            is_show(&choice.body)
                && choice
                    .elif_else_clauses
                    .iter()
                    .all(|clause| is_show(&clause.body))
        }
        Stmt::Raise(_) | Stmt::Assert(_) | Stmt::Pass(_) => true,
        _ => false,
    })
}

/// `set_option(name, value); del options[name]`: an entry that could not be used stays where it was.
fn is_kept_in_place(body: &[Stmt], handler: &ExceptHandler) -> bool {
    let [first, Stmt::Delete(taken)] = body else {
        return false;
    };
    first.is_expr_stmt()
        && taken.targets.iter().all(Expr::is_subscript_expr)
        && handlers::reaction(handler) == Reaction::Pass
}

/// A step of its own in a cell of which nothing is read later, and the reader of the output sees the error itself
/// or what is said in its place.
fn is_shown_on_purpose(cx: &Context<'_, '_>, attempt: &StmtTry, handler: &ExceptHandler) -> bool {
    handlers::reaction(handler) == Reaction::PrintOnly
        && is_step_of_a_cell(cx, attempt)
        && leaves_names_only(&attempt.body)
        && leaves_names_only(&attempt.orelse)
        && !calls::make_something(&attempt.body)
        && (prints_the_error(handler) || shows_only(&attempt.body))
        && read_elsewhere(cx, attempt).is_empty()
}

/// The `try` is a statement of the cell itself: in no function, class, loop or branch.
fn is_step_of_a_cell(cx: &Context<'_, '_>, attempt: &StmtTry) -> bool {
    (cx.cell().body().iter())
        .any(|statement| matches!(statement, Stmt::Try(found) if std::ptr::eq(found, attempt)))
}

/// Nothing is written into an object that was there before, no command is run, and nothing is waited for.
fn leaves_names_only(body: &[Stmt]) -> bool {
    struct Finder(bool);
    impl<'a> Visitor<'a> for Finder {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            self.0 &= match statement {
                Stmt::Assign(assign) => assign.targets.iter().all(Expr::is_name_expr),
                Stmt::AugAssign(_) | Stmt::Delete(_) | Stmt::While(_) | Stmt::IpyEscapeCommand(_) => false,
                _ => true,
            };
            visitor::walk_stmt(self, statement);
        }
    }
    let mut finder = Finder(true);
    finder.visit_body(body);
    finder.0
}

/// Names for the moment, and the printing of what they hold.
fn shows_only(body: &[Stmt]) -> bool {
    body.iter()
        .all(|statement| statement.is_assign_stmt() || is_show(std::slice::from_ref(statement)))
        && body.iter().any(|statement| !statement.is_assign_stmt())
}

/// `except Exception as error: print(…, error)`, or a traceback. `error.args` alone may say anything.
fn prints_the_error(handler: &ExceptHandler) -> bool {
    struct Finder<'n> {
        name: Option<&'n str>,
        found: bool,
    }
    impl<'a> Visitor<'a> for Finder<'_> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            match expression {
                Expr::Name(name) => self.found |= self.name == Some(name.id.as_str()),
                Expr::Attribute(attribute) if attribute.value.is_name_expr() => {}
                Expr::Call(call) => {
                    self.found |= matches!(calls::name(call), "print_exc" | "print_exception");
                    visitor::walk_expr(self, expression);
                }
                _ => visitor::walk_expr(self, expression),
            }
        }
    }
    let clause = handlers::clause(handler);
    let mut finder = Finder {
        name: clause.name.as_ref().map(ast::Identifier::as_str),
        found: false,
    };
    finder.visit_body(&clause.body);
    finder.found
}

/// The same name is tried for in a neighbouring cell in another way, and bound nowhere else: where both fail it is
/// missing, and its first use says so.
fn is_one_of_two_ways(cx: &Context<'_, '_>, attempt: &StmtTry, handler: &ExceptHandler) -> bool {
    if handlers::reaction(handler) != Reaction::Pass || !is_step_of_a_cell(cx, attempt) {
        return false;
    }
    let model = cx.model();
    let names = read_elsewhere(cx, attempt);
    let mut has_neighbour = false;
    let only_tried = names.iter().all(|name| {
        model.bindings_named(ScopeId::NOTEBOOK, name).iter().all(|id| {
            let place = model.binding(*id).place;
            has_neighbour |= place.cell != cx.position() && place.cell.abs_diff(cx.position()) == 1;
            model.cell(place.cell).body().iter().any(
                |statement| matches!(statement, Stmt::Try(found) if found.range.contains_range(place.range())),
            )
        })
    });
    only_tried && has_neighbour
}

/// Names that the `try` binds and that something outside of it may read.
pub(crate) fn read_elsewhere<'m>(cx: &Context<'_, 'm>, attempt: &StmtTry) -> Vec<&'m str> {
    let body = |part: &[Stmt]| match (part.first(), part.last()) {
        (Some(first), Some(last)) => Some(TextRange::new(first.start(), last.end())),
        _ => None,
    };
    let parts: Vec<_> = [body(&attempt.body), body(&attempt.orelse)]
        .into_iter()
        .flatten()
        .collect();
    let model = cx.model();
    parts
        .iter()
        .flat_map(|part| model.bindings_within(cx.position(), *part))
        .filter(|(id, _)| {
            model
                .uses_of(*id)
                .any(|reference| !parts.iter().any(|part| is_within(cx, *part, reference.place)))
        })
        .map(|(_, binding)| binding.name)
        .collect()
}

fn is_within(cx: &Context<'_, '_>, range: TextRange, place: nbvet_engine::model::Place) -> bool {
    place.cell == cx.position() && range.contains_range(place.range())
}
