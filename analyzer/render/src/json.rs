//! The report itself, as JSON. Its form is the public format of `nbvet-report`.

use nbvet_report::{Report, hidden::escaped};

/// The report as indented JSON with a line feed at its end, in which nothing acts on a terminal.
///
/// # Panics
/// Never: a report holds plain data with string keys.
pub fn json(report: &Report) -> String {
    #[expect(clippy::expect_used, reason = "a report is plain data with string keys")]
    let text = serde_json::to_string_pretty(report).expect("reports serialize");
    escaped(&text).into_owned() + "\n"
}
