//! NB215 stderr-output.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::Fact;

use crate::macros::rule;

rule! {
    /// A cell that wrote to stderr.
    ///
    /// ## Why it matters
    ///
    /// Programs write what went wrong to stderr. Often it is harmless, so this is a note; with `--fail-on-stderr` it
    /// is an error. Progress bars and pip's notices do not count.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import sys
    /// print("could not reach the sensor", file=sys.stderr)
    /// ```
    ///
    /// ```python good
    /// print("all sensors answered")
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Read what it says; if it is no more than news, print it to stdout.
    "NB215" "stderr-output",
    group: SilentFailure,
    row: Row::Advice,
    raised_by: FailOnStderr,
    since: "0.1.0",
    check: Check::Run(&StderrOutput),
}

struct StderrOutput;

impl RunRule for StderrOutput {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        for cell in run.cells.iter().filter(|cell| cell.error.is_none()) {
            for fact in &cell.facts {
                let Fact::Stderr { text, bytes } = fact else {
                    continue;
                };
                let Some(line) = text.lines().rfind(|line| !is_noise(line)) else {
                    continue;
                };
                let shown: String = nbvet_engine::secrets::masked(line.trim())
                    .chars()
                    .take(80)
                    .collect();
                let at = cx.at_line(cell.cell, None);
                cx.report(
                    Finding::new(
                        at,
                        format!("this cell wrote {bytes} bytes to stderr, at the end: {shown}"),
                    )
                    .because("Programs write what went wrong to stderr.")
                    .help("read what it says; if it is only news, print it to stdout"),
                );
            }
        }
    }
}

/// `50rows [00:03, 16.2rows/s]`: a progress bar, whatever its unit and whether or not it knows the total.
fn ends_with_clock(line: &str) -> bool {
    line.ends_with(']')
        && line.rsplit_once('[').is_some_and(|(_, rest)| {
            let clock = rest.split([',', '<']).next().unwrap_or_default();
            clock.contains(':') && clock.chars().all(|c| c.is_ascii_digit() || c == ':')
        })
}

/// Progress bars (tqdm redraws its line) and what pip says about itself.
fn is_noise(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || line.contains("%|")
        || ends_with_clock(line)
        || line.contains("WARNING: Running pip as")
        || line.starts_with("[notice]")
}
