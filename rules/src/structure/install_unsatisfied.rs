//! NB931 install-unsatisfied.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::{Fact, Hint, InstallAction};

use crate::macros::rule;

rule! {
    /// A `pip install` line that asks for what the environment does not have.
    ///
    /// ## Why it matters
    ///
    /// A notebook that installs its own packages runs with other versions every day, and changes the environment of
    /// the others. nbvet does not execute such lines (unless `--installs=run`): what is there already is skipped and
    /// said, what is missing is this diagnostic.
    ///
    /// ## How to mend it
    ///
    /// Write the packages, with their versions, into a requirements.txt beside the notebook and install them before
    /// it runs; or allow it with `--installs=run`.
    "NB931" "install-unsatisfied",
    group: Structure,
    row: Row::Install,
    since: "0.1.0",
    check: Check::Run(&InstallUnsatisfied),
}

struct InstallUnsatisfied;

impl RunRule for InstallUnsatisfied {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        for cell in run.cells {
            for fact in &cell.facts {
                let Fact::Install {
                    action: InstallAction::Skipped,
                    missing,
                    line,
                    command,
                } = fact
                else {
                    continue;
                };
                let what = if missing.is_empty() {
                    command.clone()
                } else {
                    missing.join(", ")
                };
                let at = cx.at_line(cell.cell, *line);
                cx.report(
                    Finding::new(at, format!("the environment does not have what this line installs: {what}"))
                        .because("The line was not executed: nbvet checks installs and does not run them.")
                        .help(Hint::from("put the packages into requirements.txt and install them first, or use `--installs=run`").in_cluster(
                            "put the packages into the dependency file that the image is built from, or set \
                             `spec.validationConfig.installs` to `run`",
                        )),
                );
            }
        }
    }
}
