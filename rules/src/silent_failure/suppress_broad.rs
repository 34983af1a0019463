//! NB217 suppress-broad.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged, Stmt, StmtWith, Visitor, visitor},
};

use crate::{
    analysis::{calls, handlers},
    macros::rule,
};

rule! {
    /// `contextlib.suppress` with a class that takes any exception.
    ///
    /// ## Why it matters
    ///
    /// `with suppress(Exception):` is `except Exception: pass` in other words. The block is left at its first error,
    /// whatever it is, and the cells below work with what was done until then.
    ///
    /// A block that only cleans up counts one severity less.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// from contextlib import suppress
    /// import json
    ///
    /// with suppress(Exception):
    ///     settings = json.load(open("settings.json"))
    /// # %%
    /// print(settings)
    /// ```
    ///
    /// ```python good
    /// from contextlib import suppress
    /// import json
    ///
    /// settings = {}
    /// with suppress(FileNotFoundError):
    ///     settings = json.load(open("settings.json"))
    /// # %%
    /// print(settings)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Name the one exception that may happen, and give the names that the block binds a value before it.
    "NB217" "suppress-broad",
    group: SilentFailure,
    row: Row::Hidden,
    since: "0.1.0",
    check: Check::Static(&SuppressBroad),
}

pub(super) struct SuppressBroad;

impl StaticRule for SuppressBroad {
    fn visits(&self) -> Visits {
        Visits::CALL
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Call(call) = node else { return };
        if calls::name(call) != "suppress" {
            return;
        }
        let model = cx.model();
        let is_suppress = model
            .qualified_name(&call.func)
            .is_some_and(|name| name.is("contextlib.suppress"));
        let broad = call.arguments.args.iter().find(|class| is_broad(cx, class));
        let (true, Some(broad)) = (is_suppress, broad) else {
            return;
        };
        let class = cx.source(broad.range());
        let block = block_of(cx, call);
        let at = cx.at(call.range());
        let subject = handlers::subject(&at);
        let finding = Finding::new(
            at,
            format!("`suppress({class})` throws every error of its block away"),
        )
        .because("What failed in the block is missing from everything that follows, and nothing says so.")
        .help("name the one exception that you expect, such as `suppress(FileNotFoundError)`")
        .lowered_if(block.is_some_and(|block| only_cleans_up(&block.body)))
        .about(subject);
        cx.report(finding);
    }
}

fn is_broad<'a>(cx: &Context<'a, '_>, class: &'a Expr) -> bool {
    cx.model()
        .qualified_name(class)
        .is_some_and(|name| name.is_any(&["builtins.Exception", "builtins.BaseException"]))
}

/// The `with` that a call makes the context of.
fn block_of<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<&'a StmtWith> {
    struct Finder<'a> {
        call: &'a ExprCall,
        found: Option<&'a StmtWith>,
    }
    impl<'a> Visitor<'a> for Finder<'a> {
        fn visit_body(&mut self, body: &'a [Stmt]) {
            // Statements stand in order, and a cell may have very many.
            let before = body.partition_point(|statement| statement.end() <= self.call.start());
            if let Some(statement) = body.get(before) {
                self.visit_stmt(statement);
            }
        }
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            if !statement.range().contains_range(self.call.range()) {
                return;
            }
            if let Stmt::With(block) = statement {
                let is_it =
                    |context: &Expr| matches!(context, Expr::Call(found) if std::ptr::eq(found, self.call));
                if block.items.iter().any(|item| is_it(&item.context_expr)) {
                    self.found = Some(block);
                }
            }
            visitor::walk_stmt(self, statement);
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut finder = Finder { call, found: None };
    finder.visit_body(cx.cell().body());
    finder.found
}

fn only_cleans_up(body: &[Stmt]) -> bool {
    body.iter().all(|statement| match statement {
        Stmt::Delete(_) | Stmt::Pass(_) => true,
        Stmt::Expr(expression) => {
            matches!(&*expression.value, Expr::Call(call) if calls::is_cleanup(calls::name(call)))
        }
        _ => false,
    })
}
