//! Functions that are only there to fill a column: handed to `apply`, `map` and their like.

use nbvet_engine::{
    Model,
    ast::{Expr, StmtFunctionDef, TextRange, Visitor, visitor},
    model::BindingKind,
};

use super::calls;

/// The function is used, and only to make a column from another, where `None` and NaN are missing values.
pub(crate) fn only_fills(model: &Model<'_>, function: &StmtFunctionDef) -> bool {
    let Some((id, _)) = model.bindings().find(
        |(_, binding)| matches!(binding.kind, BindingKind::Function(found) if std::ptr::eq(found, function)),
    ) else {
        return false;
    };
    let filling: Vec<Vec<TextRange>> = model
        .parsed()
        .cells()
        .iter()
        .map(|cell| {
            let mut finder = Filling {
                name: function.name.as_str(),
                inside: false,
                found: Vec::new(),
            };
            finder.visit_body(cell.body());
            finder.found
        })
        .collect();
    let mut uses = model.uses_of(id).peekable();
    uses.peek().is_some()
        && uses.all(|reference| filling[reference.place.cell].contains(&reference.place.range()))
}

/// Finds a function's name in `column.map(name)` and `frame.apply(lambda row: name(row.part), axis=1)`.
struct Filling<'n> {
    name: &'n str,
    inside: bool,
    found: Vec<TextRange>,
}

impl<'a> Visitor<'a> for Filling<'_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if self.inside && name.id.as_str() == self.name => self.found.push(name.range),
            Expr::Call(call) if call.func.is_attribute_expr() && fills(calls::name(call)) => {
                self.visit_expr(&call.func);
                let outer = std::mem::replace(&mut self.inside, false);
                for argument in &call.arguments.args {
                    match argument {
                        Expr::Name(_) => {
                            self.inside = true;
                            self.visit_expr(argument);
                            self.inside = false;
                        }
                        // The value of the lambda is the call itself and nothing made of it.
                        Expr::Lambda(lambda) => match &*lambda.body {
                            Expr::Call(inner) if inner.func.is_name_expr() => {
                                self.inside = true;
                                self.visit_expr(&inner.func);
                                self.inside = false;
                                self.visit_arguments(&inner.arguments);
                            }
                            other => self.visit_expr(other),
                        },
                        other => self.visit_expr(other),
                    }
                }
                self.inside = outer;
            }
            _ => visitor::walk_expr(self, expression),
        }
    }
}

fn fills(method: &str) -> bool {
    matches!(
        method,
        "apply" | "map" | "applymap" | "transform" | "progress_apply" | "progress_map"
    )
}
