//! NB606 unseeded-randomness.

use nbvet_engine::{Check, Context, Finding, Node, Row, StaticRule, Visits, ast::Ranged};
use nbvet_report::Level;

use crate::{
    analysis::{
        calls,
        chance::{self, Chance, KINDS, Score, Source},
    },
    macros::rule,
};

rule! {
    /// A score that depends on random numbers without a seed.
    ///
    /// ## Why it matters
    ///
    /// Each run splits the rows otherwise, or fits another model, and gives another score: nobody can repeat the
    /// figure, and a change of the notebook cannot be told from luck.
    ///
    /// Only what a score depends on is reported, once for each kind of chance. `random_state=…`, a generator with a
    /// seed and `np.random.seed(…)` anywhere in the notebook settle it; so does a function of the notebook or of a
    /// library that sets seeds. Random numbers for plots and examples are left alone.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// from sklearn.datasets import load_wine
    /// from sklearn.linear_model import LogisticRegression
    /// from sklearn.model_selection import train_test_split
    /// # %%
    /// X, y = load_wine(return_X_y=True)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3)
    /// model = LogisticRegression(max_iter=5000).fit(X_train, y_train)
    /// model.score(X_test, y_test)
    /// ```
    ///
    /// ```python good
    /// from sklearn.datasets import load_wine
    /// from sklearn.linear_model import LogisticRegression
    /// from sklearn.model_selection import train_test_split
    /// # %%
    /// X, y = load_wine(return_X_y=True)
    /// X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
    /// model = LogisticRegression(max_iter=5000).fit(X_train, y_train)
    /// model.score(X_test, y_test)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Give the call a `random_state`, or draw from `np.random.default_rng(0)`. To show how much luck is in the score,
    /// repeat it with several seeds and give the spread.
    "NB606" "unseeded-randomness",
    group: State,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Static(&UnseededRandomness),
}

struct UnseededRandomness;

impl StaticRule for UnseededRandomness {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let mut known: Vec<Chance> = Vec::with_capacity(KINDS);
        for score in chance::scores(cx.model()) {
            for source in &score.sources {
                if !known.contains(&source.kind) {
                    known.push(source.kind);
                    let finding = finding(cx, source, &score);
                    cx.report(finding);
                }
            }
        }
    }
}

fn finding(cx: &Context<'_, '_>, source: &Source<'_>, score: &Score<'_>) -> Finding {
    let model = cx.model();
    let called = calls::name(source.call);
    let (message, help) = match source.kind {
        Chance::Rows => (
            format!("`{called}` draws other rows on each run, and a score depends on them"),
            format!("give `{called}` a `random_state`"),
        ),
        Chance::Estimator => (
            format!("`{called}` learns something else on each run, and a score depends on it"),
            format!("give `{called}` a `random_state`"),
        ),
        Chance::Numpy => (
            format!("`{called}` draws other numbers on each run, and a score depends on them"),
            "draw from a generator with a seed, `np.random.default_rng(0)`, or call `np.random.seed(0)` first".to_owned(),
        ),
        Chance::Python => (
            format!("`random.{called}` draws something else on each run, and a score depends on it"),
            "call `random.seed(0)` first".to_owned(),
        ),
    };
    Finding::new(model.location(source.cell, source.call.func.range()), message)
        .because("The figure cannot be repeated: a better one after a change may be luck.")
        .help(help)
        .label(model.location(score.cell, score.range), "this depends on it")
        .about(format!("chance:{called}"))
}
