//! The page: what it says first, that its links lead somewhere, and that it stays small. What a browser makes of it is
//! tested in `tools/tests/test_page.py`.

use std::collections::BTreeSet;

use nbvet_notebook::Output;
use nbvet_render::{CellSource, HtmlPage, NotebookSource, RuleInfo, html};
use nbvet_report::*;

use crate::fixture::{cell_run, diagnostics, notebook, report, source};

fn ran(end: RunEnd, outcome: CellOutcome) -> NotebookReport {
    let mut failed = cell_run(1, outcome);
    failed.error = Some(CellError {
        name: "KeyError".to_owned(),
        value: "'a'".to_owned(),
        traceback: vec!["\u{1b}[31mKeyError\u{1b}[0m: 'a'".to_owned()],
        line: Some(1),
    });
    let cells = vec![failed, cell_run(2, CellOutcome::NotRun)];
    notebook("work/a.ipynb", Vec::new(), cells, Some(end), None)
}

fn page(notebooks: Vec<NotebookReport>) -> String {
    let sources = vec![source(); notebooks.len()];
    let rule = RuleInfo {
        id: "NB402",
        name: "none-method-assigned",
        summary: "Says.",
        page: "Says.\n\n## Why it matters\n\nBecause.\n".to_owned(),
    };
    html(
        &report(notebooks),
        &sources,
        &[rule],
        Some("2026-02-28 23:59 UTC"),
    )
}

/// The sentence below the notebook's name.
fn check(notebook: NotebookReport, because: &str) {
    let page = page(vec![notebook]);
    let said = page.split("<p class=\"because\">").nth(1).unwrap();
    assert_eq!(said.split("</p>").next().unwrap(), because);
}

/// What stands between two words, each time.
fn between<'a>(page: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = page.split(before).skip(1);
    parts.map(|part| part.split(after).next().unwrap()).collect()
}

#[test]
fn the_verdict_says_in_a_sentence_why() {
    let good = vec![cell_run(1, CellOutcome::Ok)];
    let passed = |found| notebook("a.ipynb", found, good.clone(), Some(RunEnd::Completed), None);
    check(
        passed(Vec::new()),
        "It ran to its end; nothing was found at level development.",
    );
    check(
        passed(diagnostics()),
        "It ran to its end without an exception, and is wrong all the same: 1 finding fails it at level development.",
    );
    check(
        notebook("a.ipynb", Vec::new(), Vec::new(), None, None),
        "It was read and not run; nothing was found at level development.",
    );
    let after = "; 1 cell after it did not run.";
    check(
        ran(RunEnd::Raised { cell: 1 }, CellOutcome::Error),
        &format!("Cell 1, In [1] raised <code>KeyError</code>{after}"),
    );
    let limit = RunEnd::CellTimedOut { cell: 1, limit: 90.0 };
    check(
        ran(limit, CellOutcome::Timeout),
        &format!("Cell 1, In [1] ran longer than its limit of 1 min 30 s{after}"),
    );
    let died = RunEnd::Died {
        cell: Some(1),
        status: None,
        signal: Some(11),
    };
    check(
        ran(died, CellOutcome::Error),
        &format!("Its process died in cell 1, In [1]{after}"),
    );
}

#[test]
fn every_link_within_the_page_leads_somewhere_and_no_name_is_given_twice() {
    let runs = vec![cell_run(1, CellOutcome::Ok), cell_run(2, CellOutcome::Error)];
    let end = RunEnd::Raised { cell: 2 };
    let one = notebook("a.ipynb", diagnostics(), runs, Some(end), None);
    let page = page(vec![one.clone(), one]);
    let ids = between(&page, " id=\"", "\"");
    let names: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(ids.len(), names.len(), "{ids:?}");
    // The pages of the other rules are not given to this test.
    let dead: Vec<_> = between(&page, "href=\"#", "\"")
        .into_iter()
        .filter(|name| !names.contains(name) && !name.starts_with("rule-NB2") && *name != "rule-NB101")
        .collect();
    assert_eq!(dead, Vec::<&str>::new());
}

#[test]
fn a_report_without_sources_still_leads_to_its_failing_cell() {
    let one = ran(RunEnd::Raised { cell: 1 }, CellOutcome::Error);
    let page = html(&report(vec![one]), &[], &[], None);
    assert!(
        page.contains("<a href=\"#n0-c1\">Cell 1, In [1] failed</a>"),
        "{page}"
    );
    assert!(
        page.contains("<span class=\"a1\">KeyError</span>: &#39;a&#39;"),
        "{page}"
    );
}

#[test]
fn a_failure_that_is_not_the_notebooks_says_what_to_do() {
    let failure = RunFailure {
        kind: FailureKind::NoInterpreter,
        message: "no Python at /w".to_owned(),
        hint: Some("make a venv".to_owned()),
    };
    let page = page(vec![notebook(
        "a.ipynb",
        Vec::new(),
        Vec::new(),
        None,
        Some(failure),
    )]);
    assert!(page.contains("No verdict") && page.contains("<p>What to do: make a venv</p>"));
}

#[test]
fn many_large_notebooks_make_a_page_that_a_browser_opens() {
    let cells: Vec<CellSource> = (0..300)
        .map(|number| {
            let mut cell = CellSource::new("x = 1\n".repeat(5_000), Some(number));
            cell.outputs = vec![Output::Stream {
                name: "stdout".to_owned(),
                text: "y".repeat(50_000),
            }];
            cell
        })
        .collect();
    let source = NotebookSource {
        cells,
        ..NotebookSource::default()
    };
    let runs: Vec<_> = (0..300).map(|cell| cell_run(cell, CellOutcome::Ok)).collect();
    let one = notebook("a.ipynb", diagnostics(), runs, Some(RunEnd::Completed), None);
    let mut page = HtmlPage::new();
    for _ in 0..20 {
        page.add(&one, &source);
    }
    let page = page.finish(&report(vec![one; 20]), &[], None);
    assert!(page.len() < 40_000_000, "{}", page.len());
    assert!(page.contains("cells are left out: the page is full."));
    assert_eq!(page.matches("What fails it").count(), 20);
}
