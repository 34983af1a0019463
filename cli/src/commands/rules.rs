//! `nbvet rules`: all rules with their severity at each level.

use std::fmt::Write as _;

use anstyle::Style;
use nbvet_engine::Check;
use nbvet_report::{ExitCode, Level, RuleMeta, Severity, Standing};
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
    /// `source`: found without running anything; `run`: found in what a run showed; `dependencies`: found in
    /// dependency files.
    reads: &'static str,
    /// What readers said of its hits in real notebooks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    measured: Vec<Figures>,
    /// Where it stands lower than its row: the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<Severities>,
}

#[derive(Serialize)]
struct Figures {
    severity: Severity,
    hits: u32,
    labelled: u32,
    right: u32,
}

#[derive(Serialize)]
struct Severities {
    learning: Severity,
    development: Severity,
    staging: Severity,
    production: Severity,
}

pub(crate) fn rules(args: &RulesArgs) -> ExitCode {
    let rules = catalogue::all();
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
        let [learning, development, staging, production] = rule.severities();
        let group = rule.group.as_str();
        let mark = if stands_lower(rule) { " *" } else { "" };
        let _ = writeln!(
            out,
            "{:<5}  {:<name_width$}  {group:<group_width$}  {learning:<8}  {development:<11}  {staging:<7}  {production}{mark}",
            rule.id, rule.name,
        );
    }
    if rules.iter().any(|rule| stands_lower(rule)) {
        out += "\n* lower than its row until enough of its hits in real notebooks are shown to be true; `nbvet explain` tells\n";
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
    let reads = match nbvet_rules::find(rule.id).map(|rule| &rule.check) {
        Some(Check::Run(_)) => "run",
        Some(Check::Static(_) | Check::Problem(_) | Check::Suppression) => "source",
        None => "dependencies",
    };
    let measured = nbvet_rules::measured(rule.name).map(|figures| Figures {
        severity: figures.severity,
        hits: figures.hits,
        labelled: figures.labelled,
        right: figures.right,
    });
    let measured = measured.collect();
    Entry {
        id: rule.id,
        name: rule.name,
        group: rule.group.as_str(),
        summary: rule.summary(),
        since: rule.since,
        severities: severities(rule.severities()),
        reads,
        measured,
        row: stands_lower(rule).then(|| severities(rule.row.severities())),
    }
}

fn stands_lower(rule: &RuleMeta) -> bool {
    rule.standing != Standing::InRow
}

fn severities([learning, development, staging, production]: [Severity; 4]) -> Severities {
    Severities {
        learning,
        development,
        staging,
        production,
    }
}
