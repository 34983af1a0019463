//! NB212 command-failed.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::{CellRun, CommandKind, Fact};

use crate::{
    analysis::commands::{self, script},
    macros::rule,
};

rule! {
    /// A command that failed while its cell went on.
    ///
    /// ## Why it matters
    ///
    /// A `!command` that fails raises nothing, and a `%%bash` cell shows only the status of its last command: the
    /// download, the build or the script did not work, and the notebook is green.
    ///
    /// A status that the notebook reads (`_exit_code`, the result of `os.system`) is left alone, and so is status 1
    /// of `grep`, `diff` and `test`, which is an answer.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// !cp missing.csv data.csv
    /// ```
    ///
    /// ```python good
    /// !echo done
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Mend the command. To make a failure stop the notebook: `assert _exit_code == 0`, `set -e` in `%%bash`,
    /// `subprocess.run([...], check=True)`.
    "NB212" "command-failed",
    group: SilentFailure,
    row: Row::Hidden,
    raised_by: RequireExplicitExitCodes,
    twins: &["NB207", "NB208", "NB209"],
    since: "0.1.0",
    check: Check::Run(&CommandFailed),
}

struct CommandFailed;

impl RunRule for CommandFailed {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let read = commands::status_is_read(cx.model());
        for cell in run.cells {
            let meant = cx.cell(cell).is_some_and(nbvet_engine::ParsedCell::may_raise);
            for subject in commands_that_ended_well(cx, cell) {
                cx.all_well(cell.cell, subject);
            }
            for fact in &cell.facts {
                let Fact::Command {
                    command,
                    how,
                    status,
                    line,
                    hidden,
                } = fact
                else {
                    continue;
                };
                if *status == 0 {
                    let subject = format!("line:{}", cx.at_line(cell.cell, *line).line);
                    cx.all_well(cell.cell, subject);
                    continue;
                }
                if meant || commands::is_answer(command, *status) {
                    continue;
                }
                // A script cell that ends badly raises by itself; only what its last status hides is news.
                let seen = match how {
                    CommandKind::Shell => !read,
                    CommandKind::ScriptCell => *hidden,
                    CommandKind::OsSystem | CommandKind::Subprocess => {
                        line.is_some_and(|line| status_is_dropped(cx, cell.cell, line))
                    }
                };
                if seen {
                    let finding = finding(cx, cell.cell, command, *how, *status, *line);
                    cx.report(finding);
                }
            }
        }
    }
}

/// The commands of a `%%bash` cell, where all are known to have ended well: each that fails is told by a trap. Other
/// shells have none, nor has bash for the first command of `a && b`, nor any where the worker cannot be told.
fn commands_that_ended_well(cx: &RunContext<'_, '_>, run: &CellRun) -> Vec<String> {
    let statuses = run.facts.iter().filter_map(|fact| match fact {
        Fact::Command {
            how: CommandKind::ScriptCell,
            status,
            ..
        } => Some(*status),
        _ => None,
    });
    let (told, all_well) = statuses.fold((false, true), |(_, well), status| (true, well && status == 0));
    let script = cx.cell(run).and_then(script::of_cell);
    let Some(script) = script.filter(|script| told && all_well && script.is_watched()) else {
        return Vec::new();
    };
    let commands = script.commands();
    if commands.iter().any(|command| command.text.contains("&&")) {
        return Vec::new();
    }
    let notebook = cx.model().parsed().notebook();
    commands
        .into_iter()
        .map(|command| format!("line:{}", notebook.location(run.cell, command.span).line))
        .collect()
}

fn finding(
    cx: &RunContext<'_, '_>,
    cell: u32,
    command: &str,
    kind: CommandKind,
    status: i32,
    line: Option<u32>,
) -> Finding {
    let shown: String = command
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(80)
        .collect();
    let how = match status {
        127 => "was not found (status 127)".to_owned(),
        126 => "could not be executed (status 126)".to_owned(),
        status if status < 0 => format!("was ended by signal {}", -status),
        status => format!("failed with status {status}"),
    };
    let at = cx.at_line(cell, line);
    let subject = format!("line:{}", at.line);
    Finding::new(at, format!("`{shown}` {how}, and the notebook went on"))
        .because(
            "A command that fails does not stop a notebook; the cells below work without what it was to do.",
        )
        .help(format!(
            "mend the command; so that a failure stops the notebook, {}",
            remedy(kind, command, keeps_output(cx, cell, line))
        ))
        .about(subject)
}

/// What makes such a command stop the notebook when it fails.
fn remedy(kind: CommandKind, command: &str, keeps_output: bool) -> &'static str {
    match kind {
        CommandKind::Shell if keeps_output => {
            "use `subprocess.run([…], check=True, capture_output=True, text=True).stdout`: `x = !…` keeps no status"
        }
        CommandKind::Shell if outside_quotes(command).contains([';', '|', '\n']) => {
            "join its parts with `&&` and add `assert _exit_code == 0` below it"
        }
        CommandKind::Shell => "add `assert _exit_code == 0` below it",
        CommandKind::ScriptCell => "begin the cell's script with `set -e`",
        CommandKind::OsSystem => "write `assert os.system(…) == 0`",
        CommandKind::Subprocess => "give `check=True`",
    }
}

/// `x = !command` or `!!command`: IPython sets no `_exit_code` there.
fn keeps_output(cx: &RunContext<'_, '_>, cell: u32, line: Option<u32>) -> bool {
    let cell = cx.model().parsed().notebook().cells().get(cell as usize);
    let text = cell.and_then(|cell| cell.source.lines().nth(line?.checked_sub(1)? as usize));
    text.is_some_and(|text| {
        let text = text.trim_start();
        text.starts_with("!!") || !text.starts_with(['!', '%'])
    })
}

/// The command without its quoted parts: what the shell takes for its own signs.
fn outside_quotes(command: &str) -> String {
    let mut open = None;
    command
        .chars()
        .filter(|letter| match (open, *letter) {
            (None, '\'' | '"') => {
                open = Some(*letter);
                false
            }
            (None, _) => true,
            (Some(quote), letter) => {
                if letter == quote {
                    open = None;
                }
                false
            }
        })
        .collect()
}

/// The line calls `os.system` or `subprocess` as a statement of its own: its result goes nowhere.
fn status_is_dropped(cx: &RunContext<'_, '_>, cell: u32, line: u32) -> bool {
    let Some(position) = cx.model().position_of(cell) else {
        return false;
    };
    let parsed = cx.model().cell(position);
    parsed.body().iter().any(|statement| {
        let range = nbvet_engine::ast::Ranged::range(statement);
        let at = cx.model().location(position, range);
        let alone =
            matches!(statement, nbvet_engine::ast::Stmt::Expr(expression) if expression.value.is_call_expr());
        at.line <= line && line <= at.end_line && alone
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_within_quotes_are_the_commands_own() {
        for (command, advice) in [
            ("python -c \"import sys; sys.exit(3)\"", "add `assert"),
            ("grep 'a|b' file", "add `assert"),
            ("make; make install", "join its parts"),
        ] {
            let remedy = remedy(CommandKind::Shell, command, false);
            assert!(remedy.starts_with(advice), "{command}: {remedy}");
        }
    }
}
