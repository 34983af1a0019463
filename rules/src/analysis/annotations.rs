//! Whether a value is of the type that an annotation names, as far as annotation and facts tell.

use nbvet_engine::{
    Model,
    ast::{Expr, Operator, Stmt, StmtFunctionDef, Visitor, visitor, with_stack},
};
use nbvet_report::ValueFacts;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Yes,
    No,
    /// The annotation says something that is not understood here.
    Unknown,
}

impl Fit {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Unknown,
        }
    }

    fn of(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }
}

/// Holds a value against an annotation.
pub(crate) fn fits<'a>(model: &Model<'a>, annotation: &'a Expr, value: &ValueFacts) -> Fit {
    match annotation {
        Expr::NoneLiteral(_) => Fit::of(value.none),
        Expr::BinOp(either) if either.op == Operator::BitOr => {
            with_stack(|| fits(model, &either.left, value).or(fits(model, &either.right, value)))
        }
        Expr::Subscript(part) => generic(model, &part.value, &part.slice, value),
        Expr::Name(_) | Expr::Attribute(_) => class(model, annotation, value),
        _ => Fit::Unknown,
    }
}

/// `Optional[X]`, `Union[X, Y]`; of `list[X]` only the list is looked at.
fn generic<'a>(model: &Model<'a>, base: &'a Expr, slice: &'a Expr, value: &ValueFacts) -> Fit {
    let name = match base {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return Fit::Unknown,
    };
    match (name, slice) {
        ("Optional", inner) => Fit::of(value.none).or(with_stack(|| fits(model, inner, value))),
        ("Union", Expr::Tuple(both)) => {
            let fits = both.elts.iter().map(|one| with_stack(|| fits(model, one, value)));
            fits.reduce(Fit::or).unwrap_or(Fit::Unknown)
        }
        _ => class(model, base, value),
    }
}

fn class<'a>(model: &Model<'a>, class: &'a Expr, value: &ValueFacts) -> Fit {
    let Some(name) = model.qualified_name(class) else {
        return own_class(model, class, value);
    };
    let name = name.segments().join(".");
    let is = |wanted: &str| value.type_name == wanted || value.bases.iter().any(|base| base == wanted);
    let kind = value.type_name.as_str();
    match name.as_str() {
        "builtins.int" => Fit::of(is("int") || kind == "bool" || is_numpy(kind, &["int", "uint"])),
        "builtins.float" => Fit::of(
            is("float")
                || is("int")
                || kind == "bool"
                || is_numpy(kind, &["int", "uint", "float", "longdouble"]),
        ),
        "builtins.bool" => Fit::of(is("bool") || kind == "numpy.bool" || kind == "numpy.bool_"),
        "builtins.str" | "builtins.bytes" | "builtins.list" | "builtins.dict" | "builtins.tuple"
        | "builtins.set" | "builtins.frozenset" => {
            Fit::of(is(name.trim_start_matches("builtins.")) || kind == "numpy.str_" && name.ends_with("str"))
        }
        "typing.List" | "typing.Dict" | "typing.Tuple" | "typing.Set" => {
            Fit::of(is(&name.trim_start_matches("typing.").to_lowercase()))
        }
        "pandas.DataFrame" | "pandas.Series" | "numpy.ndarray" | "polars.DataFrame" | "polars.Series" => {
            Fit::of(is(&name))
        }
        _ => Fit::Unknown,
    }
}

fn is_numpy(kind: &str, starts: &[&str]) -> bool {
    kind.strip_prefix("numpy.")
        .is_some_and(|kind| starts.iter().any(|start| kind.starts_with(start)))
}

/// A class of the notebook itself, or one of Python's own names.
fn own_class<'a>(model: &Model<'a>, class: &'a Expr, value: &ValueFacts) -> Fit {
    use nbvet_engine::model::BindingKind;
    let Expr::Name(name) = class else {
        return Fit::Unknown;
    };
    match model.certain_bindings(name) {
        Some([id]) if matches!(model.binding(*id).kind, BindingKind::Class(_)) => {
            let own = format!("__main__.{}", name.id);
            Fit::of(value.type_name == own || value.bases.contains(&own))
        }
        _ => Fit::Unknown,
    }
}

/// The functions at any depth of some statements.
pub(crate) fn functions(body: &[Stmt]) -> Vec<&StmtFunctionDef> {
    struct Functions<'a>(Vec<&'a StmtFunctionDef>);
    impl<'a> Visitor<'a> for Functions<'a> {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            if let Stmt::FunctionDef(function) = statement {
                self.0.push(function);
            }
            with_stack(|| visitor::walk_stmt(self, statement));
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut functions = Functions(Vec::new());
    functions.visit_body(body);
    functions.0
}

/// A call of the function gives a generator.
pub(crate) fn yields(function: &StmtFunctionDef) -> bool {
    struct Yields(bool);
    impl<'a> Visitor<'a> for Yields {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            if !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                with_stack(|| visitor::walk_stmt(self, statement));
            }
        }
        fn visit_expr(&mut self, expression: &'a Expr) {
            match expression {
                Expr::Yield(_) | Expr::YieldFrom(_) => self.0 = true,
                Expr::Lambda(_) => {}
                _ => with_stack(|| visitor::walk_expr(self, expression)),
            }
        }
    }
    let mut yields = Yields(false);
    yields.visit_body(&function.body);
    yields.0
}
