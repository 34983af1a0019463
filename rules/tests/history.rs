//! What stored execution counts and results tell: which results are older than the values that they show.

mod notebook;

use nbvet_engine::{Beside, Settings, check};
use nbvet_report::{Diagnostic, Level, Severity};
use nbvet_rules::ALL;

/// Findings in cells that ran as `In [n]`; the last of them has a result.
fn stale(cells: &[(u32, &str)]) -> Vec<Diagnostic> {
    let mut stored: Vec<_> = cells
        .iter()
        .map(|(count, source)| {
            let mut cell = notebook::code(source);
            cell["execution_count"] = (*count).into();
            cell
        })
        .collect();
    if let Some(last) = stored.last_mut() {
        last["outputs"] = serde_json::json!([{"output_type": "stream", "name": "stdout", "text": "7\n"}]);
    }
    let reading = notebook::reading(stored);
    let settings = Settings {
        level: Level::Development,
        ..Settings::default()
    };
    let found = check(&reading, &Beside::default(), None, ALL, &settings);
    found
        .into_iter()
        .filter(|found| found.rule.name == "stale-name")
        .collect()
}

#[test]
fn a_cell_above_that_ran_after_the_result_is_noted() {
    let read = "import pandas as pd\ndf = pd.read_csv('a.csv')\nitems = [1]";
    let total = "print(df['price'].sum())";
    for (changes, shows, says) in [
        ("df = df[df.price > 0]", total, "`df` was bound anew"),
        (
            "df['price'] = df['price'] / 100",
            total,
            "`df[\"price\"]` was changed",
        ),
        (
            "df['price'] = df['price'] / 100",
            "df.describe()",
            "`df[\"price\"]` was changed",
        ),
        ("items.append(2)", "print(len(items))", "`items` was changed"),
        ("df.dropna(inplace=True)", "print(len(df))", "`df` was changed"),
    ] {
        let found = stale(&[(1, read), (3, changes), (2, shows)]);
        assert_eq!(found.len(), 1, "{changes}");
        assert!(found[0].message.contains(says), "{}", found[0].message);
        assert_eq!(found[0].severity, Severity::Note);
        assert!(stale(&[(1, read), (2, changes), (3, shows)]).is_empty());
        // One run more than cells: the change may have been there before.
        let perhaps = stale(&[(1, read), (4, changes), (3, shows)]);
        assert!(perhaps[0].explanation.as_ref().unwrap().starts_with("Unless"));
    }
}

#[test]
fn what_the_result_does_not_depend_on_is_not() {
    let read = "import pandas as pd\ndf = pd.read_csv('a.csv')\nitems = [1]";
    for (changes, shows) in [
        ("df['cents'] = df['price'] * 100", "print(df['price'].sum())"),
        ("df['cents'] = df['price'] * 100", "print(df.price.sum())"),
        ("other = df[df.price > 0]", "print(df['price'].sum())"),
    ] {
        assert!(
            stale(&[(1, read), (3, changes), (2, shows)]).is_empty(),
            "{changes}"
        );
    }
}
