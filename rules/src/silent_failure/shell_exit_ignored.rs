//! NB207 shell-exit-ignored.

use nbvet_engine::{Check, Context, Escape, Finding, Node, Row, StaticRule, Visits, ast::IpyEscapeKind};
use nbvet_report::{Applicability, Level};

use crate::{
    analysis::{commands, mending},
    macros::rule,
};

rule! {
    /// A `!command` whose exit status nobody looks at.
    ///
    /// ## Why it matters
    ///
    /// IPython does not raise when a `!command` fails: a download that broke off, a script that crashed or a
    /// misspelt command leaves the cell green, and the cells below work with what was there before.
    ///
    /// Commands that only show something (`!ls`, `!cat`, `!nvidia-smi`) and installs are left alone, and so is a
    /// notebook that reads `_exit_code`. When the run saw every command end well, this stays a note.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// !wget https://example.org/data.csv
    /// ```
    ///
    /// ```python good
    /// !wget https://example.org/data.csv
    /// assert _exit_code == 0
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Check `_exit_code` in the same cell, or use `subprocess.run([...], check=True)`, which raises.
    "NB207" "shell-exit-ignored",
    group: SilentFailure,
    row: Row::From(Level::Staging),
    raised_by: RequireExplicitExitCodes,
    since: "0.1.0",
    check: Check::Static(&ShellExitIgnored),
}

struct ShellExitIgnored;

impl StaticRule for ShellExitIgnored {
    fn visits(&self) -> Visits {
        Visits::ESCAPE
    }

    fn visit<'a>(&self, node: Node<'a>, cx: &mut Context<'a, '_>) {
        let Node::Escape(command) = node else { return };
        let Escape {
            kind, value, range, ..
        } = command;
        if !matches!(kind, IpyEscapeKind::Shell | IpyEscapeKind::ShCap) {
            return;
        }
        if commands::only_shows(value) || commands::is_install(value) || commands::status_is_read(cx.model())
        {
            return;
        }
        let at = cx.at(range);
        let program = commands::main_program(value).unwrap_or("the command").to_owned();
        let subject = format!("line:{}", at.line);
        let finding = Finding::new(at, format!("nobody looks whether `{program}` failed"))
            .because("A `!command` that fails does not stop the notebook; the cells below run on without it.")
            .about(subject);
        cx.report(if program == "export" {
            finding.help("the variable is gone with the command's shell: write `%env NAME=value`")
        } else if sets_status(command) {
            let finding = finding
                .help("add `assert _exit_code == 0` below it, or use `subprocess.run([…], check=True)`");
            match mending::status_check(cx, command) {
                Some(edit) => finding.fix(
                    "check its status on the next line",
                    Applicability::Unsafe,
                    vec![edit],
                ),
                None => finding,
            }
        } else {
            finding.help("use `subprocess.run([…], check=True, capture_output=True, text=True)`")
        });
    }
}

/// `x = !command` and `!!command` keep the output and leave `_exit_code` as it was; so does a command that is only
/// started.
fn sets_status(command: Escape<'_>) -> bool {
    command.kind == IpyEscapeKind::Shell && !command.assigned && !command.value.trim_end().ends_with('&')
}
