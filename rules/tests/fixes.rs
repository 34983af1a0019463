//! Fixes: what each makes of a cell, and what all of them make of real notebooks.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

mod corpus;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use nbvet_engine::{Beside, Settings, check, mend};
use nbvet_notebook::read;
use nbvet_report::{Applicability, Diagnostic, Level};
use nbvet_rules::ALL;

const CELL: &str = "# %%\n";

/// Cells before, and after all fixes; `safe`: those that are applied without a look.
fn mended(cells: &str, least: Applicability) -> String {
    let sources: Vec<_> = cells
        .split(CELL)
        .map(|source| {
            serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null,
                "source": source})
        })
        .collect();
    let file =
        serde_json::json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": sources}).to_string();
    let bytes = mend(file.as_bytes(), &Beside::default(), ALL, &settings(), least).bytes;
    assert_eq!(
        mend(&bytes, &Beside::default(), ALL, &settings(), least).bytes,
        bytes,
        "the second time changes nothing"
    );
    let notebook = read(&bytes).notebook.unwrap();
    let sources: Vec<&str> = notebook.cells().iter().map(|cell| cell.source.as_str()).collect();
    sources.join(CELL)
}

fn settings() -> Settings {
    Settings {
        level: Level::Production,
        ..Settings::default()
    }
}

#[track_caller]
fn safe(before: &str, after: &str) {
    assert_eq!(mended(before, Applicability::Safe), after);
}

/// Nothing without a look, and then this.
#[track_caller]
fn on_request(before: &str, after: &str) {
    assert_eq!(mended(before, Applicability::Safe), before, "not without a look");
    assert_eq!(mended(before, Applicability::Unsafe), after);
}

#[test]
fn nb407_a_cell_magic_goes_to_the_top_with_its_line() {
    on_request("x = 1\n%%time\ny = x", "%%time\nx = 1\ny = x");
    on_request("# a run\n%%capture out", "%%capture out\n# a run\n");
    for meant_otherwise in [
        "x = 1\n%%timeit\ny = x",
        "if x:\n    %%time\n    y = x",
        "x = 1\n%%bash\nls",
    ] {
        on_request(meant_otherwise, meant_otherwise);
    }
}

#[test]
fn nb401_a_method_that_gives_none_stands_on_its_own_or_gives_a_new_object() {
    safe(
        "x = [2, 1]\nx = x.sort()  # in order\nprint(x)",
        "x = [2, 1]\nx.sort()  # in order\nprint(x)",
    );
    safe(
        "import random\nx = [1]\nx = random.shuffle(x)\nprint(x)",
        "import random\nx = [1]\nrandom.shuffle(x)\nprint(x)",
    );
    on_request(
        "x = [2, 1]\ny = x.sort(key=abs)\nprint(y)",
        "x = [2, 1]\ny = sorted(x, key=abs)\nprint(y)",
    );
    on_request(
        "x = [2, 1]\ny = x.sort()\nprint(y)",
        "x = [2, 1]\ny = sorted(x)\nprint(y)",
    );
    on_request(
        "x = [2, 1]\ny = x.reverse()\nprint(y)",
        "x = [2, 1]\ny = x[::-1]\nprint(y)",
    );
    on_request(
        "x = [2, 1]\ny = x.append(\n  3)\nprint(y)",
        "x = [2, 1]\ny = x + [\n  3]\nprint(y)",
    );
}

#[test]
fn nb402_inplace_goes_with_its_comma() {
    let frame = |line: &str| format!("import pandas as pd\ndf = pd.DataFrame()\n{line}\nprint(df)");
    for (before, after) in [
        ("df = df.dropna(inplace=True)", "df = df.dropna()"),
        ("df = df.dropna( inplace = True, )", "df = df.dropna()"),
        (
            "df = df.drop('a', inplace=True, axis=1)",
            "df = df.drop('a', axis=1)",
        ),
        (
            "df = df.drop(\n    'a',\n    inplace=True,\n)",
            "df = df.drop(\n    'a',\n)",
        ),
        (
            "df = df.drop('a', # why\n    inplace=True)",
            "df = df.drop('a', # why\n    inplace=True)",
        ),
    ] {
        safe(&frame(before), &frame(after));
    }
    on_request(&frame("x = df.dropna(inplace=True)"), &frame("x = df.dropna()"));
}

#[test]
fn nb301_a_comparison_with_nan_becomes_the_question_that_was_meant() {
    let pandas = "import numpy as np, pandas as pd\nx = y = 1\n";
    let with = |head: &str, line: &str| format!("{head}{line}");
    for (before, after) in [
        ("y = x == np.nan", "y = pd.isna(x)"),
        ("y = not x != np.nan", "y = not pd.notna(x)"),
        ("y = (np.nan == x + 1) and y", "y = (pd.isna(x + 1)) and y"),
        ("y = (x + 1) == float('nan')", "y = pd.isna(x + 1)"),
        ("y = 0 < x == np.nan", "y = 0 < x == np.nan"),
    ] {
        if before == after {
            assert_eq!(
                mended(&with(pandas, before), Applicability::Unsafe),
                with(pandas, after)
            );
        } else {
            safe(&with(pandas, before), &with(pandas, after));
        }
    }
    // Perhaps it shows what NaN does.
    on_request(
        &with(pandas, "x == np.nan  # False!"),
        &with(pandas, "pd.isna(x)  # False!"),
    );
    on_request(
        "import numpy\nx = 1.0\ny = x != numpy.nan",
        "import numpy\nx = 1.0\ny = ~numpy.isnan(x)",
    );
    on_request(
        "import math\nx = 1.0\nif x != math.nan:\n    x = 2",
        "import math\nx = 1.0\nif not math.isnan(x):\n    x = 2",
    );
    // `math.isnan` takes no array, and `numpy.isnan` no texts.
    for cell in [
        "import math\nimport numpy as np\nx = np.array([1, 2])\ny = x == math.nan",
        "import numpy as np\nx = np.array(['a'], object)\ny = x == np.nan",
    ] {
        assert_eq!(mended(cell, Applicability::Unsafe), cell);
    }
}

#[test]
fn nb102_an_assertion_tests_what_was_meant() {
    on_request(
        "x = 1\nassert (x > 0, 'positive')  # checked",
        "x = 1\nassert x > 0, 'positive'  # checked",
    );
    on_request(
        "x = [1]\nassert (v > 0 for v in x), 'positive'",
        "x = [1]\nassert all(v > 0 for v in x), 'positive'",
    );
    for cell in [
        "assert (x > 0,\n  'positive')",
        "assert (x, y)",
        "assert (x, 'm'), 'n'",
    ] {
        assert_eq!(mended(cell, Applicability::Unsafe), cell);
    }
}

#[test]
fn nb201_a_bare_except_lets_ctrl_c_through() {
    on_request(
        "try:\n    x = f()\nexcept :  # any\n    x = g()",
        "try:\n    x = f()\nexcept Exception :  # any\n    x = g()",
    );
}

#[test]
fn nb203_and_nb205_a_handler_raises_again_after_its_message() {
    for (before, after) in [
        (
            "for p in paths:\n    try:\n        read(p)\n    except Exception:\n        print(p)\n        continue  # next",
            "for p in paths:\n    try:\n        read(p)\n    except Exception:\n        print(p)\n        raise  # next",
        ),
        (
            "try:\n    x = read(p)\nexcept Exception as e:\n    print(e)  # told\nprint(x)",
            "try:\n    x = read(p)\nexcept Exception as e:\n    print(e)  # told\n    raise\nprint(x)",
        ),
        (
            "def f(p):\n\ttry:\n\t\treturn read(p)\n\texcept OSError as e:\n\t\tprint(e)\nx = f(1)",
            "def f(p):\n\ttry:\n\t\treturn read(p)\n\texcept OSError as e:\n\t\tprint(e)\n\t\traise\nx = f(1)",
        ),
    ] {
        on_request(before, after);
    }
}

#[test]
fn nb202_to_nb204_what_may_be_meant_is_left_alone() {
    for cell in [
        "try:\n    read(p)\nexcept Exception:\n    pass",
        "def f(p):\n    try:\n        return read(p)\n    except Exception:\n        return None\nf(1)",
        "try:\n    file.close()\nexcept Exception as e:\n    print(e)",
    ] {
        assert_eq!(mended(cell, Applicability::Unsafe), cell);
    }
}

#[test]
fn nb206_warnings_are_shown_once() {
    on_request(
        "import warnings\nwarnings.filterwarnings('ignore')",
        "import warnings\nwarnings.filterwarnings('once')",
    );
    on_request(
        "import warnings\nwarnings.simplefilter(action=\"ignore\")",
        "import warnings\nwarnings.simplefilter(action=\"once\")",
    );
}

#[test]
fn nb207_the_status_is_checked_below_the_command() {
    on_request(
        "if True:\n    !make all\n!make \\\n  install  # now\nx = 1",
        "if True:\n    !make all\n    assert _exit_code == 0\n!make \\\n  install  # now\nassert _exit_code == 0\nx = 1",
    );
    for cell in ["x = !make", "!make &", "!!make"] {
        assert_eq!(mended(cell, Applicability::Unsafe), cell);
    }
}

/// The file of a notebook with these members, mended.
fn mended_file(cells: &str, least: Applicability) -> String {
    let file = format!("{{\n \"cells\": [{cells}],\n \"nbformat\": 4, \"nbformat_minor\": 5}}\n");
    String::from_utf8(mend(file.as_bytes(), &Beside::default(), ALL, &settings(), least).bytes).unwrap()
}

#[test]
fn nb926_the_second_cell_gets_an_id_of_its_own() {
    let cell = r#"{"cell_type": "raw", "metadata": {}, "id": "a", "source": "é"}"#;
    let other = cell.replace("\"a\"", "\"6c8e1b2f\"");
    let cells = format!("{cell}, {other}, {cell},{cell}");
    let file = mended_file(&cells, Applicability::Safe);
    let notebook = read(file.as_bytes()).notebook.unwrap();
    let ids: Vec<String> = notebook
        .cells()
        .iter()
        .filter_map(|cell| cell.id.clone())
        .collect();
    assert_eq!(ids[..2], ["a", "6c8e1b2f"]);
    assert!(
        ids[2] != ids[3] && ids[2..].iter().all(|id| id.len() == 8),
        "{ids:?}"
    );
    let old_ids = file.replace(&ids[2], "a").replace(&ids[3], "a");
    assert!(old_ids.contains(&cells), "{file}");
}

#[test]
fn nb922_a_number_that_is_none_becomes_null() {
    let cell = r#"{"cell_type": "raw", "source": "NaN", "metadata": {"é": NaN, "b": [-Infinity,Infinity]}}"#;
    let after = r#"{"cell_type": "raw", "source": "NaN", "metadata": {"é": null, "b": [null,null]}}"#;
    assert!(mended_file(cell, Applicability::Safe).contains(cell));
    assert!(mended_file(cell, Applicability::Unsafe).contains(after));
}

#[test]
fn a_suppressed_diagnostic_is_not_mended() {
    let cell = "x = [1]\nx = x.sort()  # nbvet: ignore[NB401] shown to the class\nprint(x)";
    assert_eq!(mended(cell, Applicability::Unsafe), cell);
}

#[test]
fn fixes_that_meet_wait_for_one_another() {
    // NB203 and NB205 both want to raise at the end of the handler.
    on_request(
        "def f(p):\n    try:\n        return read(p)\n    except Exception as e:\n        print(e)\nx = f(1)",
        "def f(p):\n    try:\n        return read(p)\n    except Exception as e:\n        print(e)\n        raise\nx = f(1)",
    );
}

/// Every bad example whose diagnostic has a fix is good after it.
#[test]
fn the_fix_of_an_example_mends_it() {
    let mut fixed = 0;
    for rule in ALL {
        let blocks = rule.meta.doc.split("```python bad\n").skip(1);
        for block in blocks {
            let example = block.split("```").next().unwrap();
            let lines: Vec<&str> = example
                .lines()
                .map(|line| line.strip_prefix(' ').unwrap_or(line))
                .collect();
            let before = lines.join("\n").replace("# %%\n", CELL);
            let after = mended(&before, Applicability::Unsafe);
            if after != before {
                fixed += 1;
            }
        }
    }
    assert!(fixed >= 8, "{fixed} examples have a fix");
}

fn diagnostics(bytes: &[u8]) -> Vec<Diagnostic> {
    check(&read(bytes), &Beside::default(), None, ALL, &settings())
}

fn by_rule(diagnostics: &[Diagnostic]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for found in diagnostics.iter().filter(|found| found.suppression.is_none()) {
        *counts.entry(found.rule.id.to_string()).or_default() += 1;
    }
    counts
}

/// Applies everything to one notebook; gives the fixes applied, by rule.
fn check_notebook(path: &Path, bytes: &[u8]) -> BTreeMap<String, usize> {
    let before = diagnostics(bytes);
    let fixable = before
        .iter()
        .filter(|found| {
            found.suppression.is_none()
                && (found.fix.as_ref()).is_some_and(|fix| fix.applicability >= Applicability::Unsafe)
        })
        .cloned()
        .collect::<Vec<_>>();
    if fixable.is_empty() {
        return BTreeMap::new();
    }
    let mended = mend(bytes, &Beside::default(), ALL, &settings(), Applicability::Unsafe);
    let place = path.display();
    let (before, after) = (by_rule(&before), by_rule(&diagnostics(&mended.bytes)));
    for (rule, fixes) in by_rule(&fixable) {
        let left = after.get(&rule).copied().unwrap_or_default();
        assert!(left + fixes <= before[&rule], "{place}: {rule} was not mended");
    }
    for (rule, count) in &after {
        let earlier = before.get(rule).copied().unwrap_or_default();
        assert!(*count <= earlier, "{place}: {rule} came with a fix");
    }
    let again = mend(
        &mended.bytes,
        &Beside::default(),
        ALL,
        &settings(),
        Applicability::Unsafe,
    );
    assert!(again.applied.is_empty() && again.bytes == mended.bytes, "{place}");
    assert_rest_is_the_same(&place.to_string(), bytes, &mended.bytes, mended.applied.len());
    let mut applied = BTreeMap::new();
    for rule in mended.applied {
        *applied.entry(format!("{} {}", rule.id, rule.name)).or_default() += 1;
    }
    applied
}

/// Without its sources and ids the mended file is the old one, and only lines with a fix are other bytes.
fn assert_rest_is_the_same(place: &str, old: &[u8], new: &[u8], fixes: usize) {
    let without = |bytes: &[u8]| {
        let text = str::from_utf8(bytes).unwrap();
        let text = text
            .replace("NaN", "null")
            .replace("-Infinity", "null")
            .replace("Infinity", "null");
        let mut value: serde_json::Value = serde_json::from_str(&text).ok()?;
        let cells = value.get_mut("cells")?.as_array_mut()?;
        for cell in cells {
            let cell = cell.as_object_mut()?;
            cell.remove("source");
            cell.remove("id");
        }
        Some(value)
    };
    assert!(
        without(old) == without(new),
        "{place}: more than sources has changed"
    );
    let lines = |bytes: &[u8]| {
        let mut counts: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            *counts.entry(line.to_vec()).or_default() += 1;
        }
        counts
    };
    let new_lines = lines(new);
    let gone: i64 = lines(old)
        .into_iter()
        .map(|(line, count)| (count - new_lines.get(&line).copied().unwrap_or_default()).max(0))
        .sum();
    // No fix changes more than two lines.
    assert!(
        gone <= 2 * i64::try_from(fixes).unwrap(),
        "{place}: {gone} lines are gone for {fixes} fixes"
    );
}

/// The results are linted again: what had a fix is gone, nothing new has come, a second time changes nothing.
#[test]
fn fixes_of_real_notebooks_mend_them_and_nothing_else() {
    let files = corpus::notebooks();
    if files.is_empty() {
        println!("skipped: no corpus");
        return;
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            for (rule, count) in check_notebook(path, &fs::read(path).unwrap()) {
                let entry = counts.entry(rule).or_default();
                *entry = (entry.0 + count, entry.1 + 1);
            }
        }
        counts
    };
    let mut total: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        for counts in threads.map(|thread| thread.join().unwrap()) {
            for (rule, (fixes, notebooks)) in counts {
                let entry = total.entry(rule).or_default();
                *entry = (entry.0 + fixes, entry.1 + notebooks);
            }
        }
    });
    for (rule, (fixes, notebooks)) in &total {
        println!("{fixes:>6} fixes in {notebooks:>5} notebooks  {rule}");
    }
    assert!(total.len() >= 5, "{total:?}");
}
