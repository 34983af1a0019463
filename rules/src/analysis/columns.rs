//! Functions that are only there to fill a column: handed to `apply`, `map` and their like.

use std::collections::HashSet;

use nbvet_engine::{
    Model,
    ast::{Expr, StmtFunctionDef, Visitor, visitor},
    model::Place,
};

use super::calls;

/// The function is used, and only to make a column from another, where `None` and NaN are missing values.
pub(crate) fn only_fills(model: &Model<'_>, function: &StmtFunctionDef) -> bool {
    let Some(id) = model.binding_of(function) else {
        return false;
    };
    let filling = model.once(Filling::of);
    let mut uses = model.uses_of(id).peekable();
    uses.peek().is_some() && uses.all(|reference| filling.found.contains(&reference.place))
}

/// Finds names of functions in `column.map(name)` and `frame.apply(lambda row: name(row.part), axis=1)`.
#[derive(Default)]
struct Filling {
    cell: usize,
    inside: bool,
    found: HashSet<Place>,
}

impl Filling {
    fn of(model: &Model<'_>) -> Self {
        let mut filling = Self::default();
        for (position, cell) in model.parsed().cells().iter().enumerate() {
            filling.cell = position;
            filling.visit_body(cell.body());
        }
        filling
    }
}

impl<'a> Visitor<'a> for Filling {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if self.inside => {
                self.found.insert(Place::new(self.cell, name.range));
            }
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
