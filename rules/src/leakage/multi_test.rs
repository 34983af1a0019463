//! NB503 multi-test.

use std::collections::BTreeMap;

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    model::{
        Place,
        learning::{Evaluation, Judged, Learning, Relation, Side},
    },
};

use crate::{
    analysis::learning::{names_validation, quote, test_part_of},
    macros::rule,
};

rule! {
    /// The test set decides between models, and then says how good the chosen one is.
    ///
    /// ## Why it matters
    ///
    /// The best of many scores on one test set is partly luck with these rows. On new data the chosen model is worse
    /// than that score, and nothing is left that could tell by how much.
    ///
    /// Two forms are seen: the best of the scores of a loop over parameters is picked, and training stops early by the
    /// score on the very rows on which the model is judged afterwards. Rows that the notebook calls a validation set
    /// are there for that and do not count.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// from sklearn.datasets import load_iris
    /// from sklearn.model_selection import train_test_split
    /// from sklearn.neighbors import KNeighborsClassifier
    /// X, y = load_iris(return_X_y=True)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// # %%
    /// scores = []
    /// for k in range(1, 30):
    ///     model = KNeighborsClassifier(n_neighbors=k).fit(X_train, y_train)
    ///     scores.append(model.score(X_test, y_test))
    /// # %%
    /// print("best accuracy", max(scores))
    /// ```
    ///
    /// ```python good
    /// from sklearn.datasets import load_iris
    /// from sklearn.model_selection import cross_val_score, train_test_split
    /// from sklearn.neighbors import KNeighborsClassifier
    /// X, y = load_iris(return_X_y=True)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    /// # %%
    /// scores = []
    /// for k in range(1, 30):
    ///     model = KNeighborsClassifier(n_neighbors=k)
    ///     scores.append(cross_val_score(model, X_train, y_train).mean())
    /// # %%
    /// best = scores.index(max(scores)) + 1
    /// KNeighborsClassifier(n_neighbors=best).fit(X_train, y_train).score(X_test, y_test)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Choose by cross-validation on the training part, or by a third part made for it; touch the test part once.
    "NB503" "multi-test",
    group: Leakage,
    row: Row::Hidden,
    standing: NoErrors,
    since: "0.1.0",
    check: Check::Static(&MultiTest),
}

struct MultiTest;

impl StaticRule for MultiTest {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let learning = cx.model().learning();
        let mut found: BTreeMap<Place, Finding> = BTreeMap::new();
        for choice in learning.choices() {
            for evaluation in choice.of.iter().map(|id| learning.evaluation(*id)) {
                if is_one_of_many(cx, learning, evaluation) {
                    found
                        .entry(evaluation.place)
                        .or_insert_with(|| chosen(cx, evaluation, choice.place));
                }
            }
        }
        for (_, evaluation) in learning.evaluations() {
            if let Some(finding) = stopped_by_test(cx, learning, evaluation) {
                found.entry(evaluation.place).or_insert(finding);
            }
        }
        for finding in found.into_values() {
            cx.report(finding);
        }
    }
}

/// One of the scores of a loop over the parameters of a model, on held-out rows.
fn is_one_of_many(cx: &Context<'_, '_>, learning: &Learning<'_>, evaluation: &Evaluation) -> bool {
    evaluation.in_loop.is_some()
        && evaluation.how != Judged::CrossValidation
        && learning.estimator(evaluation.estimator).varied
        && learning.relation(evaluation) == Relation::Apart
        && test_part_of(learning, evaluation.data).is_some_and(|split| !learning.split(split).folds)
        && !is_inner(learning, evaluation)
        && !names_validation(cx.model(), evaluation.place)
}

/// The split cuts a part out of another one's training part: what it holds out is there for choices.
fn is_inner(learning: &Learning<'_>, evaluation: &Evaluation) -> bool {
    test_part_of(learning, evaluation.data).is_some_and(|split| {
        let mut whole = learning.split(split).data.iter();
        whole.any(|data| {
            matches!(
                learning.rows().side(learning.data(*data).rows),
                Some((_, Side::Train))
            )
        })
    })
}

fn chosen(cx: &Context<'_, '_>, evaluation: &Evaluation, choice: Place) -> Finding {
    let model = cx.model();
    Finding::new(
        model.location_of(evaluation.place),
        format!(
            "the test set chooses the model: `{}` is measured once for each parameter",
            quote(model, evaluation.place)
        ),
    )
    .because("The best of many scores on one test set is partly luck; new data will give a worse one.")
    .help(
        "choose by cross_val_score on the training part, and measure the chosen model once on the test part",
    )
    .label(model.location_of(choice), "the best is picked here")
}

fn stopped_by_test(
    cx: &Context<'_, '_>,
    learning: &Learning<'_>,
    evaluation: &Evaluation,
) -> Option<Finding> {
    let fit = learning.fit(evaluation.fit?);
    let watched = learning.data(fit.watched?).rows;
    let model = cx.model();
    let same = watched == learning.data(evaluation.data).rows;
    let stops = learning.estimator(evaluation.estimator).stops_early;
    if !same
        || !stops
        || evaluation.how == Judged::Asked
        || learning.relation(evaluation) != Relation::Apart
        || is_inner(learning, evaluation)
        || names_validation(model, evaluation.place)
    {
        return None;
    }
    Some(
        Finding::new(
            model.location_of(evaluation.place),
            format!("`{}` judges the model on the rows that decided when its training stopped", quote(model, evaluation.place)),
        )
        .because("Training stopped where the score on these rows was best, so this score is better than one on new data.")
        .help("stop early by a part of the training rows, and keep the test part for the end")
        .label(model.location_of(fit.place), "training is stopped by these rows"),
    )
}
