//! NB110 expected-output.

use nbvet_engine::{Check, Finding, Row, Run, RunContext, RunRule};
use nbvet_report::ExpectationStatus;

use crate::{analysis::expectations::place, macros::rule};

rule! {
    /// A value that is not what its author expects.
    ///
    /// ## Why it matters
    ///
    /// A notebook can run to its end and compute something else than it did: other data, another version of a library,
    /// an edit further up. An expectation says what a value has to be; it is checked on the live value after its cell
    /// has run, and not on what is printed.
    ///
    /// Expectations stand in comments (`# expect: shape (-1, 3), no NaN`), in the metadata of a cell (`nbvet.expect`), in a
    /// file beside the notebook (`NAME.expect.yaml`), in `nbvet.toml` and in the file of `--validation-config`.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// celsius = [21.5, 22.0, 700.0]
    /// celsius  # expect: length 3, from -40 to 60
    /// ```
    ///
    /// ```python bad
    /// readings = {"north": 12, "south": None}
    /// # expect: readings: no NaN
    /// ```
    ///
    /// ```python good
    /// celsius = [21.5, 22.0, 20.7]
    /// celsius  # expect: length 3, from -40 to 60
    /// ```
    ///
    /// ```python good
    /// readings = {"north": 12, "south": 15}
    /// # expect: readings: no NaN
    /// # expect: sum(readings.values()) == 27
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Find out why the value changed. If the new one is right, change the expectation; `nbvet expect` writes those of a
    /// good run.
    "NB110" "expected-output",
    group: Verification,
    row: Row::Expectation,
    since: "0.1.0",
    check: Check::Run(&ExpectedOutput),
}

struct ExpectedOutput;

impl RunRule for ExpectedOutput {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        let unmet = run
            .expectations
            .iter()
            .filter(|result| result.status == ExpectationStatus::Unmet);
        for result in unmet {
            let message = format!("{}: {}", result.subject, result.reasons.join("; "));
            let at = place(result, cx);
            cx.report(
                Finding::new(at, message)
                    .because(
                        "The notebook ran to its end and computed something else than its author expects.",
                    )
                    .help(format!(
                        "find out what changed; if the value is right, change the expectation: {}",
                        result.written
                    )),
            );
        }
    }
}
