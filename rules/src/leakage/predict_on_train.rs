//! NB506 predict-on-train.

use std::collections::BTreeMap;

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    model::{
        Place,
        learning::{EstimatorId, EstimatorKind, Evaluation, Judged, Learning, Relation, Side},
    },
};

use crate::{analysis::learning::quote, macros::rule};

rule! {
    /// A model is judged only on the rows that it was fitted on.
    ///
    /// ## Why it matters
    ///
    /// A model that has learned its rows by heart gets the best score there, and fails on new ones. A score on the
    /// training part beside one on the test part is a good thing: it shows overfitting. Alone it shows nothing.
    ///
    /// It is reported where a part was held out and this model is never judged on it, nor by cross-validation.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// from sklearn.datasets import load_iris
    /// from sklearn.metrics import accuracy_score
    /// from sklearn.model_selection import train_test_split
    /// from sklearn.tree import DecisionTreeClassifier
    /// X, y = load_iris(return_X_y=True)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// # %%
    /// model = DecisionTreeClassifier().fit(X_train, y_train)
    /// print("accuracy:", accuracy_score(y_train, model.predict(X_train)))
    /// ```
    ///
    /// ```python good
    /// from sklearn.datasets import load_iris
    /// from sklearn.metrics import accuracy_score
    /// from sklearn.model_selection import train_test_split
    /// from sklearn.tree import DecisionTreeClassifier
    /// X, y = load_iris(return_X_y=True)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// # %%
    /// model = DecisionTreeClassifier().fit(X_train, y_train)
    /// print("on training rows:", accuracy_score(y_train, model.predict(X_train)))
    /// print("on test rows:", accuracy_score(y_test, model.predict(X_test)))
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Give the held-out part to the score.
    "NB506" "predict-on-train",
    group: Leakage,
    row: Row::Hidden,
    standing: NoErrors,
    since: "0.1.0",
    check: Check::Static(&PredictOnTrain),
}

struct PredictOnTrain;

impl StaticRule for PredictOnTrain {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let learning = model.learning();
        let mut found: BTreeMap<Place, Finding> = BTreeMap::new();
        for (_, evaluation) in learning.evaluations() {
            if is_on_train(learning, evaluation) && !is_judged_elsewhere(learning, evaluation) {
                let fitted = evaluation
                    .fit
                    .map(|fit| model.location_of(learning.fit(fit).place));
                let mut finding = Finding::new(
                    model.location_of(evaluation.place),
                    format!(
                        "`{}` judges the model on the rows that it was fitted on",
                        quote(model, evaluation.place)
                    ),
                )
                .because("Nothing in the notebook judges this model on other rows, so it may have learned these by heart.")
                .help("judge it on the test part as well");
                if let Some(fitted) = fitted {
                    finding = finding.label(fitted, "fitted on the same rows here");
                }
                found.entry(evaluation.place).or_insert(finding);
            }
        }
        for finding in found.into_values() {
            cx.report(finding);
        }
    }
}

fn is_on_train(learning: &Learning<'_>, evaluation: &Evaluation) -> bool {
    let counts = matches!(
        evaluation.how,
        Judged::Score | Judged::Metric | Judged::Comparison
    );
    let kind = learning.estimator(evaluation.estimator).kind;
    counts
        && kind.predicts()
        && kind != EstimatorKind::Search
        && learning.relation(evaluation) == Relation::Same
        && matches!(
            learning.rows().side(learning.data(evaluation.data).rows),
            Some((_, Side::Train))
        )
}

/// The model, or another of its class, is judged on rows that it has not seen.
fn is_judged_elsewhere(learning: &Learning<'_>, evaluation: &Evaluation) -> bool {
    let classes = classes(learning, evaluation.estimator);
    learning.evaluations().any(|(_, other)| {
        let alike = other.estimator == evaluation.estimator
            || self::classes(learning, other.estimator)
                .iter()
                .any(|class| classes.contains(class));
        alike && (other.how == Judged::CrossValidation || learning.relation(other) != Relation::Same)
    })
}

/// The classes that an estimator is made of.
fn classes<'a>(learning: &Learning<'a>, id: EstimatorId) -> Vec<&'a str> {
    let mut classes = Vec::new();
    let mut waiting = vec![id];
    while let Some(id) = waiting.pop() {
        let estimator = learning.estimator(id);
        if matches!(
            estimator.kind,
            EstimatorKind::Classifier | EstimatorKind::Regressor
        ) {
            classes.extend(estimator.class);
        }
        waiting.extend(&estimator.inner);
    }
    classes
}
