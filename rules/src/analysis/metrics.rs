//! Figures: numbers that a notebook computes as results of their own, such as means and scores, by the look of the
//! expression. What is only taken out of data, or computed item by item from it, is none.

use nbvet_engine::{
    Model,
    ast::{Expr, ExprCall, Ranged, Stmt, TextRange, Visitor, visitor},
    model::{Binding, BindingKind, summarize},
};

use super::{calls, inspection::WARM_UP, steps};

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

/// Scores of several rounds, NaN where one has failed.
const ROUNDS: &[&str] = &[
    "cross_val_score",
    "cross_validate",
    "learning_curve",
    "validation_curve",
    "permutation_test_score",
];

/// Tests and fits that give several figures under names of their own.
const TESTS: &[&str] = &[
    "pearsonr",
    "spearmanr",
    "kendalltau",
    "pointbiserialr",
    "linregress",
    "theilslopes",
    "mannwhitneyu",
    "wilcoxon",
    "kruskal",
    "shapiro",
    "levene",
    "bartlett",
    "fligner",
    "f_oneway",
    "chisquare",
    "chi2_contingency",
    "fisher_exact",
    "friedmanchisquare",
    "ks_2samp",
    "kstest",
    "jarque_bera",
    "ranksums",
];

/// What fitted models and tests call their figures, and what is no name of a column.
const FIGURES: &[&str] = &[
    "pvalue",
    "rvalue",
    "rsquared",
    "rsquared_adj",
    "fvalue",
    "f_pvalue",
    "best_score_",
    "oob_score_",
];

/// The expression takes a figure out of what was computed: `np.corrcoef(a, b)[0, 1]`, `test.pvalue`.
pub(crate) fn is_taken_from_figures<'a>(model: &Model<'a>, value: &'a Expr) -> bool {
    let has_name = matches!(value, Expr::Attribute(part) if FIGURES.contains(&part.attr.as_str()));
    match taken_from(value) {
        Expr::Call(call) => has_name || gives_figures(call),
        Expr::Name(name) => {
            let Some([id]) = model.certain_bindings(name) else {
                return false;
            };
            matches!(model.binding(*id).kind, BindingKind::Value(Expr::Call(call)) if has_name || is_test(call))
        }
        _ => false,
    }
}

/// The expression is a call that scores, or a part of what it gives.
pub(crate) fn gives_scores(value: &Expr) -> bool {
    matches!(taken_from(value), Expr::Call(call) if {
        let name = calls::name(call);
        ROUNDS.contains(&name) || name.ends_with("_score")
    })
}

/// What parts are taken from by brackets, attributes and `get` or `item`.
fn taken_from(mut value: &Expr) -> &Expr {
    loop {
        value = match value {
            Expr::Subscript(part) => &part.value,
            Expr::Attribute(part) => &part.value,
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) if matches!(method.attr.as_str(), "get" | "item" | "squeeze") => {
                    &method.value
                }
                _ => return value,
            },
            _ => return value,
        };
    }
}

/// The call computes several figures at once. The first rows of a rolling mean are NaN by their nature.
fn gives_figures(call: &ExprCall) -> bool {
    let name = calls::name(call);
    let sums_up = match name {
        "agg" | "aggregate" => is_agg_of_figures(call),
        "corrcoef" => true,
        _ => is_reduction(name) || ROUNDS.contains(&name) || is_test(call),
    };
    let warms_up =
        matches!(&*call.func, Expr::Attribute(method) if steps::has_method(&method.value, WARM_UP));
    sums_up && is_whole(call) && !warms_up
}

/// `agg({"v": "mean"})`, and not `agg("first")`.
fn is_agg_of_figures(call: &ExprCall) -> bool {
    let given = call.arguments.args.iter();
    let mut given = given.chain(call.arguments.keywords.iter().map(|keyword| &keyword.value));
    given.any(|given| {
        let words = steps::strings(given);
        words.iter().any(|word| REDUCTIONS.contains(word))
            || matches!(given, Expr::Attribute(function) if REDUCTIONS.contains(&function.attr.as_str()))
    })
}

fn is_test(call: &ExprCall) -> bool {
    let name = calls::name(call);
    TESTS.contains(&name) || name.starts_with("ttest_")
}

fn is_reduction(name: &str) -> bool {
    REDUCTIONS.contains(&name) || ENDS.iter().any(|end| name.ends_with(end))
}

/// The call makes one number, not one for each row.
fn is_whole(call: &ExprCall) -> bool {
    let mut keywords = call.arguments.keywords.iter();
    !keywords.any(|keyword| keyword.arg.as_ref().is_some_and(|name| name.as_str() == "axis"))
}

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
        if is_reduction(name) && is_whole(call) {
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
