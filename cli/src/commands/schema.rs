//! `nbvet schema`: the JSON Schema of the report.

use nbvet_report::{ExitCode, Report};

use crate::output;

pub(crate) fn schema() -> ExitCode {
    let schema = schemars::schema_for!(Report);
    #[expect(clippy::expect_used, reason = "a schema is plain data with string keys")]
    let text = serde_json::to_string_pretty(&schema).expect("schemas serialize");
    output::print(&(text + "\n"));
    ExitCode::Passed
}
