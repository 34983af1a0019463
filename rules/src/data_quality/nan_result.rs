//! NB312 nan-result.

use nbvet_engine::{Check, Row, Run, RunContext, RunRule};

use crate::{
    analysis::{missing_values::Wanted, numbers},
    macros::rule,
};

rule! {
    /// A number that came out as NaN.
    ///
    /// ## Why it matters
    ///
    /// NaN is what is left of a mean over nothing, a division of zero by zero or a metric of a model that diverged.
    /// It spreads through every further computation without an error, into reports and dashboards. This is seen when
    /// the notebook runs, so it is no guess: the number *was* NaN.
    ///
    /// Single numbers count, also such as are taken out of what was computed (`np.corrcoef(a, b)[0, 1]`,
    /// `test.pvalue`), figures such as means and scores in a list, tuple or dict, and the scores of a validation when
    /// all are NaN; not the entries of a frame, and not what is taken out of data (`row.price`, `df["x"][0]`). Left
    /// alone: numbers made from a NaN that the author wrote, and names that the notebook tests with `isnan`, `isna` or
    /// `isfinite`.
    ///
    /// ## Examples
    ///
    /// ```python bad
    /// import numpy as np
    ///
    /// readings = np.array([20.5, 21.0])
    /// # %%
    /// mean = readings[readings > 30].mean()
    /// ```
    ///
    /// ```python good
    /// import math
    ///
    /// unknown = float("nan")
    /// assert math.isnan(unknown)
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Find the first name that is NaN (the message names it), look at what it was computed from, and check that:
    /// `assert len(values) > 0`, `assert np.isfinite(mean)`.
    "NB312" "nan-result",
    group: SilentFailure,
    row: Row::Certain,
    since: "0.1.0",
    check: Check::Run(&NanResult),
}

struct NanResult;

impl RunRule for NanResult {
    fn check<'a>(&self, run: &Run<'a>, cx: &mut RunContext<'a, '_>) {
        numbers::check(run, cx, Wanted::Missing);
    }
}
