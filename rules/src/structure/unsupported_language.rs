//! NB925 unsupported-language.

use nbvet_engine::{Check, Context, Finding, Node, Row, StaticRule, Visits};
use nbvet_report::Location;

use crate::macros::rule;

rule! {
    /// A notebook in a language other than Python 3.
    ///
    /// ## Why it matters
    ///
    /// nbvet reads and runs Python 3. The cells of this notebook were not looked at, so that no diagnostic means
    /// nothing here; `run` and `validate` end with Error.
    ///
    /// ## How to mend it
    ///
    /// Leave the notebook out, or, if it is Python 3 after all, choose a Python 3 kernel in Jupyter and save it.
    "NB925" "unsupported-language",
    group: Structure,
    row: Row::Advice,
    since: "0.1.0",
    check: Check::Static(&UnsupportedLanguage),
}

struct UnsupportedLanguage;

impl StaticRule for UnsupportedLanguage {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let language = cx.model().parsed().notebook().language();
        if !language.is_python() {
            cx.report(
                Finding::new(
                    Location::file_start(),
                    format!("this notebook is written in {language}"),
                )
                .because("Its cells were not looked at: nbvet knows Python 3 only."),
            );
        }
    }
}
