//! Statements and expressions as far as rules on data read them: what is given to a name or changed in place, the
//! calls within an expression, the name at its root.

use nbvet_engine::{
    Model,
    ast::{Expr, ExprCall, Ranged, Stmt, Visitor, visitor, with_stack},
};

use super::calls;

/// A place in the order of the notebook: position of the cell, offset in it.
pub(crate) type Point = (usize, u32);

/// Nobody writes longer ones; machines may.
const LONGEST_CHAIN: usize = 200;

/// The name at the root of `name["a"].loc[…].method(…)`.
pub(crate) fn root(mut expression: &Expr) -> Option<&str> {
    for _ in 0..LONGEST_CHAIN {
        expression = match expression {
            Expr::Name(name) => return Some(name.id.as_str()),
            Expr::Attribute(attribute) => &attribute.value,
            Expr::Subscript(subscript) => &subscript.value,
            Expr::Call(call) => &call.func,
            _ => return None,
        };
    }
    None
}

/// Every name that an expression reads.
pub(crate) fn names(expression: &Expr) -> Vec<&str> {
    struct Names<'a>(Vec<&'a str>);
    impl<'a> Visitor<'a> for Names<'a> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Name(name) = expression {
                self.0.push(name.id.as_str());
            }
            with_stack(|| visitor::walk_expr(self, expression));
        }
    }
    let mut names = Names(Vec::new());
    names.visit_expr(expression);
    names.0
}

/// Every text that an expression holds.
pub(crate) fn strings(expression: &Expr) -> Vec<&str> {
    struct Strings<'a>(Vec<&'a str>);
    impl<'a> Visitor<'a> for Strings<'a> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::StringLiteral(text) = expression {
                self.0.push(text.value.to_str());
            }
            with_stack(|| visitor::walk_expr(self, expression));
        }
    }
    let mut strings = Strings(Vec::new());
    strings.visit_expr(expression);
    strings.0
}

/// The expression calls one of these.
pub(crate) fn has_method(expression: &Expr, wanted: &[&str]) -> bool {
    find_call(expression, &|call| wanted.contains(&calls::name(call))).is_some()
}

/// The first call within an expression of which something holds.
pub(crate) fn find_call<'a>(
    expression: &'a Expr,
    is_wanted: &dyn Fn(&'a ExprCall) -> bool,
) -> Option<&'a ExprCall> {
    struct Find<'a, 'f>(&'f dyn Fn(&'a ExprCall) -> bool, Option<&'a ExprCall>);
    impl<'a> Visitor<'a> for Find<'a, '_> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if self.1.is_some() {
                return;
            }
            if let Expr::Call(call) = expression
                && (self.0)(call)
            {
                self.1 = Some(call);
                return;
            }
            with_stack(|| visitor::walk_expr(self, expression));
        }
    }
    let mut find = Find(is_wanted, None);
    find.visit_expr(expression);
    find.1
}

/// One statement that gives a name or a part of it a value, or changes it in place: `target = value`, `value`.
pub(crate) struct Step<'a> {
    pub(crate) cell: usize,
    pub(crate) target: Option<&'a Expr>,
    pub(crate) value: &'a Expr,
    /// It stands in a function's body.
    pub(crate) in_function: bool,
}

impl<'a> Step<'a> {
    /// Where it stands.
    pub(crate) fn point(&self) -> Point {
        (self.cell, self.value.start().to_u32())
    }

    /// The name that it changes.
    pub(crate) fn changed(&self) -> Option<&'a str> {
        root(self.target.unwrap_or(self.value))
    }
}

/// All assignments to one target and all expressions of the cells that run, within functions too.
pub(crate) fn steps<'a>(model: &Model<'a>) -> Vec<Step<'a>> {
    struct Steps<'a> {
        cell: usize,
        depth: u32,
        found: Vec<Step<'a>>,
    }
    impl<'a> Visitor<'a> for Steps<'a> {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            let (target, value) = match statement {
                Stmt::Assign(assign) => match assign.targets.as_slice() {
                    [target] => (Some(target), &*assign.value),
                    _ => return,
                },
                Stmt::Expr(expression) => (None, &*expression.value),
                _ => {
                    let deeper = u32::from(statement.is_function_def_stmt());
                    self.depth += deeper;
                    with_stack(|| visitor::walk_stmt(self, statement));
                    self.depth -= deeper;
                    return;
                }
            };
            self.found.push(Step {
                cell: self.cell,
                target,
                value,
                in_function: self.depth > 0,
            });
        }

        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut steps = Steps {
        cell: 0,
        depth: 0,
        found: Vec::new(),
    };
    for (position, cell) in model.parsed().cells().iter().enumerate() {
        if cell.is_valid() && !cell.is_skipped() {
            steps.cell = position;
            steps.visit_body(cell.body());
        }
    }
    steps.found
}

/// The steps with the call that is looked for in them.
pub(crate) fn with_call<'a>(
    model: &Model<'a>,
    wanted: impl Fn(&Step<'a>) -> Option<&'a ExprCall>,
) -> Vec<(Step<'a>, &'a ExprCall)> {
    let found = steps(model).into_iter();
    found
        .filter_map(|step| wanted(&step).map(|call| (step, call)))
        .collect()
}

/// A keyword argument's value.
pub(crate) fn keyword<'a>(call: &'a ExprCall, name: &str) -> Option<&'a Expr> {
    call.arguments.find_keyword(name).map(|keyword| &keyword.value)
}

/// A keyword argument is this text.
pub(crate) fn keyword_is(call: &ExprCall, name: &str, text: &str) -> bool {
    matches!(keyword(call, name), Some(Expr::StringLiteral(literal)) if literal.value.to_str() == text)
}

/// A keyword argument is `True`.
pub(crate) fn is_set(call: &ExprCall, name: &str) -> bool {
    matches!(keyword(call, name), Some(Expr::BooleanLiteral(literal)) if literal.value)
}
