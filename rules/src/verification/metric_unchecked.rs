//! NB106 metric-unchecked.

use nbvet_engine::{
    Check, Context, Finding, Model, Node, ParsedCell, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged, Stmt, Visitor, visitor, with_stack},
    model::BindingKind,
};

use crate::{
    analysis::{calls, steps},
    macros::rule,
};

rule! {
    /// Scores of a model are computed or shown, and none is compared with anything.
    ///
    /// ## Why it matters
    ///
    /// A model that has learned nothing prints its score as well as a good one. Who reads the number knows; a run at
    /// night does not.
    ///
    /// One comparison of one score anywhere in the notebook is enough, and so is any `assert` that names one.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// from sklearn.datasets import load_iris
    /// from sklearn.linear_model import LogisticRegression
    /// from sklearn.model_selection import train_test_split
    /// # %%
    /// X, y = load_iris(return_X_y=True)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// model = LogisticRegression(max_iter=200).fit(X_train, y_train)
    /// print("accuracy:", model.score(X_test, y_test))
    /// ```
    ///
    /// ```python good
    /// from sklearn.datasets import load_iris
    /// from sklearn.linear_model import LogisticRegression
    /// from sklearn.model_selection import train_test_split
    /// # %%
    /// X, y = load_iris(return_X_y=True)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// model = LogisticRegression(max_iter=200).fit(X_train, y_train)
    /// accuracy = model.score(X_test, y_test)
    /// print("accuracy:", accuracy)
    /// assert accuracy > 0.85
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Keep the score in a name and say what is good enough: `assert accuracy > 0.85`.
    "NB106" "metric-unchecked",
    group: Verification,
    row: Row::Advice,
    since: "0.1.0",
    check: Check::Static(&MetricUnchecked),
}

struct MetricUnchecked;

impl StaticRule for MetricUnchecked {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let Some((position, call)) = steps::steps(model)
            .into_iter()
            .filter(|step| !step.in_function)
            .find_map(|step| Some((step.cell, metric_of(model, step.value)?)))
        else {
            return;
        };
        if compares_metrics(model) {
            return;
        }
        let name = calls::name(call);
        cx.report(
            Finding::new(
                model.location(position, call.range()),
                format!("`{name}` tells how good the model is, and nothing in this notebook compares that with a bound"),
            )
            .because("A model that has learned nothing passes as well as a good one.")
            .help(if is_better_small(name) {
                "keep the error in a name and say how much is too much: `assert error < bound`"
            } else {
                "keep the score in a name and say what is good enough: `assert score > 0.8`"
            }),
        );
    }
}

/// A score in an expression, whose place is where it is computed.
fn metric_of<'a>(model: &Model<'a>, value: &'a Expr) -> Option<&'a ExprCall> {
    steps::find_call(value, &|call| is_metric(model, call))
}

/// A metric of scikit-learn, or `model.score(features, target)`.
fn is_metric<'a>(model: &Model<'a>, call: &'a ExprCall) -> bool {
    let name = calls::name(call);
    let judges = ["_score", "_error", "_loss"]
        .iter()
        .any(|end| name.ends_with(end))
        && name != "cross_val_score";
    let is_of_sklearn = model
        .qualified_name(&call.func)
        .is_some_and(|name| name.segments().starts_with(&["sklearn", "metrics"]));
    (judges && is_of_sklearn)
        || (name == "score" && call.arguments.args.len() >= 2 && judges_estimator(model, call))
}

/// Errors and losses: the less the better.
fn is_better_small(name: &str) -> bool {
    name.ends_with("_error") || name.ends_with("_loss")
}

/// `model.score(…)` of something that the notebook fits.
fn judges_estimator<'a>(model: &Model<'a>, call: &'a ExprCall) -> bool {
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    let Expr::Name(name) = &*method.value else {
        return steps::has_method(&method.value, &["fit"]);
    };
    let fitted = |cell: &ParsedCell<'_>| {
        let text = cell.text();
        text.contains(".fit(") && text.contains(name.id.as_str())
    };
    model.parsed().cells().iter().any(fitted)
}

/// Something that a score went into is compared or asserted: names that are made of one, or that are called so.
fn compares_metrics(model: &Model<'_>) -> bool {
    let mut search = Search {
        model,
        names: metric_names(model),
        found: false,
        left: 20_000_000,
    };
    for cell in model.parsed().cells() {
        search.visit_body(cell.body());
        if search.found {
            break;
        }
    }
    search.found
}

fn metric_names<'a>(model: &Model<'a>) -> Vec<&'a str> {
    // One value may be unpacked into many names, which stand one after the other.
    let mut before: Option<(&Expr, bool)> = None;
    let mut is_made = |kind: BindingKind<'a>| {
        let (BindingKind::Value(value) | BindingKind::Part(value)) = kind else {
            return false;
        };
        let known = before.filter(|(known, _)| std::ptr::eq(*known, value));
        let is_made = known.map_or_else(|| metric_of(model, value).is_some(), |(_, is_made)| is_made);
        before = Some((value, is_made));
        is_made
    };
    let made = model.bindings().filter(|(_, binding)| is_made(binding.kind));
    let mut names: Vec<&str> = made.map(|(_, binding)| binding.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

struct Search<'a, 'm> {
    model: &'m Model<'a>,
    names: Vec<&'a str>,
    found: bool,
    /// Bytes that may still be read: comparisons in comparisons are read once for each. When nothing is left, one
    /// may have been missed, and none is reported.
    left: usize,
}

impl<'a> Search<'a, '_> {
    /// The expression is about a score.
    fn is_about(&mut self, expression: &'a Expr) -> bool {
        struct About<'a, 's, 'm>(&'s Search<'a, 'm>, bool);
        impl<'a> Visitor<'a> for About<'a, '_, '_> {
            fn visit_expr(&mut self, expression: &'a Expr) {
                self.1 |= match expression {
                    Expr::Name(name) => {
                        self.0.names.binary_search(&name.id.as_str()).is_ok()
                            || is_called_so(name.id.as_str())
                    }
                    Expr::Attribute(attribute) => is_called_so(attribute.attr.as_str()),
                    Expr::StringLiteral(text) => is_called_so(text.value.to_str()),
                    Expr::Call(call) => is_metric(self.0.model, call),
                    _ => false,
                };
                with_stack(|| visitor::walk_expr(self, expression));
            }
        }
        self.left = self.left.saturating_sub(expression.range().len().to_usize());
        if self.left == 0 {
            return true;
        }
        let mut about = About(self, false);
        about.visit_expr(expression);
        about.1
    }
}

/// Names and keys of figures: `best_score`, `val_loss`, `rmse`.
fn is_called_so(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    [
        "score",
        "acc",
        "loss",
        "error",
        "rmse",
        "mse",
        "mae",
        "auc",
        "f1",
        "r2",
        "metric",
        "precision",
        "recall",
    ]
    .iter()
    .any(|part| word.contains(part))
}

impl<'a> Visitor<'a> for Search<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Assert(assert) = statement {
            self.found |= self.is_about(&assert.test);
        }
        if !self.found {
            with_stack(|| visitor::walk_stmt(self, statement));
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Compare(_) => self.found |= self.is_about(expression),
            Expr::Call(call) => {
                let chooses = matches!(
                    calls::name(call),
                    "max" | "min" | "argmax" | "argmin" | "idxmax" | "sorted"
                ) || calls::name(call).starts_with("assert");
                self.found |= chooses && self.is_about(expression);
            }
            _ => {}
        }
        if !self.found {
            with_stack(|| visitor::walk_expr(self, expression));
        }
    }
}
