//! NB209 bash-cell-no-errexit.

use nbvet_engine::{Check, Context, Finding, Node, ParsedCell, Row, StaticRule, Visits};
use nbvet_report::{Applicability, Edit, Level};

use crate::{
    analysis::commands::{self, script},
    macros::rule,
};

rule! {
    /// A `%%bash` or `%%sh` cell of several commands that goes on after one has failed.
    ///
    /// ## Why it matters
    ///
    /// The status of such a cell is that of its last command. A download, a build or an archive that failed before it
    /// leaves the cell green.
    ///
    /// Commands before the last that only show something, make folders or install packages do not count, nor those
    /// that say what is to happen when they fail (`|| exit 1`, `|| true`, a question for `$?` below).
    ///
    /// After a run in which every command of a `%%bash` cell ended well this is a note. Of `%%sh` cells, and of
    /// commands that are joined by `&&`, a run does not see it.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// %%bash
    /// wget -q https://example.org/days.tar.gz
    /// tar -xzf days.tar.gz
    /// ls days
    /// rm -f days.tar.gz
    /// ```
    ///
    /// ```python good
    /// %%bash
    /// set -e
    /// wget -q https://example.org/days.tar.gz
    /// tar -xzf days.tar.gz
    /// ls days
    /// rm -f days.tar.gz
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Begin the script with `set -e` (`set -euo pipefail` in bash is stricter still), or join the commands by `&&`.
    "NB209" "bash-cell-no-errexit",
    group: SilentFailure,
    row: Row::From(Level::Development),
    raised_by: RequireExplicitExitCodes,
    since: "0.1.0",
    check: Check::Static(&BashCellNoErrexit),
}

struct BashCellNoErrexit;

impl StaticRule for BashCellNoErrexit {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let parsed = cx.model().parsed();
        for cell in parsed.cells() {
            if let Some(finding) = look_at(cx, cell) {
                cx.report(finding);
            }
        }
    }
}

fn look_at(cx: &Context<'_, '_>, cell: &ParsedCell<'_>) -> Option<Finding> {
    let script = script::of_cell(cell)?;
    if cell.is_skipped() || cell.may_raise() || script.stops_at_errors() {
        return None;
    }
    let lines = script.commands();
    let (last, before) = lines.split_last()?;
    // Its status is asked for, or what follows cannot go on without it.
    let asked = |index: usize| {
        lines.get(index + 1).is_some_and(|next| {
            let into_clone = next.text.starts_with("cd ") && lines[index].text.starts_with("git clone");
            next.text.contains("$?") || into_clone
        })
    };
    let unseen = before
        .iter()
        .enumerate()
        .find(|(index, line)| may_fail_unseen(line) && !asked(*index) && !shares_a_file(line, last));
    let (_, hidden) = unseen?;
    let program = commands::program(hidden.text.as_str())?;
    let notebook = cx.model().parsed().notebook();
    let magic = script.magic_line();
    let insert = Edit {
        location: notebook.location(cell.cell.index, script.body_start..script.body_start),
        replacement: "set -e\n".to_owned(),
    };
    let label = notebook.location(cell.cell.index, hidden.span.clone());
    let subject = format!("line:{}", label.line);
    let is_name = |program: &&str| program.starts_with(|first: char| first.is_ascii_alphabetic());
    let last = commands::program(last.text.as_str()).filter(is_name);
    let last = last.map_or_else(|| "its last command".to_owned(), |program| format!("`{program}`"));
    let finding = Finding::new(
        notebook.location(cell.cell.index, magic),
        format!("when `{program}` fails, this cell goes on and ends with the status of {last}"),
    )
    .because(
        "Without `set -e` a script does not stop at an error; the cell is green and its files are not there.",
    )
    .label(label, "its failure is not seen")
    .about(subject);
    // Where a status is asked for, `set -e` would end the script before the question.
    Some(if script.asks_for_status() {
        finding.help("join the commands by `&&`, or end those that matter with `|| exit 1`")
    } else {
        let title = "begin the script with `set -e`";
        finding
            .help(title)
            .fix(title, Applicability::Unsafe, vec![insert])
    })
}

/// The last command works on a file that this one makes, and fails without it: `tar -xzf $FILE`, `./hello`. What has
/// only a name, such as an image, may be there from an earlier run.
fn shares_a_file(line: &script::Line, last: &script::Line) -> bool {
    let is_file = |word: &&str| word.contains(['.', '/', '$']) && word.len() > 2;
    let base = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    if matches!(commands::program(&last.text), Some("rm" | "echo" | "printf")) {
        return false;
    }
    let made: Vec<String> = words(&line.text).map(base).collect();
    words(&last.text)
        .filter(is_file)
        .any(|word| made.contains(&base(word)))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| letter.is_whitespace() || "\"'=;&|<>()".contains(letter))
        .filter(|word| !word.is_empty() && !word.starts_with('-'))
}

/// What the line does is missed when it fails, and nothing on the line says what is to happen then.
fn may_fail_unseen(line: &script::Line) -> bool {
    let text = line.text.as_str();
    let prepares = |program: &str| {
        matches!(
            program,
            "mkdir"
                | "chmod"
                | "rm"
                | "rmdir"
                | "export"
                | "source"
                | "."
                | "set"
                | "unset"
                | "shopt"
                | "alias"
                | "sleep"
                | "kill"
                | "pkill"
                | "exit"
                | "return"
                | "wait"
                | "trap"
                | "module"
                | "touch"
                | "ulimit"
                | "echo"
                | "printf"
                | "cd"
                | "pushd"
                | "popd"
                | "read"
                | "pip"
                | "conda"
                | "apt-get"
                | "apt"
                | "ln"
        )
    };
    let is_word = |word: &str| {
        word.chars()
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || "./".contains(first))
    };
    let keeps_a_value = text
        .split(['$', '"', ' '])
        .next()
        .is_some_and(|start| start.ends_with('='));
    !line.in_block
        // What is kept is used further below, and its lack seen there.
        && !keeps_a_value
        && !text.contains("||")
        && !text.ends_with('&')
        // Who is not known cannot push or pull either, and that says so.
        && !text.contains("login")
        && !commands::only_shows(text)
        && !commands::is_install(text)
        && commands::program(text).is_some_and(|program| is_word(program) && !prepares(program))
}
