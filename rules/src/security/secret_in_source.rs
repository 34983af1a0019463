//! NB801 secret-in-source.

use nbvet_engine::{
    Check, Context, Finding, Node, Row, StaticRule, Visits,
    secrets::{self, Secret},
};
use nbvet_notebook::Cell;
use nbvet_report::Level;

use crate::macros::rule;

rule! {
    /// A key, token or password is written into the notebook.
    ///
    /// ## Why it matters
    ///
    /// Whoever gets the file can use it, and so can whoever reads the repository's history later. A notebook travels
    /// far: by mail, into a repository, onto a page.
    ///
    /// Secrets are known by the shape of their values: keys of AWS, Google, Stripe and others, tokens of
    /// GitHub, Slack, Hugging Face and others, private keys, web tokens, and addresses with a password in them. Names
    /// of variables count for nothing. Placeholders and examples are left alone, and so are services of the own
    /// machine. Comments, text cells, shell lines and magics are looked at too.
    ///
    /// No report shows the value: it is masked wherever a line of the notebook is shown.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// from sqlalchemy import create_engine
    ///
    /// engine = create_engine("postgresql://report:c9Vq71xTnbEw@db.acme.io/sales")
    /// ```
    ///
    /// ```python good
    /// import os
    ///
    /// from sqlalchemy import create_engine
    ///
    /// engine = create_engine(f"postgresql://report:{os.environ['SALES_PASSWORD']}@db.acme.io/sales")
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Read it from the environment, from a file that is not in the repository, or from the secrets of the platform:
    /// `os.environ["API_KEY"]`, `getpass()`. Revoke the one that was written down: it stays in every copy of the file.
    "NB801" "secret-in-source",
    group: Security,
    row: Row::From(Level::Learning),
    since: "0.1.0",
    check: Check::Static(&SecretInSource),
}

struct SecretInSource;

impl StaticRule for SecretInSource {
    fn visits(&self) -> Visits {
        Visits::NOTEBOOK
    }

    fn visit<'a>(&self, _: Node<'a>, cx: &mut Context<'a, '_>) {
        for cell in cx.model().parsed().notebook().cells() {
            for secret in told_once(&cell.source) {
                let finding = finding(cx, cell, &secret);
                cx.report(finding);
            }
        }
    }
}

/// Each value of a cell at its first place.
fn told_once(source: &str) -> Vec<Secret> {
    let mut found = secrets::find(source);
    let mut seen = std::collections::HashSet::new();
    found.retain(|secret| seen.insert(&source[secret.hidden.clone()]));
    found
}

fn finding(cx: &Context<'_, '_>, cell: &Cell, secret: &Secret) -> Finding {
    let notebook = cx.model().parsed().notebook();
    let at = notebook.location(cell.index, secret.range.clone());
    Finding::new(at, format!("{} is written into this cell", secret.kind))
        .because("Whoever gets the file can use it, and the history of the repository keeps it.")
        .help(
            "read it from the environment (`os.environ[\"NAME\"]`) or with `getpass()`, and revoke this one",
        )
}
