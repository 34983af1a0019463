//! NB701 unused-suppression.

use nbvet_engine::{Check, Row};

use crate::macros::rule;

rule! {
    /// A comment or a cell tag that switches a rule off where there is nothing to switch off.
    ///
    /// It is judged only where the rule could have spoken: what only a run can show is not missed by `nbvet lint`.
    ///
    /// ## Why it matters
    ///
    /// The comment stays when the code below it changes, and then hides a fault that nobody has looked at. A rule's
    /// name with a typing error in it hides nothing, although its author thinks so.
    ///
    /// ```python bad
    /// import json
    ///
    /// # nbvet: ignore[bare-except] the file may be missing
    /// with open("settings.json") as file:
    ///     settings = json.load(file)
    /// assert settings
    /// ```
    ///
    /// ```python bad
    /// scores = [3, 1, 2]
    /// scores = scores.sort()  # nbvet: ignore[none-method-asigned] an example of what goes wrong
    /// ```
    ///
    /// ```python bad
    /// scores = [3, 1, 2]
    /// scores = scores.sort()  # nbvet: ignore NB401
    /// ```
    ///
    /// ```python good
    /// scores = [3, 1, 2]
    /// scores = scores.sort()  # nbvet: ignore[NB401] an example of what goes wrong
    /// ```
    ///
    /// ## How to mend it
    ///
    /// Take the comment or the tag away, or write the rule's id or name as `nbvet rules` lists it.
    "NB701" "unused-suppression",
    group: Hygiene,
    row: Row::Advice,
    since: "0.1.0",
    check: Check::Suppression,
}
