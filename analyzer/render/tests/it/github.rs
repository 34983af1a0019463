//! Workflow commands, byte for byte.

use expect_test::expect;
use nbvet_render::github;
use nbvet_report::{FailureKind, RunFailure};

use crate::fixture::{diagnostics, notebook, report};

#[test]
fn a_diagnostic_is_one_command_and_the_suppressed_one_is_none() {
    let failure = RunFailure {
        kind: FailureKind::AgentLost,
        message: "100 %\ngone".to_owned(),
        hint: None,
    };
    let found = notebook("work, old/a:b.ipynb", diagnostics(), Vec::new(), None, None);
    let lost = notebook("b.ipynb", Vec::new(), Vec::new(), None, Some(failure));
    expect![[r#"
        ::error file=work%2C old/a%3Ab.ipynb,line=41,endLine=41,title=NB402 none-method-assigned::cell 2, line 1: `scores` is None: `list.sort()` sorts in place and returns nothing%0AEvery later use of `scores` gets None, not the sorted list; `np.mean(None)` fails or gives NaN, far away from this line.%0Ahelp: write `scores.sort()` on a line of its own, or:%0A    scores = sorted(scores)
        ::warning file=work%2C old/a%3Ab.ipynb,line=26,endLine=27,title=NB203 except-print-only::cell 1, line 6: `load` prints and goes on when the file is missing
        ::notice file=work%2C old/a%3Ab.ipynb,line=1,endLine=1,title=NB101 no-assertion-notebook::nothing here is checked
        ::error file=b.ipynb,title=no verdict::100 %25%0Agone
    "#]].assert_eq(&github(&report(vec![found, lost])));
}
