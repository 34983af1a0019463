//! NB501 fit-before-split.

use std::collections::BTreeMap;

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    model::learning::{Evaluation, FitId, Learning},
};
use nbvet_report::Level;

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
    /// cross-validation, depends on what they made. Encoders of labels and the like do not count.
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
    row: Row::From(Level::Development),
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
        let mut first: BTreeMap<_, (FitId, &Evaluation)> = BTreeMap::new();
        for (_, evaluation) in learning
            .evaluations()
            .filter(|(_, found)| is_held_out(learning, found))
        {
            for fit in learned(learning, evaluation) {
                first.entry(learning.fit(fit).place).or_insert((fit, evaluation));
            }
        }
        for (fit, evaluation) in first.into_values() {
            let finding = finding(cx, fit, evaluation);
            cx.report(finding);
        }
    }
}

/// Fits that have seen the rows of an evaluation and left something in its data.
fn learned<'l>(learning: &'l Learning<'_>, evaluation: &Evaluation) -> impl Iterator<Item = FitId> + 'l {
    let judged = learning.data(evaluation.data);
    let rows = judged.rows;
    judged.learned.iter().copied().filter(move |fit| {
        learning
            .rows()
            .contains(learning.data(learning.fit(*fit).data).rows, rows)
    })
}

fn finding(cx: &Context<'_, '_>, fit: FitId, evaluation: &Evaluation) -> Finding {
    let model = cx.model();
    let learning = model.learning();
    let place = learning.fit(fit).place;
    let at = model.location_of(place);
    let scored = model.location_of(evaluation.place);
    let who = learning.estimator(learning.fit(fit).estimator).class.map_or_else(
        || format!("`{}`", quote(model, place)),
        |class| format!("this {class}"),
    );
    let mut finding = Finding::new(
        at,
        format!("{who} is fitted on rows that the model is tested on later"),
    )
    .because("What it learned from the test rows is in the training data, so the score looks better than the model is on new data.")
    .help("split first and fit it on the training rows only, or put it into a Pipeline with the model")
    .label(scored, "this score depends on it");
    let split = learning.rows().side(learning.data(evaluation.data).rows);
    if let Some((split, _)) = split {
        let split = model.location_of(learning.split(split).place);
        finding = finding.label(split, "the rows are split only here");
    }
    finding
}
