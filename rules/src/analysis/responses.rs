//! What becomes of an object that a call gives: which of its attributes are read, wherever it goes.

use nbvet_engine::{
    Context, Model,
    ast::{Expr, ExprAttribute, ExprCall, Ranged, Stmt, with_stack},
    model::{BindingId, BindingKind, Place},
};

use super::around::Around;

/// So many functions of the notebook are followed from one call.
const MOST_FOLLOWED: usize = 16;

/// One place at which an attribute of the object is read.
pub(crate) struct Read<'a> {
    /// The attribute: `response.json`.
    pub(crate) attribute: &'a ExprAttribute,
    /// Its cell.
    pub(crate) cell: usize,
    /// What stands around it.
    pub(crate) around: Around<'a>,
}

/// Every use of an object, as far as they are known.
#[derive(Default)]
pub(crate) struct Life<'a> {
    /// Attributes that are read.
    pub(crate) reads: Vec<Read<'a>>,
    /// It also goes where it cannot be followed: it is returned, stored, tested or handed to somebody else.
    pub(crate) leaves: bool,
}

impl Life<'_> {
    /// Some attribute with this property is read.
    pub(crate) fn has(&self, is_it: impl Fn(&str) -> bool) -> bool {
        self.reads.iter().any(|read| is_it(read.attribute.attr.as_str()))
    }
}

/// Follows what a call of the current cell gives. `None` where it is not kept at all.
pub(crate) fn life_of<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<Life<'a>> {
    let model = cx.model();
    let around = Around::of(model, cx.position(), call.range());
    let mut life = Life::default();
    let parent = around.parent();
    match (parent, around.statement()) {
        (Some(Expr::Attribute(attribute)), _) => {
            let around = Around::of(model, cx.position(), attribute.range());
            life.reads.push(Read {
                attribute,
                cell: cx.position(),
                around,
            });
        }
        (Some(Expr::Named(_)), _) | (None, Some(Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::With(_))) => {
            let made: Vec<BindingId> = bindings_of(model, cx.position(), call, around.statement());
            life.leaves |= made.is_empty();
            let mut seen = Vec::new();
            for id in made {
                follow(model, id, &mut life, &mut seen);
            }
        }
        (None, Some(Stmt::Expr(_))) => return None,
        _ => life.leaves = true,
    }
    Some(life)
}

/// The bindings that keep the very value of the call.
fn bindings_of<'a>(
    model: &Model<'a>,
    position: usize,
    call: &'a ExprCall,
    statement: Option<&'a Stmt>,
) -> Vec<BindingId> {
    let Some(statement) = statement else {
        return Vec::new();
    };
    let is_call = |value: &Expr| matches!(value, Expr::Call(found) if std::ptr::eq(found, call));
    let several = matches!(statement, Stmt::Assign(assign) if assign.targets.len() > 1);
    model
        .bindings_within(position, statement.range())
        .filter(|(_, binding)| match binding.kind {
            BindingKind::Value(value) => is_call(value) && !several,
            BindingKind::Part(value) => is_call(value) && statement.is_with_stmt(),
            _ => false,
        })
        .map(|(id, _)| id)
        .collect()
}

fn follow<'a>(model: &Model<'a>, id: BindingId, life: &mut Life<'a>, seen: &mut Vec<BindingId>) {
    if seen.contains(&id) || seen.len() == MOST_FOLLOWED {
        life.leaves |= seen.len() == MOST_FOLLOWED;
        return;
    }
    seen.push(id);
    for reference in model.uses_of(id) {
        let place = reference.place;
        let around = Around::of(model, place.cell, place.range());
        match around.parent() {
            Some(Expr::Attribute(attribute)) => {
                let around = Around::of(model, place.cell, attribute.range());
                life.reads.push(Read {
                    attribute,
                    cell: place.cell,
                    around,
                });
            }
            Some(Expr::Call(call)) => match parameter_for(model, call, place) {
                Some(parameter) => with_stack(|| follow(model, parameter, life, seen)),
                None => life.leaves = true,
            },
            _ => life.leaves = true,
        }
    }
}

/// The parameter of a function of the notebook that an argument at this place fills.
fn parameter_for<'a>(model: &Model<'a>, call: &'a ExprCall, place: Place) -> Option<BindingId> {
    let (id, function) = model.called_function(&call.func)?;
    let arguments = &call.arguments;
    if !function.decorator_list.is_empty() || arguments.args.iter().any(Expr::is_starred_expr) {
        return None;
    }
    let is_here = |value: &Expr| value.range() == place.range();
    let mut parameters = function
        .parameters
        .iter_non_variadic_params()
        .map(|given| &given.parameter.name);
    let index = arguments.args.iter().position(is_here);
    let parameter = match (
        index,
        arguments.keywords.iter().find(|keyword| is_here(&keyword.value)),
    ) {
        (Some(index), _) => parameters.nth(index)?,
        (None, Some(keyword)) => {
            let wanted = keyword.arg.as_ref()?;
            parameters.find(|name| name.as_str() == wanted.as_str())?
        }
        (None, None) => return None,
    };
    let home = model.binding(id).place.cell;
    let mut bound = model.bindings_within(home, parameter.range());
    bound.next().map(|(id, _)| id)
}
