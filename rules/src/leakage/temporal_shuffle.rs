//! NB504 temporal-shuffle.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    model::learning::{Learning, Side, Split, SplitId},
};

use crate::macros::rule;

rule! {
    /// Rows made of their neighbours in time are split at random.
    ///
    /// ## Why it matters
    ///
    /// A row with yesterday's value in it and the row of yesterday tell nearly the same. Shuffled, one lies in the
    /// training part and the other in the test part: the model is asked about days between days that it knows. In use
    /// it has to predict from the past alone, and is worse.
    ///
    /// It is reported where values of other rows (`shift`, `rolling`, `ewm`, …) are among the features or the target
    /// and the split shuffles, which `train_test_split` does unless told otherwise.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    /// from sklearn.linear_model import Ridge
    /// from sklearn.model_selection import train_test_split
    /// sales = pd.read_csv("sales.csv")
    /// sales["yesterday"] = sales["amount"].shift(1)
    /// sales = sales.dropna()
    /// # %%
    /// X_train, X_test, y_train, y_test = train_test_split(sales[["yesterday"]], sales["amount"], random_state=0)
    /// Ridge().fit(X_train, y_train).score(X_test, y_test)
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    /// from sklearn.linear_model import Ridge
    /// from sklearn.model_selection import train_test_split
    /// sales = pd.read_csv("sales.csv")
    /// sales["yesterday"] = sales["amount"].shift(1)
    /// sales = sales.dropna()
    /// # %%
    /// X_train, X_test, y_train, y_test = train_test_split(sales[["yesterday"]], sales["amount"], shuffle=False)
    /// Ridge().fit(X_train, y_train).score(X_test, y_test)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// `train_test_split(…, shuffle=False)` on rows sorted by time, or `TimeSeriesSplit` for cross-validation.
    "NB504" "temporal-shuffle",
    group: Leakage,
    row: Row::Hidden,
    standing: NoErrors,
    since: "0.1.0",
    check: Check::Static(&TemporalShuffle),
}

struct TemporalShuffle;

impl StaticRule for TemporalShuffle {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let learning = model.learning();
        let mut seen = Vec::new();
        for (id, split) in learning.splits() {
            let lagged = split.data.iter().find_map(|data| learning.data(*data).lagged);
            let Some(lagged) = lagged else { continue };
            if split.shuffles != Some(true) || !trains_on(learning, id, split) || seen.contains(&split.place)
            {
                continue;
            }
            seen.push(split.place);
            cx.report(
                Finding::new(
                    model.location_of(split.place),
                    "this split shuffles rows that hold values of the rows before them",
                )
                .because(
                    "The model is tested between points in time that it was trained on, which is easier than the future.",
                )
                .help("keep the order of time: `shuffle=False`, or TimeSeriesSplit for cross-validation")
                .label(model.location_of(lagged), "values of other rows come in here"),
            );
        }
    }
}

/// A model is fitted on the training part.
fn trains_on(learning: &Learning<'_>, id: SplitId, split: &Split<'_>) -> bool {
    split.folds
        || learning.fits().any(|(_, fit)| {
            let predicts = learning.estimator(fit.estimator).kind.predicts();
            predicts && learning.rows().side(learning.data(fit.data).rows) == Some((id, Side::Train))
        })
}
