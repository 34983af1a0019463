//! NB608 unpinned-install.

use nbvet_engine::{
    Check, Context, Finding, Model, Node, Row, StaticRule, Tool, Visits, Wanted,
    ast::{Expr, IpyEscapeKind, Stmt, StmtIpyEscapeCommand, TextRange, Visitor, visitor, with_stack},
    requests,
};
use nbvet_report::Level;

use crate::macros::rule;

rule! {
    /// A package that the notebook installs without a version.
    ///
    /// ## Why it matters
    ///
    /// The notebook gets whatever is newest on the day it runs. What worked when it was written fails after the next
    /// release, or gives other figures without a word.
    ///
    /// It is said once for a notebook. Files of requirements, local folders and addresses are left alone, and so are
    /// `pip` and its like.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// %pip install pandas scikit-learn
    /// ```
    ///
    /// ```python good
    /// %pip install pandas==2.2.3 scikit-learn==1.5.2
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Write the versions that the notebook was tried with: `pip freeze` lists them. A file of requirements beside the
    /// notebook serves several notebooks.
    "NB608" "unpinned-install",
    group: State,
    row: Row::From(Level::Staging),
    since: "0.1.0",
    check: Check::Static(&UnpinnedInstall),
}

struct UnpinnedInstall;

/// What installs others; its own version hardly matters.
const TOOLS: &[&str] = &["pip", "setuptools", "wheel", "uv", "build"];

impl StaticRule for UnpinnedInstall {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        let model = cx.model();
        let mut lines = Vec::new();
        for (position, range, line) in commands(model) {
            let names = unpinned(line);
            if !names.is_empty() {
                lines.push((position, range, names));
            }
        }
        let Some((position, range, names)) = lines.first() else {
            return;
        };
        let more = lines.len() - 1;
        let finding = Finding::new(
            model.location(*position, *range),
            format!("no version is named for {}", listed(names)),
        )
        .because(match more {
            0 => "The notebook gets whatever is newest on the day it runs.".to_owned(),
            1 => "The notebook gets whatever is newest on the day it runs; so does one more line.".to_owned(),
            more => {
                format!("The notebook gets whatever is newest on the day it runs; so do {more} more lines.")
            }
        })
        .help("write the versions that the notebook was tried with: `name==1.2.3`")
        .about("install");
        cx.report(finding);
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [one] => format!("`{one}`"),
        [one, two] => format!("`{one}` and `{two}`"),
        [one, two, rest @ ..] => format!("`{one}`, `{two}` and {} more", rest.len()),
        [] => String::new(),
    }
}

/// The `!` and `%` lines of a notebook.
fn commands<'a>(model: &Model<'a>) -> Vec<(usize, TextRange, &'a str)> {
    struct Lines<'a> {
        found: Vec<(TextRange, &'a str)>,
    }
    impl<'a> Visitor<'a> for Lines<'a> {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            if let Stmt::IpyEscapeCommand(StmtIpyEscapeCommand {
                kind, value, range, ..
            }) = statement
                && matches!(
                    kind,
                    IpyEscapeKind::Shell | IpyEscapeKind::ShCap | IpyEscapeKind::Magic
                )
            {
                self.found.push((*range, value));
            }
            with_stack(|| visitor::walk_stmt(self, statement));
        }

        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut all = Vec::new();
    for (position, cell) in model.parsed().cells().iter().enumerate() {
        let mut lines = Lines { found: Vec::new() };
        lines.visit_body(cell.body());
        all.extend(
            lines
                .found
                .into_iter()
                .map(|(range, line)| (position, range, line)),
        );
    }
    all
}

/// The packages that a line installs with pip and without a version. A file of requirements or of constraints may say
/// which.
fn unpinned(line: &str) -> Vec<String> {
    let is_constraint = |word: &str| word == "-c" || word.starts_with("--constraint");
    if line.split_whitespace().any(is_constraint) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (tool, wanted) in requests(line) {
        let names_alone = wanted
            .iter()
            .all(|wanted| matches!(wanted, Wanted::Requirement(_)));
        if tool != Tool::Pip || !names_alone {
            continue;
        }
        for wanted in wanted {
            if let Wanted::Requirement(word) = wanted
                && is_package(&word)
                && !found.contains(&word)
            {
                found.push(word);
            }
        }
    }
    found
}

/// A plain name, perhaps with extras: no version, option, path, address or variable.
fn is_package(word: &str) -> bool {
    let name = word.split('[').next().unwrap_or(word);
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'));
    let is_file = [".whl", ".gz", ".zip", ".txt"]
        .iter()
        .any(|end| name.ends_with(end));
    let has_extras_only = name.len() == word.len() || word.ends_with(']');
    is_name && has_extras_only && !is_file && !TOOLS.contains(&name)
}
