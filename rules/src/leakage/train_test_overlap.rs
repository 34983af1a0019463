//! NB502 train-test-overlap.

use std::collections::BTreeMap;

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    model::{
        Place,
        learning::{Evaluation, Judged, Learning, Relation},
    },
};

use crate::{
    analysis::learning::{quote, test_part_of},
    macros::rule,
};

rule! {
    /// Test rows are among the rows that the model was fitted on.
    ///
    /// ## Why it matters
    ///
    /// The model has seen the answers: the score says how well it remembers, not how well it predicts. It happens when
    /// a model is fitted on the whole table although a part was held out, or when rows are drawn with repetition, or
    /// made from their neighbours, before the split, so that copies of one row lie on both sides.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// from sklearn.datasets import load_wine
    /// from sklearn.ensemble import RandomForestClassifier
    /// from sklearn.model_selection import train_test_split
    /// X, y = load_wine(return_X_y=True)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// # %%
    /// model = RandomForestClassifier(random_state=0)
    /// model.fit(X, y)
    /// # %%
    /// model.score(X_test, y_test)
    /// ```
    ///
    /// ```python bad
    /// from imblearn.over_sampling import SMOTE
    /// from sklearn.datasets import load_breast_cancer
    /// from sklearn.model_selection import train_test_split
    /// from sklearn.tree import DecisionTreeClassifier
    /// X, y = load_breast_cancer(return_X_y=True)
    /// X, y = SMOTE(random_state=0).fit_resample(X, y)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// # %%
    /// DecisionTreeClassifier().fit(X_train, y_train).score(X_test, y_test)
    /// ```
    ///
    /// ```python good
    /// from imblearn.over_sampling import SMOTE
    /// from sklearn.datasets import load_breast_cancer
    /// from sklearn.model_selection import train_test_split
    /// from sklearn.tree import DecisionTreeClassifier
    /// X, y = load_breast_cancer(return_X_y=True)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// X_train, y_train = SMOTE(random_state=0).fit_resample(X_train, y_train)
    /// # %%
    /// model = DecisionTreeClassifier().fit(X_train, y_train)
    /// model.score(X_test, y_test)
    /// # %%
    /// model.fit(X, y)
    /// model.predict(X[:3])
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Fit on the training part alone; split before rows are drawn or made.
    "NB502" "train-test-overlap",
    group: Leakage,
    row: Row::Hidden,
    standing: NoErrors,
    since: "0.1.0",
    check: Check::Static(&TrainTestOverlap),
}

struct TrainTestOverlap;

impl StaticRule for TrainTestOverlap {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let learning = cx.model().learning();
        let mut found: BTreeMap<Place, Finding> = BTreeMap::new();
        let (asked, judged): (Vec<_>, Vec<_>) = learning
            .evaluations()
            .map(|(_, evaluation)| evaluation)
            .partition(|evaluation| evaluation.how == Judged::Asked);
        for evaluation in judged.into_iter().chain(asked) {
            if let Some((place, finding)) =
                seen_in_fit(cx, learning, evaluation).or_else(|| drawn_before_split(cx, learning, evaluation))
            {
                found.entry(place).or_insert(finding);
            }
        }
        for finding in found.into_values() {
            cx.report(finding);
        }
    }
}

/// The fit's rows contain the test part.
fn seen_in_fit(
    cx: &Context<'_, '_>,
    learning: &Learning<'_>,
    evaluation: &Evaluation,
) -> Option<(Place, Finding)> {
    // A model that is fitted on everything at the end may be asked about any row.
    if evaluation.how == Judged::Asked {
        return None;
    }
    let fit = learning.fit(evaluation.fit?);
    let split = test_part_of(learning, evaluation.data)?;
    if learning.relation(evaluation) != Relation::Contains || evaluation.how == Judged::CrossValidation {
        return None;
    }
    // The part must have been cut out of what the model was fitted on.
    let fitted = learning.data(fit.data).rows;
    if learning
        .rows()
        .side(fitted)
        .is_some_and(|(inner, _)| inner == split)
    {
        return None;
    }
    let model = cx.model();
    let at = model.location_of(evaluation.place);
    let finding = Finding::new(
        at,
        format!("`{}` judges the model on rows that it was fitted on", quote(model, evaluation.place)),
    )
    .because("The test part is a part of the rows of the fit, so the score says how well the model remembers them.")
    .help("fit the model on the training part only")
    .label(model.location_of(fit.place), "fitted on all rows here")
    .label(model.location_of(learning.split(split).place), "the test part was held out here");
    Some((evaluation.place, finding))
}

/// Copies of rows were made above the split.
fn drawn_before_split(
    cx: &Context<'_, '_>,
    learning: &Learning<'_>,
    evaluation: &Evaluation,
) -> Option<(Place, Finding)> {
    let split = test_part_of(learning, evaluation.data)?;
    let rows = learning.data(evaluation.data).rows;
    learning.rows().repeated_above(rows)?;
    if learning.relation(evaluation) != Relation::Apart {
        return None;
    }
    let model = cx.model();
    let place = learning.split(split).place;
    let finding = Finding::new(
        model.location_of(place),
        "rows were drawn with repetition, or made from others, before this split",
    )
    .because(
        "Copies of one row lie in the training part and in the test part, so the model has seen test rows.",
    )
    .help("split first, then resample the training part only")
    .label(model.location_of(evaluation.place), "this score depends on it");
    Some((place, finding))
}
