//! What findings advise can be done as it is written, and speaks of the code at hand.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

mod notebook;

use nbvet_engine::{Beside, Settings, check};
use nbvet_report::{Diagnostic, Level};
use nbvet_rules::ALL;

/// Findings of a rule in cells that `# %%` divides.
fn findings(id: &str, cells: &str) -> Vec<Diagnostic> {
    let reading = notebook::reading(cells.split("# %%\n").map(notebook::code));
    let settings = Settings {
        level: Level::Development,
        ..Settings::default()
    };
    let found = check(&reading, &Beside::default(), None, ALL, &settings);
    found.into_iter().filter(|found| found.rule.id == id).collect()
}

fn first(id: &str, cells: &str) -> Diagnostic {
    findings(id, cells).into_iter().next().unwrap()
}

fn help(id: &str, cells: &str) -> String {
    first(id, cells).help.unwrap()
}

const SPLIT: &str = "from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.preprocessing import StandardScaler
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
scaler = StandardScaler()
model = LogisticRegression()
# %%
";

#[test]
fn a_fit_below_the_split_is_not_told_to_split_first() {
    let folds =
        format!("{SPLIT}scaled = scaler.fit_transform(X_train)\ncross_val_score(model, scaled, y_train)");
    let found = first("NB501", &folds);
    assert_eq!(
        found.help.unwrap(),
        "cross-validation tests on rows that the StandardScaler saw: put both into a Pipeline"
    );
    assert!(
        found
            .labels
            .iter()
            .all(|label| !label.message.contains("only here"))
    );
    let test_part = format!(
        "{SPLIT}model.fit(scaler.fit_transform(X_train), y_train)\nX_test = scaler.fit_transform(X_test)\n\
         model.score(X_test, y_test)"
    );
    assert!(help("NB501", &test_part).ends_with("`scaler.transform(X_test)`"));
    let both = format!(
        "import pandas as pd\n{SPLIT}scaler.fit(pd.concat([X_train, X_test]))\n\
         model.fit(scaler.transform(X_train), y_train)\nmodel.score(scaler.transform(X_test), y_test)"
    );
    assert!(help("NB501", &both).starts_with("fit it on the training rows"));
    let too_late = "from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
X = StandardScaler().fit_transform(X)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
LogisticRegression().fit(X_train, y_train).score(X_test, y_test)";
    let found = first("NB501", too_late);
    assert!(found.help.unwrap().starts_with("split first"));
    assert!(
        found
            .labels
            .iter()
            .any(|label| label.message.contains("only here"))
    );
}

#[test]
fn what_was_coerced_is_counted_by_code_that_fits_it() {
    let help = |step: &str| {
        help(
            "NB302",
            &format!("import pandas as pd\ndf = pd.read_csv('a.csv')\n{step}\n# %%\nprint(df)"),
        )
    };
    let column = "`assert df[\"a\"].isna().mean() < 0.01`";
    assert!(help("df[\"a\"] = pd.to_numeric(df[\"a\"], errors=\"coerce\")").contains(column));
    assert!(help("df = df.assign(a=pd.to_numeric(df[\"a\"], errors=\"coerce\"))").contains(column));
    let frame = help("df = df.apply(pd.to_numeric, errors=\"coerce\")");
    assert!(
        frame.contains("`assert df.isna().mean().max() < 0.01`"),
        "{frame}"
    );
    let figure = help("m = pd.to_numeric(df[\"a\"], errors=\"coerce\").mean()\nprint(m)");
    assert!(!figure.contains("assert"), "{figure}");
    let reader =
        help("df = pd.read_csv('b.csv', converters={'a': lambda a: pd.to_numeric(a, errors=\"coerce\")})");
    assert!(!reader.contains("assert"), "{reader}");
}

#[test]
fn what_is_missing_or_dropped_is_counted_by_code_that_fits_it() {
    let read = "import pandas as pd\ndf = pd.read_csv('a.csv')\n";
    let column = help("NB303", &format!("{read}df['w'] = df['w'].fillna(0)"));
    assert!(
        column.contains("`assert df['w'].isna().mean() < 0.05`"),
        "{column}"
    );
    let frame = help("NB303", &format!("{read}df = df.fillna(0)"));
    assert!(
        frame.contains("`assert df.isna().mean().max() < 0.05`"),
        "{frame}"
    );
    let other = help(
        "NB304",
        &format!("{read}full = df.dropna()\nprint(full['a'].median())"),
    );
    assert!(other.contains("`assert len(full) > 0.9 * len(df)`"), "{other}");
    let same = help(
        "NB304",
        &format!("{read}df = df.dropna()\nprint(df['a'].median())"),
    );
    assert!(same.contains("`rows_before = len(df)`"), "{same}");
    let reader =
        "import pandas as pd\nparts = pd.read_csv('a.csv', chunksize=10)\nout = [p.a.sum() for p in parts]";
    for id in ["NB101", "NB105"] {
        let pieces = findings(id, reader).into_iter().filter_map(|found| found.help);
        assert!(pieces.into_iter().all(|help| !help.contains("len(")));
    }
}

#[test]
fn an_error_has_a_bound_above() {
    let judged = "from sklearn.metrics import accuracy_score, mean_squared_error\n";
    let error = help("NB106", &format!("{judged}print(mean_squared_error(y, p))"));
    assert!(error.contains("`assert error < "), "{error}");
    let score = help("NB106", &format!("{judged}print(accuracy_score(y, p))"));
    assert!(score.contains("`assert score > "), "{score}");
}

#[test]
fn what_is_bound_where_no_run_gets_to_is_not_made_from_itself() {
    let never = first("NB602", "if False:\n    late = 1\nprint(late)");
    assert_eq!(never.message, "`late` is bound only where no run gets to");
    let itself = first("NB602", "rows = rows + 1");
    assert!(itself.message.contains("made from itself"));
}

#[test]
fn what_was_deleted_is_said_to_be() {
    let deleted = help("NB601", "df = 1\n# %%\ndel df\n# %%\nprint(df)");
    assert!(deleted.contains("`del`"), "{deleted}");
}

#[test]
fn a_network_is_trained_where_it_steps() {
    let found = first(
        "NB101",
        "def fit(net, rows):\n    net.train()\n    for row in rows:\n        loss = net(row)\n        loss.backward()",
    );
    assert_eq!(found.location.line, 5);
    assert!(found.help.unwrap().contains("loss"));
}

#[test]
fn a_second_leak_of_the_same_column_is_told_too() {
    let found = findings(
        "NB505",
        "import pandas as pd
from sklearn.linear_model import LinearRegression
df = pd.read_csv('a.csv')
df['square'] = df['price'] ** 2
# %%
LinearRegression().fit(df.drop(columns='square'), df['square'])
LinearRegression().fit(df, df['price'])",
    );
    assert_eq!(found.len(), 2);
}

#[test]
fn a_result_that_is_thrown_away_is_kept_by_the_line_that_is_advised() {
    let read = "import pandas as pd\ndf = pd.read_csv('a.csv')\n";
    for (line, advised) in [
        ("df.dropna()", "`df = df.dropna(…)`"),
        ("df['a'].str.strip()", "`df['a'] = df['a'].str.strip(…)`"),
        ("pd.to_numeric(df['a'])", "`df['a'] = pd.to_numeric(…)`"),
    ] {
        let help = help("NB404", &format!("{read}{line}\nprint(df)"));
        assert!(help.contains(advised), "{help}");
    }
}
