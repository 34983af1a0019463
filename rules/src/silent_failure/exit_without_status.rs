//! NB230 exit-without-status.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged},
    model::Resolution,
};

use crate::macros::rule;

rule! {
    /// The notebook may stop itself without saying whether that is good or bad.
    ///
    /// ## Why it matters
    ///
    /// `sys.exit()` ends the notebook as passed, and the cells below do not run. Whether the author gave up or was done,
    /// nobody can tell. With `--require-explicit-exit-codes` it is an error.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import sys
    ///
    /// rows = []
    /// if not rows:
    ///     sys.exit()
    /// ```
    ///
    /// ```python good
    /// import sys
    ///
    /// rows = []
    /// if not rows:
    ///     sys.exit(1)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Write the status: `sys.exit(0)` where ending early is a good end, `sys.exit(1)` where it is not.
    "NB230" "exit-without-status",
    group: SilentFailure,
    row: Row::Advice,
    raised_by: RequireExplicitExitCodes,
    since: "0.1.0",
    check: Check::Static(&ExitWithoutStatus),
}

struct ExitWithoutStatus;

impl StaticRule for ExitWithoutStatus {
    fn visits(&self) -> Visits {
        Visits::CALL
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Call(call) = node else { return };
        if !call.arguments.is_empty() || !leaves(cx, call) {
            return;
        }
        let callee = cx.source(call.func.range());
        cx.report(
            Finding::new(
                cx.at(call.range()),
                format!("`{callee}()` does not say how the notebook ends"),
            )
            .because("The notebook passes, and the cells below do not run.")
            .help(format!(
                "write `{callee}(0)` for a good end and `{callee}(1)` for a bad one"
            )),
        );
    }
}

fn leaves<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> bool {
    let of_kernel = match &*call.func {
        Expr::Name(name) if matches!(name.id.as_str(), "exit" | "quit") => cx
            .model()
            .reference_of(name)
            .is_some_and(|reference| matches!(reference.resolution, Resolution::Kernel)),
        _ => false,
    };
    let qualified = cx.model().qualified_name(&call.func);
    of_kernel || qualified.is_some_and(|name| name.is_any(&["sys.exit", "builtins.exit", "builtins.quit"]))
}
