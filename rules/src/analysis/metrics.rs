//! Figures: numbers that a notebook computes as results of their own, such as means and scores, by the look of the
//! expression. What is only taken out of data, or computed item by item from it, is none.

use nbvet_engine::{
    Model,
    ast::{Expr, ExprCall, Ranged, Stmt, TextRange, Visitor, visitor},
    model::{Binding, BindingKind, summarize},
};

/// How many names and functions are followed from an expression.
const MAX_STEPS: u32 = 3;

/// Functions and methods that make one number of many.
const REDUCTIONS: &[&str] = &[
    "mean",
    "average",
    "median",
    "std",
    "var",
    "sem",
    "corr",
    "cov",
    "skew",
    "kurt",
    "kurtosis",
    "score",
    "evaluate",
    "pearsonr",
    "spearmanr",
    "norm",
    "fmean",
    "stdev",
    "pstdev",
    "variance",
];

/// Ends of the names of functions that give a figure: `r2_score`, `mean_squared_error`, `log_loss`.
const ENDS: &[&str] = &["_score", "_error", "_loss", "accuracy", "rmse", "_auc", "_coef"];

/// The expression is a list, tuple or dict of which some item is a figure.
pub(crate) fn has_figures<'a>(model: &Model<'a>, value: &'a Expr) -> bool {
    Search {
        model,
        steps: MAX_STEPS,
    }
    .in_container(value)
}

/// Where a cell puts a figure into the container of this name: its binding there, or a store into it.
pub(crate) fn place<'a>(
    model: &Model<'a>,
    position: usize,
    name: &str,
    binding: Option<&Binding<'a>>,
) -> Option<TextRange> {
    if let Some(binding) = binding
        && let BindingKind::Value(value) = binding.kind
        && has_figures(model, value)
    {
        return Some(binding.place.range());
    }
    let mut stores = Stores {
        name,
        found: Vec::new(),
    };
    stores.visit_body(model.cell(position).body());
    let mut puts = stores.found.into_iter();
    let figure = puts.find(|(_, value)| {
        Search {
            model,
            steps: MAX_STEPS,
        }
        .is_figure(value)
    });
    figure.map(|(range, _)| range)
}

struct Search<'a, 'm> {
    model: &'m Model<'a>,
    steps: u32,
}

impl<'a> Search<'a, '_> {
    fn in_container(&self, value: &'a Expr) -> bool {
        let item = |item: &'a Expr| self.is_figure(item) || self.in_container(item);
        match value {
            Expr::List(list) => list.elts.iter().any(item),
            Expr::Tuple(tuple) => tuple.elts.iter().any(item),
            Expr::Dict(dict) => dict.items.iter().any(|pair| item(&pair.value)),
            Expr::ListComp(all) => item(&all.elt),
            Expr::DictComp(all) => item(&all.value),
            Expr::Call(call) => match &*call.func {
                Expr::Name(name) if name.id.as_str() == "dict" && call.arguments.args.is_empty() => {
                    call.arguments.keywords.iter().any(|keyword| item(&keyword.value))
                }
                _ => self.in_returned(call),
            },
            _ => false,
        }
    }

    /// A function of the notebook gives back such a container.
    fn in_returned(&self, call: &'a ExprCall) -> bool {
        let Some((_, function)) = self.model.called_function(&call.func).filter(|_| self.steps > 0) else {
            return false;
        };
        let inner = Search {
            model: self.model,
            steps: self.steps - 1,
        };
        summarize(function)
            .values
            .iter()
            .any(|value| inner.in_container(value) || inner.named(value, Self::in_container))
    }

    /// One number, computed as a result.
    fn is_figure(&self, value: &'a Expr) -> bool {
        match value {
            Expr::Call(call) => self.is_figure_call(call),
            Expr::BinOp(operation) => self.is_figure(&operation.left) || self.is_figure(&operation.right),
            Expr::UnaryOp(operation) => self.is_figure(&operation.operand),
            // A name of the notebook is judged where it is bound; one of a function is seen nowhere else.
            Expr::Name(name) => {
                let local = self
                    .model
                    .reference_of(name)
                    .is_some_and(|found| found.scope != nbvet_engine::model::ScopeId::NOTEBOOK);
                local && self.named(value, Self::is_figure)
            }
            _ => false,
        }
    }

    fn is_figure_call(&self, call: &'a ExprCall) -> bool {
        let (name, receiver) = match &*call.func {
            Expr::Name(name) => (name.id.as_str(), None),
            Expr::Attribute(method) => (method.attr.as_str(), Some(&*method.value)),
            _ => return false,
        };
        let reduces = REDUCTIONS.contains(&name) || ENDS.iter().any(|end| name.ends_with(end));
        let whole = !call
            .arguments
            .keywords
            .iter()
            .any(|keyword| keyword.arg.as_ref().is_some_and(|name| name.as_str() == "axis"));
        if reduces && whole {
            return true;
        }
        match name {
            "float" | "round" | "abs" | "sqrt" | "float64" => call
                .arguments
                .args
                .first()
                .is_some_and(|inner| self.is_figure(inner)),
            "item" => receiver.is_some_and(|inner| self.is_figure(inner)),
            _ => receiver.is_none() && self.gives_figure(call),
        }
    }

    /// A function of the notebook gives back a figure.
    fn gives_figure(&self, call: &'a ExprCall) -> bool {
        let Some((_, function)) = self.model.called_function(&call.func).filter(|_| self.steps > 0) else {
            return false;
        };
        let inner = Search {
            model: self.model,
            steps: self.steps - 1,
        };
        summarize(function)
            .values
            .iter()
            .any(|value| inner.is_figure(value))
    }

    /// What a name was bound to, where that is certain.
    fn named(&self, value: &'a Expr, holds: fn(&Self, &'a Expr) -> bool) -> bool {
        let Expr::Name(name) = value else { return false };
        let Some([id]) = self.model.certain_bindings(name).filter(|_| self.steps > 0) else {
            return false;
        };
        let inner = Search {
            model: self.model,
            steps: self.steps - 1,
        };
        matches!(self.model.binding(*id).kind, BindingKind::Value(value) if holds(&inner, value))
    }
}

/// `name.append(value)` and `name[key] = value`.
struct Stores<'a, 'n> {
    name: &'n str,
    found: Vec<(TextRange, &'a Expr)>,
}

impl<'a> Visitor<'a> for Stores<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Assign(assign) = statement
            && assign.targets.iter().any(|target| {
                matches!(target, Expr::Subscript(part)
                    if matches!(&*part.value, Expr::Name(found) if found.id.as_str() == self.name))
            })
        {
            self.found.push((assign.range(), &assign.value));
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && let Expr::Attribute(method) = &*call.func
            && method.attr.as_str() == "append"
            && matches!(&*method.value, Expr::Name(found) if found.id.as_str() == self.name)
            && let Some(value) = call.arguments.args.last()
        {
            self.found.push((call.range(), value));
        }
        visitor::walk_expr(self, expression);
    }
}
