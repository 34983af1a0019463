//! NB505 target-in-features.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    model::learning::{Columns, EstimatorKind, Fit, Learning},
};

use crate::macros::rule;

rule! {
    /// The features hold the target, or the column that the target was computed from.
    ///
    /// ## Why it matters
    ///
    /// The model reads the answer off its input. Scores are close to perfect, and worth nothing: where the model is
    /// used, the column is not there.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    /// from sklearn.linear_model import LogisticRegression
    /// customers = pd.read_csv("customers.csv")
    /// X = customers.drop(columns=["name"])
    /// y = customers["left"]
    /// # %%
    /// model = LogisticRegression().fit(X, y)
    /// ```
    ///
    /// ```python bad
    /// import pandas as pd
    /// from sklearn.ensemble import RandomForestClassifier
    /// from sklearn.model_selection import train_test_split
    /// houses = pd.read_csv("houses.csv")
    /// houses["expensive"] = houses["price"] > 500_000
    /// X = houses.drop(columns="expensive")
    /// # %%
    /// X_train, X_test, y_train, y_test = train_test_split(X, houses["expensive"], random_state=0)
    /// RandomForestClassifier().fit(X_train, y_train).score(X_test, y_test)
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    /// from sklearn.ensemble import RandomForestClassifier
    /// from sklearn.model_selection import train_test_split
    /// houses = pd.read_csv("houses.csv")
    /// houses["expensive"] = houses["price"] > 500_000
    /// X = houses.drop(columns=["expensive", "price"])
    /// # %%
    /// X_train, X_test, y_train, y_test = train_test_split(X, houses["expensive"], random_state=0)
    /// RandomForestClassifier().fit(X_train, y_train).score(X_test, y_test)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Take the column out of the features: `X = frame.drop(columns=["target"])`.
    "NB505" "target-in-features",
    group: Leakage,
    row: Row::Hidden,
    standing: NoErrors,
    since: "0.1.0",
    check: Check::Static(&TargetInFeatures),
}

struct TargetInFeatures;

impl StaticRule for TargetInFeatures {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let learning = model.learning();
        let mut seen = Vec::new();
        for (_, fit) in learning.fits() {
            let Some(leak) = leak(learning, fit) else { continue };
            let subject = (learning.data(fit.data).frame, leak.columns.clone(), leak.computed);
            if seen.contains(&subject) {
                continue;
            }
            seen.push(subject);
            let columns = leak
                .columns
                .iter()
                .map(|column| format!("`{column}`"))
                .collect::<Vec<_>>()
                .join(", ");
            let message = if leak.computed {
                format!("the target is computed from {columns}, which is among the features")
            } else {
                format!("the target {columns} is among the features")
            };
            cx.report(
                Finding::new(model.location_of(fit.place), message)
                    .because("The model reads the answer off its input, and cannot do so on new data.")
                    .help(format!("drop {columns} from the features before the fit")),
            );
        }
    }
}

struct Leak<'a> {
    columns: Vec<&'a str>,
    computed: bool,
}

fn leak<'a>(learning: &Learning<'a>, fit: &Fit<'a>) -> Option<Leak<'a>> {
    let estimator = learning.estimator(fit.estimator);
    // Encoders of other libraries take the whole table and the target.
    if !estimator.kind.predicts() || (estimator.kind == EstimatorKind::Unknown && !estimator.predicted) {
        return None;
    }
    let features = learning.data(fit.data);
    let target = learning.data(fit.target?);
    let Columns::Only(columns) = &target.columns else {
        return None;
    };
    // What is predicted from itself is meant to be: an autoencoder, a series one step ahead.
    if features.frame != target.frame || target.lagged.is_some() || features.columns == target.columns {
        return None;
    }
    if columns.iter().all(|column| features.columns.has(column)) {
        return Some(Leak {
            columns: columns.clone(),
            computed: !target.exact,
        });
    }
    let [column] = &**columns else { return None };
    let sources = learning.made_from(target.frame, column);
    let all = !sources.is_empty()
        && sources
            .iter()
            .all(|source| source != column && features.columns.has(source));
    all.then(|| Leak {
        columns: sources.to_vec(),
        computed: true,
    })
}
