//! `nbvet report`: the page is the run's, and its exit status too.

use std::fs;

use expect_test::expect;

use crate::{
    python::python,
    sandbox::{Sandbox, notebook},
};

#[test]
fn a_page_shows_the_run_and_the_text_is_printed_as_ever() {
    let Some(python) = python() else { return };
    let cells = ["print('seen' + ' by all')", "1 / 0", "print('never')"];
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&cells));
    sandbox.check(
        &["report", "a.ipynb", "-o", "new/page.html", "--python", &python],
        &expect![[r#"
            exit 1
            --- stdout
            ✗ Failed a.ipynb  at development · 2 of 3 cells ran in [s] · Python [version] (`--python`)

            error[NB001]: this cell raised ZeroDivisionError: division by zero
               ╭─[ a.ipynb:20 · cell 1, In [2]:1:1 ]
               │
             1 │ 1 / 0
               │ ──┬──
               │   ╰──── uncaught-exception
            ───╯

            1 notebook: 1 failed · 1 error · [s]
            `nbvet explain NB001` tells more about a rule
            --- stderr
            page: new/page.html
        "#]],
    );
    let page = fs::read_to_string(sandbox.path("new/page.html")).unwrap();
    for part in [
        "<title>Failed: a.ipynb · nbvet</title>",
        "<pre>seen by all\n</pre>",
        "Cell 1, In [2] raised <code>ZeroDivisionError</code>; 1 cell after it did not run.",
        // A page says why it matters at every level.
        "The notebook stops here; the cells below did not run.",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(!page.contains("never\n"));
}

#[test]
fn a_report_and_the_executed_notebook_make_the_same_page_without_a_run() {
    let Some(python) = python() else { return };
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["x = 'not' + ' stored'", "x"]));
    let arguments = [
        "validate", "a.ipynb", "-o", "b.ipynb", "--format", "json", "--python", &python,
    ];
    let report = sandbox.output(&arguments).stdout;
    fs::write(sandbox.path("r.json"), report).unwrap();
    let from = ["report", "--from", "r.json", "-o", "page.html"];
    sandbox.check(
        &from,
        &expect![[r#"
            exit 0
            --- stderr
            page: page.html
        "#]],
    );
    let page = || fs::read_to_string(sandbox.path("page.html")).unwrap();
    assert!(page().contains("Passed") && !page().contains("not stored"));
    sandbox.output(&[&from[..], &["--executed", "b.ipynb"]].concat());
    assert!(page().contains("<pre>&#39;not stored&#39;</pre>"), "{}", page());
}

#[test]
fn a_page_never_takes_the_place_of_a_notebook() {
    let sandbox = Sandbox::new().file("a.ipynb", &notebook(&["1"]));
    sandbox.check(
        &["report", "a.ipynb", "-o", "a.ipynb"],
        &expect![[r#"
            exit 2
            --- stderr
            error: `--output a.ipynb` is to be a page, and that is a notebook

            hint: name an HTML file, such as `page.html`
        "#]],
    );
}

#[test]
fn what_is_no_report_is_told() {
    let sandbox = Sandbox::new().file("a.json", "{\"cells\": []}").file(
        "b.json",
        "{\"schemaVersion\": 9, \"tool\": {\"name\": \"nbvet\", \"version\": \"9\"}, \"level\": \"staging\", \
             \"notebooks\": [], \"exitCode\": \"passed\"}",
    );
    sandbox.check(
        &["report", "--from", "a.json", "-o", "page.html"],
        &expect![[r#"
            exit 2
            --- stderr
            error: a.json is no report of nbvet: missing field `schemaVersion` at line 1 column 13

            hint: `nbvet validate --format json` writes one to standard output
        "#]],
    );
    sandbox.check(
        &["report", "--from", "b.json", "-o", "page.html"],
        &expect![[r#"
            exit 2
            --- stderr
            error: b.json is no report of nbvet: its version is 9, and this nbvet reads version 1

            hint: `nbvet validate --format json` writes one to standard output
        "#]],
    );
    assert!(!sandbox.path("page.html").exists());
}
