//! NB105 load-without-check.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, Ranged},
};

use crate::{
    analysis::{
        inspection::{self, Inspection, Look},
        steps::{self, Step},
    },
    macros::rule,
};

rule! {
    /// A table is read and used, and nothing ever looks at it.
    ///
    /// ## Why it matters
    ///
    /// An empty file, a file of another month or one with a column less is read as well as the right one. What is
    /// computed from it is wrong or empty, and the notebook ends well.
    ///
    /// Any look is enough: its shape, its length, its columns, `head()`, `info()`, a line that shows it, an `assert`
    /// or an `if`, or a function of the notebook that is given it.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import pandas as pd
    ///
    /// visits = pd.read_csv("visits.csv")
    /// weekly = visits.groupby("week")["minutes"].mean()
    /// weekly.to_csv("weekly.csv")
    /// ```
    ///
    /// ```python good
    /// import pandas as pd
    ///
    /// visits = pd.read_csv("visits.csv")
    /// assert len(visits) > 1000
    /// weekly = visits.groupby("week")["minutes"].mean()
    /// weekly.to_csv("weekly.csv")
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Say what you know of it, below the line that reads it: `assert len(df) > 0`,
    /// `assert {"week", "minutes"} <= set(df.columns)`.
    "NB105" "load-without-check",
    group: Verification,
    row: Row::Advice,
    since: "0.1.0",
    check: Check::Static(&LoadWithoutCheck),
}

struct LoadWithoutCheck;

impl StaticRule for LoadWithoutCheck {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let found: Vec<Step<'a>> = steps::steps(model)
            .into_iter()
            .filter(|step| step.target.is_some_and(Expr::is_name_expr))
            .filter(|step| matches!(step.value, Expr::Call(call) if inspection::is_read(model, call)))
            .collect();
        if found.is_empty() {
            return;
        }
        let inspection = Inspection::of(model);
        for step in found {
            let Some(name) = step.changed() else { continue };
            let target = step.target.map(Expr::range).unwrap_or_default();
            let mut made = model.bindings_within(step.cell, target);
            let is_used = made.any(|(id, _)| model.uses_of(id).next().is_some());
            if !is_used || inspection.is_looked_at_after(name, Look::ALL, step.point()) {
                continue;
            }
            cx.report(
                Finding::new(
                    model.location(step.cell, step.value.range()),
                    format!("`{name}` is read and used, and nothing looks at what is in it"),
                )
                .because(
                    "An empty file or another one than meant is read just as well, and nothing would say so.",
                )
                .help(if is_in_pieces(step.value) {
                    "it comes in pieces: count their rows, and say below how many there have to be".to_owned()
                } else {
                    format!("say what you know of it below this line: `assert len({name}) > 0`")
                }),
            );
        }
    }
}

/// `chunksize=`, `iterator=`: a reader, which has no length.
fn is_in_pieces(value: &Expr) -> bool {
    let Expr::Call(call) = value else { return false };
    steps::keyword(call, "chunksize").is_some() || steps::is_set(call, "iterator")
}
