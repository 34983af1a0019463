//! Which function of the notebook a `None` comes from, and whether the notebook expects it.

use nbvet_engine::{
    Model,
    ast::{CmpOp, Expr, ExprCall, Ranged, Stmt, StmtFunctionDef, TextRange, Visitor, visitor},
    model::{Binding, BindingId, BindingKind, NonePath, NonePathKind, summarize},
};

/// A function of the notebook that gives a value on one path and `None` on another.
pub(crate) struct Origin<'a> {
    /// The function.
    pub(crate) function: &'a StmtFunctionDef,
    /// The cell of its definition, as a position among the code cells.
    pub(crate) position: usize,
    /// The path that gives `None`: the one nobody can have meant, if there is one.
    pub(crate) path: NonePath,
}

impl Origin<'_> {
    /// The function swallowed an error, or forgot a path: no test in the notebook makes that right.
    pub(crate) fn is_an_accident(&self) -> bool {
        match self.path.kind {
            NonePathKind::HandlerFallsThrough
            | NonePathKind::ReturnInHandler
            | NonePathKind::FallsThrough => true,
            NonePathKind::Return | NonePathKind::LoopEnds => false,
        }
    }

    /// The path comes out of an exception handler.
    pub(crate) fn swallows(&self) -> bool {
        matches!(
            self.path.kind,
            NonePathKind::HandlerFallsThrough | NonePathKind::ReturnInHandler
        )
    }

    /// What the path does, for a label.
    pub(crate) fn describe(&self) -> String {
        let name = self.function.name.as_str();
        match self.path.kind {
            NonePathKind::HandlerFallsThrough => {
                format!("this handler swallows the error, and `{name}` returns None")
            }
            NonePathKind::ReturnInHandler => format!("here `{name}` turns an error into None"),
            NonePathKind::Return => format!("here `{name}` returns None"),
            NonePathKind::LoopEnds => format!("`{name}` returns None when its loop finds nothing"),
            NonePathKind::FallsThrough => format!("`{name}` returns None when it reaches its end"),
        }
    }

    /// Where the path is, cut to one line.
    pub(crate) fn range(&self, model: &Model<'_>) -> TextRange {
        let text = model.cell(self.position).slice(self.path.range);
        let length = text.lines().next().unwrap_or_default().trim_end().len();
        TextRange::at(
            self.path.range.start(),
            nbvet_engine::ast::TextSize::try_from(length).unwrap_or_default(),
        )
    }
}

/// The origin of a `None` that a call gives.
pub(crate) fn of_call<'a>(model: &Model<'a>, call: &'a ExprCall) -> Option<Origin<'a>> {
    of_callee(model, &call.func)
}

fn of_callee<'a>(model: &Model<'a>, callee: &'a Expr) -> Option<Origin<'a>> {
    let (id, function) = model.called_function(callee)?;
    if !function.decorator_list.is_empty() || function.is_async {
        return None;
    }
    let summary = summarize(function);
    if !summary.is_mixed() || summary.values.iter().all(|value| value.is_boolean_literal_expr()) {
        return None;
    }
    let accident = |path: &&NonePath| !matches!(path.kind, NonePathKind::Return | NonePathKind::LoopEnds);
    let path = *summary
        .none_paths
        .iter()
        .find(accident)
        .or(summary.none_paths.first())?;
    Some(Origin {
        function,
        position: model.binding(id).place.cell,
        path,
    })
}

/// The origin of a `None` that a binding's value is.
pub(crate) fn of_value<'a>(model: &Model<'a>, binding: &Binding<'a>) -> Option<Origin<'a>> {
    match binding.kind {
        BindingKind::Value(Expr::Call(call)) => of_call(model, call),
        _ => None,
    }
}

/// The origin of `None` among the items that a cell puts into a name: the elements of its value, and what the cell
/// appends to it or stores in it.
pub(crate) fn of_items<'a>(
    model: &Model<'a>,
    position: usize,
    name: &str,
    binding: Option<&Binding<'a>>,
) -> Option<Origin<'a>> {
    let from_value = binding.and_then(|binding| match binding.kind {
        BindingKind::Value(value) => of_elements(model, value),
        _ => None,
    });
    from_value.or_else(|| of_stores(model, position, name))
}

/// The origin of `None` among the elements of a list, tuple, dict or comprehension.
pub(crate) fn of_elements<'a>(model: &Model<'a>, value: &'a Expr) -> Option<Origin<'a>> {
    match value {
        Expr::ListComp(comprehension) => of_element(model, &comprehension.elt),
        Expr::SetComp(comprehension) => of_element(model, &comprehension.elt),
        Expr::Generator(comprehension) => of_element(model, &comprehension.elt),
        Expr::DictComp(comprehension) => of_element(model, &comprehension.value),
        Expr::List(list) => list.elts.iter().find_map(|element| of_element(model, element)),
        Expr::Tuple(tuple) => tuple.elts.iter().find_map(|element| of_element(model, element)),
        Expr::Dict(dict) => dict.items.iter().find_map(|item| of_element(model, &item.value)),
        // list(map(load, paths)), list(load(p) for p in paths)
        Expr::Call(call) => match (&*call.func, call.arguments.args.first()) {
            (Expr::Name(name), Some(function)) if name.id.as_str() == "map" => of_callee(model, function),
            (Expr::Name(name), Some(inner)) if matches!(name.id.as_str(), "list" | "tuple" | "dict") => {
                of_elements(model, inner)
            }
            _ => None,
        },
        _ => None,
    }
}

fn of_element<'a>(model: &Model<'a>, element: &'a Expr) -> Option<Origin<'a>> {
    match element {
        Expr::Call(call) => of_call(model, call),
        Expr::Tuple(tuple) => tuple.elts.iter().find_map(|part| of_element(model, part)),
        Expr::Name(name) => {
            let [id] = model.certain_bindings(name)? else {
                return None;
            };
            of_value(model, model.binding(*id))
        }
        _ => None,
    }
}

/// `name.append(call)` and `name[key] = call` in one cell.
fn of_stores<'a>(model: &Model<'a>, position: usize, name: &str) -> Option<Origin<'a>> {
    struct Stores<'a, 'n> {
        name: &'n str,
        stored: Vec<&'a Expr>,
    }
    impl<'a> Visitor<'a> for Stores<'a, '_> {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            if let Stmt::Assign(assign) = statement {
                for target in &assign.targets {
                    if let Expr::Subscript(subscript) = target
                        && matches!(&*subscript.value, Expr::Name(found) if found.id.as_str() == self.name)
                    {
                        self.stored.push(&assign.value);
                    }
                }
            }
            visitor::walk_stmt(self, statement);
        }
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Call(call) = expression
                && let Expr::Attribute(method) = &*call.func
                && matches!(&*method.value, Expr::Name(found) if found.id.as_str() == self.name)
                && matches!(method.attr.as_str(), "append" | "insert" | "add")
            {
                self.stored.extend(call.arguments.args.last());
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut stores = Stores {
        name,
        stored: Vec::new(),
    };
    stores.visit_body(model.cell(position).body());
    stores
        .stored
        .into_iter()
        .find_map(|element| of_element(model, element))
}

/// How the notebook uses a value.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Uses {
    /// It is tested: `is None`, truth, a default by `or`.
    pub(crate) tested: bool,
    /// It goes on as a value: an argument, an operand, a part of another value.
    pub(crate) as_value: bool,
}

/// How the notebook uses what a binding gave its name.
pub(crate) fn uses(model: &Model<'_>, id: BindingId) -> Uses {
    let mut found = Uses::default();
    for reference in model.uses_of(id) {
        let place = reference.place;
        let mut classify = Classify {
            range: place.range(),
            uses: Uses::default(),
            context: Context::Value,
        };
        classify.visit_body(model.cell(place.cell).body());
        found.tested |= classify.uses.tested;
        found.as_value |= classify.uses.as_value;
    }
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Value,
    Test,
    Shown,
}

/// Finds one name by its range and says in what context it stands.
struct Classify {
    range: TextRange,
    uses: Uses,
    context: Context,
}

impl Classify {
    fn within(&mut self, context: Context, expression: &Expr) {
        let outer = std::mem::replace(&mut self.context, context);
        self.visit_expr(expression);
        self.context = outer;
    }
}

impl<'a> Visitor<'a> for Classify {
    fn visit_body(&mut self, body: &'a [Stmt]) {
        // Statements stand in the order of the text: no need to look at each.
        let first = body.partition_point(|statement| statement.end() < self.range.end());
        if let Some(statement) = body.get(first) {
            self.visit_stmt(statement);
        }
    }

    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if !statement.range().contains_range(self.range) {
            return;
        }
        match statement {
            Stmt::If(choice) => {
                self.within(Context::Test, &choice.test);
                self.visit_body(&choice.body);
                for clause in &choice.elif_else_clauses {
                    clause
                        .test
                        .iter()
                        .for_each(|test| self.within(Context::Test, test));
                    self.visit_body(&clause.body);
                }
            }
            Stmt::While(repeat) => {
                self.within(Context::Test, &repeat.test);
                self.visit_body(&repeat.body);
                self.visit_body(&repeat.orelse);
            }
            Stmt::Assert(assertion) => self.within(Context::Test, &assertion.test),
            Stmt::Expr(expression) => self.within(Context::Shown, &expression.value),
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                if name.range == self.range {
                    self.uses.tested |= self.context == Context::Test;
                    self.uses.as_value |= self.context == Context::Value;
                }
            }
            Expr::Compare(comparison) => {
                let with_none = comparison.comparators.iter().any(Expr::is_none_literal_expr);
                let identity = comparison
                    .ops
                    .iter()
                    .any(|op| matches!(op, CmpOp::Is | CmpOp::IsNot));
                let context = if with_none || identity {
                    Context::Test
                } else {
                    Context::Value
                };
                self.within(context, &comparison.left);
                comparison
                    .comparators
                    .iter()
                    .for_each(|right| self.within(context, right));
            }
            Expr::BoolOp(operation) => {
                operation
                    .values
                    .iter()
                    .for_each(|value| self.within(Context::Test, value));
            }
            Expr::UnaryOp(operation) if operation.op == nbvet_engine::ast::UnaryOp::Not => {
                self.within(Context::Test, &operation.operand);
            }
            Expr::If(choice) => {
                self.within(Context::Test, &choice.test);
                self.visit_expr(&choice.body);
                self.visit_expr(&choice.orelse);
            }
            Expr::Call(call) => {
                self.within(Context::Value, &call.func);
                let context = argument_context(&call.func);
                call.arguments
                    .args
                    .iter()
                    .for_each(|argument| self.within(context, argument));
                call.arguments
                    .keywords
                    .iter()
                    .for_each(|keyword| self.within(context, &keyword.value));
            }
            Expr::FString(_) => {
                let context = if self.context == Context::Shown {
                    Context::Shown
                } else {
                    Context::Value
                };
                let outer = std::mem::replace(&mut self.context, context);
                visitor::walk_expr(self, expression);
                self.context = outer;
            }
            _ => {
                let outer = std::mem::replace(&mut self.context, Context::Value);
                visitor::walk_expr(self, expression);
                self.context = outer;
            }
        }
    }
}

fn argument_context(callee: &Expr) -> Context {
    let name = match callee {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return Context::Value,
    };
    match name {
        "print" | "display" | "pprint" | "repr" | "str" | "type" | "id" | "info" | "debug" => Context::Shown,
        "isinstance" | "bool" | "callable" | "assertIsNone" | "assertIsNotNone" | "isna" | "isnull"
        | "notna" => Context::Test,
        _ => Context::Value,
    }
}
