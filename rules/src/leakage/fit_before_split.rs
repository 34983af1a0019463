//! NB501 fit-before-split.

use std::collections::BTreeMap;

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged as _},
    model::{
        Place,
        learning::{Columns, Evaluation, Fit, FitId, Judged, Learning, Lesson, Side},
    },
};
use nbvet_report::Severity;

use crate::{
    analysis::learning::{is_held_out, quote},
    macros::rule,
};

rule! {
    /// A transformer is fitted on rows that are held out for the test later.
    ///
    /// ## Why it matters
    ///
    /// Means, components, chosen columns or word weights then carry something of the test rows into the training. The
    /// score is better than the model will be on new data: little with scalers, a lot where columns are chosen by the
    /// target.
    ///
    /// Only transformers that learn figures from all rows count, and only where a score on the held-out rows, or by
    /// cross-validation, depends on what they made. Encoders of labels and the like do not count. Figures that are
    /// computed by hand do: `(X - X.mean()) / X.std()`, or the mean of the target in each group.
    ///
    /// It is a note where it does little: before models that are the same on any scale (least squares without a
    /// penalty, trees and what is built of them), where missing values are filled with a mean, and where clusters are
    /// features.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// from sklearn.datasets import load_iris
    /// from sklearn.linear_model import LogisticRegression
    /// from sklearn.model_selection import train_test_split
    /// from sklearn.preprocessing import StandardScaler
    /// X, y = load_iris(return_X_y=True)
    /// # %%
    /// X = StandardScaler().fit_transform(X)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// # %%
    /// model = LogisticRegression().fit(X_train, y_train)
    /// print(model.score(X_test, y_test))
    /// ```
    ///
    /// ```python good
    /// from sklearn.datasets import load_iris
    /// from sklearn.linear_model import LogisticRegression
    /// from sklearn.model_selection import train_test_split
    /// from sklearn.preprocessing import StandardScaler
    /// X, y = load_iris(return_X_y=True)
    /// # %%
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// scaler = StandardScaler().fit(X_train)
    /// # %%
    /// model = LogisticRegression().fit(scaler.transform(X_train), y_train)
    /// print(model.score(scaler.transform(X_test), y_test))
    /// ```
    ///
    /// ```python bad
    /// from sklearn.feature_selection import SelectKBest
    /// from sklearn.model_selection import cross_val_score
    /// from sklearn.svm import SVC
    /// # %%
    /// import pandas as pd
    /// genes = pd.read_csv("genes.csv")
    /// best = SelectKBest(k=20).fit_transform(genes.drop(columns="ill"), genes["ill"])
    /// # %%
    /// cross_val_score(SVC(), best, genes["ill"])
    /// ```
    ///
    /// ```python good
    /// from sklearn.feature_selection import SelectKBest
    /// from sklearn.model_selection import cross_val_score
    /// from sklearn.pipeline import make_pipeline
    /// from sklearn.svm import SVC
    /// # %%
    /// import pandas as pd
    /// genes = pd.read_csv("genes.csv")
    /// cross_val_score(make_pipeline(SelectKBest(k=20), SVC()), genes.drop(columns="ill"), genes["ill"])
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Split first, fit the transformer on the training rows and only transform the test rows. A `Pipeline` of
    /// transformer and model does so by itself, in cross-validation too.
    "NB501" "fit-before-split",
    group: Leakage,
    row: Row::Hidden,
    standing: NoErrors,
    since: "0.1.0",
    check: Check::Static(&FitBeforeSplit),
}

struct FitBeforeSplit;

impl StaticRule for FitBeforeSplit {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let learning = cx.model().learning();
        let mut leaks: BTreeMap<Place, Leak<'_>> = BTreeMap::new();
        for (_, evaluation) in learning
            .evaluations()
            .filter(|(_, found)| is_held_out(learning, found))
        {
            for leak in leaks_into(learning, evaluation) {
                let place = learning.fit(leak.fit).place;
                let known = leaks.entry(place).or_insert(leak);
                let seen = |leak: &Leak<'_>| leak.evaluation.how != Judged::Asked;
                if (leak.harm, seen(&leak)) > (known.harm, seen(known)) {
                    *known = leak;
                }
            }
        }
        for leak in leaks.into_values() {
            let finding = finding(cx, leak);
            cx.report(finding);
        }
    }
}

/// Figures of held-out rows that are in the data of an evaluation.
#[derive(Clone, Copy)]
struct Leak<'l> {
    fit: FitId,
    evaluation: &'l Evaluation,
    harm: Harm,
}

/// What it does to the score, from least to most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    /// The model gives the same score whatever the scale of its columns.
    None,
    /// A figure stands where values were missing, or says which rows are alike.
    Little,
    Some,
}

fn leaks_into<'l>(learning: &'l Learning<'_>, evaluation: &'l Evaluation) -> impl Iterator<Item = Leak<'l>> {
    let judged = learning.data(evaluation.data);
    let fitted = evaluation.fit.map(|fit| learning.data(learning.fit(fit).data));
    // Figures of test rows in the training rows are enough.
    let trained = fitted.into_iter().flat_map(|data| &data.learned);
    judged.learned.iter().chain(trained).filter_map(move |&fit| {
        let seen = learning.data(learning.fit(fit).data).rows;
        if !learning.rows().contains(seen, judged.rows) {
            return None;
        }
        Some(Leak {
            fit,
            evaluation,
            harm: harm(learning, fit, evaluation)?,
        })
    })
}

/// `None` where nothing that could help the model comes in.
fn harm(learning: &Learning<'_>, id: FitId, evaluation: &Evaluation) -> Option<Harm> {
    let fit = learning.fit(id);
    let by_hand = fit.call.is_none();
    match fit.lesson {
        Lesson::Scale => harm_of_scale(learning, id, evaluation),
        Lesson::Fill if by_hand => Some(Harm::Little),
        Lesson::Likeness => Some(Harm::Little),
        Lesson::Group => is_of_target(learning, fit, evaluation).then_some(Harm::Some),
        _ => Some(Harm::Some),
    }
}

/// Whether the model, or a transformer between the two, comes to something else on another scale.
fn harm_of_scale(learning: &Learning<'_>, fit: FitId, evaluation: &Evaluation) -> Option<Harm> {
    if learning.minds_scale(evaluation.estimator) {
        return Some(Harm::Some);
    }
    let others = learning.data(evaluation.data).learned.iter();
    let others = others.map(|other| learning.fit(*other));
    let between = others.filter(|other| learning.data(other.data).learned.contains(&fit));
    let lessons: Vec<Lesson> = between.map(|other| other.lesson).collect();
    let proof = |lesson: &Lesson| matches!(lesson, Lesson::Scale | Lesson::Fill | Lesson::Likeness);
    if !lessons.iter().all(proof) {
        return Some(Harm::Some);
    }
    // What groups the rows is reported itself.
    (!lessons.contains(&Lesson::Likeness)).then_some(Harm::None)
}

/// The figures of groups are those of what the model is to predict.
fn is_of_target(learning: &Learning<'_>, fit: &Fit<'_>, evaluation: &Evaluation) -> bool {
    let of_fit = evaluation.fit.and_then(|fit| learning.fit(fit).target);
    let Some(target) = evaluation.target.or(of_fit) else {
        return false;
    };
    let (target, grouped) = (learning.data(target), learning.data(fit.data));
    let one = matches!(&grouped.columns, Columns::Only(columns) if columns.len() == 1);
    one && target.frame == grouped.frame && target.columns == grouped.columns
}

fn finding(cx: &Context<'_, '_>, leak: Leak<'_>) -> Finding {
    let model = cx.model();
    let learning = model.learning();
    let fit = learning.fit(leak.fit);
    let judged = learning.estimator(leak.evaluation.estimator).class;
    let mut finding = Finding::new(model.location_of(fit.place), message(model, fit))
        .because(match (leak.harm, fit.lesson) {
            (Harm::None, _) => "This model gives the same score on any scale. One that measures distances, is regularised or is trained by gradients would not, and its score would be too good.",
            (Harm::Little, Lesson::Fill) => "A figure of the test rows stands where training rows had none. With few gaps that is little, with many it is not.",
            (Harm::Little, _) => "Which rows are alike was found out with the test rows. It knows nothing of the answers, so it is little.",
            (_, Lesson::Group) => "The answers of test rows are in the features of training rows, and each test row holds a part of its own.",
            _ => "What it learned from the test rows is in the training data, so the score looks better than the model is on new data.",
        })
        .help(help(model, fit, leak.evaluation))
        .label(
            model.location_of(leak.evaluation.place),
            match (leak.harm, judged) {
                (Harm::None, Some(class)) => format!("{class} is judged here"),
                _ if leak.evaluation.how == Judged::Asked => "these predictions depend on it".to_owned(),
                _ => "this score depends on it".to_owned(),
            },
        );
    if leak.harm < Harm::Some {
        finding = finding.at_most(Severity::Note);
    }
    let split = split_of(learning, leak.evaluation);
    // A split above it is not what comes too late.
    if let Some(split) = split.filter(|split| *split > fit.place) {
        finding = finding.label(model.location_of(split), "the rows are split only here");
    }
    finding
}

fn help(model: &Model<'_>, fit: &Fit<'_>, evaluation: &Evaluation) -> String {
    let learning = model.learning();
    let by_folds = evaluation.how == Judged::CrossValidation;
    let side = learning.rows().side(learning.data(fit.data).rows);
    let is_test_part = side.is_some_and(|(_, side)| side == Side::Test);
    match fit.call {
        None if by_folds => {
            "cross-validation tests on rows that these figures are of: compute them in a transformer, and put it into a Pipeline with the model"
                .to_owned()
        }
        None => {
            "split first, compute the figures of the training rows, and use them for the test rows too".to_owned()
        }
        Some(_) if by_folds => {
            let class = learning.estimator(fit.estimator).class;
            let who = class.map_or_else(|| "this transformer".to_owned(), |class| format!("the {class}"));
            format!("cross-validation tests on rows that {who} saw: put both into a Pipeline")
        }
        Some(call) if is_test_part => match transforming(model, fit.place, call) {
            Some(code) => format!("fit it on the training rows only, and use that here: `{code}`"),
            None => "fit it on the training rows only, and only transform these".to_owned(),
        },
        Some(_) if split_of(learning, evaluation).is_some_and(|split| split < fit.place) => {
            "fit it on the training rows only, or put it into a Pipeline with the model".to_owned()
        }
        Some(_) => {
            "split first and fit it on the training rows only, or put it into a Pipeline with the model".to_owned()
        }
    }
}

/// The split that holds the rows of the evaluation out.
fn split_of(learning: &Learning<'_>, evaluation: &Evaluation) -> Option<Place> {
    let side = learning.rows().side(learning.data(evaluation.data).rows);
    side.map(|(split, _)| learning.split(split).place)
}

/// `scaler.transform(rows)` for a `scaler.fit_transform(rows)` of a name that was fitted before.
fn transforming(model: &Model<'_>, place: Place, call: &ExprCall) -> Option<String> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let rows = call.arguments.args.first()?;
    let text = |part: &Expr| model.cell(place.cell).slice(part.range());
    let fits = matches!(method.attr.as_str(), "fit" | "fit_transform");
    (fits && method.value.is_name_expr() && !text(rows).contains('\n'))
        .then(|| format!("{}.transform({})", text(&method.value), text(rows)))
}

fn message(model: &Model<'_>, fit: &Fit<'_>) -> String {
    let code = quote(model, fit.place);
    let Some(call) = fit.call else {
        return match fit.lesson {
            Lesson::Group => {
                format!("`{code}` puts means of the target into rows that the model is tested on later")
            }
            _ => format!("`{code}` uses figures of rows that the model is tested on later"),
        };
    };
    let fits = matches!(&*call.func, Expr::Attribute(method) if method.attr.starts_with("fit"));
    let class = model.learning().estimator(fit.estimator).class;
    let who = class
        .filter(|_| fits)
        .map_or_else(|| format!("`{code}`"), |class| format!("this {class}"));
    format!("{who} is fitted on rows that the model is tested on later")
}
