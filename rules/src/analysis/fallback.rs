//! Handlers that do what the `try` was for in another way, and raise themselves where they cannot.

use nbvet_engine::{
    Context,
    ast::{ExceptHandler, Expr, Ranged, Stmt, StmtTry, Visitor, visitor},
};

use super::{calls, handlers, harm};

/// The handler is another way to the same end: it makes what the `try` did not find, computes the same names from
/// the same things, makes the same call with other arguments, enters what a lookup did not find, or keeps a list of what failed that is looked at.
pub(crate) fn is_another_way(cx: &Context<'_, '_>, attempt: &StmtTry, handler: &ExceptHandler) -> bool {
    let body = &handlers::clause(handler).body;
    if waits_or_loops(body) {
        return false;
    }
    is_lookup(&attempt.body)
        || gets_or_creates(attempt, body)
        || gives_the_same_names(cx, attempt, body)
        || collects(cx, attempt, handler)
        || calls_the_same(cx, &attempt.body, body)
}

/// One call and nothing else, and in the handler the same call with other arguments.
fn calls_the_same(cx: &Context<'_, '_>, tried: &[Stmt], instead: &[Stmt]) -> bool {
    let callee = |body: &[Stmt]| match body {
        [Stmt::Expr(statement)] => {
            let call = statement.value.as_call_expr()?;
            Some(cx.source(call.func.range()))
        }
        _ => None,
    };
    callee(tried).is_some_and(|name| callee(instead) == Some(name) && name != "print")
}

/// A retry that waits hides every error for as long as it likes.
fn waits_or_loops(body: &[Stmt]) -> bool {
    struct Finder(bool);
    impl<'a> Visitor<'a> for Finder {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            self.0 |= matches!(statement, Stmt::While(_) | Stmt::Continue(_) | Stmt::Break(_));
            visitor::walk_stmt(self, statement);
        }
        fn visit_expr(&mut self, expression: &'a Expr) {
            self.0 |= matches!(expression, Expr::Call(call) if calls::name(call) == "sleep");
            visitor::walk_expr(self, expression);
        }
    }
    let mut finder = Finder(false);
    finder.visit_body(body);
    finder.0
}

/// One lookup and nothing else that can fail: a subscript, an attribute, `.index(…)`, `.remove(…)`, `.pop(…)`.
fn is_lookup(body: &[Stmt]) -> bool {
    struct Finder {
        lookups: usize,
        others: usize,
    }
    impl<'a> Visitor<'a> for Finder {
        fn visit_expr(&mut self, expression: &'a Expr) {
            match expression {
                Expr::Call(call) => match (&*call.func, calls::name(call)) {
                    (Expr::Attribute(_), "index" | "remove" | "pop") => self.lookups += 1,
                    // `groups[key].append(item)` fails where there is no such key.
                    (Expr::Attribute(method), "append" | "add") if method.value.is_subscript_expr() => {}
                    _ => self.others += 1,
                },
                Expr::Subscript(_) => self.lookups += 1,
                Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) => self.others += 1,
                _ => {}
            }
            visitor::walk_expr(self, expression);
        }
    }
    let [statement] = body else { return false };
    let mut finder = Finder {
        lookups: 0,
        others: 0,
    };
    match statement {
        Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AugAssign(_) | Stmt::Delete(_) | Stmt::Return(_) => {
            finder.visit_stmt(statement);
        }
        _ => return false,
    }
    finder.lookups > 0 && finder.others == 0
}

/// `client.get(…)` and, where there is none, `client.create(…)`; or the other way round for the same name.
fn gets_or_creates(attempt: &StmtTry, handler: &[Stmt]) -> bool {
    let (tried, instead) = (calls_in(&attempt.body), calls_in(handler));
    let pairs = |one: fn(&str) -> bool, other: fn(&str) -> bool| {
        tried.iter().any(|(first, receiver)| {
            one(first)
                && instead
                    .iter()
                    .any(|(second, same)| other(second) && receiver.is_some() && receiver == same)
        })
    };
    let names_its_result = || {
        let given = targets(handler);
        targets(&attempt.body).iter().any(|target| given.contains(target))
    };
    let makes_then_gets = tried.iter().any(|(name, _)| calls::is_create(name))
        && instead.iter().any(|(name, _)| calls::is_get(name));
    pairs(calls::is_get, calls::is_create) || (makes_then_gets && names_its_result())
}

/// Every name of the `try` that is read later is bound by the handler too, and computed from something that the
/// `try` works on.
fn gives_the_same_names(cx: &Context<'_, '_>, attempt: &StmtTry, handler: &[Stmt]) -> bool {
    let given = targets(handler);
    let tried = targets(&attempt.body);
    let same = !tried.is_empty()
        && tried.iter().any(|target| given.contains(target))
        && harm::read_elsewhere(cx, attempt)
            .iter()
            .all(|name| given.contains(&Target::Name(name)));
    let inputs = loads(&attempt.body);
    let called = calls_in(&attempt.body);
    let is_computed = |statement: &Stmt| {
        let statements = std::slice::from_ref(statement);
        match statement {
            Stmt::Assign(assign) => is_work(&assign.value) && shares(&loads(statements), &inputs),
            // A value has no name that says what it is for: the same must be called, or a method of the same.
            Stmt::Return(_) => calls_in(statements).iter().any(|(name, receiver)| {
                let is_alike =
                    |(tried, on): &(&str, Option<&str>)| tried == name || (on.is_some() && on == receiver);
                called.iter().any(is_alike)
            }),
            _ => false,
        }
    };
    same && handler.iter().any(is_computed)
}

/// Something is called or looked up: a name alone or a constant is a default.
fn is_work(value: &Expr) -> bool {
    !handlers::is_constant(value) && !value.is_name_expr()
}

fn shares(some: &[&str], others: &[&str]) -> bool {
    some.iter().any(|name| others.contains(name))
}

/// The handler notes what failed in a list of its own that something else than the noting reads.
fn collects(cx: &Context<'_, '_>, attempt: &StmtTry, handler: &ExceptHandler) -> bool {
    let tried = appended(&attempt.body);
    appended(&handlers::clause(handler).body)
        .into_iter()
        .filter(|name| !tried.contains(name))
        .any(|list| {
            cx.model().references_named(list).any(|reference| {
                !(reference.place.cell == cx.position()
                    && attempt.range().contains_range(reference.place.range()))
            })
        })
}

/// Names of lists to which these statements append.
fn appended(body: &[Stmt]) -> Vec<&str> {
    calls_in(body)
        .into_iter()
        .filter(|(name, _)| matches!(*name, "append" | "add"))
        .filter_map(|(_, receiver)| receiver)
        .collect()
}

/// What a statement binds.
#[derive(PartialEq, Eq)]
enum Target<'a> {
    Name(&'a str),
    /// An attribute or an item, by the name at its root.
    Part(&'a str),
    Returned,
}

fn targets(body: &[Stmt]) -> Vec<Target<'_>> {
    fn add<'a>(target: &'a Expr, found: &mut Vec<Target<'a>>) {
        match target {
            Expr::Name(name) => found.push(Target::Name(name.id.as_str())),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|part| add(part, found)),
            _ => found.extend(root(target).map(Target::Part)),
        }
    }
    let mut found = Vec::new();
    for statement in body {
        match statement {
            Stmt::Assign(assign) => assign.targets.iter().for_each(|target| add(target, &mut found)),
            Stmt::Return(_) => found.push(Target::Returned),
            _ => {}
        }
    }
    found
}

/// The name at the root of `name.part[…]`.
fn root(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => root(&attribute.value),
        Expr::Subscript(subscript) => root(&subscript.value),
        Expr::Call(call) => root(&call.func),
        _ => None,
    }
}

/// Every call by its name, with the name at the root of its receiver.
fn calls_in(body: &[Stmt]) -> Vec<(&str, Option<&str>)> {
    struct Finder<'a>(Vec<(&'a str, Option<&'a str>)>);
    impl<'a> Visitor<'a> for Finder<'a> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Call(call) = expression {
                let receiver = match &*call.func {
                    Expr::Attribute(attribute) => root(&attribute.value),
                    _ => None,
                };
                self.0.push((calls::name(call), receiver));
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut finder = Finder(Vec::new());
    finder.visit_body(body);
    finder.0
}

/// The names that are read, but for what is called: `frame` and `key` of `float(frame.get(key))`.
fn loads(body: &[Stmt]) -> Vec<&str> {
    struct Finder<'a>(Vec<&'a str>);
    impl<'a> Visitor<'a> for Finder<'a> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            match expression {
                Expr::Name(name) if name.ctx.is_load() => self.0.push(name.id.as_str()),
                Expr::Call(call) if call.func.is_name_expr() => self.visit_arguments(&call.arguments),
                _ => visitor::walk_expr(self, expression),
            }
        }
    }
    let mut finder = Finder(Vec::new());
    finder.visit_body(body);
    finder.0
}
