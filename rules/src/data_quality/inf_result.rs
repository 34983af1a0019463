//! NB313 inf-result.

use nbvet_engine::{Check, Row, Run, RunContext, RunRule};

use crate::{
    analysis::{missing_values::Wanted, numbers},
    macros::rule,
};

rule! {
    /// A number that came out as infinity.
    ///
    /// ## Why it matters
    ///
    /// Infinity is what is left of a division by zero or an overflow in numpy. It passes every `>` and ruins every
    /// mean. This is seen when the notebook runs, so it is no guess.
    ///
    /// Left alone: numbers made from an infinity that the author wrote (`best = float("inf")`), and names that the
    /// notebook tests with `isfinite` or `isinf`.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// scale = 1e200
    /// ratio = scale * scale
    /// ```
    ///
    /// ```python good
    /// best = float("inf")
    /// for value in [3, 1, 2]:
    ///     best = min(best, value)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Look at what was divided by: `assert count > 0`, or `np.divide(a, b, where=b != 0)`.
    "NB313" "inf-result",
    group: SilentFailure,
    row: Row::Certain,
    since: "0.1.0",
    check: Check::Run(&InfResult),
}

struct InfResult;

impl RunRule for InfResult {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        numbers::check(run, cx, Wanted::Infinite);
    }
}
