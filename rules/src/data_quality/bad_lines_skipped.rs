//! NB305 bad-lines-skipped.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, Ranged},
};
use nbvet_report::Level;

use crate::{
    analysis::{calls, steps},
    macros::rule,
};

rule! {
    /// Lines of a file that cannot be read are left out without a word.
    ///
    /// ## Why it matters
    ///
    /// With `on_bad_lines="skip"` a file with another separator, or with a comma in a text, loses its lines and not
    /// the notebook its green tick. Which lines are lost is no accident: they are those with the longest texts.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// reviews = pd.read_csv("reviews.csv", on_bad_lines="skip")
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// bad = []
    /// reviews = pd.read_csv("reviews.csv", engine="python", on_bad_lines=lambda line: bad.append(line))
    /// assert len(bad) < 10, bad[:3]
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Mend the file or its options (`quotechar`, `sep`, `escapechar`), or collect the lines with a function and
    /// count them. `on_bad_lines="warn"` shows them at least.
    "NB305" "bad-lines-skipped",
    group: DataQuality,
    row: Row::From(Level::Development),
    since: "0.1.0",
    check: Check::Static(&BadLinesSkipped),
}

struct BadLinesSkipped;

impl StaticRule for BadLinesSkipped {
    fn visits(&self) -> Visits {
        Visits::CALL
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Call(call) = node else { return };
        if !calls::name(call).starts_with("read_") {
            return;
        }
        let refuses_none = |value: &Expr| matches!(value, Expr::BooleanLiteral(literal) if !literal.value);
        let is_silent = || {
            let warn = call.arguments.find_keyword("warn_bad_lines");
            warn.is_some_and(|warn| refuses_none(&warn.value))
        };
        let keyword = call.arguments.keywords.iter().find(|keyword| {
            let name = keyword.arg.as_deref();
            match name {
                Some("on_bad_lines") => steps::keyword_is(call, "on_bad_lines", "skip"),
                // With this alone, pandas before 2.0 names each line on stderr.
                Some("error_bad_lines") => refuses_none(&keyword.value) && is_silent(),
                _ => false,
            }
        });
        let Some(keyword) = keyword else { return };
        let written = cx.source(keyword.range());
        cx.report(
            Finding::new(
                cx.at(keyword.range()),
                format!("`{written}` leaves out every line that does not fit, and nothing counts them"),
            )
            .because("A wrong separator or a comma in a text then costs rows, and the notebook ends well.")
            .help("collect them (`bad = []` above, then `on_bad_lines=bad.append, engine=\"python\"`) and check how many there are: `assert len(bad) < 10`"),
        );
    }
}
