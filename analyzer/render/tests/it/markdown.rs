//! Markdown, byte for byte.

use expect_test::expect;
use nbvet_render::{NotebookSource, markdown};
use nbvet_report::*;

use crate::fixture::{cell_run, diagnostics, found, notebook, report, source};

#[test]
fn the_table_comes_first_and_what_was_found_is_folded_below_it() {
    let failure = RunFailure {
        kind: FailureKind::NoInterpreter,
        message: "no Python".to_owned(),
        hint: Some("install one".to_owned()),
    };
    let ran = vec![cell_run(1, CellOutcome::Ok), cell_run(2, CellOutcome::Ok)];
    let notebooks = vec![
        notebook("good.ipynb", Vec::new(), ran, Some(RunEnd::Completed), None),
        notebook("work/a.ipynb", diagnostics(), Vec::new(), None, None),
        notebook("lost.ipynb", Vec::new(), Vec::new(), None, Some(failure)),
    ];
    let sources = [NotebookSource::default(), source()];
    expect![[r#"
        ## nbvet: 2 of 3 notebooks did not pass

        | | notebook | level | cells | errors | warnings | notes |
        | --- | --- | --- | --- | --: | --: | --: |
        | ⚠️ no verdict | lost.ipynb | development | not run | 0 | 0 | 0 |
        | ❌ failed | work/a.ipynb | development | not run | 1 | 1 | 1 |
        | ✅ passed | good.ipynb | development | 2 of 2 ran | 0 | 0 | 0 |

        <details open><summary>lost.ipynb: no verdict</summary>

        - **no verdict**: no Python

          hint: install one

        </details>

        <details open><summary>work/a.ipynb: 3 findings</summary>

        - **error** NB402 none-method-assigned, cell 2, In \[2\], line 1: `scores` is None: `list.sort()` sorts in place and returns nothing

          ```python
          scores = scores.sort()
          ```

          why: Every later use of `scores` gets None, not the sorted list; `np.mean(None)` fails or gives NaN, far away from this line.

          help: write `scores.sort()` on a line of its own, or: scores = sorted(scores)
        - **warning** NB203 except-print-only, cell 1, In \[1\], line 6: `load` prints and goes on when the file is missing

          ```python
          except OSError:
          ```
        - **note** NB101 no-assertion-notebook: nothing here is checked

        </details>
    "#]].assert_eq(&markdown(&report(notebooks), &sources));
}

#[test]
fn nothing_that_a_notebook_holds_acts_in_the_comment() {
    let messages = [
        "a `| b` | c",
        "<img src=x> @everyone #1 https://evil.example [x](y) ![z](w) www.evil.example",
        "`open </details> @x",
        "``two`` ` `",
        "*bold* _em_ ~~gone~~ \\",
    ];
    let found = messages.map(|message| found("NB401", "x", Severity::Error, message, Location::file_start()));
    let text = markdown(
        &report(vec![notebook(
            "a|b<i>@x.ipynb",
            found.to_vec(),
            Vec::new(),
            None,
            None,
        )]),
        &[],
    );
    expect![[r#"
        ## nbvet: the notebook did not pass

        | | notebook | level | cells | errors | warnings | notes |
        | --- | --- | --- | --- | --: | --: | --: |
        | ❌ failed | a\|b&lt;i&gt;@<!-- -->x.ipynb | development | not run | 5 | 0 | 0 |

        <details open><summary>a|b&lt;i&gt;@<!-- -->x.ipynb: 5 findings</summary>

        - **error** NB401 x: a `| b` \| c
        - **error** NB401 x: &lt;img src=x&gt; @<!-- -->everyone #<!-- -->1 https:<!-- -->//evil.example \[x\](y) \!\[z\](w) www<!-- -->.evil.example
        - **error** NB401 x: \`open &lt;/details&gt; @<!-- -->x
        - **error** NB401 x: \`\`two\`\` \` \`
        - **error** NB401 x: \*bold\* \_em\_ \~\~gone\~\~ \\

        </details>
    "#]].assert_eq(&text);
}

#[test]
fn the_comment_is_never_too_long_and_says_what_it_leaves_out() {
    let message = "x".repeat(2000);
    let many = |number| vec![found("NB401", "x", Severity::Note, &message, Location::file_start()); number];
    let mut worst = many(3000);
    worst.push(found(
        "NB402",
        "worst",
        Severity::Error,
        "the worst",
        Location::file_start(),
    ));
    let mut notebooks = vec![notebook("fails.ipynb", worst, Vec::new(), None, None)];
    for number in 0..2000 {
        notebooks.push(notebook(
            &format!("{number}.ipynb"),
            many(1),
            Vec::new(),
            None,
            None,
        ));
    }
    notebooks.rotate_left(1000);
    let text = markdown(&report(notebooks), &[]);
    assert!(text.len() <= 60_000, "{}", text.len());
    assert!(
        text.find("fails.ipynb").unwrap() < 400,
        "the worst notebook first"
    );
    assert!(text.contains("the worst") && text.contains(" more.\n"));
    assert!(text.ends_with(" more in the whole report.\n"));
    assert_eq!(
        text.matches("<details").count(),
        text.matches("</details>").count()
    );
}
