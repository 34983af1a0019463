//! Requests by a session of `requests` or a client of `httpx`: `session.get(address)`.

use std::collections::HashMap;

use nbvet_engine::{
    Model,
    ast::{Expr, ExprCall, ExprName},
    model::{BindingId, BindingKind},
};

use super::around::Around;

/// Whose session it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    /// `requests`, which waits for ever.
    Requests,
    /// `httpx`, which waits for five seconds.
    Httpx,
}

/// The library of the session that this is a method's call of. A session that is prepared in any way, and so may check
/// or limit by itself, is none.
pub(crate) fn library<'a>(model: &Model<'a>, call: &'a ExprCall) -> Option<Library> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    match &*method.value {
        Expr::Call(made) => made_by(model, made),
        Expr::Name(name) => of_name(model, name),
        _ => None,
    }
}

fn of_name(model: &Model<'_>, name: &ExprName) -> Option<Library> {
    let [id] = model.certain_bindings(name)? else {
        return None;
    };
    model.once(Plain::of).0.get(id).copied()
}

/// The bindings that keep a session of which only [harmless](is_harmless) things are asked.
struct Plain(HashMap<BindingId, Library>);

impl Plain {
    fn of(model: &Model<'_>) -> Self {
        let plain = model.bindings().filter_map(|(id, binding)| {
            let (BindingKind::Value(Expr::Call(made)) | BindingKind::Part(Expr::Call(made))) = binding.kind
            else {
                return None;
            };
            let library = made_by(model, made)?;
            let is_plain = model.uses_of(id).all(|reference| {
                let around = Around::of(model, reference.place.cell, reference.place.range());
                matches!(around.parent(), Some(Expr::Attribute(attribute)) if is_harmless(attribute.attr.as_str()))
            });
            is_plain.then_some((id, library))
        });
        Self(plain.collect())
    }
}

fn made_by<'a>(model: &Model<'a>, made: &'a ExprCall) -> Option<Library> {
    let name = model.qualified_name(&made.func)?;
    if name.is_any(&[
        "requests.Session",
        "requests.session",
        "requests.sessions.Session",
    ]) {
        return Some(Library::Requests);
    }
    let is_bare = made.arguments.keywords.iter().all(|keyword| {
        let given = keyword.arg.as_ref().map_or("", |given| given.as_str());
        !matches!(given, "" | "event_hooks" | "transport" | "mounts")
    });
    (name.is("httpx.Client") && is_bare).then_some(Library::Httpx)
}

/// What is done with a session that neither checks answers nor limits the time.
fn is_harmless(attribute: &str) -> bool {
    matches!(
        attribute,
        "get"
            | "post"
            | "put"
            | "patch"
            | "delete"
            | "head"
            | "options"
            | "request"
            | "headers"
            | "auth"
            | "params"
            | "cookies"
            | "proxies"
            | "verify"
            | "close"
    )
}
