//! NB206 warnings-silenced.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged},
};
use nbvet_report::{Applicability, Edit};

use crate::macros::rule;

rule! {
    /// All warnings switched off for the whole notebook.
    ///
    /// ## Why it matters
    ///
    /// Warnings are how numpy says "mean of empty slice" and scikit-learn says "did not converge": the last sign
    /// before a wrong number. `warnings.filterwarnings("ignore")` without a category or message removes them all,
    /// for every cell that follows.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import warnings
    /// warnings.filterwarnings("ignore")
    /// ```
    ///
    /// ```python good
    /// import warnings
    /// warnings.filterwarnings("ignore", category=DeprecationWarning)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Name what you do not want to see: `category=DeprecationWarning`, or `message="…"`; or switch warnings off
    /// around one call, with `warnings.catch_warnings()`.
    "NB206" "warnings-silenced",
    group: SilentFailure,
    row: Row::Unverified,
    since: "0.1.0",
    check: Check::Static(&WarningsSilenced),
}

struct WarningsSilenced;

impl StaticRule for WarningsSilenced {
    fn visits(&self) -> Visits {
        Visits::CALL
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Call(call) = node else { return };
        if !silences_all(call) || within_catch(call, cx) {
            return;
        }
        let is_warnings = cx
            .model()
            .qualified_name(&call.func)
            .is_some_and(|name| name.is_any(&["warnings.filterwarnings", "warnings.simplefilter"]));
        if is_warnings {
            let at = cx.at(call.range());
            let finding = Finding::new(at, "all warnings are switched off from here on")
                .because("\"Mean of empty slice\" and \"did not converge\" are warnings: the last sign before a wrong number.")
                .help("name what you do not want to see, such as `category=DeprecationWarning`");
            cx.report(match once(cx, call) {
                Some(edit) => finding.fix("show each warning once", Applicability::Unsafe, vec![edit]),
                None => finding,
            });
        }
    }
}

/// `"once"` in the place of `"ignore"`.
fn once(cx: &Context<'_, '_>, call: &ExprCall) -> Option<Edit> {
    let action = call.arguments.find_argument_value("action", 0)?.range();
    let word = cx.source(action);
    matches!(word, "'ignore'" | "\"ignore\"").then(|| cx.edit(action, word.replace("ignore", "once")))
}

fn silences_all(call: &ExprCall) -> bool {
    let Some(Expr::StringLiteral(action)) = call.arguments.find_argument_value("action", 0) else {
        return false;
    };
    let restrictions = call.arguments.keywords.iter().filter(|keyword| {
        (keyword.arg.as_ref())
            .is_none_or(|name| matches!(name.as_str(), "category" | "message" | "module" | "lineno"))
    });
    action.value.to_str() == "ignore"
        && restrictions.into_iter().all(|keyword| means_all(&keyword.value))
        && call.arguments.args.iter().skip(1).all(means_all)
}

/// `Warning`, the class of them all, or a pattern that every text matches.
fn means_all(restriction: &Expr) -> bool {
    match restriction {
        Expr::Name(class) => class.id.as_str() == "Warning",
        Expr::StringLiteral(pattern) => matches!(pattern.value.to_str(), "" | ".*"),
        _ => false,
    }
}

/// The call stands in a `with warnings.catch_warnings():`, by the text before it in its cell: the filter ends with
/// the block.
fn within_catch(call: &ExprCall, cx: &Context<'_, '_>) -> bool {
    let text = cx.cell().text();
    let before = &text[..call.range().start().to_usize()];
    let indent = before.rsplit('\n').next().unwrap_or_default();
    let indented = !indent.is_empty() && indent.trim().is_empty();
    indented && before.contains("catch_warnings(")
}
