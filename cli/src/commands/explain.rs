//! `nbvet explain RULE`: a rule's page.

use nbvet_report::{ExitCode, Level, Severity};

use crate::{args::ExplainArgs, catalogue, markdown, output, usage::UsageError};

pub(crate) fn explain(args: &ExplainArgs) -> Result<ExitCode, UsageError> {
    let rule = catalogue::find(&args.rule).map_err(|nearest| UsageError::NoSuchRule {
        name: args.rule.clone(),
        nearest,
    })?;
    let severities: Vec<String> = Level::ALL
        .iter()
        .map(|&level| format!("{level}: {}", rule.severity_at(level)))
        .collect();
    let lower = rule.standing.until().map_or_else(String::new, |until| {
        let row = rule.row.severities().map(Severity::as_str).join(", ");
        format!(" It stands lower than its row ({row}) until {until}.")
    });
    let head = format!(
        "# {} {}\n\nGroup {}; {}.{lower}\n\n",
        rule.id,
        rule.name,
        rule.group.as_str(),
        severities.join(", "),
    );
    output::print(&markdown::page(
        &(head + catalogue::page(rule).trim_end() + "\n"),
        output::width().min(100),
    ));
    Ok(ExitCode::Passed)
}
