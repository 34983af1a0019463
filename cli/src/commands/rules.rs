//! `nbvet rules`: all rules with their severity at each level.

use std::fmt::Write as _;

use anstyle::Style;
use nbvet_engine::RuleMeta;
use nbvet_report::{ExitCode, Level, Severity};
use serde::Serialize;

use crate::{
    args::{ListFormat, RulesArgs},
    catalogue, output,
};

const HEAD: Style = Style::new().bold();

/// A rule as `--format json` shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: &'static str,
    name: &'static str,
    group: &'static str,
    summary: &'static str,
    since: &'static str,
    severities: Severities,
}

#[derive(Serialize)]
struct Severities {
    learning: Severity,
    development: Severity,
    staging: Severity,
    production: Severity,
}

pub(crate) fn rules(args: &RulesArgs) -> ExitCode {
    let rules: Vec<&RuleMeta> = catalogue::all().into_iter().map(|rule| &rule.meta).collect();
    output::print(&match args.format {
        ListFormat::Text => table(&rules),
        ListFormat::Json => json(&rules),
    });
    ExitCode::Passed
}

fn table(rules: &[&RuleMeta]) -> String {
    let name_width = rules.iter().map(|rule| rule.name.len()).max().unwrap_or(0);
    let group_width = rules
        .iter()
        .map(|rule| rule.group.as_str().len())
        .max()
        .unwrap_or(0);
    let [learning, development, staging, production] = Level::ALL;
    let mut out = format!(
        "{HEAD}{:<5}  {:<name_width$}  {:<group_width$}  {learning:<8}  {development:<11}  {staging:<7}  {production}{HEAD:#}\n",
        "id", "name", "group",
    );
    for rule in rules {
        let [learning, development, staging, production] = rule.row.severities();
        let group = rule.group.as_str();
        let _ = writeln!(
            out,
            "{:<5}  {:<name_width$}  {group:<group_width$}  {learning:<8}  {development:<11}  {staging:<7}  {production}",
            rule.id, rule.name,
        );
    }
    out
}

fn json(rules: &[&RuleMeta]) -> String {
    let entries: Vec<Entry> = rules.iter().map(|rule| entry(rule)).collect();
    #[expect(clippy::expect_used, reason = "plain data with string keys")]
    let text = serde_json::to_string_pretty(&entries).expect("rules serialize");
    text + "\n"
}

fn entry(rule: &RuleMeta) -> Entry {
    let [learning, development, staging, production] = rule.row.severities();
    Entry {
        id: rule.id,
        name: rule.name,
        group: rule.group.as_str(),
        summary: rule.summary(),
        since: rule.since,
        severities: Severities {
            learning,
            development,
            staging,
            production,
        },
    }
}
