//! NB208 subprocess-unchecked.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    ast::{Expr, ExprCall, Ranged, Stmt},
    model::BindingKind,
};
use nbvet_report::Level;

use crate::{
    analysis::{around::Around, calls, commands, responses},
    macros::rule,
};

rule! {
    /// A command started by `subprocess` or `os.system` whose status nobody looks at.
    ///
    /// ## Why it matters
    ///
    /// `subprocess.run`, `subprocess.call` and `os.system` raise nothing when the command fails or does not exist in
    /// the shell: they give its status. Where nobody looks at that, the cells below work on what was there before.
    ///
    /// Commands that only show something or tidy up, installs and calls with `check=False` (somebody has thought of
    /// it) are left alone. Commands of which the output is used count one severity less.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import subprocess
    ///
    /// subprocess.run(["tar", "-xzf", "days.tar.gz"])
    /// days = open("days/monday.csv").read()
    /// ```
    ///
    /// ```python good
    /// import subprocess
    ///
    /// subprocess.run(["tar", "-xzf", "days.tar.gz"], check=True)
    /// days = open("days/monday.csv").read()
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Give `check=True` to `subprocess.run`; write `subprocess.check_call` for `subprocess.call`, and
    /// `assert os.system(…) == 0` where you want to stay with `os.system`.
    "NB208" "subprocess-unchecked",
    group: SilentFailure,
    row: Row::From(Level::Development),
    raised_by: RequireExplicitExitCodes,
    since: "0.1.0",
    check: Check::Static(&SubprocessUnchecked),
}

struct SubprocessUnchecked;

/// How a command is started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    System,
    Call,
    Run,
    Popen,
}

/// What the notebook makes of the status.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unseen,
    OutputOnly,
    Known,
}

impl StaticRule for SubprocessUnchecked {
    fn visits(&self) -> Visits {
        Visits::CALL
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Call(call) = node else { return };
        let Some(start) = start(cx, call) else { return };
        let checks = |name: &str| call.arguments.find_keyword(name).is_some();
        let unpacks = call
            .arguments
            .keywords
            .iter()
            .any(|keyword| keyword.arg.is_none());
        if checks("check") || unpacks || nothing_follows(cx, call) {
            return;
        }
        let fate = fate(cx, call, start);
        let line = call
            .arguments
            .args
            .first()
            .and_then(|command| command_line(cx, command, 2));
        let left_alone = |line: &String| {
            commands::only_shows(line)
                || commands::is_install(line)
                || commands::program(line).is_some_and(tidies_up)
        };
        if fate == Fate::Known || line.as_ref().is_some_and(left_alone) {
            return;
        }
        let program = line
            .as_deref()
            .and_then(commands::program)
            .filter(|program| !program.is_empty());
        let at = cx.at(call.range());
        let callee = cx.source(call.func.range());
        let what = program.map_or_else(|| "the command".to_owned(), |program| format!("`{program}`"));
        let subject = format!("line:{}", at.line);
        let finding = Finding::new(at, format!("nobody looks whether {what} failed"))
            .because(format!(
                "`{callee}` raises nothing for a command that fails; the notebook goes on without what it was to do."
            ))
            .help(remedy(start))
            .lowered_if(fate == Fate::OutputOnly || is_last_resort(cx, call))
            .about(subject);
        cx.report(finding);
    }
}

fn start<'a>(cx: &Context<'a, '_>, call: &'a ExprCall) -> Option<Start> {
    if !matches!(calls::name(call), "system" | "call" | "run" | "Popen") {
        return None;
    }
    match cx.model().qualified_name(&call.func)?.segments() {
        ["os", "system"] => Some(Start::System),
        ["subprocess", "call"] => Some(Start::Call),
        ["subprocess", "run"] => Some(Start::Run),
        ["subprocess", "Popen"] => Some(Start::Popen),
        _ => None,
    }
}

fn remedy(start: Start) -> &'static str {
    match start {
        Start::System => "write `assert os.system(…) == 0`, or `subprocess.run([…], check=True)`",
        Start::Call => "use `subprocess.check_call(…)`, which raises",
        Start::Run => "give `check=True`, which raises",
        Start::Popen => "use `subprocess.run(…, check=True)`, or look at `returncode` after `wait()`",
    }
}

fn fate<'a>(cx: &Context<'a, '_>, call: &'a ExprCall, start: Start) -> Fate {
    if matches!(start, Start::System | Start::Call) {
        let around = Around::of(cx.model(), cx.position(), call.range());
        let dropped = around.parent().is_none() && matches!(around.statement(), Some(Stmt::Expr(_)));
        return if dropped || is_kept_unread(cx, &around) {
            Fate::Unseen
        } else {
            Fate::Known
        };
    }
    let Some(life) = responses::life_of(cx, call) else {
        // A process that is only started runs beside the notebook.
        return if start == Start::Popen {
            Fate::Known
        } else {
            Fate::Unseen
        };
    };
    let waits = life.has(|name| matches!(name, "wait" | "communicate"));
    let looks = |name: &str| {
        !matches!(
            name,
            "stdout" | "stderr" | "args" | "communicate" | "wait" | "stdin" | "pid"
        )
    };
    if life.leaves || life.has(looks) || (start == Start::Popen && (!waits || takes_wait(&life))) {
        Fate::Known
    } else if life.has(|name| matches!(name, "stdout" | "stderr" | "communicate")) {
        Fate::OutputOnly
    } else {
        Fate::Unseen
    }
}

/// `status = process.wait()`: the status is kept.
fn takes_wait(life: &responses::Life<'_>) -> bool {
    life.reads.iter().any(|read| {
        read.attribute.attr.as_str() == "wait" && !matches!(read.around.statement(), Some(Stmt::Expr(_)))
    })
}

/// `status = os.system(…)`, and nobody reads `status`.
fn is_kept_unread(cx: &Context<'_, '_>, around: &Around<'_>) -> bool {
    let Some(Stmt::Assign(assign)) = around.statement() else {
        return false;
    };
    let names = assign.targets.iter().all(Expr::is_name_expr) && around.expressions.is_empty();
    let model = cx.model();
    let mut kept = model
        .bindings_within(cx.position(), assign.range())
        .filter(|(_, binding)| matches!(binding.kind, BindingKind::Value(_)));
    names && kept.all(|(id, _)| model.uses_of(id).next().is_none())
}

/// The call is the notebook's last statement: nothing can go wrong after it.
fn nothing_follows(cx: &Context<'_, '_>, call: &ExprCall) -> bool {
    let is_last_cell = cx.position() + 1 == cx.model().parsed().cells().len();
    let last = cx.cell().body().last();
    is_last_cell && last.is_some_and(|last| last.is_expr_stmt() && last.range().contains_range(call.range()))
}

/// The command as a line of text, as far as it stands in the notebook.
fn command_line<'a>(cx: &Context<'a, '_>, command: &'a Expr, steps: u32) -> Option<String> {
    match command {
        Expr::StringLiteral(text) => Some(text.value.to_str().to_owned()),
        Expr::FString(text) => {
            let first = cx.source(text.range());
            let inner = first
                .trim_start_matches(['f', 'r', 'F', 'R'])
                .trim_matches(['"', '\'']);
            Some(inner.to_owned())
        }
        Expr::List(words) => {
            let words = words
                .elts
                .iter()
                .map(|word| command_line(cx, word, 0).unwrap_or_else(|| "?".to_owned()));
            Some(words.collect::<Vec<_>>().join(" "))
        }
        Expr::BinOp(joined) => command_line(cx, &joined.left, steps),
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(method) if matches!(method.attr.as_str(), "format" | "split" | "join") => {
                command_line(cx, &method.value, steps)
            }
            _ => None,
        },
        Expr::Name(name) => {
            let [id] = cx.model().certain_bindings(name)? else {
                return None;
            };
            match cx.model().binding(*id).kind {
                BindingKind::Value(value) => command_line(cx, value, steps.checked_sub(1)?),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What it takes away or makes ready may already be as it should be.
fn tidies_up(program: &str) -> bool {
    matches!(
        program,
        "rm" | "rmdir"
            | "del"
            | "kill"
            | "killall"
            | "pkill"
            | "mkdir"
            | "clear"
            | "cls"
            | "say"
            | "open"
            | "xdg-open"
    )
}

/// In a `finally` or in a handler: what is done there is done as well as it can be.
fn is_last_resort(cx: &Context<'_, '_>, call: &ExprCall) -> bool {
    let around = Around::of(cx.model(), cx.position(), call.range());
    around.statements.iter().any(|statement| match statement {
        Stmt::Try(attempt) => {
            let within = |body: &[Stmt]| {
                body.iter()
                    .any(|inner| inner.range().contains_range(call.range()))
            };
            let handled = attempt
                .handlers
                .iter()
                .any(|handler| handler.range().contains_range(call.range()));
            handled || within(&attempt.finalbody)
        }
        _ => false,
    })
}
