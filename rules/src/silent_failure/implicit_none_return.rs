//! NB205 implicit-none-return.

use std::collections::HashSet;

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{ExceptHandler, Expr, Ranged, Stmt, StmtFunctionDef, TextRange, UnaryOp, Visitor, visitor},
    model::{FunctionSummary, NonePathKind, Place, summarize},
};
use nbvet_report::{Applicability, Level};

use crate::{
    analysis::{columns, mending},
    macros::rule,
};

rule! {
    /// A function that returns a value on some paths and falls off its end on others.
    ///
    /// ## Why it matters
    ///
    /// A Python function that reaches its end without `return` gives `None`. Where other paths give a value, the
    /// caller gets `None` in the cases that somebody forgot, and finds out many cells later, if at all.
    ///
    /// Left alone: generators, decorated functions, loops that search and find nothing, and functions of which all
    /// values are True or False.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// def load(path):
    ///     try:
    ///         return open(path).read()
    ///     except FileNotFoundError:
    ///         print("no such file", path)
    ///
    /// text = load("notes.txt")
    /// ```
    ///
    /// ```python good
    /// def load(path):
    ///     try:
    ///         return open(path).read()
    ///     except FileNotFoundError:
    ///         print("no such file", path)
    ///         raise
    ///
    /// text = load("notes.txt")
    /// ```
    ///
    /// ## How to mend it
    ///
    /// End every path with `return value` or `raise`. If `None` is meant, write `return None`: then the reader, and
    /// this rule, know.
    "NB205" "implicit-none-return",
    group: SilentFailure,
    row: Row::From(Level::Development),
    standing: Lower,
    since: "0.1.0",
    check: Check::Static(&ImplicitNoneReturn),
}

struct ImplicitNoneReturn;

impl StaticRule for ImplicitNoneReturn {
    fn visits(&self) -> Visits {
        Visits::FUNCTION
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Function(function) = node else { return };
        if !function.decorator_list.is_empty() || says_none(function) {
            return;
        }
        let summary = summarize(function);
        let path = summary.none_paths.iter().find(|path| {
            matches!(
                path.kind,
                NonePathKind::HandlerFallsThrough | NonePathKind::FallsThrough
            )
        });
        let Some(path) = path.filter(|_| summary.is_mixed() && !only_answers(&summary)) else {
            return;
        };
        let name = function.name.as_str();
        let (range, message) = match path.kind {
            NonePathKind::HandlerFallsThrough => (
                first_line(cx, path.range),
                format!("after this handler `{name}` returns None"),
            ),
            _ => (
                path.range,
                format!("`{name}` returns a value on some paths and None on others"),
            ),
        };
        let at = cx.at(range);
        let shown = summary.values.first().map(|value| cx.at(value.range()));
        let mut finding = Finding::new(at, message)
            .because("The caller gets None in the cases that reach the function's end, and nothing says so.")
            .help("end every path with `return …` or `raise`; if None is meant, write `return None`")
            .lowered_if(!cx.model().value_is_used(function) && !is_method_used(cx.model(), function))
            .lowered_if(columns::only_fills(cx.model(), function) || is_always_asked(cx.model(), function))
            .about(format!("function:{name}"));
        if let Some(shown) = shown {
            finding = finding.label(shown, "here it returns a value");
        }
        let handler = handler_at(function, path.range);
        if let Some(edit) = handler.and_then(|handler| mending::raise_again(cx, handler)) {
            finding = finding.fix(mending::RAISE, Applicability::Unsafe, vec![edit]);
        }
        cx.report(finding);
    }
}

/// The exception handler of a function that stands at this range.
fn handler_at(function: &StmtFunctionDef, range: TextRange) -> Option<&ExceptHandler> {
    struct Finder<'a> {
        range: TextRange,
        found: Option<&'a ExceptHandler>,
    }
    impl<'a> Visitor<'a> for Finder<'a> {
        fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
            if handler.range() == self.range {
                self.found = Some(handler);
            }
            visitor::walk_except_handler(self, handler);
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut finder = Finder { range, found: None };
    finder.visit_body(&function.body);
    finder.found
}

/// A method whose value is taken somewhere, by its name: an attribute of that name stands where a value counts.
fn is_method_used(model: &Model<'_>, function: &StmtFunctionDef) -> bool {
    let takes_self = (function.parameters.iter().next()).is_some_and(|first| first.name().as_str() == "self");
    takes_self && model.once(AttributeUses::of).0.contains(function.name.as_str())
}

/// The names in `x.name` other than as the callee of a statement of its own.
struct AttributeUses(HashSet<String>);

impl AttributeUses {
    fn of(model: &Model<'_>) -> Self {
        let mut uses = Self(HashSet::new());
        for cell in model.parsed().cells() {
            uses.visit_body(cell.body());
        }
        uses
    }
}

impl<'a> Visitor<'a> for AttributeUses {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Expr(alone) = statement
            && let Expr::Call(call) = &*alone.value
            && let Expr::Attribute(method) = &*call.func
        {
            self.visit_expr(&method.value);
            self.visit_arguments(&call.arguments);
        } else {
            visitor::walk_stmt(self, statement);
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Attribute(attribute) = expression {
            self.0.insert(attribute.attr.to_string());
        }
        visitor::walk_expr(self, expression);
    }
}

fn first_line(cx: &Context<'_, '_>, range: TextRange) -> TextRange {
    let length = cx
        .source(range)
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end()
        .len();
    let length = nbvet_engine::ast::TextSize::try_from(length).unwrap_or_default();
    TextRange::at(range.start(), length)
}

/// Every use of the function is a call that asks whether there is a value: `f(x) or ""`, `if f(x):`, `f(x) is None`.
fn is_always_asked(model: &Model<'_>, function: &StmtFunctionDef) -> bool {
    let Some(id) = model.binding_of(function) else {
        return false;
    };
    let asked = model.once(Asked::of);
    let mut uses = model.uses_of(id).peekable();
    uses.peek().is_some() && uses.all(|reference| asked.found.contains(&reference.place))
}

/// Names of functions whose result is asked for being there.
#[derive(Default)]
struct Asked {
    cell: usize,
    found: HashSet<Place>,
}

impl Asked {
    fn of(model: &Model<'_>) -> Self {
        let mut asked = Self::default();
        for (position, cell) in model.parsed().cells().iter().enumerate() {
            asked.cell = position;
            asked.visit_body(cell.body());
        }
        asked
    }

    fn ask(&mut self, condition: &Expr) {
        match condition {
            Expr::Call(call) => {
                self.found.insert(Place::new(self.cell, call.func.range()));
            }
            Expr::UnaryOp(operation) if operation.op == UnaryOp::Not => self.ask(&operation.operand),
            Expr::Named(named) => self.ask(&named.value),
            _ => {}
        }
    }
}

impl<'a> Visitor<'a> for Asked {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::If(choice) => {
                self.ask(&choice.test);
                let clauses = choice.elif_else_clauses.iter();
                clauses
                    .filter_map(|clause| clause.test.as_ref())
                    .for_each(|test| self.ask(test));
            }
            Stmt::While(repeat) => self.ask(&repeat.test),
            Stmt::Assert(assertion) => self.ask(&assertion.test),
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::BoolOp(operation) => {
                let (_, asked) = operation.values.split_last().unwrap_or((expression, &[]));
                for value in asked {
                    self.ask(value);
                }
            }
            Expr::If(choice) => self.ask(&choice.test),
            Expr::Compare(comparison) if comparison.comparators.iter().any(Expr::is_none_literal_expr) => {
                self.ask(&comparison.left);
            }
            Expr::ListComp(comprehension) => comprehension
                .generators
                .iter()
                .flat_map(|generator| &generator.ifs)
                .for_each(|condition| self.ask(condition)),
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}

/// The annotation allows `None`.
fn says_none(function: &StmtFunctionDef) -> bool {
    function.returns.as_deref().is_some_and(|returns| match returns {
        Expr::NoneLiteral(_) => true,
        Expr::Subscript(subscript) => {
            matches!(&*subscript.value, Expr::Name(name) if name.id.as_str() == "Optional")
        }
        Expr::BinOp(union) => union.right.is_none_literal_expr() || union.left.is_none_literal_expr(),
        _ => false,
    })
}

fn only_answers(summary: &FunctionSummary<'_>) -> bool {
    summary.values.iter().all(|value| value.is_boolean_literal_expr())
}
